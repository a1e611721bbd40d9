"""Output forms: table, wide, json, ndjson, yaml, csv, name (UX-36..46). Data goes to standard output, all else to error.

A table is the same on a terminal and in a pipe: same columns, same order, own width. Only log text is ever shortened,
and only on a terminal.
"""

import csv
import datetime
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from aurora_logs.cli import units
from aurora_logs.cli.kinds import Column, Kind, Shape
from aurora_logs.cli.terminal import (
    STATE_STYLES,
    ascii_json,
    drawn,
    is_terminal,
    one_line,
    paint,
    paints,
    shortened,
    terminal_width,
    width_of,
)
from aurora_logs.cli.views import View

SCHEMA_VERSION = 1
SEPARATOR = "  "
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")  # SEC-28: spreadsheets run such cells
LOG_TEXT_LEAST = 24  # columns that log text keeps, however narrow the terminal is
LEADING_COMMENT = re.compile(r"^/\*(?![+!]).*?\*/ ?")  # hints and executable comments stay
RIGHT = frozenset({"count", "bytes", "sec", "ratio", "share", "number"})
TEXTS_OF_OTHERS = ("log", "sql")
LEVELS = {"error": "bad", "critical": "bad", "unknown": "bad", "warning": "odd"}  # first words of messages


class Unread(NamedTuple):
    """Something that could not be read, why, and the next step: never shown as if it were fine (UX-40)."""

    what: str
    reason: str
    next: str = ""


def say(*told: str) -> None:
    """Tell a person something that is no data, a line each: on standard error, sanitised, no name ever begins a line."""
    sys.stdout.flush()  # both may go to one file: what was printed before stands before
    for text in told:
        level, colon, rest = one_line(text).partition(":")
        style = LEVELS.get(level, "")
        sys.stderr.write(f"{paint(level, style, 2) if style else level}{colon}{rest}\n")
    sys.stderr.flush()


def show(kind: Kind, things: Sequence[object], view: View, *, unread: Iterable[Unread] = (), nothing: str = "",
         more: Mapping[str, object] | None = None) -> int:
    """Print things (structs or mappings) as the view asks; return how many.

    nothing: the sentence on standard error when there is none (UX-37). more: further entries of the JSON object.
    Raises: BadParameter for a field, order or filter that can't be understood.
    """
    from aurora_logs.cli.shaping import columns_of, shaped  # noqa: PLC0415 - nothing is shaped for --help

    everything = [_item(thing) for thing in things]
    columns, items = columns_of(kind, view), shaped(everything, kind, view)
    missing = [one._asdict() for one in unread]
    if view.form in ("json", "ndjson", "yaml"):
        _write_objects(kind, items, columns if view.columns else (), view, unknown=missing, more=more or {})
    elif view.form == "csv":
        write_csv([column.field for column in columns], ([item.get(column.field) for column in columns] for item in items),
                  headers=view.headers)
    elif view.form == "name":
        for item in items:
            print(" ".join(one_line(str(item.get(name))) for name in kind.names))
    elif items:
        print(table(columns, items, headers=view.headers))
    if not view.quiet:
        _remark(len(items), len(everything), nothing)
    for one in missing if view.form not in ("json", "yaml") else ():
        say(f"unknown: {one['what']}: {one['reason']}", *([f"  next    {one['next']}"] if one["next"] else []))
    return len(items)


def _item(thing: object) -> dict[str, object]:
    if isinstance(thing, Mapping):
        return dict(thing)
    import msgspec  # noqa: PLC0415 - as late as the things themselves

    return msgspec.structs.asdict(thing)  # type: ignore[arg-type]  # every other thing that is listed is a struct


def _remark(shown: int, there: int, nothing: str) -> None:
    """Say what the list itself can't show: that it is empty, or that lines were left out."""
    if not there and nothing:
        say(nothing)
    elif shown < there:
        say(f"{shown:,} of {there:,} lines")


def _write_objects(kind: Kind, items: Sequence[Mapping[str, object]], columns: Sequence[Column], view: View, *,
                   unknown: list[dict[str, str]], more: Mapping[str, object]) -> None:
    """Write items for programs; columns: these fields alone, all when there are none."""
    kept = [{column.field: item.get(column.field) for column in columns} if columns else item for item in items]
    plain = [units.plain(dict(item)) for item in kept]
    if view.form == "ndjson":
        for item in plain:
            write_json(item)
        return
    whole = {"schema_version": SCHEMA_VERSION, "kind": kind.name, "items": plain, "unknown": unknown,
             **{name: units.plain(value) for name, value in more.items()}}
    if view.form == "json":
        write_json(whole)
    else:
        write_yaml(whole)


def write_json(value: object) -> None:
    """Print one JSON value on a line, ASCII only: safe in every terminal."""
    print(json.dumps(value, ensure_ascii=True, allow_nan=False))


def write_yaml(value: object) -> None:
    """Print a value as YAML, ASCII only: everything else is escaped."""
    import yaml  # noqa: PLC0415 - few ask for it

    yaml.dump(value, sys.stdout, Dumper=yaml.CSafeDumper, sort_keys=False, width=1 << 30)


def write_csv(heads: Sequence[str], rows: Iterable[Sequence[object]], *, headers: bool = True) -> None:
    """Print CSV: every field quoted, no cell that a spreadsheet would run (UX-86)."""
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_ALL, lineterminator="\n")
    if headers:
        writer.writerow([_csv_cell(head) for head in heads])
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])


def write_wire(line: bytes) -> None:
    """Print a record's wire line; on a terminal with everything but ASCII escaped."""
    if is_terminal():
        print(ascii_json(line.decode("utf-8", "replace").rstrip("\n")))
    else:
        sys.stdout.buffer.write(line)


def table(columns: Sequence[Column], items: Sequence[Mapping[str, object]], width: int | None = None, *,
          headers: bool = True) -> str:
    """Lay out a table. width: of the terminal; None: the real one, and no cut at all in a pipe."""
    heads = [one_line(column.head) for column in columns]
    cells = [[cell(item.get(column.field), column.shape, marks=paints()) for column in columns] for item in items]
    rows = [heads, *cells] if headers else cells
    widths = [max((width_of(row[at]) for row in rows), default=0) for at in range(len(columns))]
    limit = width if width is not None else terminal_width()
    if limit is not None:
        _squeeze(columns, widths, limit)
        for row in cells:
            for at, column in enumerate(columns):
                if column.shape in TEXTS_OF_OTHERS:
                    row[at] = shortened(row[at], widths[at])
    laid_out = "\n".join(_laid_out(row, columns, widths, is_head=row is heads) for row in rows)
    return drawn(laid_out) if paints() else laid_out


def cell(value: object, shape: Shape, *, marks: bool = False) -> str:
    """Write one value for people; unknown is `-`."""
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime.datetime):
        return units.shown_time(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value, shape)
    if isinstance(value, list | tuple):
        return one_line(", ".join(str(one) for one in value), marks=marks) or "-"
    return one_line(on_a_line(str(value)) if shape == "sql" else str(value), marks=marks)


def _number(value: float, shape: Shape) -> str:
    match shape:
        case "bytes":
            return units.size(value)
        case "sec":
            return units.duration(value)
        case "share":
            return f"{value:.1%}"
        case "ratio":
            return f"{value:,.3g}"
        case "count":
            return f"{value:,}"
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def on_a_line(statement: str) -> str:
    """Lay a statement out for a cell: white space as single blanks, a comment in front left out."""
    text = " ".join(statement.split())
    return LEADING_COMMENT.sub("", text, count=1) or text


def _squeeze(columns: Sequence[Column], widths: list[int], limit: int) -> None:
    """Take what is too wide from log text alone; names, ids and numbers stay whole (UX-38)."""
    over = sum(widths) + len(SEPARATOR) * (len(widths) - 1) - limit
    for at, column in enumerate(columns):
        if column.shape in TEXTS_OF_OTHERS and over > 0:
            taken = min(over, max(0, widths[at] - LOG_TEXT_LEAST))
            widths[at] -= taken
            over -= taken


def _laid_out(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int], *, is_head: bool) -> str:
    parts = []
    for text, column, width in zip(row, columns, widths, strict=True):
        blank = " " * (width - width_of(text))
        style = "" if is_head or column.shape != "state" else STATE_STYLES.get(text, "")
        shown = paint(text, style)
        parts.append(blank + shown if column.shape in RIGHT else shown + blank)
    return SEPARATOR.join(parts).rstrip()


def _csv_cell(value: object) -> object:
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    plain = units.plain(value)
    text = plain if isinstance(plain, str) else json.dumps(plain)
    if text.startswith(FORMULA_BEGINS):
        text = "'" + text
    return one_line(text)


def show_one(kind: Kind, item: Mapping[str, object], form: str) -> None:
    """Print one thing: an object, or a line per field; there what is unknown or empty is left out."""
    if form != "table":
        show(kind, [item], View(output=form))
        return
    shapes: dict[str, Shape] = {column.field: column.shape for column in kind.columns}
    known = {name: value for name, value in item.items() if value not in (None, "", [])}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        for number, one in enumerate(value if isinstance(value, list) else [value]):
            text = one_line(json.dumps(units.plain(one))) if isinstance(one, dict) else cell(one, shapes.get(name, "text"))
            print(f"{name if number == 0 else '':<{width}}  {text}")

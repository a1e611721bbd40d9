"""Output forms: table, wide, json, ndjson, csv, name (UX-36..46). Data goes to standard output, all else to error.

A table is the same on a terminal and in a pipe: same columns, same order, own width. Only log text is ever shortened,
and only on a terminal.
"""

import csv
import datetime
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from aurora_logs.cli import units
from aurora_logs.cli.terminal import ascii_json, is_terminal, lines, one_line, shortened, terminal_width, width_of

SCHEMA_VERSION = 1
GAP = "  "
FORMULA_BEGINS = ("=", "+", "-", "@", "\t", "\r")  # SEC-28: spreadsheets run such cells
LOG_TEXT_LEAST = 24  # columns that log text keeps, however narrow the terminal is
Kind = Literal["text", "log", "count", "bytes", "sec", "ratio", "number"]
RIGHT = frozenset({"count", "bytes", "sec", "ratio", "number"})


class Column(NamedTuple):
    """A column: the item's field, the head, what kind of value it holds, and whether only `-o wide` shows it."""

    field: str
    head: str
    kind: Kind = "text"
    wide: bool = False


class Unread(NamedTuple):
    """Something that could not be read, and why: never shown as if it were fine (UX-40, fact 4)."""

    what: str
    reason: str


def say(text: str) -> None:
    """Tell a person something that is no data: on standard error, sanitised."""
    sys.stderr.write(lines(text) + "\n")
    sys.stderr.flush()


def show(kind: str, items: Sequence[Mapping[str, object]], columns: Sequence[Column], form: str, *,
         unread: Iterable[Unread] = (), nothing: str = "") -> None:
    """Print items in the asked form. `nothing`: the sentence on standard error when there is no item (UX-37)."""
    missing = [{"what": one.what, "reason": one.reason} for one in unread]
    if form == "json":
        write_json({"schema_version": SCHEMA_VERSION, "kind": kind, "items": [units.plain(dict(item)) for item in items],
                    "unknown": missing})
        return
    if form == "ndjson":
        for item in items:
            write_json(units.plain(dict(item)))
    elif form == "csv":
        write_csv([column.field for column in columns], ([item.get(column.field) for column in columns] for item in items))
    elif form == "name":
        for item in items:
            print(one_line(str(item.get(columns[0].field))))
    elif items:
        print(table([column for column in columns if form == "wide" or not column.wide], items))
    if not items and nothing:
        say(nothing)
    for one in missing:
        say(f"unknown: {one['what']}: {one['reason']}")


def write_json(value: object) -> None:
    """Print one JSON value on a line, ASCII only: safe in every terminal."""
    print(json.dumps(value, ensure_ascii=True, allow_nan=False))


def write_csv(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print CSV: all texts quoted, no cell that a spreadsheet would run (UX-86)."""
    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(heads)
    for row in rows:
        writer.writerow([_csv_cell(value) for value in row])


def write_wire(line: bytes) -> None:
    """Print a record's wire line; on a terminal with everything but ASCII escaped."""
    if is_terminal():
        print(ascii_json(line.decode("utf-8", "replace").rstrip("\n")))
    else:
        sys.stdout.buffer.write(line)


def table(columns: Sequence[Column], items: Sequence[Mapping[str, object]], width: int | None = None) -> str:
    """Lay out a table. width: of the terminal; None: the real one, and no cut at all in a pipe."""
    cells = [[cell(item.get(column.field), column.kind) for column in columns] for item in items]
    widths = [max([len(column.head), *(width_of(row[at]) for row in cells)]) for at, column in enumerate(columns)]
    limit = width if width is not None else terminal_width()
    if limit is not None:
        _squeeze(columns, widths, limit)
        for row in cells:
            for at, column in enumerate(columns):
                if column.kind == "log":
                    row[at] = shortened(row[at], widths[at])
    rows = [[column.head for column in columns], *cells]
    return "\n".join(_laid_out(row, columns, widths) for row in rows)


def cell(value: object, kind: Kind) -> str:
    """Write one value for people; unknown is `-`."""
    if value is None or value == "":
        return "-"
    if isinstance(value, datetime.datetime):
        return units.shown_time(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        if kind == "bytes":
            return units.size(value)
        if kind == "sec":
            return units.duration(value)
        if kind == "ratio":
            return f"{value:,.3g}"
        if kind == "count":
            return f"{value:,}"
        return f"{value:,.10g}" if isinstance(value, float) else str(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return one_line(", ".join(str(one) for one in value)) or "-"
    return one_line(str(value))


def _squeeze(columns: Sequence[Column], widths: list[int], limit: int) -> None:
    """Take what is too wide from log text alone; names, ids and numbers stay whole (UX-38)."""
    over = sum(widths) + len(GAP) * (len(widths) - 1) - limit
    for at, column in enumerate(columns):
        if column.kind == "log" and over > 0:
            taken = min(over, max(0, widths[at] - LOG_TEXT_LEAST))
            widths[at] -= taken
            over -= taken


def _laid_out(row: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = []
    for text, column, width in zip(row, columns, widths, strict=True):
        blank = " " * (width - width_of(text))
        parts.append(blank + text if column.kind in RIGHT else text + blank)
    return GAP.join(parts).rstrip()


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


def show_one(item: Mapping[str, object]) -> None:
    """Print one thing with a line per field; what is unknown or empty is left out."""
    known = {name: value for name, value in item.items() if value not in (None, "", [])}
    width = max(map(len, known), default=0)
    for name, value in known.items():
        values = value if isinstance(value, list) else [value]
        for number, one in enumerate(values):
            kind: Kind = "count" if isinstance(one, int) else "text"
            text = one_line(json.dumps(units.plain(one))) if isinstance(one, dict) else cell(one, kind)
            print(f"{name if number == 0 else '':<{width}}  {text}")

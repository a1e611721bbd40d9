"""`tail` and `dump`: what RDS itself has now, without state and sink."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aurora_logs.cli.options import LogType, add, known_type, load_settings

if TYPE_CHECKING:
    from aurora_logs.ops.direct import LiveEnd
    from aurora_logs.ports import Clock, LogSource
    from aurora_logs.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, tail, "tail", "aurora-logs tail prod-1 --direct", "aurora-logs tail prod-1 --direct --type error --follow")
    add(app, dump, "dump", "aurora-logs dump prod-1 slowquery/mysql-slowquery.log | less",
        "aurora-logs dump prod-1 error/postgresql.log.2026-11-24-06 -o raw > postgresql.log")


def tail(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="instance id")],
    *,
    direct: Annotated[bool, typer.Option("--direct", help="read RDS itself; takes API calls")] = False,
    log_type: LogType = "",
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=10_000, help="last entries of each log to begin with; raw: lines")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until Ctrl-C")] = False,
    every_sec: Annotated[float, typer.Option("--every", min=1, max=3600, help="seconds between two looks")] = 5.0,
    output: Annotated[Literal["default", "raw", "ndjson"], typer.Option("--output", "-o", help="raw: bytes as they are")] = "default",
) -> None:
    """Show the live end of an instance's logs, entry by entry."""
    from aurora_logs.cli.failures import INTERRUPTED  # noqa: PLC0415
    from aurora_logs.ops.direct import LiveEnd, find_instance, live_files  # noqa: PLC0415

    if not direct:
        raise typer.BadParameter(f"RDS itself is read, with API calls, only when --direct asks for it; what is delivered: aurora-logs search "
                                 f"--instance {instance}",
                                 param_hint="--direct")
    _refuse_terminal(output)
    write: Callable[[bytes, list[bytes]], None] = _writer(output)
    kind = known_type(log_type)
    with _source() as (settings, source, clock):
        found = find_instance(source, instance)
        ends = [LiveEnd(source, found, live, settings) for live in live_files(source, found, kind)]
        try:
            for end in ends:
                write(*end.last(lines, is_end=not follow))
            while follow:
                clock.sleep(every_sec)
                for end in ends:
                    _look(end, write)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


def dump(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="instance id")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="log file name as RDS lists it")],
    *,
    output: Annotated[Literal["text", "raw"], typer.Option("--output", "-o", help="text: without credentials and control "
                      "characters; raw: every byte as it is")] = "text",
) -> None:
    """Write a whole log file, straight from RDS."""
    from aurora_logs.cli.terminal import is_terminal, lines  # noqa: PLC0415
    from aurora_logs.ops.direct import find_instance, redacted, whole_file  # noqa: PLC0415

    _refuse_terminal(output)
    with _source() as (settings, source, _):
        found = find_instance(source, instance)
        pieces = whole_file(source, found, file)
        if output == "text":
            pieces = redacted(pieces, found, file, settings)
        for piece in pieces:
            if output == "text":
                text = lines(piece.decode("utf-8", "backslashreplace"))
                sys.stdout.write(text)
            else:
                sys.stdout.buffer.write(piece)
        if output == "text" and is_terminal():
            sys.stdout.write("\n")


@contextmanager
def _source() -> "Iterator[tuple[Settings, LogSource, Clock]]":
    """Open the source for an operator's calls, and tell how many it took of the API budget (UX-32)."""
    from aurora_logs.cli.forms import say  # noqa: PLC0415
    from aurora_logs.wiring import log_source, system_clock  # noqa: PLC0415

    settings, clock = load_settings().settings, system_clock()
    calls: list[object] = []
    source = log_source(settings, clock, interactive=True, on_call=calls.append)
    try:
        yield settings, source, clock
    finally:
        if calls:
            say(f"{len(calls)} API call{'s' if len(calls) > 1 else ''}")


def _refuse_terminal(output: str) -> None:
    """Bytes as they are may hold what a terminal obeys (UX-84)."""
    from aurora_logs.cli.terminal import is_terminal  # noqa: PLC0415

    if output == "raw" and is_terminal():
        raise typer.BadParameter("raw is not written to a terminal: add | less, or > FILE", param_hint="--output")


def _writer(output: str) -> "Callable[[bytes, list[bytes]], None]":
    from aurora_logs.cli import forms  # noqa: PLC0415

    def raw(content: bytes, _entries: list[bytes]) -> None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()

    def wire(_content: bytes, entries: list[bytes]) -> None:
        for line in entries:
            forms.write_wire(line)
        sys.stdout.flush()

    def readable(_content: bytes, entries: list[bytes]) -> None:
        for line in entries:
            print(_readable(line))
        sys.stdout.flush()

    return {"raw": raw, "ndjson": wire}.get(output, readable)


def _readable(line: bytes) -> str:
    """Write one record for a person: time, type, what it cost, who, text; the text over several lines as it was."""
    import json  # noqa: PLC0415

    from aurora_logs.cli import units  # noqa: PLC0415
    from aurora_logs.cli.terminal import lines, one_line  # noqa: PLC0415

    record = json.loads(line)
    took = units.duration(record["duration_sec"]) if record.get("duration_sec") is not None else ""
    who = "@".join(part for part in (record.get("user_name"), record.get("client_address")) if part)
    head = [units.shown_time(units.from_us(record["_timestamp"])), record["log_type"], record.get("severity_text") or "",
            took, one_line(who)]
    text = record.get("body") or ""
    statement = record.get("db_query_text") or ""
    parts = [text, statement, *(record.get(name) or "" for name in ("pg_detail", "pg_hint", "pg_context"))]
    return "  ".join(part for part in head if part) + "  " + lines("\n    ".join(part for part in parts if part))


def _look(end: "LiveEnd", write: "Callable[[bytes, list[bytes]], None]") -> None:
    """Show what came; a call that did not work this time is told and tried again at the next look."""
    from aurora_logs.cli.forms import say  # noqa: PLC0415
    from aurora_logs.errors import Transient  # noqa: PLC0415

    try:
        write(*end.more())
    except Transient as error:
        say(f"no answer this time: {error}")

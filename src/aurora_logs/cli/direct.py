"""`tail` and `dump`: what RDS itself has now, without state and sink."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aurora_logs.cli.options import LogType, Since, add, known_type, load_settings

if TYPE_CHECKING:
    from aurora_logs.cli.tailing import Tail
    from aurora_logs.ports import Clock, LogSource
    from aurora_logs.settings import Settings

TAIL_ENTRIES = 50
RESERVE = 0.1  # of RDS_API_RATE_LIMIT: what an operator may take beside a collector (rds-log-api.md §10, rule 3)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, tail, "tail", "aurora-logs tail shop-1 --direct", "aurora-logs tail 'shop-.*' --direct --type error --since 1h",
        exits=(0, 2, 3, 4, 6, 7, 130), settings=True)
    add(app, dump, "dump", "aurora-logs dump shop-1 slowquery/mysql-slowquery.log | head -n 5",
        "aurora-logs dump shop-1 error/mysql-error-running.log -o raw > mysql-error.log", exits=(0, 2, 4, 6, 7), settings=True)


def tail(
    target: Annotated[str, typer.Argument(metavar="INSTANCE", help="instance id, cluster id, or a regular expression of ids")],
    *,
    direct: Annotated[bool, typer.Option("--direct", help="read RDS itself; takes API calls")] = False,
    log_type: LogType = "", since: Since = "",
    count: Annotated[int, typer.Option("--tail", "-n", metavar="N", min=1, max=10_000, help="last entries of each log to "
                                       "begin with; raw: lines")] = TAIL_ENTRIES,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="go on until Ctrl-C")] = False,
    every_sec: Annotated[float, typer.Option("--every", metavar="SEC", min=1, max=3600, help="between two looks; more where "
                                             "the reserve of the API budget asks for it")] = 5.0,
    include: Annotated[list[str] | None, typer.Option("--include", metavar="REGEX", help="entries that hold it")] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", metavar="REGEX", help="no entries that hold it")] = None,
    highlight: Annotated[list[str] | None, typer.Option("--highlight", metavar="REGEX", help="marked, where there are "
                                                        "colours")] = None,
    most: Annotated[int, typer.Option("--max", metavar="N", min=1, max=1_000, help="instances at most")] = 50,
    output: Annotated[Literal["default", "raw", "json", "extjson"], typer.Option(
        "--output", "-o", help="json: one record a line; extjson: over several; raw: bytes as they are")] = "default",
) -> None:
    """Show the live end of the logs of one or several instances, entry by entry."""
    from aurora_logs.cli.entries import Choice, writer  # noqa: PLC0415
    from aurora_logs.cli.failures import INTERRUPTED, PARTLY  # noqa: PLC0415
    from aurora_logs.cli.ranges import time_range_us  # noqa: PLC0415
    from aurora_logs.cli.tailing import Tail  # noqa: PLC0415
    from aurora_logs.ops.direct import find_instances  # noqa: PLC0415
    from aurora_logs.ops.live import LiveEnd, live_files  # noqa: PLC0415
    from aurora_logs.ops.steps import step  # noqa: PLC0415

    if not direct:
        raise typer.BadParameter(f"RDS itself is read, with API calls, only when --direct asks for it; what is delivered: "
                                 f"{step('search', '--instance', target)}", param_hint="--direct")
    _refuse_terminal(output)
    kind = known_type(log_type)
    since_us, _ = time_range_us(since)
    with _source() as (settings, source, clock):
        instances = find_instances(source, target)
        if len(instances) > most:
            raise typer.BadParameter(f"{len(instances)} instances fit; --max {len(instances)} reads them all", param_hint="--max")
        shown = Tail(Choice(since_us, include or (), exclude or ()),
                     writer(output, highlight=highlight or (), names=len(instances) > 1), is_raw=output == "raw")
        try:
            shown.open(instances, lambda one: live_files(source, one, kind), lambda one, live: LiveEnd(source, one, live, settings))
            shown.begin(count, is_end=not follow, since_us=since_us)
            if follow:
                _follow(shown, clock, max(every_sec, len(shown.ends) / (RESERVE * settings.rds_api_rate_limit)), settings)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        if shown.failures:
            raise typer.Exit(PARTLY)


def _follow(shown: "Tail", clock: "Clock", pause_sec: float, settings: "Settings") -> None:
    from aurora_logs.cli import units  # noqa: PLC0415
    from aurora_logs.cli.forms import say  # noqa: PLC0415

    share = len(shown.ends) / pause_sec / settings.rds_api_rate_limit
    say(f"{len(shown.ends)} logs, a look every {units.duration(pause_sec)}: {share:.0%} of the API budget; Ctrl-C ends it")
    while True:
        clock.sleep(pause_sec)
        shown.more()


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
                sys.stdout.write(lines(piece.decode("utf-8", "backslashreplace")))
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

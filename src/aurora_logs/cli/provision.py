"""`provision`: make the tables, topics and streams of the contract; what is there stays, what differs is named."""

from typing import TYPE_CHECKING, Annotated

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import add, load_settings
from aurora_logs.cli.views import View

if TYPE_CHECKING:
    from aurora_logs.ops.provision import Provisioned

DryRun = Annotated[bool, typer.Option("--dry-run", help="only tell what would be made")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    provision = group("provision", "Tables, topics and streams that services need.")
    exits = (0, 2, 5, 6, 7)
    add(provision, tables, "tables", "aurora-logs provision tables --dry-run", "aurora-logs provision tables -o json", exits=exits, settings=True)
    add(provision, topics, "topics", "aurora-logs provision topics --dry-run", "aurora-logs provision topics", exits=exits, settings=True)
    add(provision, streams, "streams", "aurora-logs provision streams --dry-run", "aurora-logs provision streams", exits=exits, settings=True)
    add(provision, everything, "all", "aurora-logs provision all --dry-run", "aurora-logs provision all -o json", exits=exits, settings=True)
    app.add_typer(provision)


def tables(*, dry_run: DryRun = False, view: View = View()) -> None:
    """Make the DynamoDB tables, their index and TTL; exit 5 when one exists in another shape."""
    _provision(("table",), view, dry_run=dry_run)


def topics(*, dry_run: DryRun = False, view: View = View()) -> None:
    """Make the Kafka topics; exit 5 when one exists in another shape."""
    _provision(("topic",), view, dry_run=dry_run)


def streams(*, dry_run: DryRun = False, view: View = View()) -> None:
    """Make OpenObserve's streams with all columns; exit 5 when a column exists in another type."""
    _provision(("stream",), view, dry_run=dry_run)


def everything(*, dry_run: DryRun = False, view: View = View()) -> None:
    """Make tables and topics, with SINK_BACKEND=openobserve streams too; exit 5 when one exists in another shape."""
    _provision(("table", "topic"), view, dry_run=dry_run, with_streams=True)


def _provision(sorts: tuple[str, ...], view: View, *, dry_run: bool, with_streams: bool = False) -> None:
    from aurora_logs import wiring  # noqa: PLC0415
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.failures import CONFLICT  # noqa: PLC0415
    from aurora_logs.cli.kinds import PROVISIONED  # noqa: PLC0415
    from aurora_logs.errors import ConfigError  # noqa: PLC0415
    from aurora_logs.ops.provision import provision  # noqa: PLC0415

    settings = load_settings().settings
    if "topic" in sorts and not settings.kafka_brokers:
        raise ConfigError("KAFKA_BROKERS is required for topics: host:port, separated by commas")
    if "stream" in sorts and settings.sink_backend != "openobserve":
        raise ConfigError("SINK_BACKEND=openobserve is required for streams")
    if with_streams and settings.sink_backend == "openobserve":
        sorts = (*sorts, "stream")
    opened = {"table": wiring.tables, "topic": wiring.topics, "stream": wiring.streams}
    done: list[Provisioned] = []
    try:
        for sort in sorts:
            done += provision(sort, opened[sort](settings), dry_run=dry_run)
    finally:  # what was made is told, whatever came after it
        forms.show(PROVISIONED, done, view)
    differing = [one.name for one in done if one.differences]
    for name in differing:
        forms.say(f"{name} is left as it is: change it by hand, or make it anew while nothing runs")
    if differing:
        raise typer.Exit(CONFLICT)

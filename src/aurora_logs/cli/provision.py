"""`provision`: make the tables and topics of the contract; what is there stays, what differs is named."""

from typing import TYPE_CHECKING, Annotated

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import ListOutput, add, load_settings

if TYPE_CHECKING:
    from aurora_logs.ops.provision import Provisioned

DryRun = Annotated[bool, typer.Option("--dry-run", help="only tell what would be made")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    provision = group("provision", "Tables and topics that services need.")
    add(provision, tables, "tables", "aurora-logs provision tables --dry-run")
    add(provision, topics, "topics", "aurora-logs provision topics")
    add(provision, everything, "all", "aurora-logs provision all -o json")
    app.add_typer(provision)


def tables(*, dry_run: DryRun = False, output: ListOutput = "table") -> None:
    """Make the DynamoDB tables, their index and TTL; exit 5 when one exists in another shape."""
    _provision(("table",), output, dry_run=dry_run)


def topics(*, dry_run: DryRun = False, output: ListOutput = "table") -> None:
    """Make the Kafka topics; exit 5 when one exists in another shape."""
    _provision(("topic",), output, dry_run=dry_run)


def everything(*, dry_run: DryRun = False, output: ListOutput = "table") -> None:
    """Make tables and topics; exit 5 when one exists in another shape."""
    _provision(("table", "topic"), output, dry_run=dry_run)


def _provision(sorts: tuple[str, ...], output: str, *, dry_run: bool) -> None:
    from aurora_logs import wiring  # noqa: PLC0415
    from aurora_logs.cli.failures import CONFLICT  # noqa: PLC0415
    from aurora_logs.errors import ConfigError  # noqa: PLC0415
    from aurora_logs.ops.provision import provision  # noqa: PLC0415

    settings = load_settings().settings
    if "topic" in sorts and not settings.kafka_brokers:
        raise ConfigError("KAFKA_BROKERS is required for topics: host:port, separated by commas")
    opened = {"table": wiring.tables, "topic": wiring.topics}
    done: list[Provisioned] = []
    try:
        for sort in sorts:
            done += provision(sort, opened[sort](settings), dry_run=dry_run)
    finally:  # what was made is told, whatever came after it
        _show(done, output)
    if any(one.differences for one in done):
        raise typer.Exit(CONFLICT)


def _show(done: "list[Provisioned]", output: str) -> None:
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.forms import Column  # noqa: PLC0415

    columns = (Column("sort", "WHAT"), Column("name", "NAME"), Column("outcome", "OUTCOME"), Column("made", "MADE"),
               Column("differences", "DIFFERENCES"))
    forms.show("provisioned", [msgspec.structs.asdict(one) for one in done], columns, output)
    for one in done:
        if one.differences and output in ("table", "wide"):
            forms.say(f"{one.name} is left as it is: change it by hand, or make it anew while nothing runs")

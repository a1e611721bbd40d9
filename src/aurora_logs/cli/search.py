"""`search`: find delivered records without a query language."""

from typing import Annotated

import typer

from aurora_logs.cli.options import (
    DataDir,
    Instance,
    Limit,
    ListOutput,
    LogType,
    Since,
    add,
    known_type,
    range_start_us,
)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, search, "search", "aurora-logs search deadlock --since 2h", "aurora-logs search --instance prod-1 --type error")


def search(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="part of the statement or message, any case")] = "",
    *, instance: Instance = "", log_type: LogType = "",
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="of this database user")] = "",
    since: Since = "", limit: Limit = 100, output: ListOutput = "table", data_dir: DataDir = None,
) -> None:
    """Find delivered records by text, newest first."""
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.forms import Column  # noqa: PLC0415
    from aurora_logs.ops.search import search as find  # noqa: PLC0415

    kind = known_type(log_type)
    since_us = range_start_us(since)
    with desk(data_dir) as (_, beside):
        found = find(beside.insights, text, instance_id=instance, log_type=kind, user_name=user, since_us=since_us, limit=limit)
    columns = (
        Column("record_id", "ID", wide=True), Column("time", "TIME"), Column("instance_id", "INSTANCE"),
        Column("log_type", "TYPE"), Column("severity_text", "SEVERITY"), Column("event_name", "EVENT", wide=True),
        Column("user_name", "USER"), Column("db_namespace", "DATABASE", wide=True),
        Column("client_address", "CLIENT", wide=True), Column("duration_sec", "TOOK", "sec"),
        Column("log_file_name", "FILE", wide=True), Column("text", "TEXT", "log"))
    forms.show("records", [msgspec.structs.asdict(one) for one in found.hits], columns, output, nothing="nothing found")
    if found.is_cut:
        forms.say(f"there are more than {limit:,}; --limit shows more")

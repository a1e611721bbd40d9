"""`search`: find delivered records without a query language."""

from typing import Annotated

import typer

from aurora_logs.cli.options import (
    DataDir,
    Instance,
    Limit,
    LogType,
    Since,
    Until,
    add,
    known_type,
)
from aurora_logs.cli.views import View


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, search, "search", "aurora-logs search deadlock --since 2h", "aurora-logs search --instance shop-1 --type error --limit 5",
        exits=(0, 2, 4, 7))


def search(
    text: Annotated[str, typer.Argument(metavar="[TEXT]", help="part of the statement or message, any case")] = "",
    *, instance: Instance = "", log_type: LogType = "",
    user: Annotated[str, typer.Option("--user", metavar="NAME", help="of this database user")] = "",
    since: Since = "", until: Until = "", limit: Limit = 100, view: View = View(), data_dir: DataDir = None,
) -> None:
    """Find delivered records by text, newest first."""
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.kinds import FOUND_RECORDS  # noqa: PLC0415
    from aurora_logs.cli.ranges import time_range_us  # noqa: PLC0415
    from aurora_logs.ops.search import search as find  # noqa: PLC0415

    kind = known_type(log_type)
    since_us, until_us = time_range_us(since, until)
    with desk(data_dir) as (_, beside):
        found = find(beside.insights, text, instance_id=instance, log_type=kind, user_name=user, since_us=since_us,
                     until_us=until_us, limit=limit)
    forms.show(FOUND_RECORDS, found.hits, view, nothing="nothing found")
    if found.is_cut:
        forms.say(f"there are more than {limit:,}; --limit shows more")

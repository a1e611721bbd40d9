"""`top`: which statements cost most, of the delivered records or of a file."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, Instance, Limit, Since, Until, add
from aurora_logs.cli.parse import SORTS
from aurora_logs.cli.views import View

if TYPE_CHECKING:
    from aurora_logs.ops.top import Tally

By = Literal["statement", "instance", "database"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    top = group("top", "What costs most.")
    add(top, queries, "queries", "aurora-logs top queries --since 2h", "aurora-logs top queries --file slow.log --sort p95",
        exits=(0, 2, 4, 7))
    app.add_typer(top)


def queries(
    *,
    file: Annotated[list[str] | None, typer.Option("--file", metavar="FILE", help="of log files instead of what is "
                                                   "delivered; no AWS, no state")] = None,
    instance: Instance = "", since: Since = "", until: Until = "",
    by: Annotated[By, typer.Option("--by", help="what is one line")] = "statement",
    sort: Annotated[SORTS, typer.Option("--sort", help="greatest first; rows: examined for one row sent")] = "total",
    limit: Limit = 10, view: View = View(), data_dir: DataDir = None,
) -> None:
    """Rank the logged statements by what they cost.

    Statements that differ only in literals, comments and white space are one line.
    """
    from aurora_logs.cli import forms, units  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.ranges import time_range_us  # noqa: PLC0415
    from aurora_logs.cli.reports import show_ranking  # noqa: PLC0415
    from aurora_logs.ops.top import Tally  # noqa: PLC0415

    since_us, until_us = time_range_us(since, until)
    if file:
        tally = _of_files(file, by, (since_us, until_us), instance)
    else:
        with desk(data_dir) as (_, beside):
            tally = beside.insights.fold_statements(lambda: Tally(by), Tally.add_all, instance_id=instance, since_us=since_us,
                                                   until_us=until_us)
    show_ranking(tally.ranking(sort, limit), view, by)
    if tally.count and not view.quiet:
        forms.say(f"{min(limit, tally.groups):,} of {tally.groups:,} lines, {tally.count:,} statements, "
                  f"{units.duration(tally.total_sec)} in all")


def _of_files(names: list[str], by: By, range_us: tuple[int, int], instance: str) -> "Tally":
    """Add up the statements of log files."""
    from aurora_logs.cli.inputs import inputs_of  # noqa: PLC0415
    from aurora_logs.cli.parse import parse_one, settings_for_files  # noqa: PLC0415
    from aurora_logs.cli.reports import TopOut  # noqa: PLC0415

    report = TopOut(View(), sort="total", limit=1, by=by, range_us=range_us)
    settings = settings_for_files(None, None)
    for name in inputs_of(names):
        parse_one(name, report, settings, engine="", named="", instance=instance or "local")
    return report.tally

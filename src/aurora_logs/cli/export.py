"""`export`: deliver batch files to OpenObserve: what was rescued in an outage, or what one process alone collected."""

from typing import TYPE_CHECKING, Annotated

import typer

from aurora_logs.cli.options import DataDir, add
from aurora_logs.cli.views import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aurora_logs.ops.export import Exported


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, export, "export", "aurora-logs export --dry-run", "aurora-logs export --from rescue --rescue-dir parked",
        exits=(0, 2, 3, 4, 5, 6, 7), settings=True)


def export(
    *, source: Annotated[str, typer.Option("--from", metavar="WHAT", help="rescue: RESCUE_DIR; data: the batch files of DATA_DIR")] = "rescue",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only tell what would be delivered")] = False,
    view: View = View(), data_dir: DataDir = None,
) -> None:
    """Deliver parked batches to OpenObserve, each record once, under the ids that they have.

    What is stored already is looked for first, so it can be repeated at any time. A rescued batch goes from RESCUE_DIR, and its dead
    letter is closed, only after a strict receipt. Exit 3 when the sink refused some: they stay.
    """
    from aurora_logs.cli import forms, units  # noqa: PLC0415
    from aurora_logs.cli.desk import desk, refuse_read_only  # noqa: PLC0415
    from aurora_logs.errors import ConfigError  # noqa: PLC0415
    from aurora_logs.ops.export import Export, Exported  # noqa: PLC0415
    from aurora_logs.wiring import export_sink, parked, system_clock  # noqa: PLC0415

    if source not in ("rescue", "data"):
        raise typer.BadParameter(f"{source!r}: rescue or data", param_hint="--from")
    with desk(data_dir) as (settings, beside):
        path = settings.rescue_dir if source == "rescue" else settings.data_dir
        if not path:
            raise ConfigError("RESCUE_DIR is not set: nothing was rescued", hint="batch files of DATA_DIR: aurora-logs export --from data")
        if settings.sink_backend != "openobserve":
            raise ConfigError("SINK_BACKEND=openobserve is required: the export goes there")
        place = parked(path)
        batches = place.batches()
        size_bytes = sum(one.path.stat().st_size for one in batches)
        forms.say(f"{len(batches):,} batches, {units.size(size_bytes)} in {path}")
        if place.has_compacted():
            forms.say("records that were compacted to Parquet are not exported")
        if dry_run:
            return
        refuse_read_only(settings, "export")
        clock, done = system_clock(), list[Exported]()
        work = Export(export_sink(settings, clock), beside.state, clock, restamp=settings.late_records == "restamp")
        try:
            with place.alone():
                for one, exported in work.deliver(batches):
                    if source == "rescue" and exported.outcome == "delivered":
                        place.remove(one)
                    done.append(exported)
        finally:  # what was delivered is told, whatever came after it
            _conclude(done, len(batches), view)


def _conclude(done: "Sequence[Exported]", batches: int, view: View) -> None:
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.failures import PARTLY  # noqa: PLC0415
    from aurora_logs.cli.kinds import EXPORTED  # noqa: PLC0415

    forms.show(EXPORTED, done, view)
    refused = [one for one in done if one.outcome != "delivered"]
    forms.say(f"{sum(one.records for one in done) - sum(one.records for one in refused):,} records are stored, "
              f"{sum(one.sent for one in done):,} of them sent now; {batches - len(done) + len(refused):,} batches wait")
    if refused:
        raise typer.Exit(PARTLY)

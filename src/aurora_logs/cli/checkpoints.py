"""`checkpoints` and `gaps`: how far each file is delivered, and which bytes are lost for good."""

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, Instance, add
from aurora_logs.cli.views import View


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    checkpoints = group("checkpoints", "Delivered positions.")
    add(checkpoints, list_checkpoints, "list", "aurora-logs checkpoints list --instance shop-1",
        "aurora-logs checkpoints list --sort -record_count --limit 5", exits=(0, 2, 4))
    app.add_typer(checkpoints)
    gaps = group("gaps", "Bytes that are lost for good.")
    add(gaps, list_gaps, "list", "aurora-logs gaps list", "aurora-logs gaps list -o csv", exits=(0, 2, 4))
    app.add_typer(gaps)


def list_checkpoints(*, instance: Instance = "", view: View = View(), data_dir: DataDir = None) -> None:
    """List how far each log file is delivered, and who holds it."""
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.kinds import CHECKPOINTS  # noqa: PLC0415
    from aurora_logs.ops.checkpoints import checkpoint_lines  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        lines = checkpoint_lines(beside.state, instance_id=instance)
    forms.show(CHECKPOINTS, lines, view, nothing="no checkpoint yet")


def list_gaps(*, instance: Instance = "", view: View = View(), data_dir: DataDir = None) -> None:
    """List the byte ranges that are lost for good, with the reason."""
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.kinds import GAP_RANGES  # noqa: PLC0415
    from aurora_logs.cli.letters import show_ranges  # noqa: PLC0415
    from aurora_logs.ops.gaps import gap_lines  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        lines = gap_lines(beside.state, instance_id=instance)
    show_ranges(GAP_RANGES, lines, view, nothing="no gap")

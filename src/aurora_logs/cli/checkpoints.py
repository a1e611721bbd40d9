"""`checkpoints` and `gaps`: how far each file is delivered, and which bytes are lost for good."""

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, Instance, ListOutput, add


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    checkpoints = group("checkpoints", "Delivered positions.")
    add(checkpoints, list_checkpoints, "list", "aurora-logs checkpoints list --instance prod-1")
    app.add_typer(checkpoints)
    gaps = group("gaps", "Bytes that are lost for good.")
    add(gaps, list_gaps, "list", "aurora-logs gaps list", "aurora-logs gaps list -o csv")
    app.add_typer(gaps)


def list_checkpoints(*, instance: Instance = "", output: ListOutput = "table", data_dir: DataDir = None) -> None:
    """List how far each log file is delivered, and who holds it."""
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.forms import Column  # noqa: PLC0415
    from aurora_logs.ops.checkpoints import checkpoint_lines  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        lines = checkpoint_lines(beside.state, instance_id=instance)
    columns = (
        Column("instance_id", "INSTANCE"), Column("log_file_name", "FILE"), Column("segment_id", "SEGMENT", wide=True),
        Column("byte_offset", "BYTE OFFSET", "count"), Column("record_count", "RECORDS", "count"),
        Column("gap_bytes", "GAPS", "bytes"), Column("epoch", "EPOCH", "count"), Column("holder", "HOLDER"),
        Column("lease_until", "LEASE UNTIL", wide=True), Column("intent", "INTENT"), Column("marker", "MARKER", wide=True),
        Column("line_count", "LINES", "count", wide=True), Column("updated_at", "UPDATED"),
        Column("expires_at", "EXPIRES", wide=True))
    forms.show("checkpoints", [msgspec.structs.asdict(one) for one in lines], columns, output, nothing="no checkpoint yet")


def list_gaps(*, instance: Instance = "", output: ListOutput = "table", data_dir: DataDir = None) -> None:
    """List the byte ranges that are lost for good, with the reason."""
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.letters import show_letters  # noqa: PLC0415
    from aurora_logs.ops.gaps import gap_lines  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        lines = gap_lines(beside.state, instance_id=instance)
    show_letters("gaps", lines, output, nothing="no gap")

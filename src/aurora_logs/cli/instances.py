"""`instances`: which databases are known, and how far each one is collected."""

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, ListOutput, add


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    instances = group("instances", "Databases that are collected.")
    add(instances, list_instances, "list", "aurora-logs instances list", "aurora-logs instances list -o name")
    app.add_typer(instances)


def list_instances(*, output: ListOutput = "table", data_dir: DataDir = None) -> None:
    """List the known instances with what is delivered and behind."""
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.forms import Column  # noqa: PLC0415
    from aurora_logs.ops.instances import instance_lines  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        lines = instance_lines(beside.state)
    columns = (
        Column("instance_id", "INSTANCE"), Column("cluster_id", "CLUSTER"), Column("role", "ROLE"),
        Column("engine", "ENGINE"), Column("engine_version", "VERSION", wide=True),
        Column("instance_class", "CLASS", wide=True), Column("status", "STATUS"), Column("files", "FILES", "count"),
        Column("behind_bytes", "BEHIND", "bytes"), Column("delivered_bytes", "DELIVERED", "bytes"),
        Column("records", "RECORDS", "count"), Column("gap_bytes", "GAPS", "bytes"),
        Column("last_written", "LAST WRITTEN"), Column("seen_at", "SEEN", wide=True),
        Column("aws_region", "REGION", wide=True), Column("account_id", "ACCOUNT", wide=True), Column("error", "ERROR", "log"))
    forms.show("instances", [msgspec.structs.asdict(one) for one in lines], columns, output,
               unread=[forms.Unread(one.instance_id, "its log files were never listed") for one in lines if not one.files],
               nothing="no instance is known yet; next: aurora-logs run --once")

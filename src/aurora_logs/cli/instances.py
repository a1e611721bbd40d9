"""`instances`: which databases are known, and how far each one is collected."""

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, add
from aurora_logs.cli.views import View


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    instances = group("instances", "Databases that are collected.")
    add(instances, list_instances, "list", "aurora-logs instances list", "aurora-logs instances list --filter 'role=writer' -o name",
        exits=(0, 2, 4))
    app.add_typer(instances)


def list_instances(*, view: View = View(), data_dir: DataDir = None) -> None:
    """List the known instances with what is delivered and behind."""
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.kinds import INSTANCES  # noqa: PLC0415
    from aurora_logs.ops.instances import instance_lines  # noqa: PLC0415
    from aurora_logs.ops.steps import step  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        lines = instance_lines(beside.state)
    forms.show(INSTANCES, lines, view,
               unread=[forms.Unread(one.instance_id, "its log files were never listed", step("run", "--once", "--instance", one.instance_id)) for one in lines if not one.files],
               nothing="no instance is known yet; next: aurora-logs run --once")

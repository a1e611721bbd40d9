"""`health`: is anything missing, late or about to be deleted?"""

from typing import TYPE_CHECKING

import typer

from aurora_logs.cli.options import DataDir, ListOutput, add

if TYPE_CHECKING:
    from aurora_logs.ops.health import Health


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, health, "health", "aurora-logs health", "aurora-logs health -o json")


def health(*, output: ListOutput = "table", data_dir: DataDir = None) -> None:
    """Tell what is missing, late or about to be deleted.

    Worst first. Exit 8 when a critical condition holds or something could not be read.
    """
    import time  # noqa: PLC0415

    from aurora_logs.cli.desk import collector_pid, desk, free_share  # noqa: PLC0415
    from aurora_logs.cli.failures import UNHEALTHY  # noqa: PLC0415
    from aurora_logs.ops.health import health as judge  # noqa: PLC0415

    with desk(data_dir) as (settings, beside):
        verdict = judge(beside.state, settings, now_sec=int(time.time()), collector_pid=collector_pid(settings.data_dir),
                        free_share=free_share(settings.data_dir))
    _show(verdict, output)
    if not verdict.is_healthy:
        raise typer.Exit(UNHEALTHY)


def _show(verdict: "Health", output: str) -> None:
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.forms import Column, Unread, say  # noqa: PLC0415

    columns = (
        Column("instance_id", "INSTANCE"), Column("health", "HEALTH"), Column("behind_bytes", "BEHIND", "bytes"),
        Column("files_behind", "FILES", "count"), Column("oldest_sec", "OLDEST", "sec"),
        Column("delete_at", "RDS DELETES AT"), Column("gap_bytes", "GAPS", "bytes"),
        Column("dead_letters", "DEAD LETTERS", "count"), Column("failed_files", "FAILED", "count"),
        Column("last_written", "LAST WRITTEN"), Column("reasons", "REASONS", wide=True))
    forms.show("health", [msgspec.structs.asdict(one) for one in verdict.instances], columns, output,
               unread=[Unread(one.about, one.text) for one in verdict.unknown], nothing="no instance is known")
    if output in ("json", "ndjson", "csv", "name"):
        return
    for finding in verdict.findings:
        say(f"{finding.level}: {finding.about}: {finding.text}\n  next    {finding.next}")
    collector = f"process {verdict.collector_pid} collects" if verdict.collector_pid else "no process collects now"
    say(f"{'healthy' if verdict.is_healthy else 'not healthy'}; {collector}")

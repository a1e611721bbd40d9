"""`health`: is anything missing, late or about to be deleted?"""

from typing import TYPE_CHECKING

import typer

from aurora_logs.cli.options import DataDir, add
from aurora_logs.cli.views import View

if TYPE_CHECKING:
    from aurora_logs.ops.health import Health


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, health, "health", "aurora-logs health", "aurora-logs health -o json", exits=(0, 2, 4, 8))


def health(*, view: View = View(), data_dir: DataDir = None) -> None:
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
    _show(verdict, view)
    if not verdict.is_healthy:
        raise typer.Exit(UNHEALTHY)


def _show(verdict: "Health", view: View) -> None:
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.forms import Unread, say  # noqa: PLC0415
    from aurora_logs.cli.kinds import HEALTH  # noqa: PLC0415

    forms.show(HEALTH, verdict.instances, view, unread=[Unread(one.about, one.text, one.next) for one in verdict.unknown],
               nothing="no instance is known", more={"findings": [msgspec.structs.asdict(one) for one in verdict.findings]})
    if view.form not in ("table", "wide"):
        return
    for finding in verdict.findings:
        say(f"{finding.level}: {finding.about}: {finding.text}", f"  next    {finding.next}")
    collector = f"process {verdict.collector_pid} collects" if verdict.collector_pid else "no process collects now"
    say(f"{'healthy' if verdict.is_healthy else 'not healthy'}; {collector}")

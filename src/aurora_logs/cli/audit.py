"""`audit`: prove delivered files against the sink now, and the ledger of what is listed, delivered, proved and lost."""

from typing import Annotated, Literal

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, Instance, add
from aurora_logs.cli.views import View

By = Literal["file", "hour", "instance"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    audit = group("audit", "The proof that nothing is missing.")
    add(audit, run, "run", "aurora-logs audit run", "aurora-logs audit run --now", exits=(0, 2, 5, 6, 7, 8), settings=True)
    add(audit, report, "report", "aurora-logs audit report --by hour", "aurora-logs audit report --instance shop-1 -o json",
        exits=(0, 2, 4, 8))
    app.add_typer(audit)


def run(
    *, now: Annotated[bool, typer.Option("--now", help="files too that were delivered less than AUDIT_DELAY_SEC ago: the sink may "
                                         "still lose what it has confirmed")] = False,
    data_dir: DataDir = None,
) -> None:
    """Audit each closed file that is due, and send again what the sink lacks; exit 8 when files are left unproved.

    It does once what processors do all the time, and beside them: a claim decides who works on a file. A directory in which a
    process collects is refused (exit 5): that process audits.
    """
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import refuse_read_only  # noqa: PLC0415
    from aurora_logs.cli.ending import Ending  # noqa: PLC0415
    from aurora_logs.cli.failures import UNHEALTHY  # noqa: PLC0415
    from aurora_logs.cli.options import load_settings  # noqa: PLC0415
    from aurora_logs.services.separate import audit_once  # noqa: PLC0415

    settings = load_settings(data_dir=data_dir).settings
    refuse_read_only(settings, "audit run")
    ending = Ending(settings.shutdown_timeout_sec)
    passed, left = audit_once(settings, ending.stop, now=now)
    forms.say(f"{passed:,} files proved; {left:,} delivered files wait for their proof")
    if ending.exit_code:
        raise typer.Exit(ending.exit_code)
    if left:
        forms.say("not closed or not old enough yet, parked, or in other hands: aurora-logs audit report")
        raise typer.Exit(UNHEALTHY)


def report(
    *, by: Annotated[By, typer.Option("--by", help="what a line stands for")] = "instance", instance: Instance = "",
    view: View = View(), data_dir: DataDir = None,
) -> None:
    """Show what is listed, delivered, proved, behind, parked and lost, in bytes; exit 8 unless all of it is delivered."""
    from aurora_logs.cli import forms, units  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.failures import UNHEALTHY  # noqa: PLC0415
    from aurora_logs.cli.kinds import LEDGER  # noqa: PLC0415
    from aurora_logs.ops.ledger import is_whole, ledger  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        lines = ledger(beside.state, by=by, instance_id=instance)
    forms.show(LEDGER, lines, view, nothing="no log file is known")
    listed, confirmed = sum(one.listed_bytes for one in lines), sum(one.confirmed_bytes for one in lines)
    forms.say(f"{units.size(confirmed)} of {units.size(listed)} listed are proved")
    if not is_whole(lines):
        raise typer.Exit(UNHEALTHY)

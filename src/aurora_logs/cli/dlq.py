"""`dlq`: byte ranges that were given up for now; a replay has the collector read exactly them again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, DetailForm, Instance, add
from aurora_logs.cli.views import View

if TYPE_CHECKING:
    from pathlib import Path

    from aurora_logs.ops.dead_letters import Replayed
    from aurora_logs.records.flow import DeadLetter

JOURNAL = "operations.ndjson"  # in DATA_DIR: who changed what, when and why (UX-56)


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    dlq = group("dlq", "Dead letters: byte ranges given up for now.")
    add(dlq, list_letters, "list", "aurora-logs dlq list", "aurora-logs dlq list --filter 'reason=unreadable' -q",
        exits=(0, 2, 4))
    add(dlq, show_letter, "show", "aurora-logs dlq show 7f3a", "aurora-logs dlq show 7f3a -o yaml", exits=(0, 2, 4))
    add(dlq, replay, "replay", "aurora-logs dlq replay --all --dry-run", "aurora-logs dlq replay 7f3a --yes --reason 'disk repaired'",
        exits=(0, 2, 3, 4, 6))
    app.add_typer(dlq)


def list_letters(
    *, instance: Instance = "",
    reason: Annotated[str, typer.Option("--reason", metavar="WORD", help="only these, e.g. unreadable")] = "",
    view: View = View(), data_dir: DataDir = None,
) -> None:
    """List the open dead letters, oldest first."""
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.kinds import DEAD_LETTERS  # noqa: PLC0415
    from aurora_logs.cli.letters import show_ranges  # noqa: PLC0415
    from aurora_logs.ops.dead_letters import letter_lines  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        letters = letter_lines(beside.state, instance_id=instance, reason=reason)
    show_ranges(DEAD_LETTERS, letters, view, nothing="no open dead letter")


def show_letter(
    message_id: Annotated[str, typer.Argument(metavar="ID", help="the id, or its first letters")],
    *, output: DetailForm = "table", data_dir: DataDir = None,
) -> None:
    """Show one dead letter: range, reason, error, excerpt and the original message."""
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.kinds import DEAD_LETTER_DETAIL  # noqa: PLC0415
    from aurora_logs.ops.dead_letters import find_letter  # noqa: PLC0415
    from aurora_logs.ops.gaps import letter_line  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        letter = find_letter(beside.state, message_id)
    item = {**msgspec.structs.asdict(letter_line(letter)), "is_gap": letter.is_gap, "excerpt": letter.excerpt,
            "original_message": letter.original_message}
    forms.show_one(DEAD_LETTER_DETAIL, item, output)
    if not letter.is_gap and output == "table":
        forms.say(f"next: aurora-logs dlq replay {letter.message_id}")


def replay(
    ids: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="ids, or their first letters")] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="all open dead letters")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the plan alone")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask")] = False,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help=f"goes to {JOURNAL}")] = "",
    view: View = View(), data_dir: DataDir = None,
) -> None:
    """Have the ranges of dead letters read and delivered again; nothing is shown twice.

    The running collector, or the next one, does it and closes each letter. Exit 3 when some could not be queued.
    """
    from pathlib import Path  # noqa: PLC0415

    from aurora_logs.cli import forms, units  # noqa: PLC0415
    from aurora_logs.cli.desk import collector_pid, desk, refuse_read_only  # noqa: PLC0415
    from aurora_logs.ops.dead_letters import chosen  # noqa: PLC0415
    from aurora_logs.ops.dead_letters import replay as queue_again  # noqa: PLC0415

    if bool(ids) == every:
        raise typer.BadParameter("name dead letters by id, or give --all", param_hint="ID")
    with desk(data_dir) as (settings, beside):
        if not dry_run:
            refuse_read_only(settings, "dlq replay")
        letters = chosen(beside.state, ids or [], every=every)
        if not letters:
            forms.say("no open dead letter: already done")
            return
        total_bytes = sum(one.to_position - one.from_position for one in letters)
        forms.say(f"{len(letters):,} dead letters, {units.size(total_bytes)} will be read again; no record will be shown twice")
        if dry_run:
            _show_plan(letters, view)
            return
        confirm(yes=yes)
        journal = Path(settings.data_dir) / JOURNAL
        done = queue_again(letters, beside.queue, lambda letter, outcome: _note(journal, letter, outcome, reason))
        pid = collector_pid(settings.data_dir)
    _conclude(done, view, pid)


def confirm(*, yes: bool) -> None:
    """Ask on a terminal; elsewhere --yes is required (UX-56)."""
    import sys  # noqa: PLC0415

    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here; repeat with --yes, or see the plan with --dry-run", param_hint="--yes")
    if not typer.confirm("go on?", err=True):
        raise typer.Exit(0)


def _show_plan(letters: "Sequence[DeadLetter]", view: View) -> None:
    from aurora_logs.cli.kinds import DEAD_LETTERS  # noqa: PLC0415
    from aurora_logs.cli.letters import show_ranges  # noqa: PLC0415
    from aurora_logs.ops.gaps import letter_line  # noqa: PLC0415

    show_ranges(DEAD_LETTERS, [letter_line(one) for one in letters], view, nothing="")


def _conclude(done: "Sequence[Replayed]", view: View, pid: int | None) -> None:
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.failures import PARTLY  # noqa: PLC0415
    from aurora_logs.cli.kinds import REPLAYS  # noqa: PLC0415

    forms.show(REPLAYS, done, view)
    forms.say(f"process {pid} reads them now; see: aurora-logs dlq list" if pid
              else "no process collects now; next: aurora-logs run --once")
    if any(one.outcome != "queued" for one in done):
        raise typer.Exit(PARTLY)


def _note(journal: "Path", letter: "DeadLetter", outcome: str, reason: str) -> None:
    """Write one line about what an operator did; a journal that can't be written stops nothing, but is told."""
    import datetime  # noqa: PLC0415
    import getpass  # noqa: PLC0415
    import json  # noqa: PLC0415

    from aurora_logs.cli.forms import say  # noqa: PLC0415

    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        user = ""
    line = {"time": datetime.datetime.now(datetime.UTC).isoformat(), "user": user, "command": "dlq replay",
            "message_id": letter.message_id, "outcome": outcome, "reason": reason}
    try:
        with journal.open("a", encoding="ascii") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        say(f"the journal {journal} could not be written: {error.strerror}")

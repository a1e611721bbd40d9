"""`files`: how far each log file is delivered, and everything that is known of one."""

from typing import Annotated, Literal

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, DetailForm, Instance, LogType, add, known_type
from aurora_logs.cli.views import View

Status = Literal["", "discovered", "processing", "completed", "failed"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    files = group("files", "Log files and how far each is delivered.")
    add(files, list_files, "list", "aurora-logs files list --instance shop-1",
        "aurora-logs files list --filter 'behind_bytes>0' --columns instance_id,log_file_name,behind_bytes", exits=(0, 2, 4))
    add(files, show_file, "show", "aurora-logs files show shop-1 slowquery/mysql-slowquery.log",
        "aurora-logs files show shop-1 slowquery/mysql-slowquery.log -o json", exits=(0, 2, 4))
    add(files, replay_file, "replay", "aurora-logs files replay shop-1 slowquery/mysql-slowquery.log --dry-run",
        "aurora-logs files replay shop-1 error/mysql-error-running.log --from 0 --to 1000000 --yes", exits=(0, 2, 4, 6, 7))
    app.add_typer(files)


def list_files(
    *, instance: Instance = "", log_type: LogType = "",
    status: Annotated[Status, typer.Option("--status", help="only these")] = "",
    view: View = View(), data_dir: DataDir = None,
) -> None:
    """List the log files, those most behind first."""
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.kinds import FILES  # noqa: PLC0415
    from aurora_logs.ops.files import file_lines  # noqa: PLC0415

    kind = known_type(log_type)
    with desk(data_dir) as (_, beside):
        lines = file_lines(beside.state, instance_id=instance, log_type=kind, status=status)
    forms.show(FILES, lines, view, nothing="no such file is known")


def show_file(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="instance id")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="log file name as `files list` prints it")],
    *, output: DetailForm = "table", data_dir: DataDir = None,
) -> None:
    """Show all that is known of one log file: position, claim, dead letters and gaps."""
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.kinds import FILE_DETAIL  # noqa: PLC0415
    from aurora_logs.ops.files import file_detail  # noqa: PLC0415
    from aurora_logs.ops.gaps import letter_line  # noqa: PLC0415

    with desk(data_dir) as (_, beside):
        detail = file_detail(beside.state, instance, file)
    item: dict[str, object] = msgspec.structs.asdict(detail.file)
    row = detail.checkpoint
    if row is not None:
        item |= {"checkpoint_segment": row.segment_id, "checkpoint_byte_offset": row.byte_offset, "epoch": row.epoch,
                 "holder": row.lease_owner, "marker": row.marker, "record_count": row.record_count}
    item["dead_letters"] = [msgspec.structs.asdict(letter_line(one)) for one in detail.dead_letters]
    item["gaps"] = [msgspec.structs.asdict(letter_line(one)) for one in detail.gaps]
    forms.show_one(FILE_DETAIL, item, output)


def replay_file(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="instance id")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="log file name as `files list` prints it")],
    *,
    begin: Annotated[int, typer.Option("--from", metavar="BYTE", min=0, help="first byte")] = 0,
    end: Annotated[int, typer.Option("--to", metavar="BYTE", min=0, help="byte behind the last one; 0: all that is delivered")] = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="print the plan alone")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="don't ask")] = False,
    data_dir: DataDir = None,
) -> None:
    """Have a delivered range read again; what the sink lacks is sent under the same ids, nothing is shown twice.

    The running collector, or the next one, does it; until then the range is an open dead letter `replay`.
    """
    from aurora_logs.cli import forms, units  # noqa: PLC0415
    from aurora_logs.cli.desk import desk, refuse_read_only  # noqa: PLC0415
    from aurora_logs.cli.dlq import confirm  # noqa: PLC0415
    from aurora_logs.ops.dead_letters import again, replay  # noqa: PLC0415
    from aurora_logs.wiring import system_clock  # noqa: PLC0415

    with desk(data_dir) as (settings, beside):
        letter = again(beside.state, instance, file, begin=begin, end=end, now_sec=system_clock().now_us() // 1_000_000)
        forms.say(f"bytes {letter.from_position:,} to {letter.to_position:,} ({units.size(letter.to_position - letter.from_position)}) "
                  "will be read again; no record will be shown twice")
        if dry_run:
            return
        refuse_read_only(settings, "files replay")
        confirm(yes=yes)
        beside.state.bury(letter)
        outcome = replay([letter], beside.queue, lambda _letter, _outcome: None)[0].outcome
    forms.say(f"{outcome}; see: aurora-logs dlq show {letter.message_id}")

"""`files`: how far each log file is delivered, and everything that is known of one."""

from typing import Annotated, Literal

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import DataDir, Instance, ListOutput, LogType, ShowOutput, add, known_type

Status = Literal["", "discovered", "processing", "completed", "failed"]


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    files = group("files", "Log files and how far each is delivered.")
    add(files, list_files, "list", "aurora-logs files list --instance prod-1", "aurora-logs files list --status failed -o wide")
    add(files, show_file, "show", "aurora-logs files show prod-1 slowquery/mysql-slowquery.log")
    app.add_typer(files)


def list_files(
    *, instance: Instance = "", log_type: LogType = "",
    status: Annotated[Status, typer.Option("--status", help="only these")] = "",
    output: ListOutput = "table", data_dir: DataDir = None,
) -> None:
    """List the log files, those most behind first."""
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.forms import Column  # noqa: PLC0415
    from aurora_logs.ops.files import file_lines  # noqa: PLC0415

    kind = known_type(log_type)
    with desk(data_dir) as (_, beside):
        lines = file_lines(beside.state, instance_id=instance, log_type=kind, status=status)
    columns = (
        Column("instance_id", "INSTANCE"), Column("log_file_name", "FILE"), Column("log_type", "TYPE"),
        Column("status", "STATUS"), Column("file_size", "SIZE", "bytes"), Column("delivered_bytes", "DELIVERED", "bytes"),
        Column("behind_bytes", "BEHIND", "bytes"), Column("records", "RECORDS", "count"),
        Column("gap_bytes", "GAPS", "bytes"), Column("raw_records", "RAW", "count", wide=True),
        Column("last_written", "LAST WRITTEN"), Column("updated_at", "UPDATED", wide=True),
        Column("audited_at", "AUDITED", wide=True), Column("purge_at", "RDS DELETES AT", wide=True),
        Column("is_gone", "GONE", wide=True), Column("segment_id", "SEGMENT", wide=True), Column("error", "ERROR", "log"))
    items = [msgspec.structs.asdict(one) for one in lines]
    if output == "name":
        items = [{**item, "instance_id": f"{item['instance_id']} {item['log_file_name']}"} for item in items]
    forms.show("files", items, columns, output, nothing="no such file is known")


def show_file(
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help="instance id")],
    file: Annotated[str, typer.Argument(metavar="FILE", help="log file name as `files list` prints it")],
    *, output: ShowOutput = "table", data_dir: DataDir = None,
) -> None:
    """Show all that is known of one log file: position, claim, dead letters and gaps."""
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
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
    if output == "json":
        forms.show("file", [item], (), "json")
    else:
        forms.show_one(item)

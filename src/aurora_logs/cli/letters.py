"""How dead letters and gaps are printed; both are byte ranges with a reason."""

from collections.abc import Sequence

import msgspec

from aurora_logs.cli import forms, units
from aurora_logs.cli.forms import Column
from aurora_logs.ops.gaps import GapLine


def show_letters(kind: str, letters: Sequence[GapLine], output: str, *, nothing: str) -> None:
    """Print dead letters or gaps, and their sum on standard error."""
    columns = (
        Column("message_id", "ID"), Column("instance_id", "INSTANCE"), Column("log_file_name", "FILE"),
        Column("reason", "REASON"), Column("from_position", "FROM", "count"), Column("to_position", "TO", "count"),
        Column("size_bytes", "SIZE", "bytes"), Column("failed_at", "FAILED"), Column("retry_count", "TRIES", "count"),
        Column("log_type", "TYPE", wide=True), Column("segment_id", "SEGMENT", wide=True),
        Column("purge_at", "RDS DELETES AT", wide=True), Column("error", "ERROR", "log"))
    forms.show(kind, [msgspec.structs.asdict(one) for one in letters], columns, output, nothing=nothing)
    if letters and output in ("table", "wide"):
        forms.say(f"{len(letters):,} {kind}, {units.size(sum(one.size_bytes for one in letters))}")

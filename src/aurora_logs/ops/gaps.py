"""Chapter "gaps": byte ranges that are lost for good, each counted and with its reason."""

import datetime

import msgspec

from aurora_logs.ops.files import State
from aurora_logs.ops.moments import from_sec
from aurora_logs.records.flow import DeadLetter


class GapLine(msgspec.Struct, frozen=True, kw_only=True):
    """A gap or a dead letter: bytes [from_position, to_position) of a segment."""

    message_id: str
    instance_id: str
    log_file_name: str
    log_type: str
    segment_id: str
    from_position: int
    to_position: int
    size_bytes: int
    reason: str
    error: str
    failed_at: datetime.datetime | None
    retry_count: int
    purge_at: datetime.datetime | None


def letter_line(letter: DeadLetter) -> GapLine:
    """Return the line of a gap or dead letter."""
    return GapLine(
        message_id=letter.message_id, instance_id=letter.instance_id, log_file_name=letter.log_file_name,
        log_type=letter.log_type, segment_id=letter.segment_id, from_position=letter.from_position,
        to_position=letter.to_position, size_bytes=letter.to_position - letter.from_position, reason=letter.reason,
        error=letter.error, failed_at=from_sec(letter.failed_at), retry_count=letter.retry_count,
        purge_at=from_sec(letter.purge_at))


def gap_lines(state: State, *, instance_id: str = "") -> list[GapLine]:
    """Return the gaps, oldest first."""
    return [letter_line(one) for one in state.dead_letters(gaps=True) if instance_id in ("", one.instance_id)]

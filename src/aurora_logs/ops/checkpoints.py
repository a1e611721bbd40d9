"""Chapter "checkpoints": how far each file family is delivered, and who holds it."""

import datetime

import msgspec

from aurora_logs.ops.files import State
from aurora_logs.ops.moments import from_ms, from_sec


class CheckpointLine(msgspec.Struct, frozen=True, kw_only=True):
    """One checkpoint. holder: who has the claim, "" for nobody; intent: the byte range that is being sent, or ""."""

    instance_id: str
    log_file_name: str
    segment_id: str
    byte_offset: int
    record_count: int
    line_count: int
    gap_bytes: int
    epoch: int
    holder: str
    lease_until: datetime.datetime | None
    intent: str
    marker: str
    updated_at: datetime.datetime | None
    expires_at: datetime.datetime | None


def checkpoint_lines(state: State, *, instance_id: str = "") -> list[CheckpointLine]:
    """Return the checkpoints by instance and file."""
    return [CheckpointLine(
        instance_id=row.instance_id, log_file_name=row.log_file_name, segment_id=row.segment_id,
        byte_offset=row.byte_offset, record_count=row.record_count, line_count=row.line_count, gap_bytes=row.gap_bytes,
        epoch=row.epoch, holder=row.lease_owner, lease_until=from_ms(row.lease_until_ms),
        intent=f"{row.intent.from_offset}-{row.intent.to_offset}" if row.intent else "", marker=row.marker,
        updated_at=from_sec(row.updated_at), expires_at=from_sec(row.expires_at))
        for row in state.checkpoints() if instance_id in ("", row.instance_id)]

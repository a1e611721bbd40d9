"""Rules of checkpoint rows that several stages share: where a segment is begun, and whose lease is none."""

from msgspec.structs import replace

from aurora_logs.records.fleet import Delivered
from aurora_logs.records.flow import Checkpoint


def begin(row: Checkpoint, start: Delivered, *, resend_until: int = 0) -> Checkpoint:
    """Return the checkpoint at `start` of another segment; what lies below `resend_until` may be stored already.

    The format's context and earlier positions are not known there.
    """
    return replace(
        row, segment_id=start.segment_id, byte_offset=start.delivered_bytes, record_count=start.records,
        gap_bytes=start.gap_bytes, raw_records=start.raw_records, ids_crc=start.ids_crc, tail_hash=start.tail_hash,
        epoch=max(row.epoch, start.epoch), marker="", line_count=0, furniture_bytes=0, tail=b"", resend_until=resend_until, quiet_end=-1, quiet_since=0, kept=())


def is_of_wrong_clock(row: Checkpoint, now_ms: int, lease_sec: float) -> bool:
    """Tell whether the lease ends later than any right clock can have written (REL-137)."""
    return row.lease_until_ms - now_ms > 2 * lease_sec * 1000

"""Make dead letters and gaps: byte ranges with a deterministic id, so that the same failure is one row."""

from hashlib import blake2b

import msgspec

from aurora_logs.records.fleet import LogFile
from aurora_logs.records.flow import DeadLetter, Gap, Task

REPLAY = "replay"  # an operator wants the range read again; open until that is done
RESCUED = "rescued"  # parked while the sink was away: read and parsed, not delivered
FOR_NOW = frozenset({"unreadable", "rejected", "too_large", "too_old", "schema", "poison_message", "rescued", "replay"})  # can be replayed


def letter_id(resource_id: str, segment_id: str, from_position: int, to_position: int, reason: str) -> str:
    """Return the message_id: a hash of resource id, segment, range and reason (names-and-runbook.md §2.8)."""
    text = f"{resource_id}\0{segment_id}\0{from_position}\0{to_position}\0{reason}"
    return blake2b(text.encode(), digest_size=10).hexdigest()


def range_letter(file: LogFile, segment_id: str, from_position: int, to_position: int, reason: str, error: str,
                 now_sec: int) -> DeadLetter:
    """Return the dead letter (or gap) of a byte range."""
    message_id = letter_id(file.resource_id, segment_id, from_position, to_position, reason)
    task = Task(instance_id=file.instance_id, cluster_id=file.cluster_id, engine=file.engine, log_type=file.log_type,
                log_file_name=file.log_file_name, last_written=0, size=to_position, timestamp="", dead_letter_id=message_id)
    return DeadLetter(
        message_id=message_id, instance_id=file.instance_id, log_file_name=file.log_file_name, cluster_id=file.cluster_id,
        log_type=file.log_type, resource_id=file.resource_id, segment_id=segment_id, reason=reason, error=error,
        failed_at=now_sec, retry_count=1, from_position=from_position, to_position=to_position,
        original_message=msgspec.json.encode(task).decode(), is_gap=reason not in FOR_NOW)


def gap_letter(file: LogFile, gap: Gap, now_sec: int) -> DeadLetter:
    """Return the row of a gap."""
    return range_letter(file, gap.segment_id, gap.from_position, gap.to_position, gap.reason,
                        f"{gap.size_bytes} bytes {gap.reason}", now_sec)

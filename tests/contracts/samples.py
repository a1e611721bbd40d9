"""Values that the contract suites pass through the ports."""

import json
from zlib import crc32

from aurora_logs.records.fleet import Instance, TrackedFile, TrackedInstance
from aurora_logs.records.flow import Batch, Checkpoint, DeadLetter, Intent, Kept, Segment, Task
from aurora_logs.records.log_record import file_key_of, record_id

INSTANCE = "shop-1"
FILE = "slowquery/mysql-slowquery.log"
NOW_MS = 1_795_342_317_000
LEASE_MS = 60_000


class SteppedClock:
    """A clock that a test moves by hand."""

    def __init__(self, now_us=1_795_342_317_000_000):
        self._now_us = now_us

    def now_us(self):
        return self._now_us

    def monotonic_sec(self):
        return self._now_us / 1e6

    def sleep(self, sec):
        self._now_us += int(sec * 1e6)


class CountedRandom:
    """Nonces in order, so that a test's files have the names it expects."""

    def __init__(self):
        self._drawn = 0

    def uniform(self):
        return 0.5

    def nonce(self):
        self._drawn += 1
        return f"{self._drawn:016x}"


def an_instance(instance_id=INSTANCE, **changes):
    instance = Instance(
        instance_id=instance_id, resource_id="db-EXAMPLE", cluster_id="shop", engine="aurora-mysql",
        engine_version="8.0.mysql_aurora.3.08.0", instance_class="db.r6g.large", is_cluster_writer=True,
        aws_region="eu-central-1", account_id="123456789012")
    return TrackedInstance(instance=instance, updated_at=2, expires_at=3, **changes)


def a_tracked(log_file_name=FILE, **changes):
    values = {
        "instance_id": INSTANCE, "log_file_name": log_file_name, "status": "discovered", "log_type": "slowquery",
        "cluster_id": "shop", "resource_id": "db-EXAMPLE", "family": log_file_name, "last_written": 1_795_342_317_123,
        "file_size": 1000, "discovered_at": 1_795_342_000, "updated_at": 1_795_342_001}
    return TrackedFile(**values | changes)


def a_checkpoint(log_file_name=FILE, **changes):
    return Checkpoint(**{"instance_id": INSTANCE, "log_file_name": log_file_name, "resource_id": "db-EXAMPLE"} | changes)


def a_full_checkpoint(**changes):
    """Every attribute set, with bytes that are no text."""
    kept = Kept(time=5, byte_offset=90, record_count=1, tail_hash=b"\x00\xff", context=b"\xfe{}")
    return a_checkpoint(**{
        "segment_id": f"{FILE}@2026-11-22.10", "byte_offset": 100, "marker": "2026-11-22.10:100", "line_count": 7,
        "record_count": 2, "gap_bytes": 3, "raw_records": 1, "tail": b"\x00\x80tail", "tail_hash": b"\x01\xff" * 9,
        "resend_until": 4, "quiet_end": 120, "quiet_since": 6, "kept": (kept,), "intent": an_intent(), "updated_at": 8,
        "expires_at": 9} | changes)


def an_intent(intent_id="b1", from_offset=0, to_offset=100, **changes):
    return Intent(**{"id": intent_id, "from_offset": from_offset, "to_offset": to_offset, "count": 2, "time": 10,
                     "epoch": 1, "ids_hash": "cafe"} | changes)


def a_letter(message_id="m1", **changes):
    return DeadLetter(**{
        "message_id": message_id, "instance_id": INSTANCE, "log_file_name": FILE, "cluster_id": "shop",
        "log_type": "slowquery", "resource_id": "db-EXAMPLE", "segment_id": f"{FILE}@2026-11-22.10",
        "reason": "rejected", "error": "field too long", "failed_at": 100, "retry_count": 1, "from_position": 10,
        "to_position": 20, "original_message": "{}", "excerpt": "# Time", "purge_at": 200, "context": b"\x00\xff"} | changes)


def a_task(log_file_name=FILE, **changes):
    return Task(**{"instance_id": INSTANCE, "cluster_id": "shop", "engine": "aurora-mysql", "log_type": "slowquery",
                   "log_file_name": log_file_name, "last_written": 1, "size": 2, "timestamp": "2026-11-22T10:00:00Z"}
                | changes)


def a_batch(offsets, *, segment_id=FILE, batch_id="", log_type="slowquery", instance_id=INSTANCE, fields=None):
    """Records at these offsets; each entry is 10 bytes long."""
    key = file_key_of(instance_id, log_type, segment_id)
    ids, lines = [], []
    for offset in offsets:
        name = record_id(key, offset, crc32(str(offset).encode()))
        record = {
            "_timestamp": 1_795_342_317_000_000 + offset, "record_id": name, "log_type": log_type,
            "instance_id": instance_id, "cluster_id": "shop", "log_file_name": FILE, "log_file_offset": offset,
            "log_record_bytes": 10, "event_name": "slow_query", "severity_number": 9, "parse_status": "ok",
            "ts_quality": "exact", "engine": "aurora-mysql", "db_system_name": "mysql",
            "db_query_text": f"SELECT {offset}", "duration_sec": 0.5} | (fields or {})
        ids.append(name.encode())
        lines.append(json.dumps(record, separators=(",", ":")).encode() + b"\n")
    segment = Segment(segment_id=segment_id, log_file_name=FILE, ordinal=None, size_bytes=10**6, last_written_ms=1,
                      closed=False)
    first, end = min(offsets), max(offsets) + 10
    return Batch(batch_id=batch_id or f"{key}-{first}", log_type=log_type, file_key=key, segment=segment,
                 from_offset=first, to_offset=end, lines=lines, ids=ids, ids_hash="cafe", context=b"")


def claim(state, name="pod-a", *, now_ms=NOW_MS, initial=None):
    """Claim a file for a worker of the living process."""
    return state.store.take_claim(initial or a_checkpoint(), owner=state.owner(name), now_ms=now_ms,
                                  until_ms=now_ms + LEASE_MS)

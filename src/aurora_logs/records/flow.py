"""What flows along the pipeline: portion, chunk, parsed records, batch, intent, receipt, gap, dead letter, checkpoint."""

from collections.abc import Sequence

import msgspec

from aurora_logs.records.lines import joined


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """The queue's message "bring this file up to date": a hint, never the truth (names-and-runbook.md §2.6).

    last_written: epoch ms from the listing; size: listed bytes; timestamp: RFC 3339, time of discovery.
    dead_letter_id: re-read that dead letter's range instead of the tail; "" in the normal case.
    """

    instance_id: str
    cluster_id: str
    engine: str
    log_type: str
    log_file_name: str
    last_written: int
    size: int
    timestamp: str
    dead_letter_id: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What one read of a log file gave, unjudged.

    content: the bytes unchanged (NUL, CR and invalid UTF-8 included); b"" when nothing came.
    marker:  the source's position behind `content`; None when it gave none (RDS-23).
    more:    True when the source says that bytes beyond the marker exist now; never a proof of the end (RDS-27).
    """

    content: bytes
    marker: str | None
    more: bool


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes that belong together, whatever the file is called now.

    log_file_name: the listed name to read it by now.
    ordinal:       of renamed files; None when the name itself is the identity or the ordinal is not known yet.
    closed:        it can't grow any more.
    """

    segment_id: str
    log_file_name: str
    ordinal: str | None
    size_bytes: int
    last_written_ms: int
    closed: bool


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that are lost and reported: [from_position, to_position) of a segment.

    reason: purged, instance_deleted, server_lost, unreadable, truncated, not_served, in_doubt, lost_at_sink,
            discarded_by_operator.
    """

    segment_id: str
    from_position: int
    to_position: int
    reason: str

    @property
    def size_bytes(self) -> int:
        """How many bytes are lost."""
        return self.to_position - self.from_position


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes of a segment, checked and placed: `content` begins at byte `offset` of `segment`.

    closes: the segment ends behind this portion for good, so that an open entry is complete as it stands.
    quiet:  nothing has come for BATCH_TIMEOUT_SEC: an entry that ends with its terminator is complete (FMT-04).
    gap:    behind the content: a range that nobody can read.
    truncated: the source lost what followed `content` in its line; `gap` says how much.
    """

    segment: Segment
    offset: int
    content: bytes
    marker: str = ""
    closes: bool = False
    quiet: bool = False
    gap: Gap | None = None
    truncated: bool = False


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Whole entries: bytes cut on entry borders, beginning at byte `offset` of the segment.

    cut_bytes, crc, last: only for one entry beyond the limit: `content` is its first part, `cut_bytes` were left out
    behind it, `crc` is the CRC-32 of all its bytes, `last` its end. cut_bytes == 0 otherwise.
    truncated: the source lost the rest of the last entry: its record is `truncated`, "truncated by rds".
    """

    content: bytes
    offset: int
    cut_bytes: int = 0
    crc: int = 0
    last: bytes = b""
    truncated: bool = False


class Parsed(msgspec.Struct, frozen=True, kw_only=True):
    """The wire form of some entries of a chunk, in file order.

    lines:  one JSON object with its newline per record.
    ids:    the record ids (33 ASCII bytes each), same order.
    end_offset: byte offset behind the last entry and the furniture that follows it.
    context: the format's carried context behind `end_offset`, encoded; b"" at a segment's start.
    """

    lines: Sequence[bytes]
    ids: list[bytes]
    end_offset: int
    context: bytes
    furniture_bytes: int = 0
    raw_records: int = 0


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A parsed part of a portion on its way into a batch: the byte range [from_offset, to_offset) of its segment.

    parsed, chunk: None for a gap alone; chunk: whose part it is. gap: at the end of the range, behind an entry that it cut.
    """

    portion: Portion
    from_offset: int
    to_offset: int
    parsed: Parsed | None = None
    chunk: Chunk | None = None
    gap: Gap | None = None


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Records of one segment that are shipped in one request, and the byte range that they stand for.

    Bounds: at most BATCH_SIZE records and about 4 MB. gap: at the end of the range, to be reported before it is passed;
    with the cut entry before it, so that no position ever lies between the two.
    repair: sent again for a range behind the checkpoint; the checkpoint does not move.
    careful: a part may be stored already: search before sending.
    """

    batch_id: str
    log_type: str
    file_key: str
    segment: Segment
    from_offset: int
    to_offset: int
    lines: Sequence[bytes]
    ids: list[bytes]
    ids_hash: str
    context: bytes
    marker: str = ""
    tail_hash: bytes = b""
    furniture_bytes: int = 0
    raw_records: int = 0
    log_lines: int = 0
    gap: Gap | None = None
    repair: bool = False
    careful: bool = False

    @property
    def count(self) -> int:
        """Number of records."""
        return len(self.lines)

    @property
    def size_bytes(self) -> int:
        """Bytes on the wire before compression."""
        return len(joined(self.lines))


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """What a claim wrote down before it sends a batch (reliability.md §5.2). `time` in epoch seconds."""

    id: str
    from_offset: int
    to_offset: int
    count: int
    time: int
    epoch: int
    ids_hash: str
    repair: bool = False


class Kept(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """An earlier position of the same segment, for the rewind after a restart (rds-log-api.md §8.3)."""

    time: int
    byte_offset: int
    record_count: int
    tail_hash: bytes
    context: bytes
    gap_bytes: int = 0
    furniture_bytes: int = 0
    ids_crc: int = 0


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """A row of aurora-log-checkpoints: how far a file is *delivered*. Times in epoch seconds, leases in epoch ms.

    segment_id: whose byte_offset it is; "" before the first byte.
    byte_offset == bytes of the records + furniture_bytes + gap_bytes, in each segment (REC-13).
    byte_offset: end of the last acknowledged entry; record_count: of this segment up to there; ids_crc: CRC-32 over
    their ids in file order.
    tail: the format's carried context; tail_hash: two bytes n (at most 256) and BLAKE2b of the n bytes before byte_offset.
    resend_until: after a rewind: ranges below may be stored already, search before sending.
    quiet_end, quiet_since: where the unfinished end of the file lay at the last visit, and since when.
    kept: earlier positions, oldest first, at most 8.
    """

    instance_id: str
    log_file_name: str
    resource_id: str
    segment_id: str = ""
    byte_offset: int = 0
    marker: str = ""
    line_count: int = 0
    record_count: int = 0
    gap_bytes: int = 0
    furniture_bytes: int = 0
    raw_records: int = 0
    ids_crc: int = 0
    tail: bytes = b""
    tail_hash: bytes = b""
    resend_until: int = 0
    quiet_end: int = -1
    quiet_since: int = 0
    kept: tuple[Kept, ...] = ()
    intent: Intent | None = None
    lease_owner: str = ""
    epoch: int = 0
    lease_until_ms: int = 0
    updated_at: int = 0
    expires_at: int = 0
    schema_version: int = 1


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """The sink's answer that counts: `stored` == records sent; anything less is an error of the tree."""

    stored: int


class DeadLetter(msgspec.Struct, frozen=True, kw_only=True):
    """A row of aurora-log-dlq: a byte range given up for now, or (is_gap) lost for good and counted.

    message_id: deterministic hash of resource id, segment, range and reason.
    failed_at, purge_at: epoch seconds; from/to_position: byte range in the segment; excerpt: redacted first bytes.
    kafka_topic, kafka_partition, kafka_offset: where a poison message lay; "" and -1 for byte ranges.
    """

    message_id: str
    instance_id: str
    log_file_name: str
    cluster_id: str
    log_type: str
    resource_id: str
    segment_id: str
    reason: str
    error: str
    failed_at: int
    retry_count: int
    from_position: int
    to_position: int
    original_message: str = ""
    excerpt: str = ""
    purge_at: int = 0
    is_gap: bool = False
    context: bytes = b""
    kafka_topic: str = ""
    kafka_partition: int = -1
    kafka_offset: int = -1
    schema_version: int = 1


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How a visit to a file ended: bytes and records delivered in it, gap bytes, and whether more is to come."""

    file_bytes: int = 0
    records: int = 0
    gap_bytes: int = 0
    complete: bool = False

"""Audit closed files: the stored distinct ids are those delivered, else what is missing is read and sent again (law 3).

The same careful resend replays dead letters: the range's segment is read again from its start, so that contexts and
ids are the same, and only records of the range that are not stored are sent.
"""

import zlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from aurora_logs import telemetry
from aurora_logs.errors import ListingChanged
from aurora_logs.ports import Sink
from aurora_logs.records.fleet import Delivered, LogFile, TrackedFile
from aurora_logs.records.flow import Batch, Checkpoint, DeadLetter, Kept, Portion
from aurora_logs.records.wire import span_us_of
from aurora_logs.seams import Claim

Span = tuple[int, int]  # byte range [begin, end) of a segment

SLICE_BYTES = 64 << 20  # ids are counted slice by slice, so that memory does not grow with the file


class Rereading:
    """A claim's shadow: walks a segment from its start without moving the real checkpoint."""

    moves_checkpoint = False

    def __init__(self, held: Claim, row: TrackedFile, family: str) -> None:
        self._held = held
        self._row = row
        self.checkpoint = Checkpoint(instance_id=row.instance_id, log_file_name=family, resource_id=row.resource_id,
                                     segment_id=row.segment_id, epoch=held.checkpoint.epoch)
        self.is_at_its_end = False

    def keep(self) -> None:
        """Renew the real claim."""
        self._held.keep()

    def wait(self, sec: float) -> None:
        """Wait under the real claim."""
        self._held.wait(sec)

    def settled(self) -> None:
        """A shadow has no intent."""

    def bury(self, letter: DeadLetter) -> None:
        """What can't be read now was delivered or reported before; nothing new is lost here."""
        del letter

    def move_on(self, start: Delivered, *, resend_until: int = 0) -> None:
        """Stay in the segment. Raises: ListingChanged when the name stands for another one now."""
        del resend_until
        if start.segment_id != self._row.segment_id:
            raise ListingChanged(f"{self._row.instance_id} {self._row.log_file_name}")

    def rewind(self, kept: Kept | None) -> None:
        """Begin again; ids decide what is sent."""
        del kept
        self.pass_to(0, b"", b"")

    def note_end(self, end_offset: int) -> bool:
        """A reread waits for nothing."""
        del end_offset
        return True

    def pass_to(self, offset: int, context: bytes, tail_hash: bytes) -> None:
        """Move the shadow's own position."""
        self.checkpoint = replace(self.checkpoint, byte_offset=offset, tail=context, tail_hash=tail_hash)

    # the Files side: exactly this one segment

    def segments(self) -> list[TrackedFile]:
        """The one row, open until it is read to its end."""
        if self.checkpoint.byte_offset >= self._row.file_size:
            return [self._row]
        return [replace(self._row, status="processing", delivered_bytes=0)]

    def is_closed(self, row: TrackedFile) -> bool:
        """Only closed files are read again."""
        del row
        return True

    def list_again(self) -> None:
        """A reread does not follow rotations; the next audit does."""

    def loss_reason(self) -> str:
        """Nothing is lost anew by a reread."""
        return "purged"

    def left(self, checkpoint: Checkpoint) -> None:
        """A reread stays in its segment."""

    def drained(self, row: TrackedFile, checkpoint: Checkpoint | None) -> bool:
        """The whole segment was read; its row is marked already."""
        del row, checkpoint
        self.is_at_its_end = True
        return True


class Stored(NamedTuple):
    """What the sink holds of a segment: how many distinct ids, the CRC-32 over them in file order, and further copies."""

    records: int
    ids_crc: int
    copies: int

    def is_all_of(self, row: TrackedFile) -> bool:
        """Tell whether these are the very records that were delivered of a row's segment."""
        return (self.records, self.ids_crc) == (row.records, row.ids_crc)


def stored(sink: Sink, file_key: str, log_type: str, size_bytes: int) -> Stored:
    """Sum up the distinct ids of a segment in the sink. Raises Transient when the search is not complete."""
    records = crc = copies = 0
    for at in range(0, size_bytes, SLICE_BYTES):
        found = sink.stored(log_type, file_key, at, min(at + SLICE_BYTES, size_bytes))
        records, crc = records + len(found), zlib.crc32(b"".join(sorted(found)), crc)
        copies += sum(found.values()) - len(found)
    return Stored(records, crc, copies)


def resend_missing(batches_of_segment: Iterator[Batch], shadow: Rereading, sink: Sink, within: Span,
                   given_up: Collection[Span]) -> Iterator[Batch]:
    """Yield repair batches that hold only the records of `within` that the sink lacks; the caller ships them.

    given_up: ranges of open dead letters, which stay what they are. A record that was restamped is not found at its own
    time; the ship stage looks for it at all times before it sends.
    """
    def is_wanted(record_id: bytes) -> bool:
        at = _offset_of(record_id)
        return within[0] <= at < within[1] and not any(begin <= at < end for begin, end in given_up)

    for batch in batches_of_segment:
        if batch.lines and batch.to_offset > within[0] and batch.from_offset < within[1]:
            found = sink.stored(batch.log_type, batch.file_key, batch.from_offset, batch.to_offset,
                                span_us=span_us_of(batch.lines))
            keep = [index for index, one in enumerate(batch.ids) if one not in found and is_wanted(one)]
            if keep:
                yield replace(batch, repair=True, careful=True, gap=None, lines=[batch.lines[index] for index in keep],
                              ids=[batch.ids[index] for index in keep])
        shadow.pass_to(batch.to_offset, batch.context, batch.tail_hash)


def cut_at(portions: Iterator[Portion], within: Span) -> Iterator[Portion]:
    """Cut portions on the borders of a range, as it was given up, and end behind it.

    So its bytes make records of their own: what stands beside it was delivered then without it.
    """
    begin, end = within
    for portion in portions:
        if portion.gap is not None:
            yield portion
            if portion.gap.to_position >= end:
                return
            continue
        content, at = portion.content, portion.offset
        for border in (begin, end):
            if at < border < at + len(content):
                yield replace(portion, offset=at, content=content[:border - at], closes=border == end,
                              truncated=border == begin)
                content, at = content[border - at:], border
                if border == end:
                    return
        reached = at + len(content)
        yield replace(portion, offset=at, content=content, closes=portion.closes or reached == end,
                      truncated=portion.truncated or reached == begin > at)
        if reached >= end:
            return


def _offset_of(record_id: bytes) -> int:
    return int(record_id.split(b"-")[1], 16)


def report(file: LogFile, log_file_name: str, missing: int, records: int) -> None:
    """Say what an audit found."""
    if missing:
        telemetry.audit_missing(file.instance_id, log_file_name, missing)
    else:
        telemetry.audit_passed(file.instance_id, log_file_name, records)


__all__ = ["Rereading", "Span", "Stored", "cut_at", "report", "resend_missing", "stored"]

"""One module per log format, discovered; none imports another. A new format is one new file in this folder.

A format module offers a module-level object `FORMAT` that satisfies `Format`. It is pure: bytes in, records out,
no clock, no I/O, total (every byte ends in one record or is counted as furniture).
"""

import importlib
import pkgutil
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple, Protocol
from zlib import crc32

import msgspec

from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.lines import Lines
from aurora_logs.records.log_record import DB_SYSTEMS, LogRecord, encode, record_id
from aurora_logs.sql.redaction import mask_raw
from aurora_logs.text import (
    Printed,
    Times,
    blank_end,
    content_end,
    cut_text,
    hour_in_name,
    instant_of,
    lines_within,
    readable,
)


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """Constants of one segment, prepared once: everything of a record that does not come from its bytes.

    log_segment: the ordinal or head hash for files that are renamed, else None.
    file_key:    13 characters (record-schema.md §4), made by `file_key_of`.
    zone:        zone name or offset for zone-less times ("UTC").
    redaction:   "default" or "off".
    entry_max_bytes: most text of one record (ENTRY_MAX_BYTES).
    arrival_us:  time of reading, the `_timestamp` of entries of which no time at all is known (ts_quality ingest).
    """

    instance_id: str
    cluster_id: str
    log_type: str
    log_file_name: str
    log_segment: str | None
    file_key: str
    engine: str
    cloud_region: str = ""
    cloud_account_id: str = ""
    zone: str = "UTC"
    redaction: str = "default"
    entry_max_bytes: int = 1 << 20
    arrival_us: int = 0


LOOK_AHEAD_BYTES = 64 * 1024  # looked at beyond ENTRY_MAX_BYTES of an entry: room for its head
RAW_RUN_BYTES = 64 * 1024  # most text of one raw record (record-schema.md §10)


class Extent(msgspec.Struct, frozen=True):
    """The bytes of one entry: its text (all, or the first part), offset in the segment, true size and CRC-32."""

    text: bytes
    offset: int
    size_bytes: int
    crc: int

    def seen(self, origin: Origin) -> bytes:
        """Return the part that is looked at, so that a long entry gives one record whichever way it came."""
        return self.text[: origin.entry_max_bytes + LOOK_AHEAD_BYTES]


def extent_of(chunk: Chunk, start: int, stop: int) -> Extent:
    """Return the extent of the entry at [start, stop) of the chunk; of a cut one, with its true size and CRC."""
    if chunk.cut_bytes:
        return Extent(chunk.content, chunk.offset, len(chunk.content) + chunk.cut_bytes, chunk.crc)
    text = chunk.content[start:stop]
    return Extent(text, chunk.offset + start, len(text), crc32(text))


class Step(NamedTuple):
    """One move of a format's walk through a chunk: an entry's record, or furniture alone (None).

    end:   position in the chunk's content behind the entry and the furniture that follows it.
    state: what the format carries from there on; `wire` encodes it.
    """

    record: LogRecord | None
    end: int
    state: msgspec.Struct


def identity(origin: Origin, default_engine: str) -> dict[str, str | None]:
    """Return the fields of a record that come from its segment alone. `default_engine` for a source without one."""
    engine = origin.engine or default_engine
    return {
        "log_type": origin.log_type,
        "instance_id": origin.instance_id,
        "cluster_id": origin.cluster_id,
        "log_file_name": origin.log_file_name,
        "log_segment": origin.log_segment,
        "engine": engine,
        "db_system_name": DB_SYSTEMS.get(engine, "mysql"),
        "cloud_region": origin.cloud_region or None,
        "cloud_account_id": origin.cloud_account_id or None,
    }


def frame(extent: Extent, origin: Origin, default_engine: str) -> dict[str, Any]:
    """Return the fields that every record of this entry has, whatever it says."""
    return {
        **identity(origin, default_engine),
        "record_id": record_id(origin.file_key, extent.offset, extent.crc),
        "log_file_offset": extent.offset,
        "log_record_bytes": extent.size_bytes,
    }


def name_hour(origin: Origin) -> int | None:
    """Return the hour that the segment's ordinal or the file's name tells, in µs; None when they tell none."""
    return hour_in_name(origin.log_segment or origin.log_file_name)


def borrowed_time(origin: Origin, times: Times) -> tuple[int, str]:
    """Return the time of an entry that has none of its own, and its ts_quality (record-schema.md §5)."""
    if times.last_us:
        return times.last_us, "carried"
    hour = name_hour(origin)
    return (hour, "from_file_name") if hour else (max(origin.arrival_us, 1), "ingest")


def fill_time(clock: Printed | None, origin: Origin, times: Times, fields: dict[str, Any], errors: set[str]) -> Times:
    """Fill in the printed time where it is plausible, else the one of the entry before; return what is known from here on."""
    if clock is not None:
        us, quality = instant_of(clock, origin.zone)
        fields["tz_raw"] = clock.zone or None
        if times.plausible(us, name_hour(origin)):
            fields["timestamp_us"], fields["ts_quality"] = us, quality
            return times.after(us)
        errors.add("implausible time")
    fields["timestamp_us"], fields["ts_quality"] = borrowed_time(origin, times)
    return times


def raw_fields(extent: Extent, origin: Origin, times: Times, default_engine: str, reason: str) -> dict[str, Any]:
    """Return the fields of a record of text that no rule understood; masked unless redaction is off (REC-43)."""
    text = extent.seen(origin)
    is_cut = len(text) < extent.size_bytes or len(text) > origin.entry_max_bytes
    shown = cut_text(text, origin.entry_max_bytes) if origin.redaction == "off" else mask_raw(text)
    us, quality = borrowed_time(origin, times)
    return {
        **frame(extent, origin, default_engine),
        "timestamp_us": us,
        "ts_quality": quality,
        "event_name": "unparsed",
        "severity_number": 9,
        "body": readable(shown)[0],
        "parse_status": "raw",
        "parse_error": "cut at limit" if is_cut else reason,
        "truncated": is_cut or None,
        "redactions": None if origin.redaction == "off" else 1,
    }


def headed_spans(
    content: bytes,
    begin: int,
    is_head: Callable[[bytes, int], bool],
    next_head: Callable[[bytes, int], int],
    furniture_end: Callable[[bytes, int], int] = blank_end,
) -> Iterator[tuple[int, int, int, bool]]:
    """Walk text from `begin` whose entries begin at heads and run to the next one: (start, stop, end, has_head) of each.

    stop: behind the last line that is not blank; end: behind the furniture that follows (blank lines, unless
    `furniture_end` knows more). next_head: where the text at a place ends, -1 when it runs to the end. A first span with
    start == stop is leading furniture. Raw runs come in pieces of RAW_RUN_BYTES.
    """
    at = furniture_end(content, begin)
    if at > begin:
        yield begin, begin, at, False
    border = -2  # of the raw run that is being cut into pieces
    while at < len(content):
        has_head = is_head(content, at)
        if has_head or border <= at:
            border = next_head(content, at)
            border = len(content) if border < 0 else border
        stop = content_end(content, at, border if has_head else lines_within(content, at, border, RAW_RUN_BYTES))
        end = furniture_end(content, stop)
        yield at, stop, end, has_head
        at = end


def wire(steps: Iterable[Step], chunk: Chunk, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
    """Encode a walk: the part of `Format.ndjson` that no format has to write itself."""
    lines: list[bytes] = []
    ids: list[bytes] = []
    position = covered = raw = size = 0
    state: msgspec.Struct | None = None
    for step in steps:
        position, state = step.end, step.state
        if step.record is None:
            continue
        lines.append(encode(step.record))
        ids.append(step.record.record_id.encode())
        covered += step.record.log_record_bytes
        raw += step.record.parse_status == "raw"
        size += len(lines[-1])
        if len(lines) >= max_records or size >= max_bytes:
            break
    end = position + (chunk.cut_bytes if position else 0)
    return Parsed(
        lines=lines,
        ids=ids,
        end_offset=chunk.offset + end,
        context=context if state is None else msgspec.json.encode(state),
        furniture_bytes=end - covered,
        raw_records=raw,
    )


class Block(NamedTuple):
    """The wire form of many entries that were read at once; `end` and `state` as those of a Step."""

    wire: bytes
    ids: list[bytes]
    end: int
    state: msgspec.Struct


class BlockReader(Protocol):
    """The two ways by which a format's fast face goes on from a place in a chunk, where an entry begins."""

    def block(self, at: int, size_bytes: int, most: int, state: msgspec.Struct) -> Block | None:
        """Read about size_bytes (0: one entry) of common entries, at most so many; None when one of them is odd."""

    def step(self, at: int, state: msgspec.Struct) -> Step:
        """Read one entry, or furniture alone, by the grammar."""


class _Written:
    """What was written of a chunk so far, up to `end`."""

    def __init__(self, end: int, state: msgspec.Struct) -> None:
        self.end, self.state = end, state
        self.wire: list[bytes] = []
        self.ids: list[bytes] = []
        self.size_bytes = self.raw_records = 0
        self.furniture_bytes = end

    def take(self, block: Block) -> None:
        self.wire.append(block.wire)
        self.size_bytes += len(block.wire)
        self.ids += block.ids
        self.end, self.state = block.end, block.state

    def step(self, step: Step) -> None:
        covered_bytes = 0
        if step.record is not None:
            self.wire.append(encode(step.record))
            self.size_bytes += len(self.wire[-1])
            self.ids.append(step.record.record_id.encode())
            self.raw_records += step.record.parse_status == "raw"
            covered_bytes = step.record.log_record_bytes
        self.furniture_bytes += step.end - self.end - covered_bytes
        self.end, self.state = step.end, step.state


BLOCK_BYTES = 192 * 1024  # some hundred entries: fewer pay more for each call, more leave the processor's caches
_SMALLEST_BYTES = 1024


def block_wire(
    reader: BlockReader, chunk: Chunk, at: int, state: msgspec.Struct, *, max_records: int, max_bytes: int
) -> Parsed:
    """Write a chunk from `at` on, block by block: smaller ones where entries are odd, one entry by the grammar at last.

    What stands before `at` is furniture.
    """
    done, size_bytes = _Written(at, state), BLOCK_BYTES
    while done.end < len(chunk.content) and len(done.ids) < max_records and done.size_bytes < max_bytes:
        most, room_bytes = max_records - len(done.ids), max_bytes - done.size_bytes
        block = reader.block(done.end, size_bytes, most, done.state)
        if block is not None and len(block.wire) > room_bytes:
            ends = list(accumulate(map(len, block.wire.splitlines(keepends=True))))
            block = reader.block(done.end, size_bytes, bisect_left(ends, room_bytes) + 1, done.state)
        if block is not None:
            done.take(block)
            size_bytes = min(max(2 * size_bytes, _SMALLEST_BYTES), BLOCK_BYTES)
        elif size_bytes:
            size_bytes = size_bytes // 8 if size_bytes > _SMALLEST_BYTES else 0
        else:
            done.step(reader.step(done.end, done.state))
    return Parsed(
        lines=Lines(b"".join(done.wire), len(done.ids)), ids=done.ids, end_offset=chunk.offset + done.end,
        context=msgspec.json.encode(done.state), furniture_bytes=done.furniture_bytes, raw_records=done.raw_records,
    )  # fmt: skip


class Format(Protocol):
    """One grammar, two faces (architecture.md §7). Called from many threads; holds no state between calls.

    `context` is what the format carries from entry to entry inside a segment (log-formats.md §2.2), encoded by the
    format itself, at most 2 KB; b"" at the segment's start (offset 0). Same bytes + same context = same result, for
    every cut of the chunk on entry borders.
    """

    name: str
    log_type: str

    def matches(self, engine: str, log_file_name: str) -> bool:
        """Tell whether the file, as RDS names it, has this format. engine "" (folder): by the name alone."""

    def looks_like(self, sample: bytes) -> float:
        """How sure the content (first 64 KiB) is of this format, 0.0 to 1.0; for files without a telling name."""

    def cut(self, buffer: bytes, *, final: bool, quiet: bool = False) -> int:
        """Return how many bytes from the start are whole entries (0: none yet). `buffer` starts on an entry border.

        final: the segment ends here, all bytes count. quiet: an end with the format's terminator counts as complete.
        Linear in len(buffer) at worst, cheap in the normal case (searches from the end).
        """

    def next_head(self, buffer: bytes, start: int) -> int:
        """Return the position >= start of the first entry head in `buffer`, or -1. For entries beyond the limit."""

    def entries(self, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:
        """Typed records, in file order: the readable face. Never raises, never drops a byte."""

    def ndjson(self, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
        """Wire bytes: the fast face. Equals `encode(entries(chunk))` line by line (REC-02).

        Stops behind the entry that reaches max_records or max_bytes (wire bytes); the caller goes on at end_offset.
        """


def _load() -> list[Format]:
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return [module.FORMAT for name in names if hasattr(module := importlib.import_module(f"{__name__}.{name}"), "FORMAT")]


@cache
def all_formats() -> tuple[Format, ...]:
    """All formats of this folder, by name."""
    return tuple(_load())


def format_of(engine: str, log_file_name: str) -> Format | None:
    """Find the format by engine and name; None for a file that is not collected (RDS-16)."""
    return next((one for one in all_formats() if one.matches(engine, log_file_name)), None)


def detect(sample: bytes) -> Format | None:
    """Find the format by content: the surest one, None when none is at least half sure."""
    best = max(all_formats(), key=lambda one: one.looks_like(sample), default=None)
    return best if best is not None and best.looks_like(sample) >= 0.5 else None


__all__ = ["Extent", "Format", "Origin", "Step", "all_formats", "detect", "format_of", "headed_spans", "identity", "wire"]

"""One module per log format, discovered; none imports another. A new format is one new file in this folder.

A format module offers a module-level object `FORMAT` that satisfies `Format`. It is pure: bytes in, records out,
no clock, no I/O, total (every byte ends in one record or is counted as furniture).
"""

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from functools import cache
from typing import NamedTuple, Protocol

import msgspec

from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import DB_SYSTEMS, LogRecord, encode


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


__all__ = ["Format", "Origin", "Step", "all_formats", "detect", "format_of", "identity", "wire"]

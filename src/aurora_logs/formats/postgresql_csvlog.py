"""PostgreSQL's csvlog of 23 columns (to version 12), 24 (13) and 26 (from 14 on): one row is one message.

A row begins at a line's start with a time, and ends at a line's end outside quotes with at least 23 columns; a line that
only looks like one inside a quoted field is that field's text. Where bytes are missing, the next whole row is the border.
"""

import re
from collections.abc import Iterator
from typing import Final

from aurora_logs.formats import (
    Extent,
    Origin,
    Step,
    borrowed_time,
    extent_of,
    frame,
    headed_spans,
    name_hour,
    raw_fields,
    wire,
)
from aurora_logs.postgresql.message import Reading
from aurora_logs.postgresql.record import DEFAULT_ENGINE, Carried, Clock, carried
from aurora_logs.postgresql.row import COLUMNS, row_record
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import LogRecord, PostgresRecord
from aurora_logs.sql.tokens import STAY
from aurora_logs.text import blank_end

_ENGINES = ("postgres", "aurora-postgresql")
_LEAST: Final = 23  # columns of a row
_STAMP_BYTES: Final = 80  # more than a stamp has
_STAMP = rb"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{3})? [^\s,\"]{1,40}(?=,)"
_INSIDE = rb"[^\"]*+(?:\"\"[^\"]*+|%b)*+" % STAY.encode()  # of a quoted field
_FIELDS = rb"(?:,(?:\"%b\"(?!\")|[^\",\r\n]*+(?!\"))|%b)" % (_INSIDE, STAY.encode())
_ROW = re.compile(rb"%b%b{%d,}+\r?(?:\n|\Z)" % (_STAMP, _FIELDS, _LEAST - 1))
_OPEN_ROW = re.compile(rb"%b%b*+(?:,\"%b\"?)?\r?\Z" % (_STAMP, _FIELDS, _INSIDE))  # more may follow
_LINE = re.compile(rb"\n(?=%b)" % _STAMP)
_CELL = re.compile(rb"(?:,|\A)(?:\"(%b)(?:\"|\Z)|([^\",\r\n]*+))" % _INSIDE)


def _is_row(content: bytes, at: int) -> bool:
    return _ROW.match(content, at) is not None


def _starts(content: bytes, at: int) -> Iterator[int]:
    """Yield the lines behind `at` that begin as rows do."""
    return (found.end() for found in _LINE.finditer(content, at))


def _next_border(content: bytes, at: int) -> int:
    """Return where the row at `at` ends; of other text, where the next row begins, -1 when there is none."""
    if row := _ROW.match(content, at):
        return row.end()
    return next((start for start in _starts(content, at) if _is_row(content, start)), -1)


def _ended(content: bytes, at: int) -> int:
    """Return where the row at `at` ends; 0 for other text, and for a row whose last line may go on."""
    row = _ROW.match(content, at)
    return row.end() if row and content.endswith(b"\n", at, row.end()) else 0


def _is_open(content: bytes, at: int) -> bool:
    """Tell whether the text at `at` may become a row by what follows; a line that ends before its stamp does may, too."""
    is_short = b"\n" not in content[at : at + _STAMP_BYTES] and at + _STAMP_BYTES > len(content)
    return is_short or _OPEN_ROW.match(content, at) is not None


def _settled_end(content: bytes) -> int:
    """Return the end of the last row that is one whatever follows.

    Rows are told from the front alone: a whole row may stand in a quoted field of another.
    """
    settled = at = 0
    while at >= 0 and (at := blank_end(content, at)) < len(content):
        if end := _ended(content, at):
            settled = at = end
        elif _is_open(content, at):
            break
        else:
            at = next((start for start in _starts(content, at) if _ended(content, start) or _is_open(content, start)), -1)
    return settled


class PostgresqlCsvlog:
    """The format (see `aurora_logs.formats.Format` for the contract of each method)."""

    name = "postgresql_csvlog"
    log_type = "postgresql"

    def matches(self, engine: str, log_file_name: str) -> bool:
        """Tell whether this is a csvlog by RDS's naming."""
        name = log_file_name.removesuffix(".gz")
        return name.startswith("error/postgresql.log") and name.endswith(".csv") and (not engine or engine in _ENGINES)

    def looks_like(self, sample: bytes) -> float:
        """Count on a row at the beginning; behind a lost beginning a row is less sure."""
        if _is_row(sample, blank_end(sample, 0)):
            return 0.97
        return 0.6 if self.next_head(sample, 1) > 0 else 0.0

    def cut(self, buffer: bytes, *, final: bool, quiet: bool = False) -> int:
        """Cut behind the last row whose last line has ended."""
        if final:
            return len(buffer)
        settled = _settled_end(buffer)
        rest = blank_end(buffer, settled)
        is_ended = buffer.endswith(b"\n") and (rest == len(buffer) or not _is_open(buffer, rest))
        return len(buffer) if quiet and is_ended else settled

    def next_head(self, buffer: bytes, start: int) -> int:
        """Find the next whole row."""
        if start == 0 and _is_row(buffer, 0):
            return 0
        return next((place for place in _starts(buffer, max(0, start - 1)) if _is_row(buffer, place)), -1)

    def entries(self, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:
        """Read each row by the grammar."""
        return (step.record for step in _walk(chunk, origin, carried(context)) if step.record is not None)

    def ndjson(self, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
        """Write the walk's records."""
        steps = _walk(chunk, origin, carried(context))
        return wire(steps, chunk, context, max_records=max_records, max_bytes=max_bytes)


def _walk(chunk: Chunk, origin: Origin, state: Carried) -> Iterator[Step]:
    content = chunk.content
    if chunk.cut_bytes:
        spans = iter([(0, len(content), len(content), re.match(_STAMP, content) is not None)])
    else:
        spans = headed_spans(content, 0, _is_row, _next_border)
    for start, stop, end, is_row in spans:
        record: PostgresRecord | None = None
        if is_row:
            record, state = _record(extent_of(chunk, start, stop), origin, state)
        elif stop > start:
            reason = "orphan tail" if state.is_inside else "no head"
            fields = raw_fields(extent_of(chunk, start, stop), origin, state.times, DEFAULT_ENGINE, reason)
            record = PostgresRecord(**fields)
        yield Step(record, end, state)


def _record(extent: Extent, origin: Origin, state: Carried) -> tuple[PostgresRecord, Carried]:
    text = extent.seen(origin)
    reading = Reading(is_redacting=origin.redaction != "off", entry_max_bytes=origin.entry_max_bytes)
    reading.fields |= frame(extent, origin, DEFAULT_ENGINE)
    if len(text) < extent.size_bytes:
        reading.errors.add("cut at limit")
    if text.endswith(b"\r\n"):
        text = text.replace(b"\r\n", b"\n")
    cells = [quoted.replace(b'""', b'"') or plain for quoted, plain in _CELL.findall(text)]
    clock = Clock(origin.zone, state.times, name_hour(origin), borrowed_time(origin, state.times))
    record, times = row_record(dict(zip(COLUMNS, cells, strict=False)), reading, clock)
    return record, Carried(times, is_inside=True)


FORMAT = PostgresqlCsvlog()

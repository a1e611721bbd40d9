"""The error log of MySQL 5.0 to 8.4, Percona Server, MariaDB and Aurora MySQL, also its JSON sink.

An entry is a line with a head and everything up to the next one; a deadlock's dump and an InnoDB monitor's output are
one entry each, whatever heads stand in them.
"""

from collections.abc import Iterator

import msgspec

from aurora_logs.formats import Origin, Step, extent_of, headed_spans, wire
from aurora_logs.formats.mysql_error.borders import begins_entry, entry_end, last_border, next_begin
from aurora_logs.formats.mysql_error.entry import Carried, entry_record, raw_record
from aurora_logs.formats.mysql_error.heads import Head, head_at
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import LogRecord

_ENGINES = ("mysql", "aurora-mysql", "aurora", "mariadb")
_LOOK_LINES = 200
_LABELS = ("system", "error", "warning", "note")
_OWN_WORDS = (b"InnoDB: ", b"mysqld", b"mariadbd", b"server_audit: ", b"Server socket created on")  # of messages without a label


class MysqlError:
    """The format (see `aurora_logs.formats.Format` for the contract of each method)."""

    name = "mysql_error"
    log_type = "error"

    def matches(self, engine: str, log_file_name: str) -> bool:
        """Tell whether this is an error log; `error/mysql-error.log` is the same text again and not collected."""
        is_named = log_file_name.startswith(("error/mysql-error-running.log", "error/mariadb-error"))
        return is_named and (not engine or engine in _ENGINES)

    def looks_like(self, sample: bytes) -> float:
        """Count the lines that only this log has, among those with a head: a dated line alone may be of any log."""
        lines = sample.split(b"\n")[:_LOOK_LINES]
        heads = [(line, head) for line in lines if (head := head_at(line, 0))]
        hits = sum(_is_own(line, head) for line, head in heads)
        parts = sum(line.startswith(_OWN_WORDS[0]) for line in lines)
        return 0.9 if hits and (hits + parts) * 2 >= len(heads) + parts else 0.0

    def cut(self, buffer: bytes, *, final: bool, quiet: bool = False) -> int:
        """Cut before the last head that surely begins an entry."""
        if final or (quiet and buffer.endswith(b"\n")):
            return len(buffer)
        return last_border(buffer)

    def next_head(self, buffer: bytes, start: int) -> int:
        """Find the next line with a head."""
        if start == 0 and begins_entry(buffer, 0):
            return 0
        return next_begin(buffer, start)

    def entries(self, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:
        """Read each entry by the grammar."""
        return (step.record for step in _walk(chunk, origin, context) if step.record is not None)

    def ndjson(self, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
        """Encode the entries."""
        return wire(_walk(chunk, origin, context), chunk, context, max_records=max_records, max_bytes=max_bytes)


def _is_own(line: bytes, head: Head) -> bool:
    """Tell whether a line with this head can only be of this log."""
    if head.label or head.is_signal or head.message is not None:
        return head.is_signal or head.message is not None or str(head.label).lower() in _LABELS
    return line.startswith(_OWN_WORDS, head.end)


def _walk(chunk: Chunk, origin: Origin, context: bytes) -> Iterator[Step]:
    state = msgspec.json.decode(context, type=Carried) if context else Carried()
    if chunk.cut_bytes:
        spans = iter([(0, len(chunk.content), len(chunk.content), begins_entry(chunk.content, 0))])
    else:
        spans = headed_spans(chunk.content, 0, begins_entry, lambda content, at: entry_end(content, at, whole=True))
    for start, stop, end, has_head in spans:
        record: LogRecord | None = None
        if stop > start:
            make = entry_record if has_head else raw_record
            record, state = make(extent_of(chunk, start, stop), origin, state)
        yield Step(record, end, state)


FORMAT = MysqlError()

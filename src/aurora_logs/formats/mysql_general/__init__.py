"""The general query log of MySQL 4.1 to 8.4 and MariaDB: commands of every connection, each with its database."""

from collections.abc import Iterator

import msgspec

from aurora_logs.formats import Origin, Step, extent_of, headed_spans, wire
from aurora_logs.formats.mysql_general.databases import Databases
from aurora_logs.formats.mysql_general.entry import Carried, entry_record, raw_record
from aurora_logs.formats.mysql_general.heads import entry_end, is_head, last_border, next_begin
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import LogRecord
from aurora_logs.text import furniture_cut, furniture_end

_ENGINES = ("mysql", "aurora-mysql", "aurora", "mariadb")
_SURE_LINES = 200


class MysqlGeneral:
    """The format (see `aurora_logs.formats.Format` for the contract of each method)."""

    name = "mysql_general"
    log_type = "general"

    def matches(self, engine: str, log_file_name: str) -> bool:
        """Tell whether this is a general log by RDS's naming."""
        return log_file_name.startswith("general/") and (not engine or engine in _ENGINES)

    def looks_like(self, sample: bytes) -> float:
        """Count on lines with thread and command behind a time or two TABs."""
        lines = sample.split(b"\n")[:_SURE_LINES]
        hits = sum(is_head(line, 0) for line in lines)
        return 0.95 if hits * 4 >= len(lines) else 0.6 if hits else 0.0

    def cut(self, buffer: bytes, *, final: bool, quiet: bool = False) -> int:
        """Cut before the last head; a server header at the end is whole by itself."""
        if final or (quiet and buffer.endswith(b"\n")):
            return len(buffer)
        return last_border(buffer) or furniture_cut(buffer)

    def next_head(self, buffer: bytes, start: int) -> int:
        """Find the next line with a full head."""
        return next_begin(buffer, start)

    def entries(self, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:
        """Read each entry by the grammar."""
        return (step.record for step in _walk(chunk, origin, context) if step.record is not None)

    def ndjson(self, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
        """Encode the entries."""
        return wire(_walk(chunk, origin, context), chunk, context, max_records=max_records, max_bytes=max_bytes)


def _walk(chunk: Chunk, origin: Origin, context: bytes) -> Iterator[Step]:
    state = msgspec.json.decode(context, type=Carried) if context else Carried()
    content = chunk.content
    if chunk.cut_bytes:
        spans = iter([(0, len(content), len(content), is_head(content, 0))])
    else:
        spans = headed_spans(content, 0, is_head, entry_end, furniture_end)
    for start, stop, end, has_head in spans:
        record: LogRecord | None = None
        if stop > start:
            make = entry_record if has_head else raw_record
            record = make(extent_of(chunk, start, stop), origin, state)
        if b" started with:" in content[stop:end]:  # the server was started anew: all connections are gone
            state.databases = Databases()
        yield Step(record, end, state)


FORMAT = MysqlGeneral()

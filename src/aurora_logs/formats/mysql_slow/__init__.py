"""The slow query log of MySQL, Percona Server and MariaDB: which files, where entries end, both faces."""

from collections.abc import Iterator

from aurora_logs.formats import RAW_RUN_BYTES, Origin
from aurora_logs.formats.mysql_slow import borders
from aurora_logs.formats.mysql_slow.fast import ndjson
from aurora_logs.formats.mysql_slow.walk import walk
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import LogRecord
from aurora_logs.text import furniture_cut, furniture_end, header_end, is_header_end, lines_within

_ENGINES = ("mysql", "aurora-mysql", "aurora", "mariadb")


class MysqlSlow:
    """The format (see `aurora_logs.formats.Format` for the contract of each method)."""

    name = "mysql_slow"
    log_type = "slowquery"

    def matches(self, engine: str, log_file_name: str) -> bool:
        """Tell whether this is a slow log by RDS's naming."""
        return log_file_name.startswith("slowquery/") and (not engine or engine in _ENGINES)

    def looks_like(self, sample: bytes) -> float:
        """Count on `# User@Host:` and `# Query_time:` lines."""
        padded = b"\n" + sample
        if b"\n# Query_time: " in padded or b"# User@Host: " in padded:
            return 0.95
        if header_end(sample, 0) > 0 and b"\tQuery\t" not in sample and b"\tConnect\t" not in sample:
            return 0.5
        return 0.6 if b"\n# administrator command: " in padded else 0.0

    def cut(self, buffer: bytes, *, final: bool, quiet: bool = False) -> int:
        """Cut behind the last entry that is whole beyond doubt."""
        if final or (quiet and (buffer.endswith((b";\n", b";\r\n")) or is_header_end(buffer))):
            return len(buffer)
        if border := borders.last_border(buffer):
            return border
        if furniture_end(buffer, 0):
            return furniture_cut(buffer)
        if borders.begins_entry(buffer, 0):
            stop = borders.entry_end(buffer, 0, whole=False)
            return stop if self._is_sure(buffer, stop) else 0
        stop = borders.raw_end(buffer, 0, whole=False)
        piece = lines_within(buffer, 0, len(buffer) if stop < 0 else stop, RAW_RUN_BYTES)
        return piece if piece < len(buffer) and (piece != stop or self._is_sure(buffer, stop)) else 0

    @staticmethod
    def _is_sure(buffer: bytes, stop: int) -> bool:
        """Tell whether the text before a border shows by itself that it is whole, or the border does."""
        text = buffer[: max(stop, 0)]
        return stop > 0 and (borders.is_terminated(text) or not borders.ends_open(text))

    def next_head(self, buffer: bytes, start: int) -> int:
        """Find the next head that stands behind `;`, or is a full one."""
        return borders.next_border(buffer, start)

    def entries(self, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:
        """Read each entry by the grammar."""
        return (step.record for step in walk(chunk, origin, context) if step.record is not None)

    def ndjson(self, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
        """Slice and template, with the walk for everything that is not of the common shape."""
        return ndjson(chunk, origin, context, max_records=max_records, max_bytes=max_bytes)


FORMAT = MysqlSlow()

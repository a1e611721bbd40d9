"""PostgreSQL's stderr log with the prefix of RDS and Aurora, or the server's built-in one; sub-lines are folded.

A message and the lines of its process directly behind it (DETAIL, HINT, CONTEXT, STATEMENT…) are one entry. Other
prefixes are not here.
"""

from collections.abc import Iterator

from aurora_logs.formats import Origin
from aurora_logs.formats.postgresql_stderr.fast import ndjson
from aurora_logs.formats.postgresql_stderr.prefix import LINE, START, Prefix, prefix_at
from aurora_logs.formats.postgresql_stderr.walk import walk
from aurora_logs.postgresql.record import carried
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import LogRecord

_ENGINES = ("postgres", "aurora-postgresql")


class PostgresqlStderr:
    """The format (see `aurora_logs.formats.Format` for the contract of each method)."""

    name = "postgresql_stderr"
    log_type = "postgresql"

    def matches(self, engine: str, log_file_name: str) -> bool:
        """Tell whether this is a stderr log by RDS's naming; csv and json files are other formats."""
        name = log_file_name.removesuffix(".gz")
        is_named = name.startswith("error/postgresql.log") or name == "error/postgres.log"
        return is_named and not name.endswith((".csv", ".json")) and (not engine or engine in _ENGINES)

    def looks_like(self, sample: bytes) -> float:
        """Count on prefixed lines."""
        lines = [line for line in sample.split(b"\n")[:200] if line[:1].isdigit()]
        hits = sum(prefix_at(line, 0) is not None for line in lines)
        return 0.95 if hits and hits * 2 >= len(lines) else 0.0

    def cut(self, buffer: bytes, *, final: bool, quiet: bool = False) -> int:
        """Cut before the last main line."""
        if final or (quiet and buffer.endswith(b"\n")):
            return len(buffer)
        at = len(buffer)
        while (at := buffer.rfind(b"\n", 0, at)) > 0:
            if (prefix := _main_at(buffer, at + 1)) and prefix.end < len(buffer):
                return at + 1
        return 0

    def next_head(self, buffer: bytes, start: int) -> int:
        """Find the next main line."""
        if start == 0 and _main_at(buffer, 0):
            return 0
        places = (found.end() for found in LINE.finditer(buffer, max(0, start - 1)))
        return next((place for place in places if _main_at(buffer, place)), -1)

    def entries(self, chunk: Chunk, origin: Origin, context: bytes) -> Iterator[LogRecord]:
        """Read each entry by the grammar."""
        return (step.record for step in walk(chunk, 0, origin, carried(context)) if step.record is not None)

    def ndjson(self, chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
        """Write blocks of statements with their durations, and of errors; all else goes through the walk."""
        return ndjson(chunk, origin, context, max_records=max_records, max_bytes=max_bytes)


def _main_at(content: bytes, at: int) -> Prefix | None:
    prefix = prefix_at(content, at) if START.match(content, at) else None
    return None if prefix is None or prefix.is_sub else prefix


FORMAT = PostgresqlStderr()

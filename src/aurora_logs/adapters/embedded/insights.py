"""Questions about delivered records, answered by DuckDB over the files; each record id counts once. Nothing is written.

A connection lives for one question and opens no database file, so that commands work beside a collector. What a
question may touch is settled before it runs: the listed files, no other file, no network, no settings.
"""

import re
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from aurora_logs.adapters.embedded.batch_files import StreamFiles, stream_files
from aurora_logs.adapters.embedded.columns import file_patterns, sql_columns, sql_list, stream_columns
from aurora_logs.adapters.embedded.directory import DataDirectory
from aurora_logs.errors import AuroraLogsError, ConfigError, Permanent, TimedOut, Unreachable
from aurora_logs.records.insight import Statement, Table, Volume
from aurora_logs.records.log_record import STREAMS

if TYPE_CHECKING:
    import duckdb

# ruff: noqa: S608 -- names come from constants; values are bound, and what a person types runs in the closed connection

T = TypeVar("T")
_EXPLAIN = re.compile(r"\A\s*EXPLAIN\b(\s+ANALYZE\b)?", re.IGNORECASE)

MEMORY_LIMIT = "1GB"  # of one question; nothing is spilled to disk
LOOKS = 5  # compaction may remove a listed file once; a question is then asked again over the new files
FETCH_ROWS = 2_000
INTERRUPT_EVERY_SEC = 0.1  # one interrupt could strike between two statements and be lost
LIMIT_SEC = 60.0  # of the questions that commands ask by themselves
WHAT_THERE_IS = "see the tables and columns: aurora-logs query 'SHOW ALL TABLES'"


class DuckDbInsights:
    """Insights over a data directory. Called from any thread, also of other processes than the collector.

    Raises: NotFound, at the start, for a directory in which nothing was ever collected.
    """

    def __init__(self, directory: DataDirectory) -> None:
        directory.require()
        self._directory = directory

    def query(self, sql: str, *, limit_sec: float, max_rows: int) -> Table:
        """Answer one reading statement over the streams as tables.

        Raises: Permanent (not one reading statement, or DuckDB refuses it), ConfigError (a stored file is damaged), TimedOut,
        Unreachable.
        """
        return self._ask(lambda connection: _table(connection, _one_reading_statement(connection, sql), (), max_rows),
                         limit_sec)

    def search(self, text: str, *, log_types: tuple[str, ...] = (), instance_id: str = "", user_name: str = "",
               since_us: int = 0, until_us: int = 1 << 62, limit: int = 100) -> Table:
        """Find records whose text contains `text` (any case), newest first; all common columns."""
        chosen = [STREAMS[log_type] for log_type in log_types or STREAMS]
        common = [name for name in stream_columns("") if name not in ("body", "db_query_text")]
        names = ", ".join(f'"{name}"' for name in [*common, "body", "db_query_text"])
        union = " UNION ALL ".join(f"SELECT {names} FROM {stream}" for stream in chosen)
        sql = (f"SELECT * FROM ({union}) WHERE _timestamp BETWEEN ? AND ? AND (? = '' OR instance_id = ?) AND (? = '' OR user_name"
               " = ?) AND (? = '' OR contains(lower(concat_ws(chr(10), body, db_query_text)), lower(?)))"
               " ORDER BY _timestamp DESC, record_id")
        values = (since_us, until_us, instance_id, instance_id, user_name, user_name, text, text)
        return self._ask(lambda connection: _table(connection, sql, values, limit), LIMIT_SEC)

    def volumes(self) -> list[Volume]:
        """Return what is stored, by instance and log type."""
        union = " UNION ALL ".join(
            f"SELECT instance_id, '{log_type}' AS log_type, count(*), sum(log_record_bytes)::BIGINT, min(_timestamp),"
            f" max(_timestamp) FROM {stream} GROUP BY instance_id" for log_type, stream in STREAMS.items())
        rows = self._ask(lambda connection: connection.execute(f"{union} ORDER BY 1, 2").fetchall(), LIMIT_SEC)
        return [Volume(instance_id=row[0], log_type=row[1], records=row[2], log_bytes=row[3] or 0, oldest_us=row[4],
                       newest_us=row[5]) for row in rows]

    def newest(self, instance_id: str) -> dict[str, int]:
        """Return the time of an instance's newest record by log type, microseconds since 1970."""
        return {volume.log_type: volume.newest_us for volume in self.volumes() if volume.instance_id == instance_id}

    def fold_statements(self, start: Callable[[], T], add: Callable[[T, list[Statement]], None], *,
                        instance_id: str = "", since_us: int = 0, until_us: int = 1 << 62,
                        limit_sec: float = LIMIT_SEC) -> T:
        """Pass all statements with a duration to `add`, in lists of some thousand, and return what `start` made.

        start: makes an empty total; called again when files moved in the middle and the reading begins anew.
        """
        columns = ("instance_id", "engine", "db_system_name", "db_namespace", "_timestamp", "db_query_text", "duration_sec",
                   "lock_time_sec", "db_response_returned_rows", "db_rows_examined")
        union = " UNION ALL ".join(
            f"SELECT {', '.join(columns)} FROM {STREAMS[log_type]} WHERE db_query_text IS NOT NULL AND duration_sec IS NOT"
            " NULL AND _timestamp BETWEEN $since AND $until AND ($instance = '' OR instance_id = $instance)"
            for log_type in ("slowquery", "postgresql"))
        values = {"since": since_us, "until": until_us, "instance": instance_id}

        def fold(connection: "duckdb.DuckDBPyConnection") -> T:
            total = start()
            answer = connection.execute(union, values)
            while rows := answer.fetchmany(FETCH_ROWS):
                add(total, [_statement(row) for row in rows])
            return total

        return self._ask(fold, limit_sec)

    def _ask(self, question: "Callable[[duckdb.DuckDBPyConnection], T]", limit_sec: float) -> T:
        """Ask in a fresh, closed connection; again when a file went away between listing and reading."""
        import duckdb  # noqa: PLC0415 -- 0.15 s of CPU that most commands need not pay

        for _ in range(LOOKS):
            listed = {log_type: stream_files(self._directory, stream) for log_type, stream in STREAMS.items()}
            with duckdb.connect(config={"memory_limit": MEMORY_LIMIT, "autoload_known_extensions": False,
                                        "autoinstall_known_extensions": False}) as connection:
                try:
                    return _within(connection, limit_sec, partial(_answer, connection, listed, question))
                except duckdb.InterruptException as exc:
                    raise TimedOut(f"the query took longer than {limit_sec:g} s",
                                   hint="narrow it by time or instance, or raise its time limit") from exc
                except duckdb.Error as exc:
                    paths = [path for files in listed.values() for path in _paths(files)]
                    if all(path.exists() for path in paths):
                        raise _refusal(exc, paths) from exc
        raise Unreachable("the files changed too often while they were read")


def _answer(connection: "duckdb.DuckDBPyConnection", listed: dict[str, StreamFiles],
            question: "Callable[[duckdb.DuckDBPyConnection], T]") -> T:
    _open_streams(connection, listed)
    return question(connection)


def _open_streams(connection: "duckdb.DuckDBPyConnection", listed: dict[str, StreamFiles]) -> None:
    """Create a view per stream, then close the connection to everything but the files behind the views."""
    for log_type, files in listed.items():
        connection.execute(_view(STREAMS[log_type], stream_columns(log_type), files))
    paths = [path for files in listed.values() for path in _paths(files)]
    connection.execute("SET temp_directory = ''")
    connection.execute(f"SET allowed_paths = {sql_list(map(str, paths))} || {file_patterns(paths)}")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")


def _view(stream: str, columns: dict[str, str], files: StreamFiles) -> str:
    """Return the view: all columns of the schema, whatever the files hold, and each record id once."""
    typed = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in columns.items())
    parts = [f"SELECT {typed} WHERE false"]
    if files.manifests:
        parts.append(f"SELECT * FROM read_parquet({file_patterns(files.manifests)}, union_by_name = true)")
    if files.batches:
        parts.append(f"SELECT * FROM read_json({file_patterns(files.batches)}, format = 'newline_delimited',"
                     f" columns = {sql_columns(columns)})")
    # Where no two batches cover a common range, no id can stand twice, and the search for doubles is left out.
    once = " QUALIFY row_number() OVER (PARTITION BY record_id) = 1" if files.may_repeat() else ""
    return f"CREATE VIEW {stream} AS SELECT * FROM ({' UNION ALL BY NAME '.join(parts)}){once}"


def _one_reading_statement(connection: "duckdb.DuckDBPyConnection", sql: str) -> str:
    kinds = _kinds(connection, sql)
    if kinds == ["EXPLAIN"]:
        # EXPLAIN ANALYZE runs what it explains: that must read as well.
        kinds = _kinds(connection, _EXPLAIN.sub("", sql))
    if kinds != ["SELECT"]:
        raise Permanent(f"one reading statement is answered, not {', '.join(kinds) or 'none'}",
                        hint="SELECT, WITH, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN of these read")
    return sql


def _kinds(connection: "duckdb.DuckDBPyConnection", sql: str) -> list[str]:
    """Name the statements of a text as DuckDB does: WITH, FROM, VALUES, DESCRIBE, SHOW and SUMMARIZE are SELECT too."""
    return [statement.type.name for statement in connection.extract_statements(sql)]


def _table(connection: "duckdb.DuckDBPyConnection", sql: str, values: tuple[object, ...], max_rows: int) -> Table:
    """Run a statement; times with a zone come as text, since DuckDB needs a library for them that we don't have."""
    answer = connection.execute(sql, values)
    zoned = [column[0] for column in answer.description if "WITH TIME ZONE" in str(column[1])]
    if zoned:
        casts = ", ".join(f'CAST("{name}" AS VARCHAR) AS "{name}"' for name in zoned)
        answer = connection.execute(f"SELECT * REPLACE ({casts}) FROM ({sql.rstrip().rstrip(';')})", values)
    columns = [str(column[0]) for column in answer.description]
    kinds = [str(column[1]) for column in answer.description]
    rows = answer.fetchmany(max_rows + 1)
    return Table(columns=columns, types=kinds, rows=rows[:max_rows], cut=len(rows) > max_rows)


def _statement(row: tuple[Any, ...]) -> Statement:
    return Statement(**dict(zip(Statement.__struct_fields__, row, strict=True)))


def _within(connection: "duckdb.DuckDBPyConnection", limit_sec: float, work: Callable[[], T]) -> T:
    """Do work on a connection in a thread of its own; interrupt it when the time is over, or the caller is.

    A signal reaches the caller only while it waits in Python: DuckDB looks for one far too seldom.
    """
    answer: list[Callable[[], T]] = []
    is_done = threading.Event()

    def do() -> None:
        answer.append(_done(work))
        is_done.set()

    threading.Thread(target=do, name="query", daemon=True).start()
    try:
        is_done.wait(limit_sec)  # no join: a signal in it makes Python 3.11 take the thread for ended
    finally:
        while not is_done.is_set():
            connection.interrupt()
            is_done.wait(INTERRUPT_EVERY_SEC)
    return answer[0]()


def _done(work: Callable[[], T]) -> Callable[[], T]:
    """Do the work here; what it came to, answer or error, comes when the result is called."""
    try:
        found = work()
    except BaseException as exc:  # noqa: BLE001 - raised again where somebody waits for the answer
        error = exc

        def fail() -> T:
            raise error

        return fail
    return lambda: found


def _paths(files: StreamFiles) -> Iterator[Path]:
    yield from files.batches
    yield from files.manifests


def _refusal(exc: Exception, paths: list[Path]) -> AuroraLogsError:
    """Tell a stored file that is damaged from a statement that does not fit."""
    if any(str(path) in str(exc) for path in paths):
        return ConfigError(f"a stored file is damaged: {_first_lines(exc)}", hint="restore it from a copy, or move it away: what it "
                           "held is missing until its log file is read again")
    return Permanent(_first_lines(exc), hint=WHAT_THERE_IS)


def _first_lines(exc: Exception) -> str:
    return " ".join(str(exc).split("\n\n")[0].split())[:500]

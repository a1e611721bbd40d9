"""`_search`: the SQL subset over a stream's lines, answered by DuckDB, with the server's own semantics (sheet 6.3, 8.1).

The time range belongs to every table that is read; `size` beats the statement's LIMIT; an unknown stream and a column
that can't be read are answers with status 200 that say `is_partial`.
"""

from __future__ import annotations

import contextlib
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from aurora_logs_simulator.openobserve.columns import BOOLEAN, FLOAT64, INT64, UINT64, UTF8
from aurora_logs_simulator.openobserve.profile import HOUR_US
from aurora_logs_simulator.openobserve.sql import MACROS, Statement
from aurora_logs_simulator.openobserve.stream import Stream

if TYPE_CHECKING:
    import duckdb

_DUCKDB_TYPES = {UTF8: "VARCHAR", INT64: "BIGINT", UINT64: "UBIGINT", FLOAT64: "DOUBLE", BOOLEAN: "BOOLEAN"}
_PATTERN_SIGNS = re.compile(r"[\[*?]")
_OBJECT_BYTES = 16_777_216
MEMORY_LIMIT = "512MB"


class Query(msgspec.Struct, kw_only=True):
    """The member `query` of a search; times in microseconds."""

    sql: str
    start_time: int = 0
    end_time: int = 0
    offset: int = msgspec.field(name="from", default=0)
    size: int | None = None


class SearchRequest(msgspec.Struct, kw_only=True):
    """The body of a search."""

    query: Query
    search_type: str = "ui"
    timeout: int = 0


class SearchError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, code: int, message: str) -> None:
        """`code` is the server's own number of the error."""
        super().__init__(message)
        self.status, self.code = status, code


class Found(msgspec.Struct, kw_only=True):
    """What a search came to."""

    hits: list[dict[str, object]]
    is_partial: bool = False
    function_error: list[str] = []
    new_start_time: int | None = None
    new_end_time: int | None = None


class Search:
    """One search: it is made under the world's lock, run beside other requests, and closed in the end."""

    def __init__(self, streams: dict[str, Stream], query: Query, *, default_size: int, until_us: int) -> None:
        """Look at what had been stored by `until_us`. Raises: SearchError."""
        if query.end_time < query.start_time:
            raise SearchError(400, 20001, "start_time should be less than or equal to end_time")
        self.found = Found(hits=[])
        self._files = contextlib.ExitStack()
        self._views: list[str] = []
        self._allowed: list[Path] = []
        statement = Statement(query.sql)
        tables = statement.tables()
        unknown = [name for name in tables if name not in streams]
        self.is_over = bool(unknown)
        if unknown:
            self.found = Found(hits=[], is_partial=True, function_error=[f"Stream not found {unknown[0]}"])
            return
        size = default_size if query.size is None else query.size
        self._size, self._offset = (size if size > 0 else None), query.offset
        self._open([streams[name] for name in tables], query, until_us)
        keys = [name for table in tables for name in streams[table].full_text_columns()]
        self._text = statement.text(keys, keeps_limit=size <= 0)

    def run(self) -> Found:
        """Return what was found. Raises: SearchError."""
        import duckdb  # noqa: PLC0415 - a server that is never searched starts without it

        if self.is_over:
            return self.found
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": 1, "memory_limit": MEMORY_LIMIT, "integer_division": True,
            "default_null_order": "nulls_last_on_asc_first_on_desc", "autoload_known_extensions": False,
            "autoinstall_known_extensions": False}  # fmt: skip
        with duckdb.connect(config=config) as connection:
            listed = ", ".join(_text(str(path)) for path in self._allowed)
            patterns = f"[{listed}]::VARCHAR[] || [{_patterns(self._allowed)}]::VARCHAR[]"
            for step in (*self._views, *MACROS, "SET temp_directory = ''", f"SET allowed_paths = {patterns}",
                         "SET enable_external_access = false", "SET lock_configuration = true"):
                connection.execute(step)
            _answer(connection, self._text, self._offset, self._size, self.found)
        return self.found

    def close(self) -> None:
        """Give the files back."""
        self._files.close()

    def _open(self, read: list[Stream], query: Query, until_us: int) -> None:
        start_us = _within_range(read, query, self.found)
        for stream in read:
            paths = self._files.enter_context(stream.rows.files(start_us, query.end_time, until_us))
            self._views.append(_view(stream, paths, start_us, query.end_time))
            self._allowed += paths


def _within_range(read: list[Stream], query: Query, found: Found) -> int:
    """Return where the range begins: a stream may allow less than was asked, and moves the start."""
    hours = min((one.schema.settings.max_query_range for one in read if one.schema.settings.max_query_range), default=0)
    if not hours or query.end_time - query.start_time <= hours * HOUR_US:
        return query.start_time
    found.new_start_time, found.new_end_time = query.end_time - hours * HOUR_US, query.end_time
    found.function_error.append(f"Query duration is modified due to query range restriction of {hours} hours")
    return found.new_start_time


def _answer(connection: duckdb.DuckDBPyConnection, text: str, offset: int, size: int | None, found: Found) -> None:
    import duckdb  # noqa: PLC0415 - as above

    try:
        cursor = connection.execute(text)
        names = [str(column[0]) for column in cursor.description or ()]
        if offset:
            cursor.fetchmany(offset)
        rows = cursor.fetchall() if size is None else cursor.fetchmany(size)
    except duckdb.BinderException as exc:
        missing = re.search(r'Referenced column "([^"]+)" not found', str(exc))
        if missing is None:
            raise SearchError(500, 20008, f"Search SQL execute error: {_first(exc)}") from exc
        raise SearchError(400, 20008, f"Search field not found: {missing[1]}") from exc
    except (duckdb.InvalidInputException, duckdb.ConversionException) as exc:
        value = re.search(r'"([^"]*)"[^"]*$', _first(exc))
        found.is_partial = True
        found.function_error.append(f"Cannot cast string '{value[1] if value else ''}' to value of Int64 type")
        return
    except duckdb.Error as exc:
        raise SearchError(500, 20001, f"Search SQL not valid: {_first(exc)}") from exc
    found.hits = [{name: value for name, value in zip(names, row, strict=True) if _is_said(value)} for row in rows]


def _is_said(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _view(stream: Stream, paths: list[Path], start_us: int, end_us: int) -> str:
    kinds = {name: _DUCKDB_TYPES[kind] for name, kind in stream.schema.columns.items()}
    if paths:
        listed = ", ".join(f"{_text(name)}: {_text(kind)}" for name, kind in kinds.items())
        object_bytes = max(_OBJECT_BYTES, stream.rows.largest_bytes())
        rows = (f"SELECT * FROM read_json([{_patterns(paths)}], format = 'newline_delimited', columns = {{{listed}}},"  # noqa: S608 - names and paths are quoted
                f" maximum_object_size = {object_bytes})")
    else:
        empty = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in kinds.items())
        rows = f"SELECT {empty} WHERE false"
    return (f'CREATE VIEW "{stream.name}" AS SELECT * FROM ({rows}) WHERE _timestamp >= {start_us}'  # noqa: S608 - as above
            f" AND _timestamp < {end_us}")


def _patterns(paths: list[Path]) -> str:
    return ", ".join(_text(_PATTERN_SIGNS.sub(r"[\g<0>]", str(path))) for path in paths)


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _first(exc: Exception) -> str:
    return " ".join(str(exc).split("\n\n")[0].split())[:500]

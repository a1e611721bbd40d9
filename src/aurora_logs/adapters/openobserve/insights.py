"""Questions about delivered records, answered by OpenObserve; in our own questions each record id counts once.

What a person asks in SQL (`query`) is passed on: OpenObserve keeps every physical copy, so such a statement counts
`DISTINCT record_id` where it counts. Time is bounded by what the server keeps.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from aurora_logs.adapters.openobserve.columns import stream_columns
from aurora_logs.adapters.openobserve.queries import Refused, Searcher, Shortened, StreamUnknown, quoted
from aurora_logs.adapters.openobserve.select_list import NotReadingError, Statement, reading_statement
from aurora_logs.adapters.openobserve.streams import Streams
from aurora_logs.adapters.openobserve.window import HOUR_US
from aurora_logs.errors import Permanent, TimedOut
from aurora_logs.ports import Clock
from aurora_logs.records.insight import Statement as LoggedStatement
from aurora_logs.records.insight import Table, Volume
from aurora_logs.records.log_record import STREAMS

T = TypeVar("T")

# ruff: noqa: S608 -- names are our own constants and values are quoted; what a person types runs with the account's rights

BEGIN_US = 1  # 0 is no time to OpenObserve
AHEAD_US = 25 * HOUR_US
PAGE_ROWS = 2_000
LIMIT_SEC = 60.0
_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE"}
_STATEMENTS = {
    "instance_id": "instance_id", "engine": "engine", "db_system_name": "db_system_name", "db_namespace": "db_namespace",
    "_timestamp": "timestamp_us", "db_query_text": "db_query_text", "duration_sec": "duration_sec",
    "lock_time_sec": "lock_time_sec", "db_response_returned_rows": "db_response_returned_rows",
    "db_rows_examined": "db_rows_examined",
}
_NEEDED = ("instance_id", "engine", "db_system_name", "_timestamp", "db_query_text", "duration_sec")


class OpenObserveInsights:
    """Insights. Called from any thread."""

    def __init__(self, searcher: Searcher, streams: Streams, clock: Clock) -> None:
        self._searcher, self._streams, self._clock = searcher, streams, clock

    def query(self, sql: str, *, limit_sec: float, max_rows: int) -> Table:
        """Pass one reading statement on. Raises: Permanent, TimedOut, Unreachable, AccessDenied."""
        try:
            statement = reading_statement(sql)
        except NotReadingError as exc:
            raise Permanent(f"{exc}", hint="aurora-logs query 'SELECT count(DISTINCT record_id) AS n FROM aurora_slowquery_logs'") \
                from exc
        with _translated(limit_sec):
            hits = self._searcher.hits(statement.sql, BEGIN_US, self._end_us(), size=max_rows + 1, limit_sec=limit_sec)
        return _table(statement, hits, max_rows)

    def search(self, text: str, *, log_types: tuple[str, ...] = (), instance_id: str = "", user_name: str = "",
               since_us: int = 0, until_us: int = 1 << 62, limit: int = 100) -> Table:
        """Find records whose text contains `text` (any case), newest first; all common columns."""
        names = [name for name in stream_columns("") if name not in ("body", "db_query_text")] + ["body", "db_query_text"]
        rows: list[dict[str, Any]] = []
        span_us = max(since_us, BEGIN_US), min(until_us + 1, self._end_us())
        wanted = {"instance_id": instance_id, "user_name": user_name}
        for log_type in log_types or tuple(STREAMS):
            rows += self._searched(log_type, names, text, wanted, span_us, limit + 1)
        rows.sort(key=lambda row: (-row["_timestamp"], row["record_id"]))
        found = [tuple(row.get(name) for name in names) for row in rows[:limit + 1]]
        kinds = [_SHOWN[kind] for kind in map(stream_columns("").__getitem__, names)]
        return Table(columns=names, types=kinds, rows=found[:limit], cut=len(found) > limit)

    def volumes(self) -> list[Volume]:
        """Return what is stored, by instance and log type."""
        found: list[Volume] = []
        for log_type, stream in STREAMS.items():
            once = (f'SELECT record_id, max(instance_id) AS instance_id, max(log_record_bytes) AS size, min(_timestamp) AS first_us,'
                    f' max(_timestamp) AS last_us FROM "{stream}" GROUP BY record_id')
            sql = (f"SELECT instance_id, count(*) AS records, sum(size) AS log_bytes, min(first_us) AS oldest_us, max(last_us)"
                   f" AS newest_us FROM ({once}) AS once GROUP BY instance_id ORDER BY instance_id")
            found += [Volume(instance_id=row["instance_id"], log_type=log_type, records=row["records"],
                             log_bytes=row.get("log_bytes") or 0, oldest_us=row["oldest_us"], newest_us=row["newest_us"])
                      for row in self._hits(stream, sql, BEGIN_US, self._end_us(), PAGE_ROWS * 10, LIMIT_SEC)]
        return sorted(found, key=lambda one: (one.instance_id, one.log_type))

    def newest(self, instance_id: str) -> dict[str, int]:
        """Return the time of an instance's newest record by log type, microseconds since 1970."""
        found = {}
        for log_type, stream in STREAMS.items():
            sql = f'SELECT max(_timestamp) AS newest_us FROM "{stream}" WHERE instance_id = {quoted(instance_id)}'
            for row in self._hits(stream, sql, BEGIN_US, self._end_us(), 1, LIMIT_SEC):
                if row.get("newest_us") is not None:
                    found[log_type] = row["newest_us"]
        return found

    def fold_statements(self, start: Callable[[], T], add: Callable[[T, list[LoggedStatement]], None], *,
                        instance_id: str = "", since_us: int = 0, until_us: int = 1 << 62, limit_sec: float = LIMIT_SEC) -> T:
        """Pass all statements with a duration to `add`, in lists of some thousand, and return what `start` made."""
        total = start()
        begin_us, end_us = max(since_us, BEGIN_US), min(until_us + 1, self._end_us())
        for log_type in ("slowquery", "postgresql"):
            state = self._streams.state(STREAMS[log_type])
            if state is None or not all(name in state.columns for name in _NEEDED):
                continue
            names = [name for name in _STATEMENTS if name in state.columns]
            where = "db_query_text IS NOT NULL AND duration_sec IS NOT NULL"
            if instance_id:
                where += f" AND instance_id = {quoted(instance_id)}"
            for rows in self._sliced(state.name, names, where, begin_us, end_us, limit_sec):
                add(total, [_statement(row) for row in rows])
        return total

    def _sliced(self, stream: str, names: list[str], where: str, begin_us: int, end_us: int,
                limit_sec: float) -> Iterator[list[dict[str, Any]]]:
        """Give all rows, each record once, in slices of time that hold no more than a page; a full one is halved."""
        count = f'SELECT count(*) AS rows, min(_timestamp) AS first_us, max(_timestamp) AS last_us FROM "{stream}" WHERE {where}'
        (found,) = self._hits(stream, count, begin_us, end_us, 1, limit_sec) or [{"rows": 0}]
        if not found["rows"]:
            return
        begin_us, end_us = found["first_us"], found["last_us"] + 1
        if found["rows"] > PAGE_ROWS and end_us - begin_us > 1:
            middle_us = (begin_us + end_us) // 2
            yield from self._sliced(stream, names, where, begin_us, middle_us, limit_sec)
            yield from self._sliced(stream, names, where, middle_us, end_us, limit_sec)
            return
        sql = f'SELECT record_id, {", ".join(names)} FROM "{stream}" WHERE {where}'
        # More may have come meanwhile; so much more that it would not fit is read by the next question.
        rows = self._hits(stream, sql, begin_us, end_us, found["rows"] * 2 + PAGE_ROWS, limit_sec)
        yield list({row["record_id"]: row for row in rows}.values())

    def _searched(self, log_type: str, names: list[str], text: str, wanted: dict[str, str], span_us: tuple[int, int],
                  most: int) -> list[dict[str, Any]]:
        """Return the newest `most` records of one stream, each once."""
        stream = STREAMS[log_type]
        state = self._streams.state(stream)
        asked = [name for name, value in wanted.items() if value]
        if state is None or not all(name in state.columns for name in ("record_id", *asked)):
            return []
        where = [f"{name} = {quoted(wanted[name])}" for name in asked]
        if text:
            texts = [name for name in ("body", "db_query_text") if name in state.columns]
            looks = [f"strpos(lower(coalesce({name}, '')), lower({quoted(text)})) > 0" for name in texts]
            where.append(f"({' OR '.join(looks) or 'false'})")
        known = ", ".join(name for name in names if name in state.columns)
        condition = f" WHERE {' AND '.join(where)}" if where else ""
        sql = f'SELECT {known} FROM "{stream}"{condition} ORDER BY _timestamp DESC, record_id'
        found: dict[str, dict[str, Any]] = {}
        offset = 0
        while True:
            hits = self._hits(stream, sql, *span_us, most, LIMIT_SEC, offset=offset)
            found |= {hit["record_id"]: hit for hit in hits}
            offset += len(hits)
            if len(found) >= most or len(hits) < most:
                return list(found.values())[:most]

    def _hits(self, stream: str, sql: str, start_us: int, end_us: int, size: int, limit_sec: float, *,
              offset: int = 0) -> list[dict[str, Any]]:
        """Ask for rows of one of our streams; one that is not there has none."""
        if end_us <= start_us:
            return []
        with _translated(limit_sec):
            try:
                return self._searcher.hits(sql, start_us, end_us, size=size, limit_sec=limit_sec, offset=offset)
            except StreamUnknown:
                if self._streams.is_listed(stream):
                    raise
                return []

    def _end_us(self) -> int:
        return self._clock.now_us() + AHEAD_US


_SHOWN = {"Utf8": "VARCHAR", "Int64": "BIGINT", "Float64": "DOUBLE", "Boolean": "BOOLEAN"}


@contextlib.contextmanager
def _translated(limit_sec: float) -> Iterator[None]:
    try:
        yield
    except TimedOut as exc:
        raise TimedOut(f"the query took longer than {limit_sec:g} s", hint="narrow it by time or instance, or raise its time "
                       "limit") from exc
    except StreamUnknown as exc:
        raise Permanent(str(exc), hint=f"the streams are {', '.join(STREAMS.values())}") from exc
    except Refused as exc:
        raise Permanent(str(exc), hint="see the columns: aurora-logs query 'SELECT * FROM aurora_slowquery_logs' --limit 1") from exc
    except Shortened as exc:
        raise Permanent(str(exc), hint="raise max_query_range of the stream in OpenObserve, or ask there") from exc


def _statement(row: dict[str, Any]) -> LoggedStatement:
    return LoggedStatement(**{field: row.get(name) for name, field in _STATEMENTS.items()})  # type: ignore[arg-type]  # the needed ones are there


def _table(statement: Statement, hits: list[dict[str, Any]], max_rows: int) -> Table:
    columns = [(column.key, column.shown) for column in statement.columns if column.key != "*"]
    if len(columns) < len(statement.columns):
        known = [key for key, _ in columns]
        columns = [(key, key) for key in _all_keys(hits) if key not in known] + columns
    rows = [tuple(hit.get(key) for key, _ in columns) for hit in hits[:max_rows]]
    kinds = [_kind([row[place] for row in rows]) for place in range(len(columns))]
    return Table(columns=[shown for _, shown in columns], types=kinds, rows=rows, cut=len(hits) > max_rows)


def _all_keys(hits: list[dict[str, Any]]) -> list[str]:
    """Return all keys of some rows, those of our schema first and in its order."""
    keys = dict.fromkeys(key for hit in hits for key in hit)
    ours = dict.fromkeys(name for log_type in ("", *STREAMS) for name in stream_columns(log_type))
    return [name for name in ours if name in keys] + [key for key in keys if key not in ours]


def _kind(values: list[object]) -> str:
    return next((_TYPES.get(type(value), "VARCHAR") for value in values if value is not None), "VARCHAR")

"""Chapter "top queries": which statements cost most; grouped by fingerprint when it is asked (record-schema.md §13)."""

import datetime
from collections.abc import Iterable
from typing import Literal, Protocol

import msgspec

from aurora_logs.ops.spread import Spread
from aurora_logs.sql.fingerprint import hashed, normal_form

MOST_GROUPS = 50_000  # beyond, new statements count as one group: memory stays bounded whatever is logged
EXAMPLE_CHARACTERS = 2_000
REMEMBERED = 4_096  # texts whose group is known: many logs repeat some statements to the letter
OTHERS = "others"
By = Literal["statement", "instance", "database"]
SORTS = ("total", "count", "mean", "p50", "p95", "p99", "max", "rows", "last")


class Logged(Protocol):
    """What is read of a logged statement; records and rows of the sink both have it."""

    @property
    def instance_id(self) -> str: ...
    @property
    def db_system_name(self) -> str: ...
    @property
    def db_namespace(self) -> str | None: ...
    @property
    def timestamp_us(self) -> int: ...
    @property
    def db_query_text(self) -> str | None: ...
    @property
    def duration_sec(self) -> float | None: ...
    @property
    def db_response_returned_rows(self) -> int | None: ...
    @property
    def db_rows_examined(self) -> int | None: ...


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ranking. Durations in seconds; examined_per_sent: rows examined for one row sent.

    share: of the total time of all statements, 0 to 1. example: the slowest one, redacted as it was stored.
    """

    group: str
    count: int
    total_sec: float
    share: float
    mean_sec: float
    p50_sec: float
    p95_sec: float
    p99_sec: float
    max_sec: float
    rows_examined: int
    rows_sent: int
    examined_per_sent: float | None
    first_seen: datetime.datetime
    last_seen: datetime.datetime
    statement: str
    example: str


class _Tallied:
    __slots__ = ("examined", "example", "first_us", "last_us", "normal", "sent", "slowest_sec", "spread")

    def __init__(self, normal: str) -> None:
        self.normal = normal
        self.spread = Spread()
        self.examined = self.sent = 0
        self.first_us, self.last_us = 1 << 62, 0
        self.slowest_sec, self.example = -1.0, ""


class Tally:
    """Adds statements up by group. Used by one thread."""

    def __init__(self, by: By = "statement") -> None:
        self._by = by
        self._groups: dict[str, _Tallied] = {}
        self._known: dict[tuple[str, str], tuple[str, str]] = {}
        self.count = 0
        self.total_sec = 0.0

    def add(self, statement: Logged) -> None:
        """Count a statement with a duration; others are left out."""
        text, duration_sec = statement.db_query_text, statement.duration_sec
        if text is None or duration_sec is None:
            return
        key, normal = self._group_of(statement, text)
        tallied = self._groups.get(key)
        if tallied is None:
            if len(self._groups) >= MOST_GROUPS:
                key, normal = OTHERS, f"all beyond the first {MOST_GROUPS:,} groups"
            tallied = self._groups.setdefault(key, _Tallied(normal))
        self.count += 1
        self.total_sec += duration_sec
        tallied.spread.add(duration_sec)
        tallied.examined += statement.db_rows_examined or 0
        tallied.sent += statement.db_response_returned_rows or 0
        tallied.first_us = min(tallied.first_us, statement.timestamp_us)
        tallied.last_us = max(tallied.last_us, statement.timestamp_us)
        if duration_sec > tallied.slowest_sec:
            tallied.slowest_sec, tallied.example = duration_sec, text[:EXAMPLE_CHARACTERS]

    @property
    def groups(self) -> int:
        """How many groups there are."""
        return len(self._groups)

    def add_all(self, statements: Iterable[Logged]) -> None:
        """Count a list of statements (Insights.fold_statements)."""
        for statement in statements:
            self.add(statement)

    def ranking(self, sort: str = "total", limit: int = 10) -> list[Group]:
        """Return the first `limit` groups; sort is one of SORTS. Equal ones by their group's name."""
        groups = [self._line(key, tallied) for key, tallied in self._groups.items()]
        groups.sort(key=lambda one: one.group)
        groups.sort(key=lambda one: _sort_value(one, sort), reverse=True)
        return groups[:limit]

    def _group_of(self, statement: Logged, text: str) -> tuple[str, str]:
        if self._by == "instance":
            return statement.instance_id, statement.instance_id
        if self._by == "database":
            database = statement.db_namespace or ""
            return database, database
        dialect = "postgresql" if statement.db_system_name == "postgresql" else "mysql"
        known = self._known.get((dialect, text))
        if known is None:
            normal = normal_form(text, dialect, bool(getattr(statement, "truncated", False)))
            known = hashed(normal), normal
            if len(self._known) < REMEMBERED and len(text) <= EXAMPLE_CHARACTERS:
                self._known[dialect, text] = known
        return known

    def _line(self, key: str, tallied: _Tallied) -> Group:
        spread = tallied.spread
        return Group(
            group=key, count=spread.count, total_sec=spread.total,
            share=spread.total / self.total_sec if self.total_sec else 0.0, mean_sec=spread.total / spread.count,
            p50_sec=spread.quantile(0.5), p95_sec=spread.quantile(0.95), p99_sec=spread.quantile(0.99),
            max_sec=spread.greatest, rows_examined=tallied.examined, rows_sent=tallied.sent,
            examined_per_sent=tallied.examined / tallied.sent if tallied.sent else None,
            first_seen=_moment(tallied.first_us), last_seen=_moment(tallied.last_us), statement=tallied.normal,
            example=tallied.example)


def _sort_value(line: Group, sort: str) -> float:
    values = {"total": line.total_sec, "count": line.count, "mean": line.mean_sec, "p50": line.p50_sec,
              "p95": line.p95_sec, "p99": line.p99_sec, "max": line.max_sec, "last": line.last_seen.timestamp(),
              "rows": line.examined_per_sent if line.examined_per_sent is not None else float(line.rows_examined)}
    return values[sort]


def _moment(time_us: int) -> datetime.datetime:
    try:
        return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=time_us)
    except OverflowError:
        return datetime.datetime.max.replace(tzinfo=datetime.UTC)

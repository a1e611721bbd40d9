"""Chapter "search": find delivered records by text, instance, type, user and time, without a query language."""

import datetime
from typing import Protocol

import msgspec

from aurora_logs.ops.moments import from_us
from aurora_logs.records.insight import Table

LIMIT_SEC = 60.0
OPEN_END_US = 1 << 62
COLUMNS = ("_timestamp", "instance_id", "log_type", "severity_text", "event_name", "user_name", "db_namespace",
           "client_address", "duration_sec", "body", "db_query_text", "log_file_name", "record_id")
STREAMS = {log_type: f"aurora_{log_type}_logs" for log_type in ("slowquery", "error", "general", "audit", "postgresql")}


class Queries(Protocol):
    """What answers SQL over the streams (Insights)."""

    def query(self, sql: str, *, limit_sec: float, max_rows: int) -> Table: ...


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """One record. text: the statement where there is one, else the message."""

    time: datetime.datetime
    instance_id: str
    log_type: str
    severity_text: str | None
    event_name: str | None
    user_name: str | None
    db_namespace: str | None
    client_address: str | None
    duration_sec: float | None
    text: str
    log_file_name: str
    record_id: str


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """Records, newest first; is_cut: there are more."""

    hits: list[Hit]
    is_cut: bool


def search(insights: Queries, text: str, *, instance_id: str = "", log_type: str = "", user_name: str = "",
           since_us: int = 0, until_us: int = OPEN_END_US, limit: int = 100) -> Hits:
    """Find records, newest first. Raises: what Insights.query raises."""
    conditions = [f"_timestamp BETWEEN {int(since_us)} AND {int(until_us)}"]
    for column, value in (("instance_id", instance_id), ("user_name", user_name)):
        if value:
            conditions.append(f"{column} = {_literal(value)}")
    if text:
        conditions.append(f"contains(lower(concat_ws(chr(10), body, db_query_text)), lower({_literal(text)}))")
    streams = [STREAMS[log_type]] if log_type else list(STREAMS.values())
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    union = " UNION ALL ".join(f"SELECT {names} FROM {stream} WHERE {' AND '.join(conditions)}" for stream in streams)  # noqa: S608 - literals are quoted, and the connection can only read
    found = insights.query(f"SELECT * FROM ({union}) ORDER BY _timestamp DESC, record_id", limit_sec=LIMIT_SEC,  # noqa: S608 - as above
                           max_rows=limit)
    return Hits(hits=[_hit(dict(zip(found.columns, row, strict=True))) for row in found.rows], is_cut=found.cut)


def _hit(row: dict[str, object]) -> Hit:
    values = {name: row[name] for name in COLUMNS if name not in ("_timestamp", "body", "db_query_text")}
    moment = row["_timestamp"]
    return msgspec.convert({**values, "time": from_us(moment if isinstance(moment, int) else 0),
                            "text": row["db_query_text"] or row["body"] or ""}, Hit, strict=False)


def _literal(text: str) -> str:
    """Quote a text for SQL; a NUL can stand in no literal, and in no record's text that a person could ask for."""
    return "'" + text.replace("\0", "").replace("'", "''") + "'"

"""Chapter "search": find delivered records by text, instance, type, user and time, without a query language."""

import datetime

import msgspec

from aurora_logs.ops.moments import from_us
from aurora_logs.ports import Insights

OPEN_END_US = 1 << 62
COLUMNS = ("_timestamp", "instance_id", "log_type", "severity_text", "event_name", "user_name", "db_namespace",
           "client_address", "duration_sec", "body", "db_query_text", "log_file_name", "record_id")


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


def search(insights: Insights, text: str, *, instance_id: str = "", log_type: str = "", user_name: str = "",
           since_us: int = 0, until_us: int = OPEN_END_US, limit: int = 100) -> Hits:
    """Find records, newest first. Raises: what Insights.search raises."""
    found = insights.search(text, log_types=(log_type,) if log_type else (), instance_id=instance_id, user_name=user_name,
                            since_us=since_us, until_us=until_us, limit=limit)
    return Hits(hits=[_hit(dict(zip(found.columns, row, strict=True))) for row in found.rows], is_cut=found.cut)


def _hit(row: dict[str, object]) -> Hit:
    values = {name: row[name] for name in COLUMNS if name not in ("_timestamp", "body", "db_query_text")}
    moment = row["_timestamp"]
    return msgspec.convert({**values, "time": from_us(moment if isinstance(moment, int) else 0),
                            "text": row["db_query_text"] or row["body"] or ""}, Hit, strict=False)

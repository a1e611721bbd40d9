"""Answers about what was delivered: tables and rows that commands and pages show. No SQL and no file stands here."""

import msgspec


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to a query. `cut`: there were more rows than asked for. `types`: SQL types of the columns."""

    columns: list[str]
    types: list[str]
    rows: list[tuple[object, ...]]
    cut: bool = False

    def objects(self) -> list[dict[str, object]]:
        """Return each row as a mapping, for JSON; of two columns with one name the later stays."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.rows]


class Volume(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored of one instance and log type, each record once. Times in microseconds since 1970."""

    instance_id: str
    log_type: str
    records: int
    log_bytes: int
    oldest_us: int
    newest_us: int


class Statement(msgspec.Struct, frozen=True, kw_only=True):
    """One logged statement, for grouping by fingerprint. None: the log did not tell."""

    instance_id: str
    engine: str
    db_system_name: str
    db_namespace: str | None
    timestamp_us: int
    db_query_text: str
    duration_sec: float | None
    lock_time_sec: float | None
    db_response_returned_rows: int | None
    db_rows_examined: int | None

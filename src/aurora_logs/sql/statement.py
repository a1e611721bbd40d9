"""What a logged statement gives its record: safe text, operation, trace; the same for every format."""

from typing import Any, Final

from aurora_logs.sql.redaction import redact_sql
from aurora_logs.sql.summary import operation_of
from aurora_logs.text import cut_text, readable, trace_ids

_OPERATION_BYTES: Final = 64 * 1024  # of a statement that are looked at for its operation


def statement_fields(
    sql: bytes, dialect: str, errors: set[str], *, is_redacting: bool, max_bytes: int
) -> dict[str, Any]:
    """Return db_query_text and what follows from it; {} for no text. Adds reasons of parse_error to `errors`.

    Cut to `max_bytes` first, then redacted, so that a cut inside a secret fails closed.
    """
    fields: dict[str, Any] = {}
    if len(sql) > max_bytes:
        sql = cut_text(sql, max_bytes)
        errors.add("cut at limit")
    if not sql:
        return fields
    if (operation := operation_of(sql[:_OPERATION_BYTES], dialect)) is not None:
        fields["db_operation_name"] = operation.decode("ascii", "replace")
    if b"traceparent" in sql and (trace := trace_ids(sql)):
        fields["trace_id"], fields["span_id"] = trace
    if is_redacting:
        sql, replaced = redact_sql(sql, dialect)
        fields["redactions"] = replaced or None
    fields["db_query_text"], is_valid = readable(sql)
    if not is_valid:
        errors.add("invalid utf-8")
    return fields

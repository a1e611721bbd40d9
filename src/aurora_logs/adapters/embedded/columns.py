"""Column types of the streams, derived from the typed records (record-schema.md §11); no file is read here."""

import types
import typing

import msgspec

from aurora_logs.records.log_record import ErrorRecord, LogRecord, PostgresRecord, SlowRecord

_RECORDS: dict[str, type[LogRecord]] = {"slowquery": SlowRecord, "error": ErrorRecord, "postgresql": PostgresRecord}
_SQL_TYPES = {int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", str: "VARCHAR"}


def stream_columns(log_type: str) -> dict[str, str]:
    """Return the wire names of a log type's fields with their DuckDB types, in the order of the schema."""
    record = _RECORDS.get(log_type, LogRecord)
    return {field.encode_name: _SQL_TYPES[_plain_type(field.type)] for field in msgspec.structs.fields(record)
            if field.name not in record.typed_only}


def type_of(value: object) -> str:
    """Return the column type for a field that the schema does not know (written by a newer version)."""
    return _SQL_TYPES.get(type(value), "VARCHAR")


def _plain_type(annotation: object) -> type:
    if isinstance(annotation, types.UnionType):
        annotation = next(one for one in typing.get_args(annotation) if one is not type(None))
    assert isinstance(annotation, type)
    return annotation

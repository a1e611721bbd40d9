"""Streams as DuckDB sees them: column types from the typed records (record-schema.md §11), file lists; nothing is read."""

import re
from collections.abc import Iterable
from pathlib import Path

from aurora_logs.records.log_record import wire_fields

_SQL_TYPES = {int: "BIGINT", float: "DOUBLE", bool: "BOOLEAN", str: "VARCHAR"}
_PATTERN_SIGNS = re.compile(r"[\[*?]")


def stream_columns(log_type: str) -> dict[str, str]:
    """Return the wire names of a log type's fields with their DuckDB types, in the order of the schema."""
    return {field.name: _SQL_TYPES[field.kind] for field in wire_fields(log_type)}


def type_of(value: object) -> str:
    """Return the column type for a field that the schema does not know (written by a newer version)."""
    return _SQL_TYPES.get(type(value), "VARCHAR")


def file_patterns(paths: Iterable[Path]) -> str:
    """Write a list of files for read_json and read_parquet, which take names as patterns: DATA_DIR may hold `[`."""
    return sql_list(_PATTERN_SIGNS.sub(r"[\g<0>]", str(path)) for path in paths)


def sql_list(texts: Iterable[str]) -> str:
    """Write a list of texts as SQL."""
    return "[" + ", ".join(map(sql_text, texts)) + "]::VARCHAR[]"


def sql_columns(columns: dict[str, str]) -> str:
    """Write names and types as the `columns` argument of read_json."""
    return "{" + ", ".join(f"{sql_text(name)}: {sql_text(kind)}" for name, kind in columns.items()) + "}"


def sql_text(text: str) -> str:
    """Write a text as SQL."""
    return "'" + text.replace("'", "''") + "'"

"""Column types: what a value is, what a batch makes of a column, and what a stored value becomes (sheet 5.4)."""

from __future__ import annotations

import orjson

UTF8, INT64, UINT64, FLOAT64, BOOLEAN = "Utf8", "Int64", "UInt64", "Float64", "Boolean"
TYPES = (UTF8, INT64, UINT64, FLOAT64, BOOLEAN)
INT64_MAX = 2**63 - 1
_NUMBERS = (INT64, UINT64, FLOAT64)
_SAID = {UTF8: "string", INT64: "i64", UINT64: "u64", FLOAT64: "f64", BOOLEAN: "bool"}


class CastError(ValueError):
    """The record is dropped, with this text in the receipt."""


def type_of(value: object) -> str | None:
    """Return the column type that a value asks for; None for null."""
    if value is None:
        return None
    if isinstance(value, bool):
        return BOOLEAN
    if isinstance(value, int):
        return INT64 if value <= INT64_MAX else UINT64
    return FLOAT64 if isinstance(value, float) else UTF8


def merged(first: str, later: str) -> str:
    """Return the type of a column in which one batch has both."""
    if UTF8 in (first, later) or first == later:
        return UTF8 if UTF8 in (first, later) else first
    if later == BOOLEAN:
        return first
    if first == BOOLEAN:
        return later
    return FLOAT64 if FLOAT64 in (first, later) else UINT64


def widened(column: str, incoming: str) -> str:
    """Return what a stored column becomes when a batch brings another type; the same when it stays."""
    if column == UTF8 or incoming in (column, BOOLEAN):
        return column
    if incoming == UTF8:
        return UTF8
    if column == INT64:
        return incoming
    if column == UINT64 and incoming == FLOAT64:
        return FLOAT64
    return column


def cast(value: object, column: str) -> object:
    """Return the value as the column stores it. Raises: CastError."""
    if value is None or type_of(value) == column:
        return value
    try:
        return _CASTS[column](value)
    except (ValueError, OverflowError) as exc:
        given = _SAID[type_of(value) or UTF8]
        raise CastError(f"Failed to cast {given} to type {column}") from exc


def _to_text(value: object) -> str:
    return orjson.dumps(value).decode()


def _to_integer(value: object) -> int:
    number = int(value) if isinstance(value, str | int | float) else 0
    if not -INT64_MAX - 1 <= number <= INT64_MAX:
        raise ValueError(number)
    return number


def _to_unsigned(value: object) -> int:
    number = int(value) if isinstance(value, str | int | float) else 0
    if number < 0:
        raise ValueError(number)
    return number


def _to_float(value: object) -> float:
    return float(value) if isinstance(value, str | int | float) else 0.0


def _to_boolean(value: object) -> bool:
    if isinstance(value, str):
        if value.lower() not in ("true", "false"):
            raise ValueError(value)
        return value.lower() == "true"
    return isinstance(value, int | float) and value > 0


_CASTS = {UTF8: _to_text, INT64: _to_integer, UINT64: _to_unsigned, FLOAT64: _to_float, BOOLEAN: _to_boolean}

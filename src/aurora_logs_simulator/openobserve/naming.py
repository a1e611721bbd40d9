"""How the server rewrites names of streams and fields, and flattens nested records (sheet 5.1, 5.2)."""

from __future__ import annotations

import re

import orjson

RESERVED = frozenset({"_o2_id", "_original", "_all_values", "_all"})
_ODD = re.compile(r"[^a-zA-Z0-9_:]+")
_FIXED = re.compile(r"[a-z0-9_]*\Z")


class NotAnObjectError(ValueError):
    """flatten value must be an object"""


def format_stream(name: str) -> str:
    """Return the name under which a stream is kept: odd characters become one `_`, then lower case."""
    return _ODD.sub("_", name).lower()


def format_field(name: str) -> str:
    """Return the column's name: lower case, and `_` for all that is no letter, number or `_`."""
    if _FIXED.match(name):
        return name
    return "".join(_format_character(one) for one in name)


def _format_character(one: str) -> str:
    if one.islower() or one.isnumeric() or one == "_":
        return one
    return one.lower() if one.isupper() else "_"


def flatten(record: object, level: int) -> dict[str, object]:
    """Return the record with formatted names and without nesting; of two names that become equal the later wins.

    Raises: NotAnObjectError.
    """
    if not isinstance(record, dict):
        raise NotAnObjectError("flatten value must be an object")
    flat: dict[str, object] = {}
    if not any(isinstance(value, dict | list) for value in record.values()):
        for name, value in record.items():
            flat[format_field(name)] = value
        return flat
    _put_all(flat, "", record, level, 0)
    return flat


def _put_all(flat: dict[str, object], prefix: str, record: dict[str, object], level: int, depth: int) -> None:
    for name, value in record.items():
        key = prefix + format_field(name)
        if value is None or value in ({}, []):
            continue
        if isinstance(value, dict) and (level == 0 or depth + 1 < level):
            _put_all(flat, f"{key}_", value, level, depth + 1)
        elif isinstance(value, dict | list):
            flat[key] = orjson.dumps(value).decode()
        else:
            flat[key] = value

"""Streams and their columns as OpenObserve has them, from the typed records (record-schema.md §11), and the last check
that a line fits: one value of a wrong type spoils a column for every reader (openobserve.md §1.1)."""

import re
import typing
from functools import cache

import msgspec

from aurora_logs.errors import RecordOfWrongType
from aurora_logs.records.log_record import wire_fields

FULL_TEXT = ("body", "db_query_text")
INDEX = ("instance_id", "cluster_id", "event_name", "user_name", "db_namespace")
BLOOM = ("record_id", "db_query_fingerprint")
_KINDS = {int: "Int64", float: "Float64", bool: "Boolean", str: "Utf8"}
_INT64 = typing.Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
_ODD = re.compile(r"[^a-zA-Z0-9_:]+")
_QUOTED = re.compile(r"`[^`]*`|'[^']*'")


def format_stream(name: str) -> str:
    """Return the name under which OpenObserve keeps a stream; receipts are compared with it (OO-08)."""
    return _ODD.sub("_", name).lower()


@cache
def stream_columns(log_type: str) -> dict[str, str]:
    """Return the wire names of a log type's fields with their column types, in the order of the schema."""
    return {field.name: _KINDS[field.kind] for field in wire_fields(log_type)}


def check_types(log_type: str, body: bytes) -> None:
    """Refuse an array of lines in which a value does not fit its column, or a field has none. Raises: RecordOfWrongType."""
    try:
        _decoder(log_type).decode(body)
    except msgspec.MsgspecError as exc:
        # msgspec names field and types; what it quotes may be a value
        raise RecordOfWrongType(_QUOTED.sub(lambda one: one[0] if one[0].isascii() and len(one[0]) < 70 else "…", str(exc))) from None


@cache
def _decoder(log_type: str) -> msgspec.json.Decoder[list[msgspec.Struct]]:
    fields: list[typing.Any] = []
    for field in wire_fields(log_type):
        wanted = _INT64 if field.kind is int else field.kind
        if field.is_needed:
            fields.append((f"field{len(fields)}", wanted, msgspec.field(name=field.name)))
        else:
            fields.append((f"field{len(fields)}", wanted | None, msgspec.field(name=field.name, default=None)))
    wire = msgspec.defstruct("Wire", fields, kw_only=True, forbid_unknown_fields=True)
    return msgspec.json.Decoder(list[wire])  # type: ignore[valid-type]  # made right above

"""Records as DynamoDB items and back: attribute values, the attributes of each table, the size limit; no call is made here.

An item may lack any attribute but its key (REL-48: a row edited by hand).
"""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from aurora_logs.adapters.aws.tables import LISTED_GAP, LISTED_INSTANCE, LISTED_LETTER, SCHEMA_VERSION
from aurora_logs.errors import Permanent, StateNewer
from aurora_logs.records.fleet import Instance, TrackedFile, TrackedInstance
from aurora_logs.records.flow import Checkpoint, DeadLetter, Intent, Kept

T = TypeVar("T")
Value = dict[str, Any]
Item = dict[str, Value]

ITEM_MAX_BYTES = 400 * 1024  # the service's limit: names and values of all attributes
ERROR_MAX_CHARS = 2_000
EXCERPT_MAX_CHARS = 8_000
MESSAGE_MAX_CHARS = 65_536
_INTENT = {"from_offset": "from", "to_offset": "to"}
"""Parts of an intent that the table names otherwise."""


def value_of(value: object) -> Value:
    """Return a Python value as a typed attribute value."""
    match value:
        case bool():
            return {"BOOL": value}
        case int():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case bytes():
            return {"B": value}
        case dict():
            return {"M": {name: value_of(part) for name, part in value.items()}}
        case _:
            msg = f"no attribute value for {type(value).__name__}"
            raise TypeError(msg)


def plain(value: Value) -> Any:
    """Return a typed attribute value as a Python value; sorts that we never write come as they are."""
    ((sort, content),) = value.items()
    match sort:
        case "N":
            return int(float(content)) if set(content) & set(".eE") else int(content)
        case "B":
            return bytes(content)
        case "M":
            return {name: plain(part) for name, part in content.items()}
        case "NULL":
            return None
        case _:
            return content


def item_bytes(values: Mapping[str, object]) -> int:
    """Return what an item of these attributes counts against ITEM_MAX_BYTES, a little more rather than less."""
    size = 0
    for name, value in values.items():
        size += len(name.encode()) + 3
        match value:
            case str():
                size += len(value.encode())
            case bytes():
                size += len(value)
            case dict():
                size += item_bytes(value)
            case _:
                size += 21
    return size


def tracked_values(row: TrackedFile) -> dict[str, object]:
    """Return a tracking row's attributes."""
    return msgspec.structs.asdict(row) | {"error": row.error[:ERROR_MAX_CHARS]}


def tracked_record(item: Item) -> TrackedFile:
    """Read a tracking row; a bare row (REL-48) gets empty texts and zeros, and is its own family."""
    row = _present(item)
    for name in ("status", "log_type", "cluster_id", "resource_id"):
        row.setdefault(name, "")
    for name in ("last_written", "file_size", "discovered_at", "updated_at"):
        row.setdefault(name, 0)
    row.setdefault("family", row["log_file_name"])
    return _converted(row, TrackedFile)


def instance_values(row: TrackedInstance) -> dict[str, object]:
    """Return what RDS tells of an instance as attributes."""
    values: dict[str, object] = msgspec.structs.asdict(row.instance)
    del values["tags"]
    return values | {"updated_at": row.updated_at, "expires_at": row.expires_at, "listed_as": LISTED_INSTANCE,
                     "schema_version": SCHEMA_VERSION}


def listing_values(row: TrackedInstance) -> dict[str, object]:
    """Return what a listing tells of an instance as attributes; in lease_until when the next one is due."""
    return {"listed_at": row.listed_at, "swept_at": row.swept_at, "lease_until": row.lease_until,
            "error": row.error[:ERROR_MAX_CHARS], "at_risk_bytes": row.at_risk_bytes}


def instance_record(item: Item) -> TrackedInstance:
    """Read an instance row."""
    row = _present(item)
    row.setdefault("resource_id", "")
    instance = {name: row.pop(name) for name in Instance.__struct_fields__ if name in row}
    return _converted(row | {"instance": instance}, TrackedInstance)


def checkpoint_values(row: Checkpoint) -> dict[str, object | None]:
    """Return a checkpoint's attributes; None: the attribute is absent. Raises: Permanent when it can't fit an item.

    Earlier positions only shorten a rewind: the oldest are left out where the item would grow too large.
    """
    values: dict[str, object | None] = msgspec.structs.asdict(row)
    values["lease_until"] = values.pop("lease_until_ms")
    values["expires_at"] = row.expires_at or None
    values["intent"] = intent_values(row.intent) if row.intent else None
    for left_out in range(len(row.kept) + 1):
        values["kept"] = msgspec.json.encode(row.kept[left_out:]).decode()
        size = item_bytes({name: value for name, value in values.items() if value is not None})
        if size <= ITEM_MAX_BYTES:
            return values
    raise Permanent(f"the checkpoint of {row.instance_id} {row.log_file_name} needs {size} bytes, the state store takes "
                    f"{ITEM_MAX_BYTES}", hint="report this: a format carries too much from entry to entry")


def checkpoint_record(item: Item) -> Checkpoint:
    """Read a checkpoint."""
    row = _present(item)
    row.setdefault("resource_id", "")
    row["lease_until_ms"] = row.pop("lease_until", 0)
    if row.get("kept"):
        row["kept"] = msgspec.json.decode(row["kept"], type=tuple[Kept, ...])
    if "intent" in row:
        other = {table: ours for ours, table in _INTENT.items()}
        row["intent"] = {other.get(name, name): part for name, part in row["intent"].items()}
    return _converted(row, Checkpoint)


def intent_values(intent: Intent) -> dict[str, object]:
    """Return the map that the attribute `intent` holds."""
    return {_INTENT.get(name, name): part for name, part in msgspec.structs.asdict(intent).items()}


def letter_values(row: DeadLetter) -> dict[str, object]:
    """Return a dead letter's attributes, its texts within bounds."""
    message = row.original_message if len(row.original_message) <= MESSAGE_MAX_CHARS else ""
    values: dict[str, object] = msgspec.structs.asdict(row)
    if not row.kafka_topic:
        values = {name: value for name, value in values.items() if not name.startswith("kafka_")}
    return values | {
        "error": row.error[:ERROR_MAX_CHARS], "excerpt": row.excerpt[:EXCERPT_MAX_CHARS], "original_message": message,
        "listed_as": LISTED_GAP if row.is_gap else LISTED_LETTER}


def letter_record(item: Item) -> DeadLetter:
    """Read a dead letter; absent attributes are empty."""
    row = _present(item)
    for name in ("instance_id", "log_file_name", "cluster_id", "log_type", "resource_id", "segment_id", "reason", "error"):
        row.setdefault(name, "")
    for name in ("failed_at", "retry_count", "from_position", "to_position"):
        row.setdefault(name, 0)
    return _converted(row, DeadLetter)


def refuse_newer(item: Item) -> None:
    """Raise StateNewer for a row that a newer version wrote (REL-51)."""
    version = plain(item["schema_version"]) if "schema_version" in item else 0
    if int(version) > SCHEMA_VERSION:
        key = " ".join(plain(item[name]) for name in ("message_id", "instance_id", "log_file_name") if name in item)
        raise StateNewer(f"row of {key} has schema version {version}, this version knows {SCHEMA_VERSION}")


def _present(item: Item) -> dict[str, Any]:
    refuse_newer(item)
    row = {name: plain(value) for name, value in item.items()}
    row.pop("listed_as", None)
    return {name: value for name, value in row.items() if value is not None}


def _converted(row: dict[str, Any], shape: type[T]) -> T:
    # strict=False: a number that was written by hand may be text
    return msgspec.convert(row, shape, strict=False)

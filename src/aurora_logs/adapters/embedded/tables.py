"""Tables of the state database: columns as in DynamoDB (names-and-runbook.md §2.8), rows to records and back.

No statement with a condition stands here. A row may lack any attribute but its key (REL-48: a row edited by hand).
"""

import contextlib
from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from aurora_logs.adapters.embedded.database import SCHEMA_VERSION, Database, refuse_newer
from aurora_logs.errors import ConfigError, StateNewer
from aurora_logs.names import CHECKPOINT_TABLE, DEAD_LETTER_TABLE, INSTANCE_TABLE, TRACKING_TABLE
from aurora_logs.records.fleet import Instance, TrackedFile, TrackedInstance
from aurora_logs.records.flow import Checkpoint, DeadLetter, Intent, Kept

T = TypeVar("T")

INSTANCES = f'"{INSTANCE_TABLE}"'
TRACKING = f'"{TRACKING_TABLE}"'
CHECKPOINTS = f'"{CHECKPOINT_TABLE}"'
DEAD_LETTERS = f'"{DEAD_LETTER_TABLE}"'
QUEUE = '"aurora-log-queue"'

INSTANCE_COLUMNS = {
    "instance_id": "TEXT NOT NULL PRIMARY KEY", "cluster_id": "TEXT", "engine": "TEXT", "engine_version": "TEXT",
    "instance_class": "TEXT", "is_cluster_writer": "BOOLEAN", "status": "TEXT", "resource_id": "TEXT",
    "account_id": "TEXT", "aws_region": "TEXT", "place": "TEXT", "listed_at": "INTEGER", "swept_at": "INTEGER",
    "updated_at": "INTEGER", "expires_at": "INTEGER", "lease_owner": "TEXT", "lease_until": "INTEGER", "error": "TEXT",
    "at_risk_bytes": "INTEGER", "schema_version": "INTEGER",
}
# what a listing tells; the rest is what RDS tells of the instance
LISTING_COLUMNS = ("listed_at", "swept_at", "lease_until", "error", "at_risk_bytes")
# beside the instances lies the shared API budget, under a key that begins with #
BUDGET_COLUMNS = {"version": "INTEGER", "budget": "TEXT"}
TRACKING_COLUMNS = {
    "instance_id": "TEXT NOT NULL", "log_file_name": "TEXT NOT NULL", "status": "TEXT", "log_type": "TEXT",
    "cluster_id": "TEXT", "resource_id": "TEXT", "family": "TEXT", "last_written": "INTEGER", "file_size": "INTEGER",
    "discovered_at": "INTEGER", "updated_at": "INTEGER", "delivered_bytes": "INTEGER", "records": "INTEGER",
    "gap_bytes": "INTEGER", "queued_at": "INTEGER", "error": "TEXT", "audited_at": "INTEGER", "segment_id": "TEXT",
    "missing": "INTEGER", "raw_records": "INTEGER", "ids_crc": "INTEGER", "tail_hash": "BLOB",
    "resend_until": "INTEGER", "epoch": "INTEGER", "schema_version": "INTEGER",
}
CHECKPOINT_COLUMNS = {
    "instance_id": "TEXT NOT NULL", "log_file_name": "TEXT NOT NULL", "resource_id": "TEXT", "segment_id": "TEXT",
    "byte_offset": "INTEGER", "marker": "TEXT", "line_count": "INTEGER", "record_count": "INTEGER",
    "gap_bytes": "INTEGER", "furniture_bytes": "INTEGER", "raw_records": "INTEGER", "ids_crc": "INTEGER", "tail": "BLOB",
    "tail_hash": "BLOB", "resend_until": "INTEGER", "quiet_end": "INTEGER", "quiet_since": "INTEGER", "kept": "TEXT", "intent": "TEXT", "lease_owner": "TEXT",
    "epoch": "INTEGER", "lease_until": "INTEGER", "updated_at": "INTEGER", "expires_at": "INTEGER",
    "schema_version": "INTEGER",
}
DEAD_LETTER_COLUMNS = {
    "message_id": "TEXT NOT NULL PRIMARY KEY", "instance_id": "TEXT", "log_file_name": "TEXT", "cluster_id": "TEXT",
    "log_type": "TEXT", "resource_id": "TEXT", "segment_id": "TEXT", "reason": "TEXT", "error": "TEXT",
    "failed_at": "INTEGER", "retry_count": "INTEGER", "from_position": "INTEGER", "to_position": "INTEGER",
    "original_message": "TEXT", "excerpt": "TEXT", "purge_at": "INTEGER", "is_gap": "BOOLEAN", "context": "BLOB",
    "kafka_topic": "TEXT", "kafka_partition": "INTEGER", "kafka_offset": "INTEGER", "schema_version": "INTEGER",
}
QUEUE_COLUMNS = {
    "id": "INTEGER PRIMARY KEY AUTOINCREMENT", "instance_id": "TEXT NOT NULL", "log_file_name": "TEXT NOT NULL",
    "dead_letter_id": "TEXT NOT NULL", "task": "BLOB NOT NULL", "deadline_ms": "INTEGER NOT NULL",
    "visible_at_ms": "INTEGER NOT NULL", "taken_by": "TEXT NOT NULL DEFAULT ''",
}
FILE_KEY = "PRIMARY KEY (instance_id, log_file_name)"
TABLES = {INSTANCES: (INSTANCE_COLUMNS | BUDGET_COLUMNS, ""), TRACKING: (TRACKING_COLUMNS, FILE_KEY),
          CHECKPOINTS: (CHECKPOINT_COLUMNS, FILE_KEY), DEAD_LETTERS: (DEAD_LETTER_COLUMNS, ""), QUEUE: (QUEUE_COLUMNS, "")}


class IntentMap(msgspec.Struct, frozen=True, kw_only=True):
    """The attribute `intent` as the tables name its parts (names-and-runbook.md §2.8)."""

    id: str
    from_: int = msgspec.field(name="from")
    to: int
    count: int
    time: int
    epoch: int
    ids_hash: str
    repair: bool = False


def create_tables(database: Database) -> None:
    """Create what is absent and write the schema version; a sound, current database is left as it is.

    A column that a newer patch release added is added here too; older releases of this schema version don't mind it.
    """
    if database.rows("PRAGMA user_version")[0][0] == SCHEMA_VERSION and not _absent_columns(database):
        return
    with database.transaction() as connection:
        for table, (columns, key) in TABLES.items():
            lines = [f'"{name}" {kind}' for name, kind in columns.items()] + ([key] if key else [])
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(lines)})")
            known = {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}
            for name in columns.keys() - known:
                connection.execute(f'ALTER TABLE {table} ADD COLUMN "{name}" {columns[name]}')
        connection.execute(f"CREATE UNIQUE INDEX IF NOT EXISTS queue_waiting ON {QUEUE} "
                           "(instance_id, log_file_name, dead_letter_id) WHERE taken_by = ''")
        connection.execute(f"CREATE INDEX IF NOT EXISTS queue_order ON {QUEUE} (taken_by, deadline_ms, id)")
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _absent_columns(database: Database) -> bool:
    return any(columns.keys() - {row[1] for row in database.rows(f"PRAGMA table_info({table})")}
               for table, (columns, _) in TABLES.items())


def refuse_newer_rows(database: Database) -> None:
    """Raise StateNewer when any row was written by a newer version (REL-51)."""
    for table in (INSTANCES, TRACKING, CHECKPOINTS, DEAD_LETTERS):
        newest = database.rows(f"SELECT max(schema_version) FROM {table}")[0][0] or 0  # noqa: S608 -- our constants
        refuse_newer(database.path, int(newest))


def column_list(columns: dict[str, str]) -> str:
    """Return the columns for a SELECT or an INSERT, quoted, in their order."""
    return ", ".join(f'"{name}"' for name in columns)


def tracked_values(row: TrackedFile) -> list[object]:
    """Return a tracking row's values in the order of TRACKING_COLUMNS."""
    return [getattr(row, name) for name in TRACKING_COLUMNS]


def tracked_record(values: tuple[Any, ...]) -> TrackedFile:
    """Read a tracking row; a bare row (REL-48) gets empty texts and zeros, and is its own family."""
    row = _present(TRACKING_COLUMNS, values)
    for name in ("status", "log_type", "cluster_id", "resource_id"):
        row.setdefault(name, "")
    for name in ("last_written", "file_size", "discovered_at", "updated_at"):
        row.setdefault(name, 0)
    row.setdefault("family", row["log_file_name"])
    return _converted(row, TrackedFile)


def instance_values(row: TrackedInstance) -> list[object]:
    """Return an instance row's values in the order of INSTANCE_COLUMNS."""
    flat = msgspec.structs.asdict(row.instance) | msgspec.structs.asdict(row) | {"schema_version": SCHEMA_VERSION}
    return [flat[name] for name in INSTANCE_COLUMNS]


def instance_record(values: tuple[Any, ...]) -> TrackedInstance:
    """Read an instance row."""
    row = _present(INSTANCE_COLUMNS, values)
    row.setdefault("resource_id", "")
    instance = {name: row.pop(name) for name in Instance.__struct_fields__ if name in row}
    return _converted(row | {"instance": instance}, TrackedInstance)


def checkpoint_values(row: Checkpoint) -> list[object]:
    """Return a checkpoint row's values in the order of CHECKPOINT_COLUMNS."""
    special = {"kept": msgspec.json.encode(row.kept).decode(), "intent": intent_text(row.intent),
               "lease_until": row.lease_until_ms}
    return [special[name] if name in special else getattr(row, name) for name in CHECKPOINT_COLUMNS]


def checkpoint_record(values: tuple[Any, ...]) -> Checkpoint:
    """Read a checkpoint row."""
    row = _present(CHECKPOINT_COLUMNS, values)
    row.setdefault("resource_id", "")
    row["lease_until_ms"] = row.pop("lease_until", 0)
    with _named(row):
        if "kept" in row:
            row["kept"] = msgspec.json.decode(row["kept"], type=tuple[Kept, ...])
        if "intent" in row:
            row["intent"] = _intent(msgspec.json.decode(row["intent"], type=IntentMap))
    return _converted(row, Checkpoint)


def dead_letter_values(row: DeadLetter) -> list[object]:
    """Return a dead letter's values in the order of DEAD_LETTER_COLUMNS."""
    return [getattr(row, name) for name in DEAD_LETTER_COLUMNS]


def dead_letter_record(values: tuple[Any, ...]) -> DeadLetter:
    """Read a dead letter; absent attributes are empty."""
    row = _present(DEAD_LETTER_COLUMNS, values)
    for name in ("instance_id", "log_file_name", "cluster_id", "log_type", "resource_id", "segment_id", "reason", "error"):
        row.setdefault(name, "")
    for name in ("failed_at", "retry_count", "from_position", "to_position"):
        row.setdefault(name, 0)
    return _converted(row, DeadLetter)


def intent_text(intent: Intent | None) -> str | None:
    """Write an intent as the tables hold it; None when there is none."""
    if intent is None:
        return None
    return msgspec.json.encode(IntentMap(
        id=intent.id, from_=intent.from_offset, to=intent.to_offset, count=intent.count, time=intent.time,
        epoch=intent.epoch, ids_hash=intent.ids_hash, repair=intent.repair)).decode()


def _intent(stored: IntentMap) -> Intent:
    return Intent(id=stored.id, from_offset=stored.from_, to_offset=stored.to, count=stored.count, time=stored.time,
                  epoch=stored.epoch, ids_hash=stored.ids_hash, repair=stored.repair)


def _present(columns: dict[str, str], values: tuple[Any, ...]) -> dict[str, Any]:
    row = {name: value for name, value in zip(columns, values, strict=True) if value is not None}
    if row.get("schema_version", 0) > SCHEMA_VERSION:
        raise StateNewer(f"row of {_key(row)} has schema version {row['schema_version']}, this version knows {SCHEMA_VERSION}")
    return row


def _converted(row: dict[str, Any], kind: type[T]) -> T:
    with _named(row):
        # strict=False: SQLite has no booleans, and a number written by hand may be text.
        return msgspec.convert(row, kind, strict=False)


@contextlib.contextmanager
def _named(row: dict[str, Any]) -> Iterator[None]:
    """Say which row it is that can't be read: damaged, or edited by hand (REL-49)."""
    try:
        yield
    except msgspec.MsgspecError as exc:
        raise ConfigError(f"the row of {_key(row)} can't be read: {exc}", hint="restore the state file from a copy, or move it "
                          "away: every file is then read again from its start; record ids stay the same") from exc


def _key(row: dict[str, Any]) -> str:
    named = row.get("instance", row)
    return str(row.get("message_id") or f"{named.get('instance_id', '')} {row.get('log_file_name', '')}".strip())

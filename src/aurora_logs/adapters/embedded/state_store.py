"""StateStore and StateAdmin on SQLite: each method is one conditional statement or one consistent read."""

import msgspec

from aurora_logs.adapters.embedded.database import Database
from aurora_logs.adapters.embedded.tables import (
    CHECKPOINT_COLUMNS,
    CHECKPOINTS,
    DEAD_LETTER_COLUMNS,
    DEAD_LETTERS,
    INSTANCE_COLUMNS,
    INSTANCES,
    LISTING_COLUMNS,
    TRACKING,
    TRACKING_COLUMNS,
    checkpoint_record,
    checkpoint_values,
    column_list,
    dead_letter_record,
    dead_letter_values,
    instance_record,
    instance_values,
    intent_text,
    tracked_record,
    tracked_values,
)
from aurora_logs.errors import ClaimHeld, Conflict, EpochMoved
from aurora_logs.records.budget import ApiBudget
from aurora_logs.records.fleet import Delivered, TrackedFile, TrackedInstance
from aurora_logs.records.flow import Checkpoint, DeadLetter, Intent

# ruff: noqa: S608 -- table and column names are constants of tables.py; values are always bound

FILE = "instance_id = ? AND log_file_name = ?"
MINE = f"{FILE} AND lease_owner = ? AND epoch = ?"
DEAD_OWNER = "? != '' AND substr(lease_owner, 1, length(?)) != ?"
"""The owner belongs to another run of the collector, which the lock on the directory proves dead (§5.8)."""


class SqliteStateStore:
    """StateStore and StateAdmin. Called from many threads, and from other processes beside a collector.

    run_id: of the collecting process that holds the directory's lock; its lease owners begin with `<run_id>/`, and
    owners of any other run are dead. "" for a command beside a collector: then every live lease is respected.
    """

    def __init__(self, database: Database, run_id: str = "") -> None:
        self._db = database
        self._mine = f"{run_id}/" if run_id else ""

    # instances

    def save_instance(self, row: TrackedInstance) -> None:
        """Insert or update; what listings told and their lease stay as they are."""
        kept = ("instance_id", "lease_owner", *LISTING_COLUMNS)
        updates = ", ".join(f"{name} = excluded.{name}" for name in INSTANCE_COLUMNS if name not in kept)
        self._db.change(f"{_insert(INSTANCES, INSTANCE_COLUMNS)} ON CONFLICT (instance_id) DO UPDATE SET {updates}",
                        instance_values(row))

    def instances(self) -> list[TrackedInstance]:
        """Return all instance rows, by id."""
        rows = self._db.rows(f"{_select(INSTANCES, INSTANCE_COLUMNS)} WHERE instance_id NOT LIKE '#%' ORDER BY instance_id")
        return [instance_record(row) for row in rows]

    def lease_listing(self, instance_id: str, owner: str, *, now_sec: int, until_sec: int) -> bool:
        """Take the listing lease when it is free, over, the owner's own, or a dead run's."""
        taken = self._db.change(
            f"INSERT INTO {INSTANCES} (instance_id, lease_owner, lease_until) VALUES (?, ?, ?)"
            " ON CONFLICT (instance_id) DO UPDATE SET lease_owner = excluded.lease_owner,"
            " lease_until = excluded.lease_until WHERE coalesce(lease_owner, '') IN ('', excluded.lease_owner)"
            f" OR coalesce(lease_until, 0) <= ? OR ({DEAD_OWNER})",
            (instance_id, owner, until_sec, now_sec, *[self._mine] * 3))
        return taken == 1

    def listing_done(self, row: TrackedInstance) -> bool:
        """Write what the listing told while its lease is still the owner's."""
        updates = ", ".join(f"{name} = ?" for name in LISTING_COLUMNS)
        return self._db.change(
            f"UPDATE {INSTANCES} SET {updates} WHERE instance_id = ? AND coalesce(lease_owner, '') = ?",
            (*(getattr(row, name) for name in LISTING_COLUMNS), row.instance.instance_id, row.lease_owner)) == 1

    def forget_instance(self, instance_id: str) -> None:
        """Delete the row."""
        self._db.change(f"DELETE FROM {INSTANCES} WHERE instance_id = ?", (instance_id,))

    # the shared API budget

    def api_budget(self, budget_id: str) -> ApiBudget | None:
        """Read the row."""
        rows = self._db.rows(f"SELECT budget FROM {INSTANCES} WHERE instance_id = ?", (budget_id,))
        return msgspec.json.decode(rows[0][0], type=ApiBudget) if rows else None

    def save_api_budget(self, budget: ApiBudget, *, seen: int) -> bool:
        """Write the row if its version still is `seen`."""
        return self._db.change(
            f"INSERT INTO {INSTANCES} (instance_id, version, budget) SELECT ?, ?, ? WHERE ? = 0 OR EXISTS"
            f" (SELECT 1 FROM {INSTANCES} WHERE instance_id = ?) ON CONFLICT (instance_id) DO UPDATE"
            " SET version = excluded.version, budget = excluded.budget WHERE version = ?",
            (budget.budget_id, budget.version, msgspec.json.encode(budget).decode(), seen, budget.budget_id, seen)) == 1

    # tracking rows

    def see(self, row: TrackedFile) -> bool:
        """W1."""
        return self._db.change(f"{_insert(TRACKING, TRACKING_COLUMNS)} ON CONFLICT DO NOTHING", tracked_values(row)) == 1

    def grow(self, instance_id: str, log_file_name: str, *, file_size: int, last_written: int, now_sec: int) -> None:
        """W2."""
        self._track("file_size = ?, last_written = ?, status = 'discovered', missing = 0, updated_at = ?",
                    (file_size, last_written, now_sec), instance_id, log_file_name)

    def queued(self, instance_id: str, log_file_name: str, now_sec: int) -> None:
        """W3."""
        self._track("queued_at = ?", (now_sec,), instance_id, log_file_name)

    def missed(self, instance_id: str, log_file_name: str, missing: int) -> None:
        """Write how many whole listings in a row lacked the file."""
        self._track("missing = ?", (missing,), instance_id, log_file_name)

    def tracked(self, instance_id: str) -> list[TrackedFile]:
        """Return an instance's rows, by name."""
        rows = self._db.rows(f"{_select(TRACKING, TRACKING_COLUMNS)} WHERE instance_id = ? ORDER BY log_file_name",
                             (instance_id,))
        return [tracked_record(row) for row in rows]

    def track_progress(self, instance_id: str, log_file_name: str, delivered: Delivered, *, status: str, now_sec: int,
                       error: str = "", as_listed: TrackedFile | None = None) -> bool:
        """W9, W10, W13; False when the row is gone, or has another size than the one that was seen."""
        return self._db.change(
            f"UPDATE {TRACKING} SET status = ?, segment_id = ?, delivered_bytes = ?, records = ?, gap_bytes = ?,"
            f" raw_records = ?, ids_crc = ?, tail_hash = ?, resend_until = ?, epoch = ?, audited_at = 0, error = ?, updated_at = ? WHERE {FILE}"
            f" AND coalesce(epoch, 0) <= ?{' AND file_size = ? AND last_written = ?' if as_listed else ''}",
            (status, *msgspec.structs.astuple(delivered), error, now_sec, instance_id,
             log_file_name, delivered.epoch, *([as_listed.file_size, as_listed.last_written] if as_listed else []))) == 1

    def audited(self, instance_id: str, log_file_name: str, *, delivered_bytes: int, now_sec: int) -> bool:
        """W11."""
        return self._db.change(
            f"UPDATE {TRACKING} SET audited_at = ?, updated_at = ? WHERE {FILE} AND status = 'completed'"
            " AND delivered_bytes = ?", (now_sec, now_sec, instance_id, log_file_name, delivered_bytes)) == 1

    def prune(self, instance_id: str, log_file_name: str) -> None:
        """W12."""
        self._db.change(f"DELETE FROM {TRACKING} WHERE {FILE}", (instance_id, log_file_name))

    # checkpoints

    def checkpoint(self, instance_id: str, log_file_name: str) -> Checkpoint | None:
        """Read a row."""
        rows = self._db.rows(f"{_select(CHECKPOINTS, CHECKPOINT_COLUMNS)} WHERE {FILE}", (instance_id, log_file_name))
        return checkpoint_record(rows[0]) if rows else None

    def take_claim(self, initial: Checkpoint, *, owner: str, now_ms: int, until_ms: int) -> Checkpoint:
        """W4. A lease is over at `lease_until`: a caller that allows for skewed clocks takes that off `now_ms`."""
        with self._db.transaction() as connection:
            connection.execute(f"{_insert(CHECKPOINTS, CHECKPOINT_COLUMNS)} ON CONFLICT DO NOTHING",
                               checkpoint_values(initial))
            rows = connection.execute(
                f"UPDATE {CHECKPOINTS} SET lease_owner = ?, epoch = coalesce(epoch, 0) + 1, lease_until = ? WHERE {FILE}"
                f" AND (coalesce(lease_owner, '') = '' OR coalesce(lease_until, 0) <= ? OR ({DEAD_OWNER}))"
                f" RETURNING {column_list(CHECKPOINT_COLUMNS)}",
                (owner, until_ms, initial.instance_id, initial.log_file_name, now_ms, *[self._mine] * 3)).fetchall()
            if not rows:
                raise ClaimHeld(f"{initial.instance_id} {initial.log_file_name}")
            # Read before the commit: a row of a newer version is refused unchanged (REL-51).
            return checkpoint_record(rows[0])

    def renew(self, claimed: Checkpoint, *, until_ms: int) -> None:
        """W5."""
        self._fenced("lease_until = ?", (until_ms,), claimed)

    def intend(self, claimed: Checkpoint, intent: Intent, *, until_ms: int) -> None:
        """W6."""
        self._fenced("intent = ?, lease_until = ?, expires_at = 0", (intent_text(intent), until_ms), claimed,
                     "intent IS NULL AND byte_offset = ?", (claimed.byte_offset,))

    def advance(self, claimed: Checkpoint, intent_id: str, moved: Checkpoint) -> None:
        """W7."""
        updates = ", ".join(f'"{name}" = ?' for name in CHECKPOINT_COLUMNS)
        self._fenced(updates, tuple(checkpoint_values(moved)), claimed,
                     "coalesce(json_extract(intent, '$.id'), '') = ?", (intent_id,))

    def release(self, claimed: Checkpoint, *, withdraw_intent: bool) -> None:
        """W9, W10."""
        withdrawn = ", intent = NULL" if withdraw_intent else ""
        self._fenced(f"lease_owner = '', lease_until = 0{withdrawn}", (), claimed)

    # dead letters

    def bury(self, letter: DeadLetter) -> None:
        """W8."""
        self._db.change(
            f"{_insert(DEAD_LETTERS, DEAD_LETTER_COLUMNS)} ON CONFLICT (message_id) DO UPDATE SET"
            " failed_at = excluded.failed_at, retry_count = coalesce(retry_count, 0) + 1, error = excluded.error,"
            " excerpt = excluded.excerpt, purge_at = excluded.purge_at, original_message = excluded.original_message,"
            " context = excluded.context, is_gap = excluded.is_gap", dead_letter_values(letter))

    def dead_letter(self, message_id: str) -> DeadLetter | None:
        """Read one."""
        rows = self._db.rows(f"{_select(DEAD_LETTERS, DEAD_LETTER_COLUMNS)} WHERE message_id = ?", (message_id,))
        return dead_letter_record(rows[0]) if rows else None

    def delete_dead_letter(self, message_id: str) -> None:
        """Remove one."""
        self._db.change(f"DELETE FROM {DEAD_LETTERS} WHERE message_id = ?", (message_id,))

    # StateAdmin

    def all_tracked(self) -> list[TrackedFile]:
        """Return all tracking rows, by instance and name."""
        rows = self._db.rows(f"{_select(TRACKING, TRACKING_COLUMNS)} ORDER BY instance_id, log_file_name")
        return [tracked_record(row) for row in rows]

    def checkpoints(self) -> list[Checkpoint]:
        """Return all checkpoints, by instance and name."""
        rows = self._db.rows(f"{_select(CHECKPOINTS, CHECKPOINT_COLUMNS)} ORDER BY instance_id, log_file_name")
        return [checkpoint_record(row) for row in rows]

    def dead_letters(self, *, gaps: bool = False) -> list[DeadLetter]:
        """Return open dead letters or gaps, oldest failure first."""
        rows = self._db.rows(f"{_select(DEAD_LETTERS, DEAD_LETTER_COLUMNS)} WHERE coalesce(is_gap, 0) = ?"
                             " ORDER BY failed_at, message_id", (int(gaps),))
        return [dead_letter_record(row) for row in rows]

    def _track(self, updates: str, values: tuple[object, ...], instance_id: str, log_file_name: str) -> None:
        changed = self._db.change(f"UPDATE {TRACKING} SET {updates} WHERE {FILE}", (*values, instance_id, log_file_name))
        if not changed:
            raise Conflict(f"no tracking row of {instance_id} {log_file_name}")

    def _fenced(self, updates: str, values: tuple[object, ...], claimed: Checkpoint, condition: str = "TRUE",
                condition_values: tuple[object, ...] = ()) -> None:
        """Change a checkpoint only for the claim that holds it: the fence of law 2."""
        changed = self._db.change(
            f"UPDATE {CHECKPOINTS} SET {updates} WHERE {MINE} AND lease_owner != '' AND {condition}",
            (*values, claimed.instance_id, claimed.log_file_name, claimed.lease_owner, claimed.epoch, *condition_values))
        if not changed:
            raise EpochMoved(f"{claimed.instance_id} {claimed.log_file_name} epoch {claimed.epoch}")


def _select(table: str, columns: dict[str, str]) -> str:
    return f"SELECT {column_list(columns)} FROM {table}"


def _insert(table: str, columns: dict[str, str]) -> str:
    return f"INSERT INTO {table} ({column_list(columns)}) VALUES ({', '.join('?' * len(columns))})"

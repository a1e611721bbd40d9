"""StateStore and StateAdmin on DynamoDB: each method is one conditional write or one consistent read.

Attributes are aliased everywhere (#name), since many are reserved words. No Scan but in StateAdmin, for operators.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from aurora_logs.adapters.aws.dynamodb import ConditionFailed, DynamoDb
from aurora_logs.adapters.aws.items import (
    Item,
    checkpoint_record,
    checkpoint_values,
    instance_record,
    instance_values,
    intent_values,
    letter_record,
    letter_values,
    listing_values,
    refuse_newer,
    tracked_record,
    tracked_values,
    value_of,
)
from aurora_logs.adapters.aws.tables import (
    LISTED_GAP,
    LISTED_INDEX,
    LISTED_INSTANCE,
    LISTED_LETTER,
    SCHEMA_VERSION,
    StateTables,
)
from aurora_logs.errors import ClaimHeld, Conflict, EpochMoved, StateAnswerLost
from aurora_logs.records.budget import ApiBudget
from aurora_logs.records.fleet import Delivered, TrackedFile, TrackedInstance
from aurora_logs.records.flow import Checkpoint, DeadLetter, Intent

EXISTS = "attribute_exists(#instance_id)"
MINE = "#lease_owner = :held_by AND #epoch = :held_epoch AND #lease_owner <> :nobody"
KNOWN = "(attribute_not_exists(#schema_version) OR #schema_version <= :known_version)"
LEASE_IS_FREE = ("(attribute_not_exists(#lease_owner) OR #lease_owner = :nobody OR attribute_not_exists(#lease_until)"
                 " OR #lease_until <= :now)")


class DynamoDbStateStore:
    """StateStore and StateAdmin. Called from many threads, and by any number of processes."""

    def __init__(self, database: DynamoDb, tables: StateTables) -> None:
        self._db, self._tables = database, tables

    # instances

    def save_instance(self, row: TrackedInstance) -> None:
        """Insert or update; what listings told and their lease stay as they are."""
        values = instance_values(row)
        self._update(self._tables.instances, {"instance_id": values.pop("instance_id")}, values)

    def instances(self) -> list[TrackedInstance]:
        """Return all instance rows, by id; a row may show up a moment after it was saved (the index follows the table)."""
        return [instance_record(item) for item in self._listed(self._tables.instances, LISTED_INSTANCE)]

    def lease_listing(self, instance_id: str, owner: str, *, now_sec: int, until_sec: int) -> bool:
        """Take the right to list an instance."""
        try:
            self._update(self._tables.instances, {"instance_id": instance_id},
                         {"lease_owner": owner, "lease_until": until_sec},
                         condition=f"(#lease_owner = :me OR {LEASE_IS_FREE})",
                         values={"me": owner, "nobody": "", "now": now_sec})
        except ConditionFailed:
            return False
        return True

    def listing_done(self, row: TrackedInstance) -> bool:
        """Write what the listing told while its lease is still the owner's."""
        try:
            self._update(self._tables.instances, {"instance_id": row.instance.instance_id}, listing_values(row),
                         condition="#lease_owner = :me", values={"me": row.lease_owner})
        except ConditionFailed:
            return False
        return True

    def forget_instance(self, instance_id: str) -> None:
        """Delete the row."""
        self._delete(self._tables.instances, {"instance_id": instance_id})

    # the shared API budget

    def api_budget(self, budget_id: str) -> ApiBudget | None:
        """Read the row."""
        item = self._db.get(self._tables.instances, {"instance_id": budget_id})
        return msgspec.json.decode(item["budget"]["S"], type=ApiBudget) if item else None

    def save_api_budget(self, budget: ApiBudget, *, seen: int) -> bool:
        """Write the row if its version still is `seen`."""
        changes = {"version": budget.version, "budget": msgspec.json.encode(budget).decode()}
        condition, values = ("#version = :seen", {"seen": seen}) if seen else ("attribute_not_exists(#version)", {})
        try:
            self._update(self._tables.instances, {"instance_id": budget.budget_id}, changes, condition=condition,
                         repeatable=False, values=values)
        except ConditionFailed:
            return False
        return True

    # tracking rows

    def see(self, row: TrackedFile) -> bool:
        """W1. A repeat after a lost answer finds its own row; one made by hand, of keys and a status, is completed (REL-48)."""
        item = {name: value_of(value) for name, value in tracked_values(row).items()}
        try:
            self._db.write("put_item", self._tables.tracking, repeatable=True, Item=item,
                           condition="attribute_not_exists(#resource_id)")
        except ConditionFailed as failed:
            return failed.item == item
        return True

    def grow(self, instance_id: str, log_file_name: str, *, file_size: int, last_written: int, now_sec: int) -> None:
        """W2."""
        self._track(instance_id, log_file_name, {"file_size": file_size, "last_written": last_written, "missing": 0,
                                                 "status": "discovered", "updated_at": now_sec})

    def queued(self, instance_id: str, log_file_name: str, now_sec: int) -> None:
        """W3."""
        self._track(instance_id, log_file_name, {"queued_at": now_sec})

    def missed(self, instance_id: str, log_file_name: str, missing: int) -> None:
        """Write how many whole listings in a row lacked the file."""
        self._track(instance_id, log_file_name, {"missing": missing})

    def tracked(self, instance_id: str) -> list[TrackedFile]:
        """Return an instance's rows, by name."""
        items = self._db.pages("query", self._tables.tracking, ConsistentRead=True,
                               KeyConditionExpression="#instance_id = :instance_id",
                               ExpressionAttributeNames={"#instance_id": "instance_id"},
                               ExpressionAttributeValues={":instance_id": value_of(instance_id)})
        return [tracked_record(item) for item in items]

    def track_progress(self, instance_id: str, log_file_name: str, delivered: Delivered, *, status: str, now_sec: int,
                       error: str = "", as_listed: TrackedFile | None = None) -> bool:
        """W9, W10, W13; False when the row is gone, of a later claim, or not as the listing that was worked on."""
        condition = f"{EXISTS} AND (attribute_not_exists(#epoch) OR #epoch <= :epoch)"
        listed: dict[str, object] = {}
        if as_listed is not None:
            condition += " AND #file_size = :listed_size AND #last_written = :listed_time"
            listed = {"listed_size": as_listed.file_size, "listed_time": as_listed.last_written}
        return self._applied(
            instance_id, log_file_name,
            {"status": status, "error": error, "updated_at": now_sec, "audited_at": 0} | msgspec.structs.asdict(delivered),
            condition=condition, values=listed)

    def audited(self, instance_id: str, log_file_name: str, *, delivered_bytes: int, now_sec: int) -> bool:
        """W11."""
        return self._applied(instance_id, log_file_name, {"audited_at": now_sec, "updated_at": now_sec},
                             condition="#status = :completed AND #delivered_bytes = :looked_at",
                             values={"completed": "completed", "looked_at": delivered_bytes})

    def prune(self, instance_id: str, log_file_name: str) -> None:
        """W12."""
        self._delete(self._tables.tracking, _file(instance_id, log_file_name))

    # checkpoints

    def checkpoint(self, instance_id: str, log_file_name: str) -> Checkpoint | None:
        """Read a row."""
        item = self._db.get(self._tables.checkpoints, _file(instance_id, log_file_name))
        return checkpoint_record(item) if item else None

    def take_claim(self, initial: Checkpoint, *, owner: str, now_ms: int, until_ms: int) -> Checkpoint:
        """W4. A lease is over at `lease_until`: a caller that allows for skewed clocks takes that off `now_ms`."""
        first = {name: value for name, value in checkpoint_values(initial).items()
                 if value is not None and name not in ("instance_id", "log_file_name", "lease_owner", "lease_until", "epoch")}
        starts = "".join(f", #{name} = if_not_exists(#{name}, :{name})" for name in first)
        update = ("SET #lease_owner = :owner, #lease_until = :until, #epoch = if_not_exists(#epoch, :zero) + :one" + starts)
        try:
            item = self._write(self._tables.checkpoints, _file(initial.instance_id, initial.log_file_name), update,
                               condition=LEASE_IS_FREE, repeatable=False, returned="ALL_NEW",
                               values={"owner": owner, "until": until_ms, "zero": 0, "one": 1, "nobody": "", "now": now_ms}
                               | first)
        except ConditionFailed as failed:
            raise ClaimHeld(f"{initial.instance_id} {initial.log_file_name}") from failed
        return checkpoint_record(item)

    def renew(self, claimed: Checkpoint, *, until_ms: int) -> None:
        """W5."""
        self._fenced(claimed, {"lease_until": until_ms})

    def intend(self, claimed: Checkpoint, intent: Intent, *, until_ms: int) -> None:
        """W6."""
        self._fenced(claimed, {"intent": intent_values(intent), "lease_until": until_ms, "expires_at": None},
                     condition="attribute_not_exists(#intent) AND #byte_offset = :from_offset",
                     values={"from_offset": claimed.byte_offset})

    def advance(self, claimed: Checkpoint, intent_id: str, moved: Checkpoint) -> None:
        """W7."""
        values = checkpoint_values(moved)
        for name in ("instance_id", "log_file_name"):
            del values[name]
        if intent_id:
            self._fenced(claimed, values, condition="#intent.#id = :passed", values={"passed": intent_id})
        else:
            self._fenced(claimed, values, condition="attribute_not_exists(#intent)")

    def release(self, claimed: Checkpoint, *, withdraw_intent: bool) -> None:
        """W9, W10."""
        withdrawn: dict[str, object | None] = {"intent": None} if withdraw_intent else {}
        self._fenced(claimed, {"lease_owner": "", "lease_until": 0} | withdrawn)

    # dead letters

    def bury(self, letter: DeadLetter) -> None:
        """W8: insert or count once more; a lost answer is told by the count (REL-144)."""
        known = self.dead_letter(letter.message_id)
        while True:
            values = letter_values(letter) | {"retry_count": known.retry_count + 1 if known else letter.retry_count}
            key = {"message_id": values.pop("message_id")}
            try:
                if known is None:
                    self._update(self._tables.dead_letters, key, values, condition="attribute_not_exists(#message_id)",
                                 repeatable=False)
                else:
                    self._update(self._tables.dead_letters, key, values, condition="#retry_count = :counted",
                                 repeatable=False, values={"counted": known.retry_count})
            except (ConditionFailed, StateAnswerLost) as error:
                before, known = known, self.dead_letter(letter.message_id)
                counted = known.retry_count if known else 0
                if isinstance(error, StateAnswerLost) and counted >= (before.retry_count + 1 if before else letter.retry_count):
                    return
            else:
                return

    def dead_letter(self, message_id: str) -> DeadLetter | None:
        """Read one."""
        item = self._db.get(self._tables.dead_letters, {"message_id": message_id})
        return letter_record(item) if item else None

    def dead_letters(self, *, gaps: bool = False) -> list[DeadLetter]:
        """Return open dead letters or gaps, oldest failure first; the index follows the table within moments."""
        found = [letter_record(item)
                 for item in self._listed(self._tables.dead_letters, LISTED_GAP if gaps else LISTED_LETTER)]
        return sorted(found, key=lambda letter: (letter.failed_at, letter.message_id))

    def delete_dead_letter(self, message_id: str) -> None:
        """Remove one."""
        self._delete(self._tables.dead_letters, {"message_id": message_id})

    # StateAdmin

    def all_tracked(self) -> list[TrackedFile]:
        """Return all tracking rows, by instance and name: a Scan, for operators."""
        rows = [tracked_record(item) for item in self._db.pages("scan", self._tables.tracking, ConsistentRead=True)]
        return sorted(rows, key=lambda row: (row.instance_id, row.log_file_name))

    def checkpoints(self) -> list[Checkpoint]:
        """Return all checkpoints, by instance and name: a Scan, for operators."""
        rows = [checkpoint_record(item) for item in self._db.pages("scan", self._tables.checkpoints, ConsistentRead=True)]
        return sorted(rows, key=lambda row: (row.instance_id, row.log_file_name))

    # inside

    def _listed(self, table: str, listed_as: str) -> list[Item]:
        return list(self._db.pages("query", table, IndexName=LISTED_INDEX, KeyConditionExpression="#listed_as = :listed_as",
                                   ExpressionAttributeNames={"#listed_as": "listed_as"},
                                   ExpressionAttributeValues={":listed_as": value_of(listed_as)}))

    def _track(self, instance_id: str, log_file_name: str, changes: Mapping[str, object]) -> None:
        if not self._applied(instance_id, log_file_name, changes, condition=EXISTS):
            raise Conflict(f"no tracking row of {instance_id} {log_file_name}")

    def _applied(self, instance_id: str, log_file_name: str, changes: Mapping[str, object], *, condition: str,
                 values: Mapping[str, object] | None = None) -> bool:
        try:
            self._update(self._tables.tracking, _file(instance_id, log_file_name), changes, condition=condition, values=values)
        except ConditionFailed:
            return False
        return True

    def _fenced(self, claimed: Checkpoint, changes: Mapping[str, object | None], *, condition: str = "",
                values: Mapping[str, object] | None = None) -> None:
        """Change a checkpoint only for the claim that holds it: the fence of law 2."""
        try:
            self._update(self._tables.checkpoints, _file(claimed.instance_id, claimed.log_file_name), changes,
                         condition=f"{MINE} AND {condition}" if condition else MINE, repeatable=False,
                         values={"held_by": claimed.lease_owner, "held_epoch": claimed.epoch, "nobody": "", **(values or {})})
        except ConditionFailed as failed:
            raise EpochMoved(f"{claimed.instance_id} {claimed.log_file_name} epoch {claimed.epoch}") from failed

    def _update(self, table: str, key: Mapping[str, object], changes: Mapping[str, object | None], *, condition: str = "",
                repeatable: bool = True, values: Mapping[str, object] | None = None) -> None:
        """Set attributes, remove those that are None."""
        kept = {name: value for name, value in changes.items() if value is not None}
        removed = [f"#{name}" for name, value in changes.items() if value is None]
        update = "SET " + ", ".join(f"#{name} = :{name}" for name in kept)
        if removed:
            update += " REMOVE " + ", ".join(removed)
        self._write(table, key, update, condition=condition, repeatable=repeatable, values=kept | dict(values or {}))

    def _write(self, table: str, key: Mapping[str, object], update: str, *, condition: str, repeatable: bool,
               values: Mapping[str, object], returned: str = "NONE") -> Item:
        """Update one item that no newer version wrote. Raises: ConditionFailed, StateNewer (nothing was changed)."""
        known = f"{condition} AND {KNOWN}" if condition else KNOWN
        try:
            return self._db.write("update_item", table, repeatable=repeatable, update=update, condition=known,
                                  values={**values, "known_version": SCHEMA_VERSION}, ReturnValues=returned,
                                  Key={name: value_of(value) for name, value in key.items()})
        except ConditionFailed as failed:
            refuse_newer(failed.item)
            raise

    def _delete(self, table: str, key: Mapping[str, object]) -> None:
        self._db.write("delete_item", table, repeatable=True, Key={name: value_of(value) for name, value in key.items()})


def _file(instance_id: str, log_file_name: str) -> dict[str, Any]:
    return {"instance_id": instance_id, "log_file_name": log_file_name}

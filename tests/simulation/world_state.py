"""The simulated state store: rows in memory, every write conditional as reliability.md §5.2 says. Faults are elsewhere."""

from msgspec.structs import asdict, replace

from aurora_logs.errors import ClaimHeld, Conflict, EpochMoved
from aurora_logs.records.fleet import Instance, TrackedInstance


class StateWorld:
    """StateStore and StateAdmin. `watch` hears of every applied write: watch(write, before, after)."""

    def __init__(self, watch=lambda write, before, after: None):
        self._watch = watch
        self.instance_rows, self.tracking, self.rows, self.letters = {}, {}, {}, {}
        self.leases = {}  # of other work than an instance's listing, by a key that begins with #

    # instances

    def save_instance(self, row):
        known = self.instance_rows.get(row.instance.instance_id, row)
        self.instance_rows[row.instance.instance_id] = replace(
            known, instance=row.instance, updated_at=row.updated_at, expires_at=row.expires_at)

    def instances(self):
        return [self.instance_rows[name] for name in sorted(self.instance_rows)]

    def lease_listing(self, instance_id, owner, *, now_sec, until_sec, run_id=""):
        rows = self.leases if instance_id.startswith("#") else self.instance_rows
        row = rows.get(instance_id) or TrackedInstance(instance=Instance(instance_id=instance_id, resource_id=""))
        if row.lease_owner not in ("", owner) and row.lease_until > now_sec and not _is_dead(row.lease_owner, run_id):
            return False
        rows[instance_id] = replace(row, lease_owner=owner, lease_until=until_sec)
        return True

    def listing_done(self, row):
        known = self.instance_rows.get(row.instance.instance_id)
        if known is None or known.lease_owner != row.lease_owner:
            return False
        self.instance_rows[row.instance.instance_id] = replace(row, instance=known.instance, updated_at=known.updated_at,
                                                               expires_at=known.expires_at)
        return True

    def forget_instance(self, instance_id):
        self.instance_rows.pop(instance_id, None)

    # tracking rows

    def see(self, row):
        key = row.instance_id, row.log_file_name
        if key in self.tracking:
            return False
        self._track(key, row, "see")
        return True

    def grow(self, instance_id, log_file_name, *, file_size, last_written, now_sec):
        self._change((instance_id, log_file_name), "grow", file_size=file_size, last_written=last_written,
                     status="discovered", missing=0, updated_at=now_sec)

    def queued(self, instance_id, log_file_name, now_sec):
        self._change((instance_id, log_file_name), "queued", queued_at=now_sec)

    def missed(self, instance_id, log_file_name, missing):
        self._change((instance_id, log_file_name), "missed", missing=missing)

    def tracked(self, instance_id):
        return [self.tracking[key] for key in sorted(self.tracking) if key[0] == instance_id]

    def track_progress(self, instance_id, log_file_name, delivered, *, status, now_sec, error="", as_listed=None):
        key = instance_id, log_file_name
        row = self.tracking.get(key)
        if row is None or row.epoch > delivered.epoch or (
                as_listed and (as_listed.file_size, as_listed.last_written) != (row.file_size, row.last_written)):
            return False
        self._change(key, "progress", status=status, error=error, updated_at=now_sec, audited_at=0, **asdict(delivered))
        return True

    def audited(self, instance_id, log_file_name, *, delivered_bytes, now_sec):
        row = self.tracking.get((instance_id, log_file_name))
        if row is None or row.status != "completed" or row.delivered_bytes != delivered_bytes:
            return False
        self._change((instance_id, log_file_name), "audited", audited_at=now_sec, updated_at=now_sec)
        return True

    def prune(self, instance_id, log_file_name):
        before = self.tracking.pop((instance_id, log_file_name), None)
        self._watch("prune", before, None)

    # checkpoints

    def checkpoint(self, instance_id, log_file_name):
        return self.rows.get((instance_id, log_file_name))

    def take_claim(self, initial, *, owner, now_ms, until_ms, run_id=""):
        key = initial.instance_id, initial.log_file_name
        row = self.rows.get(key)
        held = row is not None and row.lease_owner and row.lease_until_ms > now_ms
        if held and not _is_dead(row.lease_owner, run_id):
            raise ClaimHeld(f"{key[0]} {key[1]}")
        return self._put("take_claim", row, replace(
            row or initial, lease_owner=owner, epoch=(row.epoch if row else 0) + 1, lease_until_ms=until_ms))

    def renew(self, claimed, *, until_ms):
        row = self._mine(claimed)
        self._put("renew", row, replace(row, lease_until_ms=until_ms))

    def intend(self, claimed, intent, *, until_ms):
        row = self._mine(claimed)
        if row.intent is not None or row.byte_offset != claimed.byte_offset:
            raise EpochMoved(f"{claimed.log_file_name}: another intent is open")
        self._put("intend", row, replace(row, intent=intent, lease_until_ms=until_ms))

    def advance(self, claimed, intent_id, moved):
        row = self._mine(claimed)
        if (row.intent.id if row.intent else "") != intent_id:
            raise EpochMoved(f"{claimed.log_file_name}: another intent is open")
        self._put("advance", row, moved)

    def release(self, claimed, *, withdraw_intent):
        row = self._mine(claimed)
        self._put("release", row, replace(row, lease_owner="", lease_until_ms=0,
                                          intent=None if withdraw_intent else row.intent))

    # dead letters

    def bury(self, letter):
        known = self.letters.get(letter.message_id)
        count = known.retry_count + 1 if known else letter.retry_count
        self.letters[letter.message_id] = replace(letter, retry_count=count)
        self._watch("bury", known, letter)

    def dead_letter(self, message_id):
        return self.letters.get(message_id)

    def delete_dead_letter(self, message_id):
        self.letters.pop(message_id, None)

    # StateAdmin

    def all_tracked(self):
        return [self.tracking[key] for key in sorted(self.tracking)]

    def checkpoints(self):
        return [self.rows[key] for key in sorted(self.rows)]

    def dead_letters(self, *, gaps=False):
        found = [letter for letter in self.letters.values() if letter.is_gap == gaps]
        return sorted(found, key=lambda letter: (letter.failed_at, letter.message_id))

    # inside

    def _mine(self, claimed):
        row = self.rows.get((claimed.instance_id, claimed.log_file_name))
        if row is None or not row.lease_owner or (row.lease_owner, row.epoch) != (claimed.lease_owner, claimed.epoch):
            raise EpochMoved(f"{claimed.log_file_name} epoch {claimed.epoch}")
        return row

    def _put(self, write, before, after):
        self.rows[after.instance_id, after.log_file_name] = after
        self._watch(write, before, after)
        return after

    def _change(self, key, write, **values):
        if key not in self.tracking:
            raise Conflict(f"no tracking row of {key[0]} {key[1]}")
        self._track(key, replace(self.tracking[key], **values), write)

    def _track(self, key, row, write):
        before = self.tracking.get(key)
        self.tracking[key] = row
        self._watch(write, before, row)


def _is_dead(owner, run_id):
    """In embedded mode the lock on the directory proves that owners of other runs are dead (§5.8)."""
    return bool(run_id) and not owner.startswith(f"{run_id}/")

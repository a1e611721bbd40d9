"""What can be seen of a running fleet: open intents, leases, files behind, and what lies physically in the sink."""

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable

from tools.distributed.fleet import Fleet, Replica
from tools.distributed.strangers import Stranger

from aurora_logs.records.flow import Checkpoint
from aurora_logs.records.log_record import file_key_of
from aurora_logs.services.demo.proof import Proof, compare

TOKEN = re.compile(r"tok_[0-9a-f]{16}")
NOT_COLLECTED = "error/mysql-error.log"  # a filtered copy, whose listed bytes nobody gets
LOOK_AGAIN_SEC = 0.1


class NotReached(Exception):
    """What was waited for did not come to pass."""


def wait_until(condition: Callable[[], object], what: str, *, within_sec: float = 60.0) -> float:
    """Wait for what other processes do; return how long it took. Raises: NotReached."""
    began_sec = time.monotonic()
    while not condition():
        if time.monotonic() - began_sec > within_sec:
            raise NotReached(f"not within {within_sec:.0f} s: {what}")
        time.sleep(LOOK_AGAIN_SEC)
    return time.monotonic() - began_sec


class Sight:
    """Looks at the tables, the log source's control surface and the sink; changes nothing."""

    def __init__(self, fleet: Fleet, rds: Stranger) -> None:
        """rds: the simulator that the fleet reads from."""
        self._fleet, self._rds = fleet, rds

    def held(self, replica: Replica) -> list[Checkpoint]:
        """Return the checkpoints that this replica has claimed."""
        return [row for row in self._fleet.state.checkpoints() if replica.owns(row.lease_owner)]

    def open_intents(self, replica: Replica | None = None) -> list[Checkpoint]:
        """Return the checkpoints with an open intent, of one replica or of all."""
        return [row for row in self._fleet.state.checkpoints()
                if row.intent is not None and (replica is None or replica.owns(row.lease_owner))]

    def stored_intents(self, rows: Iterable[Checkpoint]) -> int:
        """Count those open intents of which a record lies in the sink."""
        ids = [json.loads(row)["record_id"] for row in self._fleet.engines.sink.rows()]
        types = {(row.instance_id, row.family): row.log_type for row in self._fleet.state.all_tracked()}
        found = 0
        for row in rows:
            assert row.intent is not None
            key = file_key_of(row.resource_id, types[row.instance_id, row.log_file_name], row.segment_id)
            begin, end = f"{key}-{row.intent.from_offset:010x}", f"{key}-{row.intent.to_offset:010x}"
            found += any(begin <= one < end for one in ids)
        return found

    def listed_by(self, replica: Replica) -> list[str]:
        """Return the instances whose listing this replica has leased."""
        return [row.instance.instance_id for row in self._fleet.state.instances()
                if replica.owns(row.lease_owner) and row.lease_until > time.time()]

    def behind(self) -> list[str]:
        """Return the files of which listed bytes are not delivered."""
        done = {(row.instance_id, row.log_file_name): row.delivered_bytes if row.status == "completed" else -1
                for row in self._fleet.state.all_tracked()}
        return [f"{one['identifier']} {name}" for one in self._rds.get("instances") for name, size in one["files"].items()
                if size and not name.startswith(NOT_COLLECTED) and done.get((one["identifier"], name), -1) < size]

    def proof(self) -> Proof:
        """Compare the ledger with the sink's physical rows: each token once."""
        rows = self._fleet.engines.sink.rows()
        counts = Counter(token for row in rows for token in set(TOKEN.findall(row)))
        state = self._fleet.state
        return compare(self._rds.get("ledger?entries=1"), counts, len(rows), state.dead_letters(gaps=True), state.dead_letters())

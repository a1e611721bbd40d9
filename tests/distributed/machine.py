"""A processor on a machine of its own that can freeze: with what it had sent still on the way, to the sink and to the tables."""

import contextlib
import signal
import sys
import time
from pathlib import Path

from tests.engines.fault_proxy import in_front_of
from tools.distributed.sight import wait_until
from tools.servers.processes import end_now, start

FORWARDER = Path(__file__).with_name("forwarder.py")
STUCK_SEC = 0.8  # how long one network stands before all else does: by then what needs it hangs there
WRITES = ("UpdateItem", "PutItem", "DeleteItem", "TransactWriteItems")


class Machine:
    """tables: a proxy that tells each write's fate. claims: those that it held when it froze."""

    def __init__(self, world, folder, opened):
        self._world = world
        self.tables = opened.enter_context(in_front_of(world.fleet.engines.dynamodb.url))
        self._networks = {name: self._network(url, folder / f"{name}.log", opened)
                          for name, url in (("sink", world.sink.url), ("tables", self.tables.url))}
        self.processor = world.fleet.start("processor", OPENOBSERVE_URL=self._networks["sink"][1],
                                           AWS_ENDPOINT_URL_DYNAMODB=self._networks["tables"][1])
        self.claims, self._thawed_at = [], 0

    def _network(self, url, log, opened):
        process = start([sys.executable, FORWARDER, url.rpartition(":")[2]], log)
        opened.callback(end_now, process, signal.SIGKILL)
        return process, f"http://127.0.0.1:{int(process.stdout.readline())}"

    def freeze(self, first):
        """Stop one network at work, then, with requests hanging in it, the process and all else."""
        wait_until(lambda: len(self._world.sight.held(self.processor)) > 1, f"{self.processor.name} works on several files")
        self._networks[first][0].send_signal(signal.SIGSTOP)
        time.sleep(STUCK_SEC)
        self.processor.pause()
        for process, _ in self._networks.values():
            process.send_signal(signal.SIGSTOP)
        self.claims = self._world.sight.held(self.processor)

    def is_forgotten(self):
        """Tell whether others hold each of its claims, and have sent what it meant to send."""
        now = {(row.instance_id, row.log_file_name): row for row in self._world.fleet.state.checkpoints()}
        return all(_is_passed(row, now[row.instance_id, row.log_file_name]) for row in self.claims)

    def thaw(self):
        self._thawed_at = len(self.tables.seen)
        for process, _ in self._networks.values():
            process.send_signal(signal.SIGCONT)
        self.processor.go_on()

    def late_writes(self):
        """Return what became of the writes of its old claims that reached the tables after the thaw."""
        owners = {row.lease_owner for row in self.claims}
        old = {(row.instance_id, row.log_file_name, row.epoch) for row in self.claims}
        return [(one.operation, one.outcome) for one in self.tables.seen[self._thawed_at:]
                if one.operation in WRITES and one.outcome and (self._owner(one) in owners or self._claim(one) in old)]

    def _owner(self, seen):
        return seen.parameters.get("ExpressionAttributeValues", {}).get(":held_by", {}).get("S")

    def _claim(self, seen):
        """Name the claim of a write to a tracking row, which says its epoch; None for any other."""
        epoch = seen.parameters.get("ExpressionAttributeValues", {}).get(":epoch", {}).get("N")
        key = seen.parameters.get("Key", {})
        return (key["instance_id"]["S"], key["log_file_name"]["S"], int(epoch)) if epoch and "log_file_name" in key else None


def _is_passed(old, row):
    if row.lease_owner == old.lease_owner:
        return False
    return old.intent is None or row.segment_id != old.segment_id or row.byte_offset >= old.intent.to_offset


@contextlib.contextmanager
def machines(world, folder, count):
    with contextlib.ExitStack() as opened:
        made = []
        for number in range(count):
            (folder / f"machine-{number}").mkdir(parents=True)
            made.append(Machine(world, folder / f"machine-{number}", opened))
        yield made

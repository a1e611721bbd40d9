"""A bench: the product's own code in this process, reading a simulated account over HTTP, with clocks moved by hand."""

import contextlib
import json
import os
import threading

from tests.simulator.simulated import KEYS, START_US, RealTimeBeside, a_world
from tests.unit.stages.stage_bench import FineClock

from aurora_logs import telemetry
from aurora_logs.adapters.aws.log_source import open_rds_source
from aurora_logs.adapters.embedded.directory import open_for_collecting
from aurora_logs.adapters.embedded.queue import SqliteQueue
from aurora_logs.adapters.embedded.sink import FileSink
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.adapters.embedded.system import SystemRandom, Threads
from aurora_logs.errors import AuroraLogsError
from aurora_logs.formats import format_of
from aurora_logs.ports import Ports
from aurora_logs.records.log_record import file_key_of
from aurora_logs.resilience import RateLimit
from aurora_logs.services.auditing import Auditor
from aurora_logs.services.demo.proof import compare, physical_tokens
from aurora_logs.services.discovery import Discovery
from aurora_logs.services.processor import Processor
from aurora_logs.settings import Settings
from aurora_logs_simulator.clock import HOUR_US, SECOND_US
from aurora_logs_simulator.faults import Rule
from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.server import SimulatorServer

SLOW = "slowquery/mysql-slowquery.log"
MYSQL = Spec(identifier="db-1", engine="aurora-mysql", log_types=("slowquery",))
POSTGRES = Spec(identifier="pg-1", engine="postgres")
INTERVAL_SEC = 30
PORTION, LISTING, COMPLETE = "DownloadDBLogFilePortion", "DescribeDBLogFiles", "DownloadCompleteDBLogFile"
STEPS_MAX = 200  # tasks of one cycle: more is a hot loop


def slow_entry(number, text="SELECT 1"):
    """A small entry of a slow log with a token of its own, 5 lines; returns (content, token)."""
    token = f"tok_{number:016x}"
    return (f"# Time: 2026-10-10T06:10:00.{number % 1_000_000:06d}Z\n# User@Host: app[app] @  [10.0.0.1]  Id:     7\n"
            "# Query_time: 1.5  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 1\nSET timestamp=1791612600;\n"
            f"{text} AS {token};\n").encode(), token


class Killed(BaseException):
    """The process dies here: nothing of it is cleaned up, as after SIGKILL."""


class Watched:
    """The source, seen through a window: notes each read, and lets the process die before the n-th call."""

    def __init__(self, source, bench):
        self._source, self._bench = source, bench

    def __getattr__(self, name):
        return getattr(self._source, name)

    def read(self, instance_id, log_file_name, marker, *, max_lines=0):
        self._bench.reads.append((log_file_name, marker, max_lines))
        self._bench.step("read")
        return self._source.read(instance_id, log_file_name, marker, max_lines=max_lines)


class WatchedSink:
    """The sink, seen the same way: the process may die before or after a batch is stored."""

    def __init__(self, sink, bench):
        self._sink, self._bench = sink, bench
        self.settle_sec = sink.settle_sec

    def ship(self, batch, lines):
        self._bench.step("before ship")
        receipt = self._sink.ship(batch, lines)
        self._bench.step("after ship")
        return receipt

    def oldest_us(self):
        return self._sink.oldest_us()

    def stored(self, *where, **span):
        return self._sink.stored(*where, **span)


class Bench:
    """One simulated account and one data directory. `cycle` is a listing and the work that follows from it."""

    def __init__(self, folder, *specs, faults=(), settings=None, **scenario):
        self.world = a_world(*(specs or (MYSQL,)), faults=faults, clock=RealTimeBeside(START_US), **scenario)
        self.clock = FineClock(START_US)
        self.settings = Settings(**{
            "data_dir": str(folder), "batch_timeout_sec": 0.0, "retry_backoff_sec": 0.01, "rds_api_rate_limit": 1000.0,
            "discovery_interval_sec": float(INTERVAL_SEC), "audit_delay_sec": 0.0} | (settings or {}))
        self.folder, self.events, self.reads, self.calls_before = folder, [], [], {}
        self.kill_at, self.steps = {}, {}

    # the database's side

    def write(self, count=1, instance="db-1", log_type="slowquery"):
        with self.server.service.lock:
            now_us = self.world.clock.now_us()
            self.world.api.account.advance(now_us)
            self.world.load.write_now(instance, log_type, count, now_us)

    def pass_sec(self, sec):
        """Let log time pass: the load writes, hours rotate, old files go. Our own clock goes along."""
        with self.server.service.lock:
            self.world.clock.advance_us(int(sec * SECOND_US))
            self.world.load.run_until(self.world.clock.now_us())
            self.world.api.account.advance(self.world.clock.now_us())
        self.clock.sleep(sec)

    def pass_hours(self, hours=1, *, entries_each=0, instance="db-1", log_type="slowquery"):
        for _ in range(hours):
            self.pass_sec(HOUR_US // SECOND_US)
            if entries_each:
                self.write(entries_each, instance, log_type)

    def family(self, instance="db-1", log_type="slowquery"):
        return self.world.api.account.instance(instance).families[log_type]

    def put(self, content, *, token="", instance="db-1", log_type="slowquery"):
        """Write these very bytes as one entry."""
        with self.server.service.lock:
            return self.family(instance, log_type).append(content, token=token, fields={},
                                                          now_us=self.world.clock.now_us())

    def put_slow(self, number, text="SELECT 1"):
        content, token = slow_entry(number, text)
        return self.put(content, token=token)

    def restart_database(self, instance="db-1", **how):
        with self.server.service.lock:
            self.world.api.account.restart(instance, self.world.clock.now_us(), **how)

    def purge(self, count=1, instance="db-1", log_type="slowquery"):
        with self.server.service.lock:
            family = self.family(instance, log_type)
            for segment in family.closed[:count]:
                family.purge(segment)

    def plant(self, name, probability=1.0, **more):
        with self.server.service.lock:
            self.world.api.faults.add(Rule(fault=name, probability=0.0 if "nth" in more else probability, **more))

    def heal(self, *names):
        with self.server.service.lock:
            for name in names:
                self.world.api.faults.remove(name)

    def struck(self, name):
        return self.world.api.faults.struck[name]

    def calls(self, operation=None):
        """Calls since the last look, of one operation or of those for bytes and listings of files."""
        now = self.world.api.gate.calls
        made = {name: now[name] - self.calls_before.get(name, 0) for name in now}
        return made.get(operation, 0) if operation else made

    def forget_calls(self):
        self.calls_before = dict(self.world.api.gate.calls)

    # the product's side

    @contextlib.contextmanager
    def open(self):
        """Serve the account and open the product on it."""
        self.server = SimulatorServer(self.world, keys=KEYS)
        thread = threading.Thread(target=self.server.serve)
        thread.start()
        try:
            with _account_of(self.server):
                self.start_product()
                try:
                    yield self
                finally:
                    self.stop_product()
        finally:
            self.server.stop()
            thread.join()

    def start_product(self):
        telemetry.configure(lambda level, message, fields: self.events.append((level, message, fields)))
        self.held = open_for_collecting(self.folder)
        limit = RateLimit(clock=self.clock, ceiling_per_sec=self.settings.rds_api_rate_limit)
        self.source = open_rds_source(clock=self.clock, limit=limit)
        self.random = SystemRandom()
        run_id = f"run-{self.random.nonce()}"
        self.state = SqliteStateStore(self.held.database, run_id)
        self.queue = SqliteQueue(self.held.database, self.clock, run_id)
        self.sink = FileSink(self.held.directory, self.random)
        self.ports = Ports(
            source=Watched(self.source, self), queue=self.queue, state=self.state, sink=WatchedSink(self.sink, self),
            clock=self.clock, random=self.random, workers=Threads(threading.Event()))
        self.discovery = Discovery(self.ports, self.settings, run_id)
        self.processor = Processor(self.ports, self.settings, self.discovery.listing, run_id)
        self.auditor = Auditor(self.ports, self.settings, self.discovery.listing, run_id)

    def stop_product(self):
        self.source.close()
        self.held.close()
        telemetry.configure(lambda *_: None)

    def start_again(self):
        self.stop_product()
        self.start_product()

    def step(self, name):
        """A switch point: the process dies here when `kill_at[name]` steps of this name are over."""
        self.steps[name] = self.steps.get(name, 0) + 1
        if self.kill_at.get(name) == self.steps[name]:
            raise Killed(name)

    def cycle_killed(self, name, nth):
        """A cycle that dies at the n-th step of this name from now on; True when it came so far. Then a new process."""
        self.kill_at, self.steps = {name: nth}, {}
        try:
            self.cycle()
        except Killed:
            return True
        finally:
            self.kill_at = {}
            self.start_again()
        return False

    def cycle(self, count=1):
        """List, then work until nothing waits; a task asked for later is looked at twice more, not for ever."""
        for _ in range(count):
            self.clock.sleep(INTERVAL_SEC + 1)
            with contextlib.suppress(AuroraLogsError):  # as Discovery.run: the next cycle comes
                self.discovery.cycle()
            self.work()

    def work(self):
        """Work off what waits; tasks put off are given up after a while without progress."""
        fruitless = 0
        for _ in range(STEPS_MAX):
            progress = self.processor.work_once(0.0)
            if progress is None or not (progress.records or progress.gap_bytes):
                fruitless += 1
            else:
                fruitless = 0
            if not self.queue.waiting() or fruitless > 6:
                return
            self.clock.sleep(0.1)
        raise AssertionError(f"{STEPS_MAX} visits in one cycle: a hot loop")

    def catch_up(self, cycles=12):
        """Cycle until nothing listed is behind; return how many it took. Faults that are on stay on."""
        for count in range(1, cycles + 1):
            self.cycle()
            if not self.behind():
                return count
        raise AssertionError(f"still behind after {cycles} cycles: {self.behind()}")

    def behind(self):
        """Files that are not delivered to the end that they have now, listed or not: (name, delivered, size, status)."""
        behind = []
        for instance in self.world.api.account.instances.values():
            rows = self.rows(instance.identifier)
            for file in instance.files():
                row = rows.get(file.name)
                if row is None and format_of(instance.engine, file.name) is None:
                    continue
                done = (row.delivered_bytes, row.status) if row else (-1, "not seen")
                if done != (max(file.listed_bytes, done[0]), "completed"):
                    behind.append((file.name, done[0], file.listed_bytes, done[1]))
        return behind

    # what arrived

    def records(self):
        """All stored lines, physically."""
        return [json.loads(line) for path in sorted(self.held.directory.batches.glob("*/*.ndjson"))
                for line in path.read_bytes().splitlines()]

    def gaps(self):
        """Reported gaps: (segment, from, to, reason)."""
        return sorted((gap.segment_id, gap.from_position, gap.to_position, gap.reason)
                      for gap in self.state.dead_letters(gaps=True))

    def letters(self):
        return self.state.dead_letters()

    def rows(self, instance="db-1"):
        return {row.log_file_name: row for row in self.state.tracked(instance)}

    def checkpoint(self, family=SLOW, instance="db-1"):
        return self.state.checkpoint(instance, family)

    def books(self):
        return self.world.api.ledger_report(with_entries=True)

    def spans(self, cause):
        """What the ledger notes as lost for this cause: (segment, from, to)."""
        return sorted((book["segment"], span["start"], span["end"]) for book in self.books()["files"]
                      for span in book["lost"] if span["cause"] == cause)

    def messages(self, message):
        return [fields for _, found, fields in self.events if found == message]

    def problems(self, *, gaps=(), letters=False, cut_off=False):
        """What differs from the promise: each token once, gaps exactly these or unreadable ones, no letter, no id twice.

        gaps: (segment, from, to) that the test expects beside the ledger's unreadable ranges. cut_off: a restart left the
        heads of entries behind, which are records of their own beside the whole entries that were delivered before.
        """
        counts, count = physical_tokens(self.held.directory)
        if cut_off:
            lost = {entry["token"] for book in self.books()["files"] for entry in book["entries"] if entry["lost"]}
            counts.subtract({token: 1 for token in lost if counts[token] == 2})
        wanted = set(gaps)
        others = [gap for gap in self.state.dead_letters(gaps=True)
                  if (gap.segment_id, gap.from_position, gap.to_position) not in wanted]
        found = {gap[:3] for gap in self.gaps()}
        problems = list(compare(self.books(), counts, count, others, () if letters else self.letters()).problems)
        problems += [f"no gap {gap}" for gap in sorted(wanted - found)]
        ids = [record["record_id"] for record in self.records()]
        problems += [f"{len(ids) - len(set(ids))} record ids twice"] * (len(ids) != len(set(ids)))
        return problems

    def uncounted(self):
        """REC-13, as the current segments have it: bytes of records + furniture + gaps == the position."""
        stored = {}
        for record in self.records():
            key = record["record_id"].split("-")[0]
            stored[key] = stored.get(key, 0) + record["log_record_bytes"]
        differ = []
        for row in self.state.checkpoints():
            log_type = next(one.log_type for one in self.state.all_tracked() if one.family == row.log_file_name)
            found = stored.get(file_key_of(row.resource_id, log_type, row.segment_id), 0)
            if found + row.furniture_bytes + row.gap_bytes != row.byte_offset:
                differ.append((row.segment_id, found, row.furniture_bytes, row.gap_bytes, row.byte_offset))
        return differ


@contextlib.contextmanager
def _account_of(server):
    """boto3 finds the simulator as it finds AWS: by its environment."""
    values = {"AWS_ENDPOINT_URL_RDS": server.endpoint, "AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-central-1",
              "AWS_ACCESS_KEY_ID": "SIMULATOR", "AWS_SECRET_ACCESS_KEY": "simulator-secret"}
    before = {name: os.environ.get(name) for name in values}
    os.environ |= values
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value

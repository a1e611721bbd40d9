"""One run: the worlds, the processes with the product's own jobs, the plan's events, and the heal phase at the end."""

from collections import Counter
from dataclasses import dataclass, field

import msgspec
from tests.simulation import happenings
from tests.simulation.chance import Chance
from tests.simulation.engine import Engine, FewChanges, Livelock, Process, RandomOrder
from tests.simulation.faults import FAULTS, PERIOD_CALLS, PERIODS
from tests.simulation.oracle import Oracle
from tests.simulation.plan import SEC
from tests.simulation.switch_points import (
    Calls,
    ProcessClock,
    ProcessRandom,
    ProcessWorkers,
    QueuePort,
    SinkPort,
    SourcePort,
    StatePort,
)
from tests.simulation.world_queue import QueueWorld
from tests.simulation.world_sink import SinkWorld
from tests.simulation.world_source import Family, SourceWorld
from tests.simulation.world_state import StateWorld

from aurora_logs.errors import SinkRejected
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import Instance
from aurora_logs.services.auditing import Auditor
from aurora_logs.services.discovery import Discovery
from aurora_logs.services.processor import Processor
from aurora_logs.settings import Settings
from aurora_logs.stages import split
from aurora_logs.stages.discover import Listing
from aurora_logs.stages.download import complete

EPOCH_US = 1_795_486_800_000_000
LOOK_EVERY_US = 5 * SEC
HEAD_BYTES = 300  # a slow log's head has 160


@dataclass
class Outcome:
    """How a run ended. violations: invariant -> first sign of it."""

    seed: int
    violations: dict
    trace_hash: str
    calls: int
    reached: Counter
    transitions: Counter
    choices: dict
    lines: list
    figures: Counter = field(default_factory=Counter)


class Run:
    """A run in the making; worlds and bookkeeping that ports and oracle share."""

    def __init__(self, plan, script=None):
        self.plan = plan
        self.faults = FAULTS
        self.chance = Chance(plan.seed, script)
        order = self.chance.stream("schedule")
        self.engine = Engine(self.chance, FewChanges(order) if plan.few_changes else RandomOrder(order))
        self.reached_rows, self.transitions, self.figures = Counter(), Counter(), Counter()
        self.old_listings, self.changed, self.takers = {}, set(), []
        self.writer = None  # the job whose write is being applied
        self.away_rows = {}
        self.processes, self.starts = [], Counter()
        self.oracle = Oracle(self)
        self.state = StateWorld(self.oracle.watch)
        self.queue = QueueWorld()
        self.sink = SinkWorld(self.oracle.is_poisoned, plan.lag_us)
        self.source = self._source()
        self.calls = Calls(self)
        self.finished = False

    def _source(self):
        count = 1 + max(family.instance for family in self.plan.families)
        instances = [Instance(instance_id=f"db-{number}", resource_id=f"R{number}", cluster_id="shop", engine="mysql",
                              is_cluster_writer=number == 0) for number in range(count)]
        families = [Family(instances[one.instance], "slowquery/mysql-slowquery.log" if one.hourly else "toy/toy.log",
                           "slowquery" if one.hourly else "error", hourly=one.hourly, header=one.header,
                           two_digits=one.two_digits) for one in self.plan.families]
        return SourceWorld(instances, families, self.plan.caps, EPOCH_US)

    # bookkeeping of ports

    def reached(self, row):
        self.reached_rows[row] += 1

    def away_row(self, call):
        return self.away_rows.get(call, "REL-02")

    def heard(self, answer):
        if answer.content and not answer.content.endswith(b"\n"):
            self.reached("REL-27")
        if answer.content.endswith(b"was truncated]\n"):
            self.reached("REL-05")

    def wake_takers(self):
        takers, self.takers = self.takers, []
        for actor in takers:
            self.engine.wake(actor)

    def refuse_poison(self, batch, lines):
        known = dict(zip(batch.lines, batch.ids, strict=True))
        if any(self.oracle.is_poisoned(known[line]) for line in lines):
            self.reached("REL-54")
            raise SinkRejected("400")

    def claim_of(self, actor):
        return self.oracle.claims.get(actor.name)

    def is_claim_live(self, claim):
        if claim is None:
            return False
        key, owner = claim
        row = self.state.rows.get(key)
        return row is not None and row.lease_owner == owner and self.oracle.lease_ends_us[key] > self.engine.now_us

    # processes

    def start(self, plan):
        """Start a process, again after each of its deaths."""
        self.starts[plan.name] += 1
        run_id = f"{plan.name}-{self.starts[plan.name]}"
        process = Process(plan.name, run_id, int(plan.wall_offset_sec * 1e6))
        self.processes.append(process)
        settings = Settings(**self.plan.settings, batch_size=plan.batch_size)
        clock = ProcessClock(self.calls, process, EPOCH_US)
        ports = Ports(source=SourcePort(self.calls, self.source), queue=QueuePort(self.calls, self.queue),
                      state=StatePort(self.calls, self.state, run_id if self.plan.embedded else ""),
                      sink=SinkPort(self.calls, self.sink, self.plan.settings["settle_sec"]), clock=clock,
                      random=ProcessRandom(self.chance.stream(f"jitter {run_id}")),
                      workers=ProcessWorkers(self.calls, process))
        for name in plan.jobs:
            self.engine.start(process, name, _job(name, ports, settings, run_id))
        self.engine.note(plan.name, f"started {run_id}")
        if not self.plan.embedded:
            return
        for number in list(self.queue.in_hands):  # the lock proves the former owner dead
            self.queue.retry_later(number, self.engine.now_us)

    def kill(self, process):
        """Kill a process and let it start again some time later."""
        self.engine.kill(process)
        if process.name.startswith("p") and self.plan.late_us:
            self.figures["kills"] += 1
        self.restart(process)

    def restart(self, process):
        plan = next(one for one in self.plan.processes if one.name == process.name)
        after_sec = self.chance.pick(("restart", process.name, self.starts[process.name]), 1.0,
                                     lambda: round(self.chance.stream("faults").uniform(0.1, 20), 3))
        self.engine.at(self.engine.now_us + int(after_sec * 1e6), lambda: self.start(plan))

    def living(self):
        return [process for process in self.processes if not process.dead and not process.is_over()]

    def periods(self, what, sec):
        """A port is away for a time."""
        for call in PERIOD_CALLS[what]:
            self.calls.away[call] = max(self.calls.away.get(call, 0), self.engine.now_us + int(sec * 1e6))
            self.away_rows[call] = PERIODS[what]

    # the way through time

    def go(self):
        """Run to the end and return the outcome."""
        kept = complete.WHOLE_FROM_BYTES, split.ENTRY_MAX_BYTES, split.HEAD_BYTES
        complete.WHOLE_FROM_BYTES, split.ENTRY_MAX_BYTES = self.plan.whole_from_bytes, self.plan.giant_from_bytes
        split.HEAD_BYTES = HEAD_BYTES
        try:
            for plan in self.plan.processes:
                self.start(plan)
            if len({plan.batch_size for plan in self.plan.processes}) > 1:
                self.reached("REL-74")
            for number, event in enumerate(self.plan.events):
                if self.chance.pick(("event", number), False, lambda: True):
                    self.engine.at(event.time_us, lambda event=event, number=number: happenings.happen(self, event, number))
            self.engine.at(self.plan.heal_us, self._heal)
            self.engine.run(lambda: self.finished)
        except Livelock as error:
            self.oracle.violated("I7", f"livelock: {error}")
        finally:
            complete.WHOLE_FROM_BYTES, split.ENTRY_MAX_BYTES, split.HEAD_BYTES = kept
            self.engine.bury_all(self.processes)
        for name, error in self.engine.crashes:
            self.oracle.violated("crash", f"{name}: {error!r}")
        self.oracle.judge()
        return Outcome(self.plan.seed, self.oracle.violations, self.engine.trace_hash(), self.engine.calls,
                       self.reached_rows, self.transitions, self.chance.taken, self.engine.lines, self.figures)

    def _heal(self):
        """Faults off: everything must reach its end within a bounded time (I7)."""
        engine, settings = self.engine, self.plan.settings
        engine.note("world", "heals")
        self.calls.strikes_on = False
        self.calls.away.clear()
        for process in self.processes:
            process.paused_until_us = 0
        happenings.last_words(self)
        wall_sec = max(abs(one.wall_offset_sec) for one in self.plan.processes) + happenings.jumped_sec(self)
        # Gone is what three whole listings lack, and a whole one comes every twelve intervals.
        bound_sec = (90 * settings["discovery_interval_sec"] + 20 * (settings["lease_sec"] + settings["settle_sec"])
                     + 10 * settings["audit_delay_sec"] + 5 * wall_sec + 600)
        self._deadline_us = engine.now_us + int(bound_sec * 1e6)
        engine.at(engine.now_us + LOOK_EVERY_US, self._look)

    def _look(self):
        open_ends = self.oracle.open_ends()
        if not open_ends:
            self.finished = True
        elif self.engine.now_us >= self._deadline_us:
            self.oracle.violated("I7", f"not at its end: {open_ends[0]}")
            self.finished = True
        else:
            self.engine.at(self.engine.now_us + LOOK_EVERY_US, self._look)


def _job(name, ports, settings, run_id):
    listing = Listing(ports.source, ports.state, ports.clock, settings)
    if name == "discovery":
        return Discovery(ports, settings, f"{run_id}/discovery").run
    if name == "auditor":
        return Auditor(ports, settings, listing, f"{run_id}/auditor").run
    return Processor(ports, settings, listing, f"{run_id}/{name}").run


def go(plan, script=None):
    """Run a plan once."""
    return Run(plan, script).go()


def without(plan, **changes):
    """Return the plan with changes."""
    return msgspec.structs.replace(plan, **changes)

"""The course of the distributed demo: load, four faults that must strike, the end of the load, and the proof."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
from tools.distributed.fleet import Replica
from tools.distributed.sight import NotReached, wait_until
from tools.distributed.world import ANSWER_SEC, SOURCE_FAULTS, World, world
from tools.servers import dynoxide, kafka
from tools.servers.kafka import Broker

from aurora_logs.services.demo.proof import Proof

DATABASES, ENTRIES, ENTRIES_PER_SEC = 12, 40_000, 50  # of each database; the load takes about 70 s
LEAST_ENTRIES, LEAST_BYTES, LEAST_ROTATIONS = 40_000, 15_000_000, 2
BATCH_SIZE = 100
DISCOVERIES, PROCESSORS = 2, 3
KILL_AT, KILL_DISCOVERY_AT, BROKER_AT, SINK_AT = 0.15, 0.3, 0.45, 0.6  # share of the load that is written by then
SINK_AWAY_SEC, KILL_IN_OUTAGE_SEC = 20.0, 8.0
SERVES_WITHIN_SEC, DRAINS_WITHIN_SEC = 60.0, 120.0


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """A fault and what it met. problem: "" when it struck."""

    text: str
    problem: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What the demo showed. problems: why it is not a proof; empty when all held. shipped: records by processor."""

    proof: Proof
    problems: list[str]
    strikes: list[Strike]
    shipped: dict[str, int]
    settled: int
    rotations: int
    bytes_written: int
    took_sec: float


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """Where the demo stands, for its progress display."""

    written: int
    stored: int
    doing: str


class Course:
    """Drives one world through load and faults."""

    def __init__(self, made: World, broker: Broker, on_moment: Callable[[Moment], None]) -> None:
        self._world, self._broker, self._on_moment = made, broker, on_moment
        self.strikes: list[Strike] = []

    def run(self) -> None:
        """Let the load run to its end with all faults on the way. Raises: NotReached."""
        self._steady()
        self._strike_at(KILL_AT, "kill a processor", self._kill_processor)
        self._strike_at(KILL_DISCOVERY_AT, "kill a discovery", self._kill_discovery)
        self._strike_at(BROKER_AT, "restart the broker", self._restart_broker)
        self._strike_at(SINK_AT, "take the sink away", self._take_sink_away)
        self._wait(lambda: not self._world.rds.get("load")["is_writing"], "the load ends")

    def drain(self) -> None:
        """Wait until every listed byte is delivered; time stands nearly still, so that no file rotates any more."""
        self._world.rds.post("clock", speed=1)
        self._wait(lambda: not self._world.sight.behind(), "every listed byte is delivered", within_sec=DRAINS_WITHIN_SEC)

    def end(self) -> list[str]:
        """End all replicas in good order; return what was not so."""
        codes = {one.name: one.end() for one in self._world.fleet.alive()}
        problems = [f"{name} ended with exit code {code}" for name, code in codes.items() if code != 143]
        return problems + [f"{row.instance_id} {row.log_file_name}: claimed by {row.lease_owner} at the end"
                           for row in self._world.fleet.state.checkpoints() if row.lease_owner]

    def _steady(self) -> None:
        """Start the replicas, and wait until each processor has delivered something."""
        fleet = self._world.fleet
        for role, count in (("discovery", DISCOVERIES), ("processor", PROCESSORS)):
            for _ in range(count):
                fleet.start(role)
        self._world.sink.post("faults", fault="slow", probability=1.0, value=ANSWER_SEC, operation="ingest")
        self._wait(lambda: all(any(one.events("Batch shipped")) for one in fleet.alive("processor")),
                   "each processor delivers", within_sec=SERVES_WITHIN_SEC)

    def _kill_processor(self) -> Strike:
        victim, rows = self._killed_with_intents()
        stored = self._world.sight.stored_intents(rows)
        text = f"{victim.name} killed with {len(rows)} intents open, {stored} of them stored already"
        return Strike(text=text, problem="" if stored else f"{victim.name} was not killed between a ship and its advance")

    def _killed_with_intents(self) -> tuple[Replica, list[object]]:
        """Kill a processor that has intents open, and start another one in its place."""
        fleet, sight = self._world.fleet, self._world.sight
        wait_until(lambda: any(sight.open_intents(one) for one in fleet.alive("processor")), "an intent is open")
        victim = max(fleet.alive("processor"), key=lambda one: len(sight.open_intents(one)))
        victim.kill()
        rows = sight.open_intents(victim)
        fleet.start("processor")
        return victim, rows

    def _kill_discovery(self) -> Strike:
        fleet, sight = self._world.fleet, self._world.sight
        wait_until(lambda: any(sight.listed_by(one) for one in fleet.alive("discovery")), "an instance's listing is leased")
        victim = max(fleet.alive("discovery"), key=lambda one: len(sight.listed_by(one)))
        before = {one.name: _count(one.events("Instance listed")) for one in fleet.alive("discovery")}
        victim.kill()
        orphans = sight.listed_by(victim)
        fleet.start("discovery")

        def listed_since() -> set[str]:
            return {event["instance_id"] for one in fleet.alive("discovery")
                    for event in list(one.events("Instance listed"))[before.get(one.name, 0):]}

        took_sec = wait_until(lambda: set(orphans) <= listed_since(), f"all instances of {victim.name} are listed by others")
        text = f"{victim.name} killed with the listings of {len(orphans)} instances; others listed them all in {took_sec:.1f} s"
        return Strike(text=text, problem="" if orphans else f"{victim.name} had leased no listing")

    def _restart_broker(self) -> Strike:
        began_sec = time.monotonic()
        noticed = self._noticed("Kafka")
        self._broker.stop()
        try:
            self._wait(lambda: self._noticed("Kafka") > noticed, "somebody misses the broker", within_sec=20)
        finally:  # the course goes on whatever was seen
            self._broker.start()
        took_sec = time.monotonic() - began_sec
        stored = self._stored()
        self._wait(lambda: self._stored() > stored + BATCH_SIZE * PROCESSORS, "deliveries go on after the broker's restart")
        return Strike(text=f"broker restarted, away for {took_sec:.1f} s; missed {self._noticed('Kafka') - noticed} times")

    def _take_sink_away(self) -> Strike:
        refused = self._refused()
        began_sec = time.monotonic()
        self._world.sink.stop()
        try:
            self._until(began_sec + KILL_IN_OUTAGE_SEC)
            victim, rows = self._killed_with_intents()
            self._until(began_sec + SINK_AWAY_SEC)
        finally:
            self._world.sink.start()
        self._world.sink.post("faults", fault="slow", probability=1.0, value=ANSWER_SEC, operation="ingest")
        away_sec, refused = time.monotonic() - began_sec, self._refused() - refused
        self.strikes.append(Strike(text=f"{victim.name} killed in the sink's outage with {len(rows)} intents open",
                                   problem="" if rows else f"{victim.name} had no intent open in the sink's outage"))
        return Strike(text=f"sink away for {away_sec:.1f} s; {refused} ships failed",
                      problem="" if refused else "the sink's outage met no ship")

    # what is counted

    def _stored(self) -> int:
        return int(self._world.sink.get("counts").get("stored", 0))

    def _refused(self) -> int:
        return _count(self._world.fleet.events("Sink unavailable"))

    def _noticed(self, text: str) -> int:
        return sum(text in event["error"] for event in self._world.fleet.events("Discovery delayed", "Queue delayed"))

    # waiting

    def _strike_at(self, share: float, doing: str, strike: Callable[[], Strike]) -> None:
        self._wait(lambda: self._world.rds.get("load")["entries"] >= share * ENTRIES, f"{share:.0%} of the load is written")
        self._tell(doing)
        try:
            self.strikes.append(strike())
        except NotReached as error:  # the course goes on: the ledger is worth a look all the same
            self.strikes.append(Strike(text=f"failed to {doing}", problem=str(error)))

    def _wait(self, condition: Callable[[], object], what: str, *, within_sec: float = 120.0) -> None:
        def look() -> bool:
            dead = [one.name for one in self._world.fleet.replicas if one.has_failed]
            if dead:
                raise NotReached(f"{', '.join(dead)} ended by itself; see {self._world.fleet.folder}")
            self._tell(what)
            return bool(condition())

        wait_until(look, what, within_sec=within_sec)

    def _until(self, sec: float) -> None:
        self._wait(lambda: time.monotonic() >= sec, "the sink is away")

    def _tell(self, doing: str) -> None:
        stored = self._stored() if self._world.sink.is_running else 0
        self._on_moment(Moment(written=self._world.rds.get("load")["entries"], stored=stored, doing=doing))


def show(folder: Path, seed: str, on_moment: Callable[[Moment], None]) -> Result:
    """Run the demo and compare. Raises: NotStarted, NotReached."""
    load = {"seed": seed, "entries_per_sec": ENTRIES_PER_SEC, "most_entries": ENTRIES}
    with kafka.running() as broker, dynoxide.running() as dynamodb, world(
            folder, broker, dynamodb, load=load, databases=DATABASES, BATCH_SIZE=str(BATCH_SIZE)) as made:
        began_sec = time.monotonic()
        course = Course(made, broker, on_moment)
        problems: list[str] = []
        try:
            course.run()
            course.drain()
        except NotReached as error:
            problems.append(str(error))
        problems += course.end()
        return _result(made, course.strikes, problems, time.monotonic() - began_sec)


def _result(made: World, strikes: list[Strike], problems: list[str], took_sec: float) -> Result:
    proof, ledger = made.sight.proof(), made.rds.get("ledger")
    files: dict[tuple[str, str], int] = {}
    for book in ledger["files"]:
        key = book["instance"], book["log_type"]
        files[key] = files.get(key, -1) + 1
    struck = made.rds.get("faults")["struck"]
    shipped = {one.name: sum(event["records"] for event in one.events("Batch shipped")) for one in made.fleet.replicas
               if one.role == "processor"}
    result = Result(proof=proof, problems=[], strikes=strikes, shipped=shipped, settled=_count(made.fleet.events("Intent settled")),
                    rotations=min(files.values()), bytes_written=ledger["totals"]["bytes_written"], took_sec=took_sec)
    missed = [f"the fault {name} never struck" for name in SOURCE_FAULTS if not struck.get(name)]
    return msgspec.structs.replace(result, problems=[*problems, *proof.problems, *missed, *_too_little(result)])


def _too_little(result: Result) -> list[str]:
    """The load and the faults are part of the promise: without them the proof would mean little."""
    problems = [strike.problem for strike in result.strikes if strike.problem]
    if result.proof.written < LEAST_ENTRIES or result.bytes_written < LEAST_BYTES:
        problems.append(f"too little load: {result.proof.written:,} entries, {result.bytes_written:,} bytes")
    if result.rotations < LEAST_ROTATIONS:
        problems.append(f"too few rotations: {result.rotations}")
    if not result.settled:
        problems.append("no heir had an intent to settle")
    return problems


def _count(things: Iterable[object]) -> int:
    return sum(1 for _ in things)

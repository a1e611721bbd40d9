"""What one run is made of, drawn from its seed: files, processes, settings, faults and what happens when.

Swarm (reliability.md §6.2): each seed first draws which faults exist in it and how strong, from none to absurd.
"""

from dataclasses import dataclass
from random import Random

from tests.simulation.faults import EVENTS, FAULTS, PERIODS

SEC = 1_000_000
TROUBLES = tuple(what for what in (*EVENTS, *PERIODS) if what != "rebalance")  # those come in storms


@dataclass(frozen=True)
class Caps:
    """Where one portion ends; `cut`: what the byte cap does to a line: `bytes`, `waits` or `notice`."""

    size_bytes: int
    lines: int
    cut: str
    behind_line: bool


@dataclass(frozen=True)
class ProcessPlan:
    """One process: its jobs, how far its wall clock is off, and its own batch size (REL-74, REL-131)."""

    name: str
    jobs: tuple
    wall_offset_sec: float
    batch_size: int


@dataclass(frozen=True)
class FamilyPlan:
    """One log: hourly MySQL slow log, or dated toy log."""

    instance: int
    hourly: bool
    header: bool
    two_digits: bool


@dataclass(frozen=True)
class Event:
    """Something that happens at a time: to `target` (a number that means a family, process or row), `amount` in [0, 1)."""

    time_us: int
    what: str
    target: int
    amount: float


@dataclass(frozen=True)
class Plan:
    """Everything about a run but its choices."""

    seed: int
    embedded: bool
    families: tuple
    processes: tuple
    caps: Caps
    settings: dict
    faults: dict
    events: tuple
    heal_us: int
    lag_us: int
    late_us: int
    whole_from_bytes: int
    giant_from_bytes: int
    closes_all: bool
    few_changes: bool


def draw(seed):
    """Draw the plan of a seed."""
    rng = Random(f"{seed}:plan")
    embedded = rng.random() < 0.2
    heal_sec = rng.choice((120, 240, 400))
    lag_sec = 0 if embedded else rng.choice((0, 2, 8))
    late_sec = 0 if embedded else rng.choice((0, 5, 20))
    lease_sec = rng.choice((6, 15, 60))
    post_timeout_sec = min(lease_sec / 3, 10)
    skew_sec = rng.choice((0.5, 1))
    settings = {
        "source_backend": "folder", "source_dir": "simulated", "discovery_interval_sec": rng.choice((5, 15, 40)),
        "batch_timeout_sec": rng.choice((0, 3, 10)), "lease_sec": lease_sec, "skew_sec": skew_sec,
        "post_timeout_sec": post_timeout_sec, "retry_backoff_sec": rng.choice((0.2, 1)),
        "settle_sec": 0 if embedded else post_timeout_sec + late_sec + lag_sec + skew_sec + 1,
        "audit_delay_sec": rng.choice((20, 60)), "batch_max_bytes": rng.choice((1_000, 4_000_000)),
    }
    settings["discovery_idle_min"] = 3 * settings["discovery_interval_sec"] / 60
    faults = _faults(rng)
    families = _families(rng)
    return Plan(
        seed=seed, embedded=embedded, families=families, processes=_processes(rng, embedded, skew_sec),
        caps=Caps(rng.choice((700, 1_200, 3_000)), rng.choice((25, 60, 10_000)), rng.choice(("bytes", "waits", "notice")),
                  rng.random() < 0.5),
        settings=settings, faults=faults, heal_us=heal_sec * SEC, lag_us=lag_sec * SEC, late_us=late_sec * SEC,
        events=tuple(sorted(_workload(rng, len(families), heal_sec) + _troubles(rng, heal_sec)
                                   + _rebalances(Random(f"{seed}:rebalances"), heal_sec), key=lambda one: one.time_us)),
        whole_from_bytes=rng.choice((600, 2 << 20)), giant_from_bytes=rng.choice((700, 8 << 20)),
        closes_all=rng.random() < 0.6, few_changes=seed % 10 == 9)


def _faults(rng):
    """One seed in ten is quiet; the others have about a third of all faults, each with a strength of its own."""
    if rng.random() < 0.1:
        return {}
    share = rng.choice((0.1, 0.3, 0.5))
    return {name: rng.choice(fault.rates) for name, fault in FAULTS.items() if rng.random() < share}


def _families(rng):
    kinds = [True, False, rng.random() < 0.7]
    instances = rng.choice(((0, 0, 1), (0, 1, 0), (0, 1, 1)))
    taken, found = set(), []
    for drawn, hourly in zip(instances, kinds, strict=True):
        instance = drawn
        while (instance, hourly) in taken:
            instance += 1
        taken.add((instance, hourly))
        found.append(FamilyPlan(instance, hourly, rng.random() < 0.3, rng.random() < 0.5))
    return tuple(found)


def _processes(rng, embedded, skew_sec):
    sizes = [rng.choice((1, 2, 3, 5)) for _ in range(6)]
    if embedded:
        return (ProcessPlan("e1", ("processor-1", "processor-2", "discovery", "auditor"), 0.0, sizes[0]),)
    wild = rng.random() < 0.15
    offsets = [rng.choice((-3600, 3600, 0)) if wild else rng.uniform(-skew_sec / 2, skew_sec / 2) for _ in range(6)]
    if rng.random() < 0.3:
        jobs = (("processor-1", "discovery", "auditor"), ("processor-1", "discovery", "auditor"))
    else:
        jobs = (("processor-1",), ("processor-1",), ("discovery",), ("auditor",), ("discovery",))
        jobs = jobs[:rng.choice((4, 4, 5))]
    return tuple(ProcessPlan(f"p{number}", names, offsets[number], sizes[number]) for number, names in enumerate(jobs))


def _workload(rng, families, heal_sec):
    """Entries and rotations of each family until the heal phase."""
    events = []
    for family in range(families):
        for _ in range(rng.randint(3, 9)):
            at = int(rng.uniform(0, heal_sec * 0.9) * SEC)
            events.append(Event(at, rng.choice(("write", "write", "write", "write_half", "rotate")), family, rng.random()))
        if rng.random() < 0.15:
            events.append(Event(int(rng.uniform(heal_sec * 0.3, heal_sec) * SEC), "purge", family, rng.random()))
        if rng.random() < 0.2:
            events.append(Event(int(rng.uniform(heal_sec * 0.2, heal_sec) * SEC), "shrink", family, rng.random()))
        events.append(Event(rng.randrange(10 * SEC), "write", family, rng.random()))
    return events


def _troubles(rng, heal_sec):
    if rng.random() < 0.2:
        return []
    events = []
    share = rng.choice((0.1, 0.25))
    for what in TROUBLES:
        if rng.random() < share:
            events += [Event(int(rng.uniform(5, heal_sec) * SEC), what, rng.randrange(8), rng.random())
                       for _ in range(rng.choice((1, 1, 2)))]
    return events


def _rebalances(rng, heal_sec):
    """In one seed of five the members come and go for a while, every few seconds."""
    if rng.random() < 0.8:
        return []
    begin_sec, every_sec = rng.uniform(5, heal_sec), rng.uniform(1, 6)
    return [Event(int((begin_sec + number * every_sec) * SEC), "rebalance", 0, rng.random()) for number in range(rng.randint(2, 12))]

"""Schedules by the thousand: the product's own loops under seeded faults keep the invariants of reliability.md §2."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from tests.simulation.happenings_seen import TRANSITIONS
from tests.simulation.plan import draw
from tests.simulation.registered import toy_format
from tests.simulation.run import go

ROOT = Path(__file__).parents[2]
SCHEDULES = int(os.environ.get("SCHEDULES", "2000"))
FIRST = int(os.environ.get("FIRST_SEED", "0"))
LEAST_CALLS = 200  # port calls a schedule, on average
# Rows of reliability.md §4 that no call of a port can be given, each with the place where it is tested instead.
ELSEWHERE = {
    "REL-12": "names of hours without a date: tests/unit/stages, tests/faults on the RDS simulator",
    "REL-15": "the order of work is a key of the queue: tests/contracts/test_work_queue.py",
    "REL-29": "time of a pattern: the fuzz tests of the formats",
    "REL-35": "a message that is no hint never becomes a port's delivery: the Kafka adapter's tests",
    "REL-38": "max.poll.interval: the Kafka adapter's tests on a broker",
    "REL-44": "every read of the port is consistent: the contract suite and the DynamoDB adapter's tests",
    "REL-49": "bytes on a disk: tests/unit/embedded/test_directory.py",
    "REL-51": "versions of stored bytes: tests/contracts/test_claims.py, tests/unit/embedded",
    "REL-55": "an HTTP status: the OpenObserve adapter's tests",
    "REL-63": "time of a record against the sink's window: the OpenObserve adapter's tests",
    "REL-64": "types of columns: the OpenObserve adapter's tests",
    "REL-66": "an HTTP status: the OpenObserve adapter's tests",
    "REL-71": "memory of a process: tests/acceptance/test_hostile_input.py",
    "REL-72": "threads, of which a schedule has one: tests/unit on adapters/threads",
    "REL-73": "TLS: the adapters' tests",
    "REL-79": "descriptors of a process: the adapters' tests",
}


def simulate(*options: str, hash_seed: str = "0") -> subprocess.Popen[str]:
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    return subprocess.Popen([sys.executable, "-m", "tests.simulation", *options], cwd=ROOT, env=environ, text=True,
                            stdout=subprocess.PIPE)


def summary(process: subprocess.Popen[str]) -> dict:
    said, _ = process.communicate(timeout=3600)
    return json.loads(said.splitlines()[-1])


@pytest.fixture(scope="module")
def outcome() -> dict:
    began_sec = time.monotonic()
    halves = [simulate("--first", str(FIRST + half), "--count", str(SCHEDULES - half), "--step", "2") for half in (0, 1)]
    first, second = (summary(half) for half in halves)
    both = {name: first[name] + second[name] for name in ("schedules", "calls")}
    both["violations"] = first["violations"] | second["violations"]
    for name in ("reached", "transitions", "figures"):
        both[name] = Counter(first[name]) + Counter(second[name])
    print(f"{both['schedules']} schedules from seed {FIRST} on, {both['schedules'] / (time.monotonic() - began_sec):.0f} a "
          f"second in two processes, {both['calls'] // both['schedules']} port calls each on average, "
          f"{len(both['violations'])} violate an invariant, {len(both['reached'])} rows reached")
    return both


def test_no_schedule_violates_an_invariant(outcome: dict) -> None:
    for seed, signs in outcome["violations"].items():
        print(f"seed {seed}: {signs}\n  replay: python -m tests.simulation --seed {seed} --trace")
    for seed in list(outcome["violations"])[:1]:
        print(simulate("--seed", seed, "--shrink").communicate(timeout=600)[0])
    assert not outcome["violations"]


def test_schedules_are_long_enough(outcome: dict) -> None:
    assert outcome["calls"] / outcome["schedules"] >= LEAST_CALLS


def test_every_transition_of_a_file_is_reached(outcome: dict) -> None:
    """reliability.md §5.1: a counter at 0 fails the run."""
    assert set(TRANSITIONS) <= set(outcome["transitions"]), set(TRANSITIONS) - set(outcome["transitions"])


def test_every_row_of_the_failure_model_strikes_or_is_tested_elsewhere(outcome: dict) -> None:
    rows = {f"REL-{number:02}" for number in range(1, 80)}
    missing = rows - set(outcome["reached"]) - set(ELSEWHERE)
    assert not missing, f"never reached: {sorted(missing)}"
    assert not set(ELSEWHERE) & set(outcome["reached"])


def test_a_run_of_chosen_choices_is_that_run() -> None:
    """Shrinking rests on it: all choices of a run as a script give the same trace, none of them a quiet run."""
    with toy_format():
        drawn = go(draw(3))
        again, quiet = go(draw(3), drawn.choices), go(draw(3), {})
    assert again.trace_hash == drawn.trace_hash
    assert quiet.calls < drawn.calls
    assert not quiet.violations


@pytest.mark.parametrize("seed", ["3", "19", "42"])
def test_the_same_seed_gives_the_same_trace(seed: str) -> None:
    """GATE-02: twice, in two processes, with other hash seeds."""
    traces = []
    for hash_seed in ("1", "2"):
        said, _ = simulate("--seed", seed, "--trace", hash_seed=hash_seed).communicate(timeout=120)
        traces.append(said)
    assert traces[0] == traces[1]
    assert "trace hash" in traces[0]

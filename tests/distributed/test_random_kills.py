"""SIGKILL at random moments of processors, discovery and the broker, several a run: nothing is lost, nothing doubled."""

import math
import os
import random
import time

import pytest
from tools.distributed.sight import wait_until

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
KILLS = int(os.environ.get("KILLS", "60"))
KILLS_A_RUN = 30
RUNS = math.ceil(KILLS / KILLS_A_RUN)
INTENT_SHARE = 0.7  # GATE-04: so many kills must strike with an intent open
PROCESSORS, DISCOVERIES = 4, 2
ROLES = ("processor",) * 8 + ("discovery", "broker")  # as often as these are drawn
LOAD = {"entries_per_sec": 25}
ANSWER = {"fault": "slow", "probability": 1.0, "value": 0.3, "operation": "ingest"}


class Killer:
    """Kills what its seed draws. struck: kills by role. with_intent: those with an intent open.

    A processor's kill counts when one of its own intents was open; another's when one was anywhere.
    """

    def __init__(self, world, broker, seed):
        self._world, self._broker, self._chance = world, broker, random.Random(seed)
        self.struck = dict.fromkeys(dict.fromkeys(ROLES), 0)
        self.with_intent = 0

    def strike(self):
        role = self._chance.choice(ROLES)
        if role == "processor":
            self._kill_processors(1 + (self._chance.random() < 0.25))
            return
        self._pause()
        intents = self._world.sight.open_intents()
        if role == "broker":
            self._broker.kill()
            self._broker.start()
        else:
            self._chance.choice(self._world.fleet.alive(role)).kill()
            self._world.fleet.start(role)
        self._count(role, intents)

    def _kill_processors(self, count):
        """Kill at some moment after they began to work, at one moment if they are two."""
        sight, fleet = self._world.sight, self._world.fleet
        wait_until(lambda: sum(bool(sight.held(one)) for one in fleet.alive("processor")) >= count, f"{count} processors work")
        victims = self._chance.sample([one for one in fleet.alive("processor") if sight.held(one)], count)
        self._pause()
        for victim in victims:
            victim.kill()
        for victim in victims:
            self._count("processor", sight.open_intents(victim))
            fleet.start("processor")

    def _pause(self):
        time.sleep(self._chance.uniform(0.0, 1.0))

    def _count(self, role, intents):
        self.struck[role] += 1
        self.with_intent += bool(intents)


def collect_under_kills(world, broker, seed, kills):
    for role, count in (("discovery", DISCOVERIES), ("processor", PROCESSORS)):
        for _ in range(count):
            world.fleet.start(role)
    world.sink.post("faults", **ANSWER)
    killer = Killer(world, broker, seed)
    while sum(killer.struck.values()) < kills:
        killer.strike()
    world.rds.post("stop-writing")
    world.rds.post("clock", speed=1)
    world.sink.post("faults", off="slow")
    wait_until(lambda: not world.sight.behind(), "every listed byte is delivered", within_sec=120)
    for one in world.fleet.alive():
        assert one.end() == 143
    return killer


@pytest.mark.parametrize("run", range(RUNS))
def test_random_kills_lose_nothing_and_double_nothing(make_world, broker, run):
    """GATE-04, REL-67, REL-76, REL-121 to REL-125: several kills a run, then the ledger against the physical rows."""
    world = make_world(databases=12, load=LOAD | {"seed": f"kills-{run}"}, BATCH_SIZE="20")
    began_sec = time.monotonic()

    killer = collect_under_kills(world, broker, run, min(KILLS_A_RUN, KILLS - run * KILLS_A_RUN))

    proof, kills = world.sight.proof(), sum(killer.struck.values())
    settled = sum(1 for _ in world.fleet.events("Intent settled"))
    print(f"{kills} kills ({killer.struck}), {killer.with_intent} with an intent open, {settled} intents settled; "
          f"{proof.written:,} entries in {time.monotonic() - began_sec:.0f} s: "
          f"lost {sum(line.lost for line in proof.lines)}, doubled {sum(line.doubled for line in proof.lines)}")
    assert proof.problems == []
    assert proof.written > 1_000
    assert settled
    assert killer.with_intent >= kills * INTENT_SHARE

"""Two, then five, then one processor: work spreads over those that are there, and drains to those that stay."""

import time
from collections import Counter

import pytest
from tools.distributed.sight import wait_until

pytestmark = [pytest.mark.engine("kafka"), pytest.mark.engine("dynoxide"), pytest.mark.slow]
LOAD = {"entries_per_sec": 12, "calls_per_sec": 400, "seed": "scaling"}
WATCH_SEC = 10.0


def _delivered(world):
    """Return how many records each processor has delivered so far."""
    return Counter({one.name: sum(event["records"] for event in one.events("Batch shipped"))
                    for one in world.fleet.replicas if one.role == "processor"})


def _shares(world, names):
    """Let some time of load pass; return what each of the named processors delivered in it."""
    before = _delivered(world)
    ends_sec = time.monotonic() + WATCH_SEC
    wait_until(lambda: time.monotonic() > ends_sec and all(_delivered(world)[name] > before[name] for name in names),
               f"each of {len(names)} delivers")
    after = _delivered(world)
    return {name: after[name] - before[name] for name in names}


def test_work_spreads_over_two_then_five_processors_and_drains_to_one(make_world):
    """RUN-15, RUN-32, RUN-59 to RUN-63: each that is there delivers, each that goes gives its files back."""
    world = make_world(databases=30, load=LOAD, BATCH_SIZE="50", RDS_API_RATE_LIMIT="350")
    fleet = world.fleet
    fleet.start("discovery")
    few = [fleet.start("processor") for _ in range(2)]
    wait_until(lambda: {one.name for one in few} <= fleet.members(), "two have partitions")
    of_two = _shares(world, [one.name for one in few])

    many = few + [fleet.start("processor") for _ in range(3)]
    wait_until(lambda: {one.name for one in many} <= fleet.members(), "five have partitions")
    of_five = _shares(world, [one.name for one in many])

    *leaving, last = many
    assert {one.end() for one in leaving} == {143}
    left = [row.log_file_name for row in fleet.state.checkpoints() if any(one.owns(row.lease_owner) for one in leaving)]
    at_the_end = _delivered(world)
    of_one = _shares(world, [last.name])
    world.rds.post("stop-writing")
    world.rds.post("clock", speed=1)
    wait_until(lambda: not world.sight.behind(), "every listed byte is delivered", within_sec=90)

    proof = world.sight.proof()
    print(f"records in {WATCH_SEC:.0f} s: of two {list(of_two.values())}, of five {list(of_five.values())}, of one {list(of_one.values())}; "
          f"{proof.written:,} entries, lost {sum(line.lost for line in proof.lines)}, doubled {sum(line.doubled for line in proof.lines)}")
    assert left == []
    assert all(_delivered(world)[one.name] == at_the_end[one.name] for one in leaving)
    assert proof.problems == []

"""pace: an instance whose logs grow is listed each interval, an idle one ever more rarely, one that ends at once (§11)."""

import pytest
from msgspec.structs import replace
from tests.unit.stages.stage_bench import INSTANCE, row

from aurora_logs.records.fleet import TrackedInstance
from aurora_logs.settings import Settings
from aurora_logs.stages.discover import due_sec, is_busy, is_due, is_sweep_due

SETTINGS = Settings(discovery_interval_sec=60.0, discovery_idle_min=10.0)


def known(status="available", **changes):
    return TrackedInstance(**{"instance": replace(INSTANCE, status=status), "listed_at": 1_000, "lease_until": 1_060} | changes)


def waits(one, *, busy=False, chance=0.999, now=1_060):
    return due_sec(one, now, SETTINGS, busy=busy, chance=chance) - now


def test_growth_keeps_the_interval_and_silence_doubles_it_up_to_the_longest():
    """RDS-112: back at once when data flows."""
    one, seen = known(), []
    for _ in range(6):
        now = one.lease_until
        seen.append(waits(one, now=now))
        one = replace(one, listed_at=now, lease_until=now + seen[-1])
    assert seen == [120, 240, 480, 600, 600, 600]
    assert waits(one, busy=True, now=one.lease_until) == 60


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_chance_only_shortens_the_longest_time_and_never_goes_below_the_interval(chance):
    """The longest time is a promise: the first new line is seen within it."""
    assert 60 <= waits(known(), chance=chance) <= 120
    assert 480 <= waits(known(listed_at=0 + 1, lease_until=1_060), chance=chance) <= 600


@pytest.mark.parametrize("status", ["deleting", "stopping"])
def test_what_is_about_to_go_is_listed_every_quarter_of_a_minute(status):
    """RDS-89, 91: planner rule 1."""
    assert waits(known(status)) == 15


def test_a_first_listing_counts_as_busy():
    assert waits(known(listed_at=0)) == 60


@pytest.mark.parametrize("status", ["stopped", "creating", "excluded"])
def test_nothing_is_listed_where_nothing_can_be(status):
    assert not is_due(known(status, lease_until=0), 10**6, SETTINGS)


def test_an_instance_is_due_when_its_turn_has_come_or_a_wrong_clock_wrote_it():
    """REL-137: no right clock can have written a time so far off."""
    assert not is_due(known(), 1_059, SETTINGS)
    assert is_due(known(), 1_060, SETTINGS)
    assert is_due(known(lease_until=10**9), 1_000, SETTINGS)


def test_everything_is_listed_each_twelfth_interval_and_at_the_start():
    """RDS-08: hourly at the default interval."""
    assert is_sweep_due(known(swept_at=0), 1_000_000, SETTINGS)
    assert not is_sweep_due(known(swept_at=1_000), 1_000 + 719, SETTINGS)
    assert is_sweep_due(known(swept_at=1_000), 1_000 + 720, SETTINGS)
    assert is_sweep_due(known(swept_at=2_000), 1_000, SETTINGS), "of a wrong clock"


def test_busy_is_what_waits_for_its_delivery():
    assert is_busy([row(status="completed"), row(status="processing")])
    assert not is_busy([row(status="completed"), row(status="failed"), row(status="discovered", missing=3)])

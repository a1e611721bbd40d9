"""forecast: when RDS deletes a file, how fast we are, and what is lost if nothing changes (§4.1, §11; RDS-109, RDS-110)."""

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.stages.stage_bench import FAMILY, rotated, row

from aurora_logs.stages.discover import Speed, deadline_ms, losses
from aurora_logs.stages.discover.forecast import HORIZON_SEC

HOUR_MS = 3_600_000
NOW_MS = 1_000 * HOUR_MS


def hourly(age_hours, name=None, **changes):
    """A rotated file of an hour, last written so long ago."""
    return row(name or rotated(int(age_hours)), last_written=NOW_MS - int(age_hours * HOUR_MS), **changes)


def hours_left(one, *others, engine="aurora-mysql"):
    return (deadline_ms(engine, one, [one, *others], now_ms=NOW_MS) - NOW_MS) / HOUR_MS


@pytest.mark.parametrize(("engine", "log_type", "hours"), [
    ("aurora-mysql", "slowquery", 24), ("aurora-mysql", "error", 720), ("mysql", "general", 336), ("mariadb", "slowquery", 24),
    ("postgres", "postgresql", 72), ("aurora-postgresql", "postgresql", 72), ("", "slowquery", 24)])
def test_a_file_goes_by_the_rule_of_its_engine_and_type(engine, log_type, hours):
    """§4.1: counted from its last write."""
    assert deadline_ms(engine, row(log_type=log_type, last_written=1_000)) == 1_000 + hours * HOUR_MS


def test_files_that_went_early_bring_the_deadline_of_the_others_near():
    """RDS-110: the oldest retained hour falls from 24 h to 5 h."""
    one = hourly(2)
    assert hours_left(one, hourly(23), hourly(3)) == 22
    assert hours_left(one, hourly(6, missing=1), hourly(7, missing=1), hourly(5)) == 4
    assert hours_left(hourly(5), hourly(6, missing=1)) == 1


@pytest.mark.parametrize("others", [
    [hourly(6, missing=1), hourly(7)],
    [hourly(3, missing=1), hourly(2, missing=1)],
    [hourly(30, missing=3)],
    [hourly(6, missing=1, log_type="general"), hourly(5, log_type="general")],
    [hourly(6, name=FAMILY, missing=1)],
], ids=["a hole in one listing", "an empty listing", "later than the rule", "another type", "a live name"])
def test_what_is_no_storage_pressure_changes_nothing(others):
    """RDS-05."""
    one = hourly(2, missing=1) if all(other.missing and other.last_written > NOW_MS - 4 * HOUR_MS for other in others) else hourly(2)
    assert hours_left(one, *others) == 22


def test_speed_is_measured_while_something_waits():
    speed = Speed()
    assert speed.bytes_per_sec is None
    speed.note([row(delivered_bytes=0)], 1_000, waited=True)
    assert speed.bytes_per_sec is None, "there was no listing before"
    speed.note([row(delivered_bytes=600)], 1_060, waited=True)
    assert speed.bytes_per_sec == 10
    speed.note([row(delivered_bytes=600)], 2_000, waited=False)
    assert speed.bytes_per_sec == 10, "an idle time tells nothing"
    speed.note([row(delivered_bytes=600)], 2_060, waited=True)
    assert speed.bytes_per_sec == 5
    speed.note([row(rotated(6), delivered_bytes=1_200), row(delivered_bytes=100)], 2_180, waited=True)
    assert speed.bytes_per_sec == 7.5, "a cut file gives nothing back, and what is seen first was read since"


def test_an_old_speed_is_forgotten():
    speed = Speed()
    for number in range(100):
        speed.note([row(delivered_bytes=min(number, 50) * 60)], 1_000 + number * 60, waited=True)
    assert speed.bytes_per_sec == 0


def lost(rows, bytes_per_sec):
    found = losses(rows, partial(deadline_ms, "aurora-mysql"), bytes_per_sec, NOW_MS)
    return {one.log_file_name: one.lost_bytes for one in found}


def test_what_is_read_in_time_is_no_loss_and_what_is_not_is_told_to_the_byte():
    """RDS-109: the next to go is the next to be read."""
    rows = [hourly(22, file_size=10_000), hourly(23, file_size=9_000, delivered_bytes=1_000)]
    assert lost(rows, 10.0) == {}
    assert lost(rows, 1.0) == {rotated(23): 8_000 - 3_600, rotated(22): 10_000 - 3_600}
    assert lost(rows, 0.0) == {rotated(23): 8_000, rotated(22): 10_000}


def test_only_what_goes_within_six_hours_is_foretold():
    """§11 rule 2: a day may still bring the sink back."""
    assert lost([hourly(17.9)], 0.0) == {}
    assert lost([hourly(18.1)], 0.0) == {rotated(18): 100}


def test_what_is_delivered_or_gone_is_no_forecast():
    assert lost([hourly(23, delivered_bytes=100), hourly(24, missing=3)], 0.0) == {}


@given(st.lists(st.tuples(st.floats(18.1, 24.0), st.integers(1, 10**6)), max_size=8, unique_by=lambda one: one[0]),
       st.floats(0, 1e3))
def test_the_forecast_is_what_the_best_order_can_not_reach(files, speed):
    """Earliest deletion first, second by second: no order loses less (one machine, work that may be interrupted)."""
    rows = [hourly(age, name=f"{FAMILY}.{number}", file_size=size) for number, (age, size) in enumerate(files)]
    needed = read = 0.0
    at_sec = 0.0
    for one in sorted(rows, key=partial(deadline_ms, "aurora-mysql")):
        left_sec = (deadline_ms("aurora-mysql", one) - NOW_MS) / 1000
        needed += one.file_size
        took_sec = min(one.file_size / speed if speed else float("inf"), max(0.0, left_sec - at_sec))
        read, at_sec = read + took_sec * speed, at_sec + took_sec

    assert sum(lost(rows, speed).values()) == pytest.approx(needed - read, abs=len(rows) + 1e-6 * needed)
    assert HORIZON_SEC == 6 * 3600

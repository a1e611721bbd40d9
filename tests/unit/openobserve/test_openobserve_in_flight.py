"""How many requests one dependency gets at once: additive increase, multiplicative decrease, then spacing (OO-121)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.stages.stage_bench import FineClock

from aurora_logs.adapters.openobserve.in_flight import GAP_MAX_SEC, InFlight
from aurora_logs.errors import SinkBusy


class StoppedClock(FineClock):
    def sleep(self, sec):
        """The service is stopping: nobody sleeps."""


def one_call(flight, *, overloaded):
    return flight.left(flight.enter(), overloaded=overloaded)


def test_as_many_go_at_once_as_are_allowed_and_the_next_one_waits():
    flight = InFlight(clock=FineClock(), most=3, patience_sec=1.0)
    started = [flight.enter() for _ in range(3)]
    with pytest.raises(SinkBusy, match="our own limit"):
        flight.enter()
    flight.left(started[0], overloaded=False)

    assert flight.enter() > started[0]


def test_an_overload_halves_the_number_once_for_all_that_were_under_way():
    flight = InFlight(clock=FineClock(), most=8)
    started = [flight.enter() for _ in range(8)]

    assert [flight.left(at_sec, overloaded=True) for at_sec in started] == [True] + [False] * 7
    assert flight.allowed == 4


def test_good_rounds_bring_it_back_one_by_one():
    clock = FineClock()
    flight = InFlight(clock=clock, most=8)
    one_call(flight, overloaded=True)
    for _ in range(40):
        one_call(flight, overloaded=False)
    seen = [flight.allowed]
    clock.sleep(1)
    for _ in range(40):
        one_call(flight, overloaded=False)
        seen.append(flight.allowed)

    assert seen[0] == 4, "right behind an overload nothing more is tried"
    assert seen == sorted(seen)
    assert seen[-1] == 8
    assert seen[4] == 4, "a round of four good answers adds one, no less"


def test_below_one_at_a_time_the_starts_are_spaced_further_apart():
    clock = FineClock()
    flight = InFlight(clock=clock, most=1)
    gaps = []
    for _ in range(8):
        one_call(flight, overloaded=True)
        gaps.append(flight.gap_sec)
    before_sec = clock.monotonic_sec()
    flight.left(flight.enter(), overloaded=False)

    assert gaps == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert clock.monotonic_sec() - before_sec >= 4.9
    for _ in range(600):
        one_call(flight, overloaded=False)
    assert flight.gap_sec == 0.0


def test_nobody_waits_in_a_service_that_is_stopping():
    flight = InFlight(clock=StoppedClock(), most=1)
    flight.enter()
    with pytest.raises(SinkBusy, match="stopping"):
        flight.enter()


@given(st.lists(st.booleans(), max_size=200), st.integers(1, 16))
@settings(max_examples=60, deadline=None)
def test_whatever_is_answered_the_number_and_the_spacing_stay_in_bounds(answers, most):
    flight = InFlight(clock=FineClock(), most=most, patience_sec=100)
    for overloaded in answers:
        one_call(flight, overloaded=overloaded)

        assert 1 <= flight.allowed <= most
        assert 0 <= flight.gap_sec <= GAP_MAX_SEC


def test_at_a_server_s_capacity_few_requests_are_refused_and_little_is_left_unused():
    """OO-121, in virtual time: 1 MB a batch against a bucket of 5 MB/s; at most 1.1 requests a batch, 90 % of the capacity."""
    clock = FineClock()
    flight = InFlight(clock=clock, most=5)
    tokens, filled_sec, taken, refused = 5.0, clock.monotonic_sec(), 0, 0
    begun_sec = clock.monotonic_sec()
    while clock.monotonic_sec() - begun_sec < 120:
        started_sec = flight.enter()
        clock.sleep(0.015)  # a request's own time
        now_sec = clock.monotonic_sec()
        tokens, filled_sec = min(5.0, tokens + (now_sec - filled_sec) * 5.0), now_sec
        if tokens < 1:
            refused += 1
            flight.left(started_sec, overloaded=True)
        else:
            tokens -= 1
            taken += 1
            flight.left(started_sec, overloaded=False)

    print(f"{taken} taken, {refused} refused, {taken / 120:.2f} MB/s of 5")
    assert taken >= 0.9 * 5 * 120
    assert (taken + refused) / taken <= 1.1

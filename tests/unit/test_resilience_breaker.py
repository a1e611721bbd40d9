"""What the circuit breaker promises, on a clock that moves only when somebody waits."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.test_resilience import VirtualClock

from aurora_logs.errors import BreakerOpen
from aurora_logs.resilience import Breaker


def a_breaker(clock, **options):
    changes = []
    return Breaker(clock=clock, on_change=changes.append, **options), changes


def fail(breaker, times=1):
    for _ in range(times):
        breaker.failed(breaker.admit())


def test_only_failures_in_a_row_open_the_breaker():
    """BAN-R01: 4 failures, 1 success, 4 failures: closed."""
    breaker, changes = a_breaker(VirtualClock())
    fail(breaker, 4)
    breaker.succeeded(breaker.admit())
    fail(breaker, 4)
    assert breaker.state == "closed"
    assert changes == []
    fail(breaker)

    assert breaker.state == "open"
    assert changes == ["circuit breaker opened"]


def test_failures_that_lie_far_apart_do_not_open_the_breaker():
    clock = VirtualClock()
    breaker, _ = a_breaker(clock, window_sec=300)
    for _ in range(20):
        fail(breaker)
        clock.sleep(100)

    assert breaker.state == "closed"


def test_an_open_breaker_refuses_and_says_for_how_long():
    clock = VirtualClock()
    breaker, _ = a_breaker(clock, open_sec=30)
    fail(breaker, 5)
    clock.sleep(10)

    with pytest.raises(BreakerOpen) as told:
        breaker.admit()
    assert told.value.retry_after_sec == pytest.approx(20)
    assert str(told.value) == "circuit breaker is open"


def test_half_open_lets_exactly_one_probe_through():
    """BAN-R01, RUN-44."""
    clock = VirtualClock()
    breaker, changes = a_breaker(clock, open_sec=30)
    fail(breaker, 5)
    clock.sleep(30)
    probe = breaker.admit()
    for _ in range(3):
        with pytest.raises(BreakerOpen):
            breaker.admit()
    breaker.succeeded(probe)
    breaker.admit()
    breaker.admit()

    assert changes == ["circuit breaker opened", "circuit breaker half-open", "circuit breaker closed"]


def test_a_failed_probe_opens_the_breaker_for_the_whole_time_again():
    clock = VirtualClock()
    breaker, changes = a_breaker(clock, open_sec=30)
    fail(breaker, 5)
    clock.sleep(30)
    fail(breaker)
    clock.sleep(29)

    with pytest.raises(BreakerOpen):
        breaker.admit()
    assert changes[-2:] == ["circuit breaker half-open", "circuit breaker opened"]


def test_a_probe_that_never_reports_is_replaced():
    clock = VirtualClock()
    breaker, changes = a_breaker(clock, open_sec=30)
    fail(breaker, 5)
    clock.sleep(30)
    lost = breaker.admit()
    clock.sleep(30)
    probe = breaker.admit()
    breaker.succeeded(lost)
    assert breaker.state == "half-open"
    breaker.succeeded(probe)

    assert breaker.state == "closed"
    assert changes.count("circuit breaker half-open") == 1


def test_late_answers_from_before_the_opening_change_nothing():
    clock = VirtualClock()
    breaker, changes = a_breaker(clock)
    late = [breaker.admit() for _ in range(10)]
    for admission in late[:5]:
        breaker.failed(admission)
    breaker.succeeded(late[5])
    for admission in late[6:]:
        breaker.failed(admission)

    assert breaker.state == "open"
    assert changes == ["circuit breaker opened"]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(["admit", "good", "bad", "wait"]), max_size=80))
def test_the_breaker_never_has_two_probes_and_never_stays_shut(steps):
    """After any history: waiting the open time and one good probe closes it."""
    clock = VirtualClock()
    breaker, changes = a_breaker(clock, open_sec=30)
    out = []
    for step in steps:
        if step == "wait":
            clock.sleep(10)
        elif step == "admit":
            before = breaker.state
            try:
                out.append((breaker.admit(), before))
            except BreakerOpen:
                assert before != "closed"
        elif out:
            admission, _ = out.pop()
            (breaker.succeeded if step == "good" else breaker.failed)(admission)
    clock.sleep(30)
    breaker.succeeded(breaker.admit())

    assert breaker.state == "closed"
    assert all(one != other for one, other in pairwise(changes))

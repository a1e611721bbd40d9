"""What the API budget, back-off and retry budget promise, on a clock that moves only when somebody waits."""

from collections import Counter

import greenlet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_logs.errors import Throttled
from aurora_logs.resilience import FLOOR_PER_SEC, SHARES, Backoff, RateLimit, RetryBudget

ROUNDING_SEC = 1e-6


class VirtualClock:
    """Time of many callers in one thread: each is a greenlet, and time jumps to whoever wakes next."""

    def __init__(self):
        self.at_sec = 1_000.0
        self.stopping = False
        self._asleep = []
        self._hub = greenlet.getcurrent()
        self._order = 0

    def now_us(self):
        return int(self.at_sec * 1_000_000)

    def monotonic_sec(self):
        return self.at_sec

    def sleep(self, sec):
        if self.stopping:
            return
        if greenlet.getcurrent() is self._hub:
            self.at_sec += sec
            return
        self._order += 1
        self._asleep.append((self.at_sec + sec, self._order, greenlet.getcurrent()))
        self._hub.switch()

    def run(self, *callers, until_sec):
        """Let `callers` run side by side for `until_sec` seconds."""
        end_sec = self.at_sec + until_sec
        for caller in callers:
            greenlet.greenlet(caller, parent=self._hub).switch()
        while self._asleep and min(self._asleep)[0] <= end_sec:
            self._asleep.sort()
            self.at_sec, _, caller = self._asleep.pop(0)
            caller.switch()
        self.at_sec = end_sec


class Dice:
    def __init__(self, *numbers):
        self.numbers = list(numbers)

    def uniform(self):
        return self.numbers.pop(0)

    def nonce(self):
        return "0" * 16


def most_in_a_second(started):
    return max((sum(1 for other in started if 0 <= other - first < 1.0 - ROUNDING_SEC) for first in started), default=0)


# the API budget


@settings(max_examples=60, deadline=None)
@given(
    ceiling=st.sampled_from([0.5, 1, 2.5, 3, 10, 14]),
    steps=st.lists(
        st.tuples(st.floats(0, 2), st.sampled_from(sorted(SHARES)), st.booleans(), st.integers(1, 12)), max_size=40
    ),
)
def test_no_second_ever_holds_more_calls_than_the_limit(ceiling, steps):
    """RDS-103, PERF-41, BAN-R03: whatever callers do, and however often they are throttled."""
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=ceiling, patience_sec=1e9)
    started = []
    for pause_sec, priority, throttled, calls in steps:
        clock.at_sec += pause_sec
        for _ in range(calls):
            started.append(limit.acquire(priority))
        if throttled:
            limit.throttled(started[-1])

    assert most_in_a_second(started) <= max(1, ceiling)
    assert FLOOR_PER_SEC <= limit.rate_per_sec <= ceiling


@settings(max_examples=25, deadline=None)
@given(
    classes=st.lists(st.sampled_from(sorted(SHARES)), min_size=1, max_size=12),
    ceiling=st.integers(1, 14),
    luck=st.randoms(use_true_random=False),
)
def test_many_callers_together_keep_the_limit_and_use_it_up(classes, ceiling, luck):
    """Also as the other side counts them, to which each call takes up to 50 ms longer than another."""
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=ceiling, patience_sec=1e9)
    started = []

    def caller(priority):
        while True:
            started.append(limit.acquire(priority))

    clock.run(*[lambda priority=priority: caller(priority) for priority in classes], until_sec=20)

    arrived = [started_sec + luck.uniform(0, 0.049) for started_sec in started]
    assert most_in_a_second(started) <= ceiling
    assert most_in_a_second(arrived) <= ceiling
    assert len(started) >= 0.94 * 20 * ceiling


def test_a_backlog_of_reads_leaves_listing_and_operators_their_share():
    """Reserve of rule 3: 10 % interactive and 20 % listing, taken only when they are wanted; RDS-114."""
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=10, patience_sec=1e9)
    calls = Counter()

    def caller(priority):
        while True:
            limit.acquire(priority)
            calls[priority] += 1

    wanted = ["read"] * 20 + ["list"] * 2 + ["interactive"]
    clock.run(*[lambda priority=priority: caller(priority) for priority in wanted], until_sec=100)

    assert calls["list"] == pytest.approx(200 / 1.05, rel=0.05)
    assert calls["interactive"] == pytest.approx(100 / 1.05, rel=0.05)
    assert calls["read"] == pytest.approx(700 / 1.05, rel=0.05)


def test_an_operator_gets_the_next_call_in_front_of_a_backlog():
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=10, patience_sec=1e9)
    waited_sec = []

    def backlog():
        while True:
            limit.acquire("read")

    def operator():
        clock.sleep(5)
        asked_sec = clock.monotonic_sec()
        for _ in range(2):
            waited_sec.append(limit.acquire("interactive") - asked_sec)

    clock.run(*[backlog] * 20, operator, until_sec=20)

    assert waited_sec[0] < 0.15
    assert waited_sec[1] < 2


def test_throttling_halves_the_rate_once_for_all_calls_in_flight():
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=10)
    in_flight = [limit.acquire() for _ in range(5)]
    clock.sleep(0.5)
    for started_sec in in_flight:
        limit.throttled(started_sec)

    assert limit.rate_per_sec == 5


def test_after_throttling_ends_the_rate_is_back_to_95_percent_within_60_seconds():
    """RDS-104: from the floor."""
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=10)
    for _ in range(10):
        limit.throttled(limit.acquire())
    assert limit.rate_per_sec < 1

    began_sec, calls = clock.at_sec, 0
    while clock.at_sec < began_sec + 60:
        limit.acquire()
        calls += 1

    assert limit.rate_per_sec >= 9.5
    assert calls > 400  # it grew on the way, it did not jump at the end


def test_the_rate_never_falls_below_its_floor():
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=10)
    for _ in range(50):
        limit.throttled(clock.at_sec + 1)
        clock.at_sec += 0.001

    assert limit.rate_per_sec == pytest.approx(FLOOR_PER_SEC, rel=0.1)


def test_a_neighbour_that_takes_most_of_the_budget_costs_few_throttled_calls():
    """RDS-104: 14 calls a second of which somebody else takes 10; measured after the first minute."""
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=10)
    tokens, filled_sec, refused, made = 14.0, clock.at_sec, 0, 0
    began_sec = clock.at_sec
    while clock.at_sec < began_sec + 600:
        started_sec = limit.acquire()
        tokens = min(14.0, tokens + (started_sec - filled_sec) * 4.0)
        filled_sec = started_sec
        counts = started_sec > began_sec + 60
        made += counts
        if tokens >= 1:
            tokens -= 1
        else:
            refused += counts
            limit.throttled(started_sec)

    assert refused / made < 0.05
    assert made > 0.85 * 540 * 4  # and it takes what is left for it


def test_a_caller_out_of_patience_is_told_when_to_come_back_and_takes_no_call():
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=0.01, patience_sec=30)
    limit.acquire()

    with pytest.raises(Throttled) as told:
        limit.acquire()
    assert told.value.retry_after_sec == pytest.approx(105)
    clock.at_sec += 105
    assert limit.acquire() == clock.at_sec


def test_a_stopping_service_ends_the_wait_for_the_budget_at_once():
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=1)
    limit.acquire()
    clock.stopping = True

    with pytest.raises(Throttled):
        limit.acquire()


def test_a_waiter_that_dies_leaves_its_place_to_the_others():
    clock = VirtualClock()
    limit = RateLimit(clock=clock, ceiling_per_sec=1)
    limit.acquire()
    doomed = greenlet.greenlet(limit.acquire)
    doomed.switch()
    with pytest.raises(KeyboardInterrupt):
        doomed.throw(KeyboardInterrupt)
    clock._asleep.clear()

    assert limit.acquire() == clock.at_sec


# back-off and retry budget


@given(failures=st.integers(0, 10_000), luck=st.floats(0, 1, exclude_max=True), after=st.none() | st.floats(0, 100))
def test_a_back_off_is_jittered_capped_and_honours_what_the_other_side_said(failures, luck, after):
    delay_sec = Backoff(random=Dice(luck), base_sec=5, cap_sec=60).delay_sec(failures, after)

    assert 0 <= delay_sec <= max(60, after or 0)
    assert delay_sec >= (after or 0)


def test_a_back_off_doubles_with_full_jitter():
    """BAN-R02: a hundred workers that failed together spread over the whole wait."""
    backoff = Backoff(random=Dice(0.5, 0.5, 0.5, 0.5, 0.0, 0.999), base_sec=5, cap_sec=30)

    assert [backoff.delay_sec(failures) for failures in (1, 2, 3, 4)] == [2.5, 5, 10, 15]
    assert backoff.delay_sec(1) == 0
    assert backoff.delay_sec(1) == pytest.approx(5, rel=0.01)


def test_retries_stay_a_tenth_of_the_work_when_everything_fails():
    """RDS-106: attempts at most 1.1 times the work, but for the saved-up burst."""
    clock = VirtualClock()
    budget = RetryBudget(clock=clock, share=0.1, burst=10, trickle_per_sec=0)
    retries = 0
    for _ in range(1_000):
        budget.tried()
        while budget.may_retry():
            retries += 1

    assert 100 <= retries <= 110


def test_a_quiet_service_gets_its_retries_back():
    clock = VirtualClock()
    budget = RetryBudget(clock=clock, burst=1, trickle_per_sec=0.1)
    assert budget.may_retry()
    assert not budget.may_retry()
    clock.sleep(10)

    assert budget.may_retry()

"""The shared API budget (rds-log-api.md §10, rules 1 to 3): shares, their leases, throttling, deaths, an absent store."""

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contracts.samples import CountedRandom, SteppedClock

from aurora_logs import api_budget
from aurora_logs.adapters.embedded.directory import open_for_collecting
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.adapters.embedded.system import SystemClock, SystemRandom
from aurora_logs.api_budget import SHARE_LASTS_SEC, SharedRateLimit, budget_id, fair_share, present_rate
from aurora_logs.errors import Throttled, Unreachable
from aurora_logs.records.budget import ApiBudget, BudgetLease
from aurora_logs.resilience import FLOOR_PER_SEC

KEY = budget_id("1", "r")


@pytest.fixture
def store(tmp_path):
    with open_for_collecting(tmp_path) as collecting:
        yield SqliteStateStore(collecting.database)


def a_lease(owner="me", priority="read", calls=0.0, wanted=100.0, until_ms=10**15):
    return BudgetLease(owner=owner, priority=priority, calls_per_sec=calls, wanted_per_sec=wanted, until_ms=until_ms)


def a_limit(store, owner, clock, **changes):
    return SharedRateLimit(**{"clock": clock, "random": CountedRandom(), "store": store, "budget": KEY, "owner": owner,
                              "ceiling_per_sec": 10.0, "lock": threading.Lock()} | changes)


def a_busy_limit(store, owner, clock, **changes):
    """One for which a call always waits."""
    limit = a_limit(store, owner, clock, **changes)
    limit._waiting["read"].append(object())
    return limit


# division


@pytest.mark.parametrize(("mine", "others", "expected"), [
    (a_lease(), [], 10.0),
    (a_lease(wanted=3.0), [], 3.0),
    (a_lease(), [a_lease("b")], 5.0),
    (a_lease(), [a_lease("b", wanted=1.0)], 9.0),
    (a_lease(), [a_lease("b", "list")], 10 * 0.7 / 0.9),
    (a_lease(priority="list"), [a_lease(f"p{n}") for n in range(9)], 10 * 0.2 / 0.9),
    (a_lease(priority="interactive"), [a_lease("b", "list"), a_lease("c")], 1.0),
    (a_lease(priority="from a newer version"), [a_lease("b")], 10 * 0.1 / 0.8),
], ids=["alone", "alone and modest", "two alike", "the rest of a modest one", "reads beside listing",
        "listing beside nine readers", "an operator", "an unknown class"])
def test_the_budget_is_divided_by_class_and_evenly_inside_it(mine, others, expected):
    """Rule 3: a backlog can't blind discovery; what a class does not use goes to the rest."""
    assert fair_share(mine, others, 10.0) == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from(["read", "list", "interactive"]), st.floats(0.1, 50)), min_size=1, max_size=8),
       st.floats(0.5, 100))
def test_shares_never_add_up_to_more_than_the_budget_and_none_is_left_while_somebody_wants_it(wishes, rate):
    replicas = [a_lease(str(number), priority, wanted=wanted) for number, (priority, wanted) in enumerate(wishes)]
    shares = [fair_share(one, [other for other in replicas if other is not one], rate) for one in replicas]

    assert sum(shares) == pytest.approx(min(rate, sum(wanted for _, wanted in wishes)))
    assert all(share <= one.wanted_per_sec + 1e-9 for share, one in zip(shares, replicas, strict=True))


def test_the_rate_recovers_by_a_twentieth_of_the_ceiling_a_second():
    row = ApiBudget(budget_id=KEY, version=1, rate_per_sec=5.0, changed_ms=1000)

    assert present_rate(row, 10.0, 1000) == 5.0
    assert present_rate(row, 10.0, 3000) == pytest.approx(6.0)
    assert present_rate(row, 10.0, 99_000) == 10.0
    assert present_rate(ApiBudget(budget_id=KEY), 10.0, 5) == 10.0


# leases


def test_live_shares_never_add_up_to_more_than_the_budget(store):
    clock = SteppedClock()
    limits = [a_busy_limit(store, f"pod-{number}", clock) for number in range(4)]
    for _ in range(200):
        for limit in limits:
            limit._refreshed(clock.monotonic_sec())
        assert sum(limit.share_per_sec for limit in limits) <= 10.0 + 1e-9
        clock.sleep(0.1)

    assert [limit.share_per_sec for limit in limits] == pytest.approx([2.5] * 4)


def test_a_dead_replicas_share_comes_back_when_its_lease_is_over(store):
    """Rule 2."""
    clock = SteppedClock()
    dead, alive = a_busy_limit(store, "dead", clock), a_busy_limit(store, "alive", clock)
    for _ in range(100):
        for limit in (dead, alive):
            limit._refreshed(clock.monotonic_sec())
        clock.sleep(0.1)
    assert alive.share_per_sec == pytest.approx(5.0)
    died_sec = clock.monotonic_sec()
    while alive.share_per_sec < 10.0:
        alive._refreshed(clock.monotonic_sec())
        assert alive.share_per_sec + dead.share_per_sec <= 10.0 + 1e-9
        clock.sleep(0.1)
        assert clock.monotonic_sec() - died_sec < 2 * SHARE_LASTS_SEC

    assert clock.monotonic_sec() - died_sec > SHARE_LASTS_SEC / 2


def test_a_replica_that_ends_gives_its_share_back_at_once(store):
    clock = SteppedClock()
    limit, other = a_limit(store, "a", clock), a_limit(store, "b", clock)
    limit._refreshed(clock.monotonic_sec())
    other._refreshed(clock.monotonic_sec())
    assert (limit.share_per_sec, other.share_per_sec) == (10.0, 0.0)
    limit.give_back()
    clock.sleep(1.0)
    other._refreshed(clock.monotonic_sec())

    assert (limit.share_per_sec, other.share_per_sec) == (0.0, 10.0)


def test_skewed_clocks_keep_a_lease_alive_a_little_longer(store):
    clock, ahead = SteppedClock(), SteppedClock()
    ahead.sleep(SHARE_LASTS_SEC + 3)
    a_limit(store, "a", clock)._refreshed(clock.monotonic_sec())
    other = a_limit(store, "b", ahead, skew_sec=5.0)
    other._refreshed(ahead.monotonic_sec())

    assert other.share_per_sec == 0.0, "the first one's lease is live by its own clock"


def test_one_replicas_throttling_halves_the_budget_of_all_once(store):
    """Rule 1: ten refusals in flight are one halving."""
    clock = SteppedClock()
    limits = [a_busy_limit(store, f"pod-{number}", clock) for number in range(2)]
    for _ in range(100):
        for limit in limits:
            limit._refreshed(clock.monotonic_sec())
        clock.sleep(0.1)
    started_sec = clock.monotonic_sec()
    clock.sleep(0.05)
    for _ in range(10):
        limits[0].throttled(started_sec)
    limits[0]._refreshed(clock.monotonic_sec())
    limits[1].throttled(started_sec)
    limits[1]._refreshed(clock.monotonic_sec())

    assert store.api_budget(KEY).rate_per_sec == pytest.approx(5.0)
    assert sum(limit.share_per_sec for limit in limits) <= 5.0 + 1e-9


def test_the_budget_never_falls_below_its_floor(store):
    clock = SteppedClock()
    limit = a_limit(store, "a", clock)
    for _ in range(20):
        started_sec = limit.acquire()
        limit.throttled(started_sec)
        limit._refreshed(clock.monotonic_sec())

    assert store.api_budget(KEY).rate_per_sec >= FLOOR_PER_SEC


class Away:
    """A state store that can't be reached any more."""

    def api_budget(self, _budget_id):
        raise Unreachable("away")

    save_api_budget = None


def test_without_the_store_the_share_is_used_to_its_end_and_then_no_call_is_made(store):
    """REL-41: fail closed."""
    clock = SteppedClock()
    limit = a_limit(store, "a", clock, patience_sec=20.0)
    limit.acquire()
    limit._store = Away()
    ends_sec = clock.monotonic_sec() + SHARE_LASTS_SEC
    calls = [limit.acquire() for _ in range(30)]
    with pytest.raises(Throttled):
        [limit.acquire() for _ in range(100)]

    assert max(calls) < ends_sec < clock.monotonic_sec()


class Slow:
    """A state store that takes longer to answer than a share lasts."""

    def __init__(self, store, clock):
        self._store, self._clock = store, clock

    def api_budget(self, name):
        self._clock.sleep(SHARE_LASTS_SEC + 1)
        return self._store.api_budget(name)

    def save_api_budget(self, budget, *, seen):
        return self._store.save_api_budget(budget, seen=seen)


def test_a_share_that_came_too_late_is_not_used(store):
    """Its lease counts from before it was asked for: the others may have it by now."""
    clock = SteppedClock()
    limit = a_limit(Slow(store, clock), "a", clock, patience_sec=20.0)

    with pytest.raises(Throttled):
        limit.acquire()


def test_a_replica_without_a_share_waits_for_one_and_gives_up_after_its_patience(store):
    clock = SteppedClock()
    first, second = a_limit(store, "a", clock), a_limit(store, "b", clock, patience_sec=2.0)
    first.acquire()

    with pytest.raises(Throttled, match="by our own API budget"):
        second.acquire()


def test_a_quiet_replica_leaves_most_of_the_budget_to_a_busy_one(store):
    clock = SteppedClock()
    quiet, busy = a_limit(store, "quiet", clock), a_limit(store, "busy", clock)
    for _ in range(12):
        quiet.acquire()
        for _ in range(20):
            busy.acquire()

    assert busy.share_per_sec > 7.0
    before_sec = clock.monotonic_sec()
    assert quiet.acquire() - before_sec <= 2 * SHARE_LASTS_SEC


@pytest.mark.slow
def test_real_threads_share_the_budget_and_use_it(store, monkeypatch):
    """Four replicas of two threads each, 40 calls a second in all; one dies without a word half-way."""
    monkeypatch.setattr(api_budget, "SHARE_LASTS_SEC", 1.0)
    monkeypatch.setattr(api_budget, "RENEW_AFTER_SEC", 0.4)
    monkeypatch.setattr(api_budget, "ASK_AGAIN_SEC", 0.1)
    stop, calls, lock = threading.Event(), [], threading.Lock()
    ends_sec = [time.monotonic() + 8.0] * 3 + [time.monotonic() + 4.0]

    def replica(number, limit):
        while time.monotonic() < ends_sec[number]:
            started_sec = limit.acquire()
            with lock:
                calls.append(started_sec)

    threads = []
    for number in range(4):
        limit = SharedRateLimit(clock=SystemClock(stop), random=SystemRandom(), store=store, budget=KEY, owner=f"pod-{number}",
                                ceiling_per_sec=40.0, lock=threading.Lock())
        threads += [threading.Thread(target=replica, args=(number, limit)) for _ in range(2)]
    began_sec = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = [sum(began_sec + start <= one < began_sec + start + 1 for one in calls) for start in range(8)]
    print("calls in each second:", seconds)

    assert max(seconds) <= 40 + 4, "each replica may round its share up by one call"
    assert min(seconds[1:4]) >= 28
    assert min(seconds[6:8]) >= 28, "the dead one's share is used by the others"

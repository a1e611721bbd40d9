"""The machine's clock, chance and threads."""

import threading
import time

import pytest

from aurora_logs.adapters.embedded.system import SystemClock, SystemRandom, Threads


class JobFailed(Exception):
    """Planted."""


def test_a_sleep_ends_when_the_service_stops():
    stop = threading.Event()
    clock = SystemClock(stop)
    sleeper = threading.Thread(target=clock.sleep, args=(60,))
    sleeper.start()
    stop.set()
    sleeper.join(10)

    assert not sleeper.is_alive()
    clock.sleep(-1)


def test_the_wall_clock_is_utc_and_the_other_never_goes_back():
    clock = SystemClock(threading.Event())

    assert abs(clock.now_us() - time.time() * 1e6) < 5e6
    assert clock.monotonic_sec() <= clock.monotonic_sec()


def test_nonces_are_sixteen_hex_digits_and_all_different():
    chance = SystemRandom()
    nonces = {chance.nonce() for _ in range(1000)}

    assert len(nonces) == 1000
    assert all(len(one) == 16 and int(one, 16) >= 0 for one in nonces)
    assert all(0 <= chance.uniform() < 1 for _ in range(100))


def test_jobs_run_side_by_side_until_each_returned():
    meet = threading.Barrier(3, timeout=10)
    workers = Threads(threading.Event())
    workers.run(dict.fromkeys("abc", meet.wait))

    assert not workers.stopping()


def test_the_first_error_stops_the_others_and_is_raised():
    stop = threading.Event()
    workers, clock, ended = Threads(stop), SystemClock(stop), []

    def fail():
        raise JobFailed

    def work():
        while not workers.stopping():
            clock.sleep(60)
        ended.append("work")

    with pytest.raises(JobFailed):
        workers.run({"work": work, "fail": fail})
    assert ended == ["work"]


def test_a_stop_ends_all_jobs():
    workers = Threads(threading.Event())

    def work():
        while not workers.stopping():
            time.sleep(0.001)

    workers.run({"stop": workers.stop, "work": work})
    assert workers.stopping()


def test_what_still_waits_late_in_a_stop_is_broken_off_once():
    """REL-68: jobs end by themselves while there is time; then what they wait for is ended for them."""
    stop, released, calls = threading.Event(), threading.Event(), []

    def break_off():
        calls.append(time.monotonic())
        released.set()

    workers = Threads(stop, drain_sec=0.3, break_off=break_off)
    started_sec = time.monotonic()
    workers.run({"stop": workers.stop, "waits for another side": released.wait})

    assert len(calls) == 1
    assert 0.3 <= calls[0] - started_sec < 5


def test_jobs_that_end_in_time_are_left_alone():
    calls = []
    workers = Threads(threading.Event(), drain_sec=20.0, break_off=lambda: calls.append("broken off"))
    started_sec = time.monotonic()
    workers.run({"stop": workers.stop, "work": lambda: time.sleep(0.1)})

    assert calls == []
    assert time.monotonic() - started_sec < 10

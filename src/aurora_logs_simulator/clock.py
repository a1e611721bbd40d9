"""The two times of a simulated account: log time, which may run fast, and real time, which never does."""

from __future__ import annotations

import time
from typing import Protocol

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 3_600 * SECOND_US
DAY_US = 24 * HOUR_US


class Clock(Protocol):
    """What the state machine asks for the time; called on every operation, from one thread at a time."""

    def now_us(self) -> int:
        """Return the log time in microseconds since 1970: entries, rotation, retention and events follow it."""
        ...

    def real_us(self) -> int:
        """Return microseconds on a clock that never runs fast: throttling and signatures follow it."""
        ...


class SystemClock:
    """Log time that starts anywhere and runs `speed` times as fast as the wall clock."""

    def __init__(self, *, speed: float = 1.0, start_us: int | None = None) -> None:
        """Start at `start_us` (microseconds since 1970; now, when it is not given)."""
        self._speed = speed
        self._real_start_us = self.real_us()
        self._start_us = self._real_start_us if start_us is None else start_us

    @property
    def speed(self) -> float:
        """Log seconds in a real second."""
        return self._speed

    def now_us(self) -> int:
        """Return the log time in microseconds since 1970."""
        return self._start_us + int((self.real_us() - self._real_start_us) * self._speed)

    def real_us(self) -> int:
        """Return the wall clock in microseconds since 1970."""
        return time.time_ns() // 1_000

    def run_at(self, speed: float) -> None:
        """Go on from the present log time at another speed; 0 stops the log time."""
        self._start_us = self.now_us()
        self._real_start_us = self.real_us()
        self._speed = speed


class SetClock:
    """A clock that moves only when it is told to: for tests and for the deterministic simulation."""

    def __init__(self, start_us: int) -> None:
        """Stand at `start_us`, microseconds since 1970."""
        self._now_us = start_us

    def now_us(self) -> int:
        """Return the log time in microseconds since 1970."""
        return self._now_us

    def real_us(self) -> int:
        """Return the same: nothing runs fast here."""
        return self._now_us

    def advance_us(self, by_us: int) -> None:
        """Move on by `by_us` microseconds."""
        self._now_us += by_us

"""The call budget of one account and region: a token bucket in real time, shared with a neighbour's load."""

from __future__ import annotations

from aurora_logs_simulator.clock import SECOND_US

CALLS_PER_SEC = 14.0  # about what an account has for a region (RDS log API sheet, fact 1: live, rdstail)


class Throttle:
    """A bucket that fills with real time; every call of any kind takes one token."""

    def __init__(self, *, calls_per_sec: float = CALLS_PER_SEC, burst_calls: float | None = None) -> None:
        """Fill at `calls_per_sec`, hold `burst_calls` (one second's worth when not given); 0 a second means no limit."""
        self.calls_per_sec = calls_per_sec
        self.neighbour_per_sec = 0.0
        self._burst_calls = burst_calls if burst_calls is not None else max(1.0, calls_per_sec)
        self._tokens = self._burst_calls
        self._filled_us: int | None = None

    def admits(self, real_us: int) -> bool:
        """Take one token; False when there is none: that call is throttled."""
        if self.calls_per_sec <= 0:
            return True
        if self._filled_us is not None:
            # The neighbour takes its calls out of the same stream before we see them.
            fill_per_sec = max(0.0, self.calls_per_sec - self.neighbour_per_sec)
            elapsed_sec = max(0, real_us - self._filled_us) / SECOND_US
            self._tokens = min(self._burst_calls, self._tokens + elapsed_sec * fill_per_sec)
        self._filled_us = real_us
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True

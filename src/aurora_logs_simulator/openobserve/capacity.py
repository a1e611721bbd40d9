"""How much the server takes: bytes a second and requests at once, in real time."""

from __future__ import annotations

import time

from aurora_logs_simulator.openobserve.profile import Setup

BURST_SEC = 1.0


class Capacity:
    """A token bucket of decoded bytes and a count of requests in flight; touched under the world's lock."""

    def __init__(self, setup: Setup) -> None:
        """Read the limits from the settings at every request, so that they may change."""
        self._setup = setup
        self._tokens_bytes = setup.capacity_bytes_per_sec * BURST_SEC
        self._filled_sec = time.monotonic()
        self.in_flight = 0
        self.most_in_flight = 0

    def entered(self) -> None:
        """A request has come."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def left(self) -> None:
        """A request is over."""
        self.in_flight -= 1

    def admits(self, size_bytes: int) -> bool:
        """Take `size_bytes` from the bucket; False when the server is overloaded."""
        if self._setup.in_flight and self.in_flight > self._setup.in_flight:
            return False
        rate = self._setup.capacity_bytes_per_sec
        if not rate:
            return True
        now_sec = time.monotonic()
        filled = self._tokens_bytes + (now_sec - self._filled_sec) * rate
        self._tokens_bytes, self._filled_sec = min(rate * BURST_SEC, filled), now_sec
        if self._tokens_bytes < 0:
            return False
        self._tokens_bytes -= size_bytes  # into debt: a batch larger than the bucket passes once it is full enough
        return True

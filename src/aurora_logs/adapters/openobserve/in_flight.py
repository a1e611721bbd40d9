"""How many requests the sink gets at once, found out by its answers; no call is made here."""

from collections import deque
from contextlib import nullcontext

from aurora_logs.errors import SinkBusy
from aurora_logs.ports import Clock
from aurora_logs.resilience import PATIENCE_SEC, Lock

FLIGHT_POLL_SEC = 0.005  # a request that waits for another one to end looks again after this
GAP_FIRST_SEC, GAP_MAX_SEC = 0.1, 5.0  # between two starts, once one request at a time is too much
MEASURED_OVER = 20  # good answers over which the first spacing is measured
STEADY_AFTER = 30  # good answers in a row after which the spacing shrinks faster
CALM_SEC = 1.0  # without an overload, before one request more is tried


class InFlight:
    """How many requests one dependency gets at once: additive increase, multiplicative decrease (AIMD).

    An answer that says "overloaded" halves the number, once for all requests that were under way then; each round of
    good answers adds one. Below one at a time the starts are spaced instead, further apart with each overload. Called
    from many threads at once; each `enter` is followed by one `left`.
    """

    def __init__(self, *, clock: Clock, most: int, lock: Lock | None = None, patience_sec: float = PATIENCE_SEC) -> None:
        """Begin with `most`, the bound; a caller waits `patience_sec` seconds at most."""
        self._clock, self._most, self._lock, self._patience_sec = clock, most, lock or nullcontext(), patience_sec
        self._allowed = float(most)
        self._under_way = 0
        self._gap_sec = 0.0
        self._next_sec = self._cut_sec = float("-inf")
        self._good_in_a_row = 0
        self._good_sec: deque[float] = deque(maxlen=MEASURED_OVER)

    @property
    def allowed(self) -> int:
        """How many requests may be under way now."""
        return max(1, int(self._allowed))

    @property
    def gap_sec(self) -> float:
        """Seconds between two starts while one at a time is too much; 0 else."""
        return self._gap_sec

    def enter(self) -> float:
        """Wait for the right to make one request; return its start on the monotonic clock (give it to `left`).

        Raises: SinkBusy when the right did not come in time, or when the service is stopping. Nothing was called then.
        """
        asked_sec = now_sec = self._clock.monotonic_sec()
        while True:
            with self._lock:
                wait_sec = self._try(now_sec)
            if wait_sec == 0:
                return now_sec
            if now_sec + wait_sec - asked_sec > self._patience_sec:
                raise SinkBusy("held back by our own limit", retry_after_sec=wait_sec)
            self._clock.sleep(wait_sec)
            before_sec, now_sec = now_sec, self._clock.monotonic_sec()
            if now_sec - before_sec < wait_sec / 2:  # the clock port returns early only when the service is stopping
                raise SinkBusy("the service is stopping", retry_after_sec=wait_sec)

    def left(self, started_sec: float, *, overloaded: bool) -> bool:
        """Count one answer; return True when it is news that the dependency is overloaded."""
        now_sec = self._clock.monotonic_sec()
        with self._lock:
            self._under_way -= 1
            if not overloaded:
                self._grow(now_sec)
                return False
            if started_sec <= self._cut_sec:  # it was under way when the number was cut
                return False
            self._cut(now_sec)
            return True

    def _try(self, now_sec: float) -> float:
        if self._under_way >= self.allowed:
            return FLIGHT_POLL_SEC
        if now_sec < self._next_sec:
            return max(self._next_sec - now_sec, FLIGHT_POLL_SEC)
        self._under_way += 1
        self._next_sec = now_sec + self._gap_sec
        return 0.0

    def _grow(self, now_sec: float) -> None:
        self._good_in_a_row += 1
        self._good_sec.append(now_sec)
        if self._gap_sec > 0:
            # slowly at first, so that near the limit few requests find out where it is
            self._gap_sec *= 0.995 if self._good_in_a_row <= STEADY_AFTER else 0.97
            if self._gap_sec < FLIGHT_POLL_SEC:
                self._gap_sec = 0.0
        elif now_sec - self._cut_sec >= CALM_SEC:
            self._allowed = min(float(self._most), self._allowed + 1 / self._allowed)

    def _cut(self, now_sec: float) -> None:
        self._allowed = max(1.0, self._allowed / 2)
        if self._allowed < 2:
            self._gap_sec = min(GAP_MAX_SEC, self._wider_gap_sec(now_sec))
        self._good_in_a_row = 0
        self._cut_sec = now_sec
        self._next_sec = now_sec + self._gap_sec

    def _wider_gap_sec(self, now_sec: float) -> float:
        if self._gap_sec > 0:
            return self._gap_sec * (1.15 if self._good_in_a_row else 2.0)
        if len(self._good_sec) < MEASURED_OVER:
            return GAP_FIRST_SEC
        return max(FLIGHT_POLL_SEC, 1.1 * (now_sec - self._good_sec[0]) / len(self._good_sec))  # what it took lately

"""How we hold back: the rate limit of an API budget, back-off, retry budget and circuit breaker; no call is made here.

Time and chance come in as ports. A lock comes in from wiring (a plain `threading.Lock`) and is held around arithmetic
only, never across a port call or a callback; the single-threaded simulation passes none.
"""

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from math import ceil
from typing import Literal, TypeAlias

from aurora_logs.errors import BreakerOpen, Throttled
from aurora_logs.ports import Clock, Random

Priority: TypeAlias = Literal["read", "list", "interactive"]
Lock: TypeAlias = AbstractContextManager[object]

# Shares of the API budget when all classes want more than there is (rds-log-api.md §10, rule 3): a backlog of reads can
# neither blind discovery nor keep an operator waiting. What a class does not use goes to the others.
SHARES: dict[Priority, float] = {"interactive": 0.1, "list": 0.2, "read": 0.7}

FLOOR_PER_SEC = 0.5  # a budget that fell further would not notice that the neighbour has gone
RECOVERY_SHARE_PER_SEC = 0.05  # from the floor back to the ceiling in 20 s
# The other side counts in its own seconds: calls arrive up to 50 ms later than others that started before them.
SECOND_WITH_MARGIN_SEC = 1.05
PATIENCE_SEC = 30.0  # a claim's lease must outlive a wait for the budget
RETRY_POLL_SEC = 0.002  # a waiter that woke before the one whose turn it is looks again after this


class RateLimit:
    """The API budget: all calls of one account and region pass here (RDS-103), fewer after throttling (RDS-104).

    Calls are spaced evenly at the present rate, 5 % below it, so that a server that counts them in its own seconds
    sees no more than `ceiling_per_sec` in any of them, whatever the way there adds. Throttled: the rate is halved at once, then grows by 5 % of
    the ceiling a second. Waiting classes share the budget by SHARES. Called from many threads at once.
    """

    def __init__(self, *, clock: Clock, ceiling_per_sec: float, lock: Lock | None = None,
                 patience_sec: float = PATIENCE_SEC) -> None:
        """Allow at most `ceiling_per_sec` calls in any second; the text of RDS_API_RATE_LIMIT."""
        if ceiling_per_sec <= 0:
            msg = "ceiling_per_sec must be above 0"
            raise ValueError(msg)
        self._clock, self._lock, self._patience_sec = clock, lock or nullcontext(), patience_sec
        self.ceiling_per_sec = ceiling_per_sec
        self._floor_per_sec = min(FLOOR_PER_SEC, ceiling_per_sec)
        self._rate_per_sec = ceiling_per_sec
        self._rate_at_sec = clock.monotonic_sec()
        self._halved_at_sec = float("-inf")
        self._next_sec = float("-inf")
        self._started: deque[float] = deque(maxlen=max(1, int(ceiling_per_sec)))
        self._waiting: dict[Priority, deque[object]] = {priority: deque() for priority in SHARES}
        self._turn: dict[Priority, float] = dict.fromkeys(SHARES, 0.0)
        self._turn_now = 0.0

    @property
    def rate_per_sec(self) -> float:
        """The calls a second that are allowed now."""
        now_sec = self._clock.monotonic_sec()
        with self._lock:
            return self._rate(now_sec)

    def acquire(self, priority: Priority = "read") -> float:
        """Wait for the right to make one call; return its start on the monotonic clock (give it to `throttled`).

        Raises: Throttled when the right did not come within `patience_sec`, or when the clock stopped waiting because
        the service is stopping. Nothing was called then.
        """
        ticket = object()
        asked_sec = now_sec = self._clock.monotonic_sec()
        with self._lock:
            self._join(priority, ticket)
        try:
            while True:
                now_sec = self._refreshed(now_sec)
                with self._lock:
                    wait_sec = self._try(priority, ticket, now_sec)
                if wait_sec == 0:
                    return now_sec
                if now_sec + wait_sec - asked_sec > self._patience_sec:
                    raise Throttled("by our own API budget", retry_after_sec=wait_sec)
                self._clock.sleep(wait_sec)
                before_sec, now_sec = now_sec, self._clock.monotonic_sec()
                if now_sec - before_sec < wait_sec / 2:  # the clock port returns early only when the service is stopping
                    raise Throttled("the service is stopping", retry_after_sec=wait_sec)
        finally:
            with self._lock:
                self._leave(priority, ticket)

    def throttled(self, started_sec: float) -> None:
        """Halve the rate: the other side refused the call that `acquire` started at `started_sec`.

        Calls that had started before the last halving say nothing about the new rate and are passed over, so that ten
        refusals in flight are one halving.
        """
        now_sec = self._clock.monotonic_sec()
        with self._lock:
            if started_sec <= self._halved_at_sec:
                return
            self._rate_per_sec = max(self._floor_per_sec, self._rate(now_sec) / 2)
            self._rate_at_sec = self._halved_at_sec = now_sec
            if self._started:
                self._next_sec = max(self._next_sec, self._started[-1] + SECOND_WITH_MARGIN_SEC / self._rate_per_sec)

    def give_back(self) -> None:
        """End the use of the budget; a shared one leaves the rest to the others."""

    def _refreshed(self, now_sec: float) -> float:
        """Look whether the ceiling changed: never here, the whole budget is ours; a shared one asks. Called unlocked.

        Returns the time after that.
        """
        return now_sec

    def _allow(self, ceiling_per_sec: float, now_sec: float) -> None:
        """Go on with another ceiling, at its full rate. Called locked."""
        self.ceiling_per_sec, self._floor_per_sec = ceiling_per_sec, min(FLOOR_PER_SEC, ceiling_per_sec)
        self._rate_per_sec, self._rate_at_sec = ceiling_per_sec, now_sec
        # rounded up: a share need not be a whole number, and the spacing keeps its average
        self._started = deque(self._started, maxlen=max(1, ceil(ceiling_per_sec)))
        if self._started:  # a slower rate holds for the next call already
            self._next_sec = self._started[-1] + SECOND_WITH_MARGIN_SEC / ceiling_per_sec

    def _rate(self, now_sec: float) -> float:
        grown = self._rate_per_sec + (now_sec - self._rate_at_sec) * RECOVERY_SHARE_PER_SEC * self.ceiling_per_sec
        return min(self.ceiling_per_sec, grown)

    def _join(self, priority: Priority, ticket: object) -> None:
        if not self._waiting[priority]:  # a class that was idle has saved nothing up and owes nothing
            self._turn[priority] = max(self._turn[priority], self._turn_now)
        self._waiting[priority].append(ticket)

    def _leave(self, priority: Priority, ticket: object) -> None:
        if ticket in self._waiting[priority]:
            self._waiting[priority].remove(ticket)

    def _try(self, priority: Priority, ticket: object, now_sec: float) -> float:
        """Take the slot and return 0, or return the seconds after which to look again."""
        free_sec = self._next_sec
        if len(self._started) == self._started.maxlen:  # the promise itself, whatever rounding does to the spacing
            free_sec = max(free_sec, self._started[0] + SECOND_WITH_MARGIN_SEC)
        if now_sec < free_sec:
            return max(free_sec - now_sec, RETRY_POLL_SEC / 2)
        next_class = min((p for p in SHARES if self._waiting[p]), key=lambda p: self._turn[p])
        if next_class != priority or self._waiting[priority][0] is not ticket:
            return RETRY_POLL_SEC
        self._waiting[priority].popleft()
        self._turn_now = self._turn[priority]
        self._turn[priority] += 1 / SHARES[priority]
        self._started.append(now_sec)
        self._next_sec = now_sec + SECOND_WITH_MARGIN_SEC / self._rate(now_sec)
        return 0.0


class Backoff:
    """How long to wait before trying again: exponential with full jitter, so that nobody retries in step (BAN-R02)."""

    def __init__(self, *, random: Random, base_sec: float, cap_sec: float) -> None:
        """Draw from [0, base_sec) after the first failure, doubling up to [0, cap_sec)."""
        self._random, self._base_sec, self._cap_sec = random, base_sec, cap_sec

    def delay_sec(self, failures: int, retry_after_sec: float | None = None) -> float:
        """Return the wait after `failures` failures in a row (1 = the first); never less than `retry_after_sec`."""
        doublings = min(max(failures, 1) - 1, 62)  # beyond that a float overflows for no longer wait
        jittered = self._random.uniform() * min(self._cap_sec, self._base_sec * 2.0**doublings)
        return max(jittered, retry_after_sec or 0.0)


class RetryBudget:
    """Bounds retries to a share of first tries, so that a failing dependency gets little more load than a healthy one.

    RDS-106: attempts stay at or below 1.1 times the work when `share` is 0.1. A trickle lets a quiet service try again, too.
    """

    def __init__(self, *, clock: Clock, share: float = 0.1, burst: float = 10.0, trickle_per_sec: float = 0.1,
                 lock: Lock | None = None) -> None:
        """Allow `share` retries a first try, saved up to `burst`, and `trickle_per_sec` more."""
        self._clock, self._lock = clock, lock or nullcontext()
        self._share, self._burst, self._trickle_per_sec = share, burst, trickle_per_sec
        self._saved = burst
        self._at_sec = clock.monotonic_sec()

    def tried(self) -> None:
        """Count a first try."""
        now_sec = self._clock.monotonic_sec()
        with self._lock:
            self._refill(now_sec)
            self._saved = min(self._burst, self._saved + self._share)

    def may_retry(self) -> bool:
        """Take one retry out of the budget; False when it is used up."""
        now_sec = self._clock.monotonic_sec()
        with self._lock:
            self._refill(now_sec)
            if self._saved < 1.0:
                return False
            self._saved -= 1.0
            return True

    def _refill(self, now_sec: float) -> None:
        self._saved = min(self._burst, self._saved + (now_sec - self._at_sec) * self._trickle_per_sec)
        self._at_sec = now_sec


class Breaker:
    """Stops calls to one dependency that keeps failing, then lets exactly one probe find out whether it is back.

    Only failures in a row count, and only those within the rolling window (BAN-R01). Which errors are failures is the
    caller's decision: throttling and missing files are none (RDS-106, RDS-115). Every admitted call must report.
    """

    def __init__(self, *, clock: Clock, on_change: Callable[[str], None], max_failures: int = 5,
                 open_sec: float = 30.0, window_sec: float = 300.0, lock: Lock | None = None) -> None:
        """Open for `open_sec` after `max_failures` failures in a row within `window_sec`.

        on_change gets `circuit breaker opened`, `circuit breaker half-open` or `circuit breaker closed`, once a change.
        """
        self._clock, self._on_change, self._lock = clock, on_change, lock or nullcontext()
        self._open_sec, self._window_sec = open_sec, window_sec
        self._failed_at: deque[float] = deque(maxlen=max_failures)
        self._state: Literal["closed", "open", "half-open"] = "closed"
        self._until_sec = 0.0
        self._admission = 0  # changes with every state change: an answer from an earlier state is no news about this one

    @property
    def state(self) -> str:
        """`closed`, `open` or `half-open`."""
        return self._state

    def admit(self) -> int:
        """Let one call through; return its admission, to be given to `succeeded` or `failed`.

        Half-open lets one probe through; a probe that never reported is replaced after `open_sec`.
        Raises: BreakerOpen with the seconds until the next probe; nothing was called then.
        """
        now_sec = self._clock.monotonic_sec()
        with self._lock:
            if self._state == "closed":
                return self._admission
            if now_sec < self._until_sec:
                raise BreakerOpen(retry_after_sec=self._until_sec - now_sec)
            changed = self._state == "open"
            self._state = "half-open"
            self._until_sec = now_sec + self._open_sec
            self._admission += 1
            admission = self._admission
        if changed:
            self._on_change("circuit breaker half-open")
        return admission

    def succeeded(self, admission: int) -> None:
        """Report that the dependency answered, be it with a refusal."""
        with self._lock:
            if admission != self._admission or self._state == "open":
                return
            self._failed_at.clear()
            changed = self._state == "half-open"
            self._state = "closed"
            self._admission += changed
        if changed:
            self._on_change("circuit breaker closed")

    def failed(self, admission: int) -> None:
        """Report that the dependency failed."""
        now_sec = self._clock.monotonic_sec()
        with self._lock:
            if admission != self._admission or self._state == "open":
                return
            self._failed_at.append(now_sec)
            in_a_row = len(self._failed_at) == self._failed_at.maxlen
            if self._state == "closed" and not (in_a_row and now_sec - self._failed_at[0] <= self._window_sec):
                return
            self._state = "open"
            self._until_sec = now_sec + self._open_sec
            self._admission += 1
            self._failed_at.clear()
        self._on_change("circuit breaker opened")

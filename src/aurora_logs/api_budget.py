"""One API budget for all replicas (rds-log-api.md §10): each takes a share of the calls for some seconds.

The shares of live leases never add up to more than the budget, so a newcomer gets its part when the others renew, and a
dead replica's part comes back when its lease runs out. Throttling of one replica halves the budget of all.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from aurora_logs.errors import StateAnswerLost, Transient
from aurora_logs.ports import BudgetStore, Clock, Random
from aurora_logs.records.budget import ApiBudget, BudgetLease
from aurora_logs.resilience import (
    FLOOR_PER_SEC,
    PATIENCE_SEC,
    RECOVERY_SHARE_PER_SEC,
    RETRY_POLL_SEC,
    SHARES,
    Lock,
    Priority,
    RateLimit,
)

SHARE_LASTS_SEC = 6.0
RENEW_AFTER_SEC = 3.0
ASK_AGAIN_SEC = 0.5  # after a refusal, or when there was nothing to have
WRITE_TRIES = 5
LEAST_SHARE_PER_SEC = 0.05
BUSY_SHARE = 0.7  # whoever uses so much of its share, or waits, wants as much as there is


def budget_id(account_id: str, aws_region: str) -> str:
    """Return the key of the row; keys that begin with # are no instances (names-and-runbook.md §2.8)."""
    return f"#api-budget#{account_id}#{aws_region}"


class SharedRateLimit(RateLimit):
    """RateLimit whose ceiling is this replica's present share. Called from many threads at once.

    When the state store is away the share is used until its lease is over; after that no call is made.
    """

    def __init__(self, *, clock: Clock, random: Random, store: BudgetStore, budget: str, owner: str,
                 ceiling_per_sec: float, priority: Priority = "read", lock: Lock | None = None,
                 patience_sec: float = PATIENCE_SEC, skew_sec: float = 0.0) -> None:
        """budget: see `budget_id`. priority: what most calls of this process are for. ceiling_per_sec: of all replicas."""
        super().__init__(clock=clock, ceiling_per_sec=ceiling_per_sec, lock=lock, patience_sec=patience_sec)
        self._random, self._store, self._budget, self._owner = random, store, budget, owner
        self._all_per_sec, self._priority, self._skew_ms = ceiling_per_sec, priority, int(skew_sec * 1000)
        self._share_per_sec = 0.0
        self._share_ends_sec = self._renew_at_sec = float("-inf")
        self._renewed_sec = clock.monotonic_sec()
        self._calls = 0
        self._throttled_ms = 0
        self._is_renewing = False

    @property
    def share_per_sec(self) -> float:
        """The calls a second that this replica may make now."""
        return self._share_per_sec if self._clock.monotonic_sec() < self._share_ends_sec else 0.0

    def throttled(self, started_sec: float) -> None:
        """Halve the rate here at once, and that of all replicas with the next renewal, which is now."""
        super().throttled(started_sec)
        age_ms = int((self._clock.monotonic_sec() - started_sec) * 1000)
        with self._lock:
            self._throttled_ms = max(self._throttled_ms, self._clock_ms() - age_ms)
            self._renew_at_sec = float("-inf")

    def give_back(self) -> None:
        """Leave the budget at the end of the process; a replica that could not is dropped when its lease is over."""
        with self._lock:
            self._share_ends_sec = float("-inf")
        try:
            self._replace(lambda row, _now_ms: replace(row, leases=tuple(self._others(row))))
        except (Transient, StateAnswerLost):
            return

    def _refreshed(self, now_sec: float) -> float:
        with self._lock:
            if now_sec < self._renew_at_sec or self._is_renewing:
                return now_sec
            self._is_renewing = True
        try:
            self._renew(now_sec)
        finally:
            with self._lock:
                self._is_renewing = False
        return self._clock.monotonic_sec()  # the state store may have taken its time

    def _try(self, priority: Priority, ticket: object, now_sec: float) -> float:
        until_renewal_sec = max(self._renew_at_sec - now_sec, RETRY_POLL_SEC)
        if now_sec >= self._share_ends_sec:
            return until_renewal_sec
        wait_sec = super()._try(priority, ticket, now_sec)
        self._calls += wait_sec == 0
        return min(wait_sec, until_renewal_sec)

    def _renew(self, now_sec: float) -> None:
        wanted_per_sec = self._wanted(now_sec)
        try:
            row = self._replace(lambda row, now_ms: self._with_share(row, wanted_per_sec, now_ms))
        except (Transient, StateAnswerLost):
            row = None
        with self._lock:
            self._renew_at_sec = now_sec + ASK_AGAIN_SEC * (0.5 + self._random.uniform())
            if row is None:
                return
            self._renewed_sec, self._calls = now_sec, 0
            self._share_per_sec = next((one.calls_per_sec for one in row.leases if one.owner == self._owner), 0.0)
            if self._share_per_sec:
                self._share_ends_sec = now_sec + SHARE_LASTS_SEC
                self._renew_at_sec = now_sec + RENEW_AFTER_SEC * (0.8 + 0.4 * self._random.uniform())
                self._allow(self._share_per_sec, now_sec)
            else:
                self._share_ends_sec = float("-inf")

    def _wanted(self, now_sec: float) -> float:
        with self._lock:
            used_per_sec = self._calls / max(now_sec - self._renewed_sec, 1.0)
            is_busy = any(self._waiting.values()) or used_per_sec >= BUSY_SHARE * self._share_per_sec
        return self._all_per_sec if is_busy else max(FLOOR_PER_SEC, used_per_sec / BUSY_SHARE)

    def _replace(self, change: Callable[[ApiBudget, int], ApiBudget]) -> ApiBudget | None:
        """Change the row as nobody else does in that moment; None when others were faster each time."""
        for _ in range(WRITE_TRIES):
            row = self._store.api_budget(self._budget) or ApiBudget(budget_id=self._budget)
            changed = replace(change(row, self._clock_ms()), version=row.version + 1)
            if self._store.save_api_budget(changed, seen=row.version):
                return changed
            self._clock.sleep(0.02 * self._random.uniform())
        return None

    def _with_share(self, row: ApiBudget, wanted_per_sec: float, now_ms: int) -> ApiBudget:
        rate_per_sec, halved_ms = present_rate(row, self._all_per_sec, now_ms), row.halved_ms
        if self._throttled_ms > row.halved_ms:  # later than the last halving: ten refusals in flight are one
            rate_per_sec, halved_ms = max(FLOOR_PER_SEC, rate_per_sec / 2), now_ms
        others = [one for one in self._others(row) if one.until_ms + self._skew_ms > now_ms]
        mine = BudgetLease(owner=self._owner, priority=self._priority, calls_per_sec=0.0, wanted_per_sec=wanted_per_sec,
                           until_ms=now_ms + int(SHARE_LASTS_SEC * 1000))
        free_per_sec = rate_per_sec - sum(one.calls_per_sec for one in others)
        share_per_sec = min(fair_share(mine, others, rate_per_sec), free_per_sec)
        mine = replace(mine, calls_per_sec=share_per_sec if share_per_sec >= LEAST_SHARE_PER_SEC else 0.0)
        return replace(row, rate_per_sec=rate_per_sec, changed_ms=now_ms, halved_ms=halved_ms, leases=(*others, mine))

    def _others(self, row: ApiBudget) -> list[BudgetLease]:
        return [one for one in row.leases if one.owner != self._owner]

    def _clock_ms(self) -> int:
        return self._clock.now_us() // 1000


def present_rate(row: ApiBudget, ceiling_per_sec: float, now_ms: int) -> float:
    """Return what all replicas together may call a second now: the last rate, grown by 5 % of the ceiling a second."""
    if not row.version:
        return ceiling_per_sec
    grown_sec = max(0, now_ms - row.changed_ms) / 1000
    return min(ceiling_per_sec, max(FLOOR_PER_SEC, row.rate_per_sec) + grown_sec * RECOVERY_SHARE_PER_SEC * ceiling_per_sec)


def fair_share(mine: BudgetLease, others: Iterable[BudgetLease], rate_per_sec: float) -> float:
    """Divide the rate by the classes' weights, and evenly inside a class; what somebody does not want goes to the rest."""
    replicas = [mine, *others]
    numbers: dict[str, int] = {}
    for one in replicas:
        numbers[one.priority] = numbers.get(one.priority, 0) + 1
    weights = {one.owner: _weight(one, numbers) for one in replicas}
    left_per_sec, open_ones = rate_per_sec, {one.owner: one.wanted_per_sec for one in replicas}
    while open_ones:
        by_weight = left_per_sec / sum(weights[owner] for owner in open_ones)
        content = {owner: wanted for owner, wanted in open_ones.items() if wanted <= by_weight * weights[owner]}
        if not content:
            return by_weight * weights[mine.owner]
        if mine.owner in content:
            return mine.wanted_per_sec
        for owner, wanted in content.items():
            left_per_sec -= wanted
            del open_ones[owner]
    return 0.0


def _weight(lease: BudgetLease, numbers: Mapping[str, int]) -> float:
    weights = {str(priority): weight for priority, weight in SHARES.items()}
    return weights.get(lease.priority, min(weights.values())) / numbers[lease.priority]

"""The shared API budget of one account and region: which replica may make how many calls a second, and until when."""

import msgspec


class BudgetLease(msgspec.Struct, frozen=True, kw_only=True):
    """One replica's part. priority: what it calls for; wanted_per_sec: what it could use; until_ms: epoch ms."""

    owner: str
    priority: str
    calls_per_sec: float
    wanted_per_sec: float
    until_ms: int


class ApiBudget(msgspec.Struct, frozen=True, kw_only=True):
    """The row. version: raised by one with each write. rate_per_sec: allowed in all at changed_ms, less after throttling."""

    budget_id: str
    version: int = 0
    rate_per_sec: float = 0.0
    changed_ms: int = 0
    halved_ms: int = 0
    leases: tuple[BudgetLease, ...] = ()

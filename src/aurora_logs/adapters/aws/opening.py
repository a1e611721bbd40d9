"""Opens the RDS source of all places that the settings name, each with an API budget of its own (rds-log-api.md §10)."""

import platform
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from aurora_logs.adapters.aws.log_source import RdsLogSource, open_rds_source
from aurora_logs.adapters.aws.places import Place, RdsPlaces, places_of
from aurora_logs.api_budget import SharedRateLimit, budget_id
from aurora_logs.ports import BudgetStore, Clock, Random
from aurora_logs.resilience import Priority, RateLimit
from aurora_logs.scope import regions_of, roles_of
from aurora_logs.settings import Settings

if TYPE_CHECKING:
    from aurora_logs.adapters.aws.connection import CallMade


class ApiLimits:
    """The limit of RDS calls of each account and region, made when it is needed first. Called from many threads.

    Of this process alone, or its share of what all have (`store`).
    """

    def __init__(self, settings: Settings, clock: Clock, random: Random, store: BudgetStore | None, *,
                 priority: Priority = "read") -> None:
        """priority: what most calls of this process are for."""
        self._settings, self._clock, self._random, self._store, self._priority = settings, clock, random, store, priority
        self._limits: list[RateLimit] = []

    def of(self, place: Place) -> RateLimit:
        """Make the limit of a place. Raises: ConfigError, Transient: whose account it is must be asked."""
        made = self._made(place)
        self._limits.append(made)
        return made

    @property
    def rate_per_sec(self) -> float:
        """Calls a second that this process may make now, all places together."""
        return sum(limit.rate_per_sec for limit in self._limits)

    def give_back(self) -> None:
        """End the use of all budgets."""
        for limit in self._limits:
            limit.give_back()

    def _made(self, place: Place) -> RateLimit:
        settings, patience_sec = self._settings, self._settings.lease_sec / 3
        if self._store is None:
            return RateLimit(clock=self._clock, ceiling_per_sec=settings.rds_api_rate_limit, lock=threading.Lock(),
                             patience_sec=patience_sec)
        from aurora_logs.adapters.aws.account import account_and_region  # noqa: PLC0415 - loads boto3

        known = place.role.account_id if place.role else settings.aws_account_id
        account_id, region = account_and_region(region=place.region or None, account_id=known)
        return SharedRateLimit(
            clock=self._clock, random=self._random, store=self._store, budget=budget_id(account_id, region),
            lock=threading.Lock(), owner=f"{settings.pod_name or platform.node()}-{self._random.nonce()}",
            ceiling_per_sec=settings.rds_api_rate_limit, priority=self._priority, patience_sec=patience_sec,
            skew_sec=settings.skew_sec)


def open_source(settings: Settings, clock: Clock, limits: ApiLimits, *, interactive: bool = False,
                on_call: "Callable[[CallMade], None] | None" = None,
                on_unsupported: Callable[[str, str], None] | None = None) -> RdsLogSource | RdsPlaces:
    """Open the source. The only place is opened at once, several when they are needed first. Makes no RDS call.

    Raises: ConfigError, Transient.
    """
    regions, roles = regions_of(settings.aws_regions), roles_of(settings.assume_roles)

    def opened(place: Place) -> RdsLogSource:
        return open_rds_source(
            clock=clock, limit=limits.of(place), region=place.region or None, role=place.role, place=place.name,
            suffix=place.suffix, session_name=f"aurora-logs-{settings.pod_name or platform.node()}", interactive=interactive,
            connections=settings.max_concurrency + 2, on_call=on_call, on_unsupported=on_unsupported)

    if not roles and len(regions) <= 1:
        region = next(iter(regions), settings.aws_region)
        return opened(Place(name=region, region=region, role=None, suffix=""))
    home_region = settings.aws_region or _chain_region() or regions[0]
    return RdsPlaces(places_of(regions or [home_region], roles, home_region=home_region,
                               own_account=settings.collect_own_account), opened)


def _chain_region() -> str:
    """The region that the SDK's chain knows; "" for none."""
    import boto3  # noqa: PLC0415 - loads boto3

    return str(boto3.session.Session().region_name or "")

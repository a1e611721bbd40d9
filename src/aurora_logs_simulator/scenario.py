"""Scenario files: which instances there are, how they write, how fast time runs, and which faults are on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from aurora_logs_simulator.account import Account
from aurora_logs_simulator.api import RdsLogApi
from aurora_logs_simulator.clock import HOUR_US, SECOND_US, Clock
from aurora_logs_simulator.faults import Faults, Rule
from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.load import Load
from aurora_logs_simulator.throttle import CALLS_PER_SEC, Throttle


class Elsewhere(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Instances in another region or account than the scenario's own; "" means its own. It has a call budget of its own."""

    region: str = ""
    account_id: str = ""
    instances: tuple[Spec, ...] = ()
    faults: tuple[Rule, ...] = ()


class Role(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role that AssumeRole hands out.

    external_id: what the caller must give; "": nothing.
    session_sec: how long its credentials last, whatever the caller asks for (STS: 900 at least); 0: as asked.
    """

    arn: str
    external_id: str = ""
    session_sec: float = 0.0


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One simulated world.

    speed:           log seconds in a real second.
    start:           log time of the start, ISO 8601 with zone; now when empty.
    history_hours:   log hours that are written before the start.
    entries_per_sec: of each instance, in a real second.
    most_entries:    the load stops by itself after so many; None: it does not.
    calls_per_sec:   the account's call budget; 0: none. `neighbour_per_sec` of it are taken by somebody else.
    instances, faults: of `region` and `account_id`, where the given keys belong to; `elsewhere`: of other ones.
    roles:           what AssumeRole hands out, for accounts of `elsewhere`.
    """

    seed: str = "1"
    region: str = "eu-central-1"
    account_id: str = "123456789012"
    speed: float = 1.0
    start: str = ""
    history_hours: float = 0.0
    entries_per_sec: float = 10.0
    most_entries: int | None = None
    calls_per_sec: float = CALLS_PER_SEC
    burst_calls: float | None = None
    neighbour_per_sec: float = 0.0
    instances: tuple[Spec, ...] = ()
    faults: tuple[Rule, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    roles: tuple[Role, ...] = ()


class World(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario brought to life: one account and region, and those elsewhere."""

    api: RdsLogApi
    load: Load
    clock: Clock
    elsewhere: tuple[World, ...] = ()
    roles: tuple[Role, ...] = ()

    @property
    def all(self) -> tuple[World, ...]:
        """The home place and those elsewhere."""
        return (self, *self.elsewhere)

    @property
    def place(self) -> tuple[str, str]:
        """Account and region."""
        return self.api.account.account_id, self.api.account.region


DEMO: tuple[Spec, ...] = (
    Spec(identifier="shop-1", engine="aurora-mysql", cluster="shop", tags={"team": "shop"}),
    Spec(identifier="shop-2", engine="aurora-mysql", cluster="shop", is_writer=False, tags={"team": "shop"}),
    Spec(identifier="ledger-1", engine="aurora-postgresql", cluster="ledger", with_minutes=True),
    Spec(identifier="ledger-2", engine="aurora-postgresql", cluster="ledger", is_writer=False, with_minutes=True),
    Spec(identifier="billing", engine="mysql", instance_class="db.m6g.large", hour_digits=1),
    Spec(identifier="reports", engine="postgres", instance_class="db.m6g.large"),
)


def read_scenario(path: Path) -> Scenario:
    """Read a TOML or JSON scenario.

    Raises: msgspec.ValidationError with the bad field's path; OSError.
    """
    content = path.read_bytes()
    if path.suffix == ".json":
        return msgspec.json.decode(content, type=Scenario)
    return msgspec.toml.decode(content, type=Scenario)


def start_us(scenario: Scenario) -> int | None:
    """Return the log time of the start in microseconds; None: now."""
    if not scenario.start:
        return None
    at = datetime.fromisoformat(scenario.start)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * SECOND_US)


def build(scenario: Scenario, clock: Clock) -> World:
    """Make account, load and state machine; the history is written when this returns."""
    now_us = clock.now_us()
    born_us = now_us - int(scenario.history_hours * HOUR_US)
    # Each world counts its own strikes, however often one scenario is built.
    faults = Faults(seed=scenario.seed, rules=[msgspec.structs.replace(rule) for rule in scenario.faults])
    account = Account(now_us=born_us, region=scenario.region, account_id=scenario.account_id)
    load = Load(account, faults, seed=scenario.seed, most_entries=scenario.most_entries)
    account.header_of = load.header_of
    for spec in scenario.instances:
        instance = account.add(spec, born_us)
        per_sec = spec.entries_per_sec if spec.entries_per_sec is not None else scenario.entries_per_sec
        load.write_to(instance, entries_per_log_sec=per_sec / scenario.speed, now_us=born_us)
    load.run_until(now_us)
    throttle = Throttle(calls_per_sec=scenario.calls_per_sec, burst_calls=scenario.burst_calls)
    throttle.neighbour_per_sec = scenario.neighbour_per_sec
    return World(
        api=RdsLogApi(account, clock=clock, faults=faults, throttle=throttle), load=load, clock=clock,
        elsewhere=tuple(build(_scenario_of(one, scenario), clock) for one in scenario.elsewhere), roles=scenario.roles,
    )  # fmt: skip


def _scenario_of(one: Elsewhere, home: Scenario) -> Scenario:
    return msgspec.structs.replace(
        home, region=one.region or home.region, account_id=one.account_id or home.account_id, instances=one.instances,
        faults=one.faults, elsewhere=(), roles=(), seed=f"{home.seed}/{one.account_id}/{one.region}", neighbour_per_sec=0.0,
    )  # fmt: skip

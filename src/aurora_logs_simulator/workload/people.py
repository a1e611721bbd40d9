"""Who connects: accounts, clients and connection ids of an invented fleet. What they run is not here."""

from random import Random
from typing import NamedTuple


class Session(NamedTuple):
    """One client connection. `host` is "" where the server resolves no names, `address` may be ""."""

    user: str
    effective: str
    host: str
    address: str
    port: int
    database: str
    connection_id: int


_USERS = (
    "app",
    "checkout",
    "reporting",
    "etl_nightly",
    "svc-billing",
    "inventory.sync",
    "mobile_api",
    "admin",
    "grafana_ro",
)
_DATABASES = ("shop", "billing", "warehouse", "crm-live", "analytics")
_SESSION_COUNT = 64
_RENEWED_EVERY = 150  # entries; connections come and go, so ids rise over the day


class People:
    """A pool of sessions of which one at a time speaks; it changes slowly, as connection pools do."""

    def __init__(self, rnd: Random, *, stay_share: float) -> None:
        """Open the first sessions. `stay_share` of the entries stay in the database of the entry before."""
        self._rnd = rnd
        self._stay_share = stay_share
        self._next_id = 8 + int(rnd.random() * 9000)
        self._sessions = {
            name: [self._opened(name) for _ in range(_SESSION_COUNT // len(_DATABASES))] for name in _DATABASES
        }
        self._database = _DATABASES[0]
        self._turns = 0

    def _opened(self, database: str) -> Session:
        rnd = self._rnd.random
        self._next_id += 1 + int(rnd() * 3)
        user = _USERS[int(rnd() * len(_USERS))]
        address = f"10.{int(rnd() * 4)}.{int(rnd() * 250)}.{1 + int(rnd() * 250)}"
        host, chance = "", rnd()
        if chance < 0.06:
            host = f"worker-{int(rnd() * 40)}.shop.internal"
        elif chance < 0.08:
            host, address = "localhost", ""
        elif chance < 0.11:
            address = f"2a05:d014:{int(rnd() * 65535):x}::{int(rnd() * 65535):x}"
        effective = "definer" if rnd() < 0.02 else user
        return Session(user, effective, host, address, 32_768 + int(rnd() * 28_000), database, self._next_id)

    def speaker(self) -> Session:
        """Choose the session that the next entry belongs to."""
        rnd = self._rnd.random
        if rnd() >= self._stay_share:
            self._database = _DATABASES[int(rnd() * len(_DATABASES))]
        pool = self._sessions[self._database]
        place = int(rnd() * len(pool))
        self._turns += 1
        if self._turns % _RENEWED_EVERY == 0:
            pool[place] = self._opened(self._database)
        return pool[place]

"""One server with all it keeps, without sockets or threads: organisations, accounts, faults, journal, late requests."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from aurora_logs_simulator.clock import SECOND_US, Clock
from aurora_logs_simulator.faults import Faults, Rule
from aurora_logs_simulator.openobserve.access import Access, Account
from aurora_logs_simulator.openobserve.catalogue import BY_NAME
from aurora_logs_simulator.openobserve.journal import Journal
from aurora_logs_simulator.openobserve.organization import Organization
from aurora_logs_simulator.openobserve.profile import Setup
from aurora_logs_simulator.openobserve.replies import RefusalError, text_reply
from aurora_logs_simulator.openobserve.stream import Stream


class World:
    """All state of one server; `lock` is held around every touch of it."""

    def __init__(self, setup: Setup, clock: Clock, folder: Path, *, seed: str = "1", rules: list[Rule] | None = None,
                 journal_file: Path | None = None) -> None:
        """Open the folder; rows that a kill has taken are gone from it, `lost_at_start` counts them."""
        self.setup, self.clock, self._folder, self._seed = setup, clock, folder, seed
        self.lock = threading.RLock()
        self.faults = Faults(seed=seed, rules=rules, catalogue=BY_NAME)
        self.journal = Journal(journal_file)
        self.access = Access(root_user=setup.root_user, root_password=setup.root_password,
                             says_realm=setup.version.says_realm, seed=seed)  # fmt: skip
        self.organizations: dict[str, Organization] = {}
        self._late: list[tuple[int, int, Callable[[], None]]] = []
        self._made_late = 0
        self.restarts = 0
        (folder / "data").mkdir(parents=True, exist_ok=True)
        for path in sorted((folder / "data").iterdir()):
            self.add_organization(unquote(path.name))
        if "default" not in self.organizations:
            self.add_organization("default")

    @property
    def lost_at_start(self) -> int:
        """Rows that had been acknowledged and were lost by the kill before this start."""
        return sum(stream.rows.lost_at_start for one in self.organizations.values() for stream in one.streams.values())

    def now_us(self) -> int:
        """Return the server's clock in microseconds since 1970."""
        return self.clock.now_us()

    def add_organization(self, name: str) -> Organization:
        """Create an organisation."""
        folder = self._folder / "data" / quote(name, safe="")
        self.organizations[name] = Organization(name, folder, self.setup, seed=self._seed)
        return self.organizations[name]

    def organization(self, name: str, account: Account) -> Organization:
        """Return an organisation; the root user makes one by naming it. Raises: RefusalError 404."""
        found = self.organizations.get(name)
        if found is None and account.is_root and self.setup.auto_create:
            found = self.add_organization(name)
        if found is None:
            raise RefusalError(text_reply("Organization not found", 404), "no organization")
        return found

    def later(self, delay_sec: float, act: Callable[[], None]) -> None:
        """Do something once the clock is `delay_sec` further: a request that lives on at the server."""
        self._made_late += 1
        heapq.heappush(self._late, (self.now_us() + int(delay_sec * SECOND_US), self._made_late, act))

    def catch_up(self) -> None:
        """Do all that is due by now; called before every request."""
        now_us = self.now_us()
        while self._late and self._late[0][0] <= now_us:
            heapq.heappop(self._late)[2]()

    def kill(self) -> int:
        """Die and be there again: what only memory and the log's buffer held is gone; return the rows lost."""
        self._late.clear()
        self.restarts += 1
        return sum(stream.rows.crash() for one in self.organizations.values() for stream in one.streams.values())

    def streams(self, organization: str = "default") -> dict[str, Stream]:
        """Return the streams of an organisation that are there."""
        found = self.organizations.get(organization)
        return {} if found is None else found.visible(self.now_us())

    def lines(self, stream: str, organization: str = "default") -> Iterator[bytes]:
        """Give every physical line of a stream, copies included, in the order of arrival."""
        found = self.streams(organization).get(stream)
        return iter(()) if found is None else found.rows.lines()

    def close(self) -> None:
        """End in good order: nothing is lost."""
        for one in self.organizations.values():
            one.close()
        self.journal.close()

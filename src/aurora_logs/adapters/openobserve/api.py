"""Calls to one organisation of one OpenObserve: login, paths, and the breaker of what they depend on."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import quote

from aurora_logs import telemetry
from aurora_logs.adapters.openobserve.connection import Connections, NoAnswer, NotSent, Reply
from aurora_logs.adapters.openobserve.login import Login
from aurora_logs.adapters.openobserve.refusals import Where
from aurora_logs.errors import (
    BreakerOpen,
    ConfigError,
    Permanent,
    ReceiptPartial,
    SinkBusy,
    TimedOut,
    Transient,
    Unknown,
    Unreachable,
)
from aurora_logs.ports import Clock
from aurora_logs.resilience import Breaker

RECEIPT_BYTES = 1 << 20
ANSWER_BYTES = 256 << 20  # of a search; a page of ids has 1 MB, a table of a million rows is the person's own wish


class Api:
    """Called from many threads at once."""

    def __init__(self, connections: Connections, login: Login, organization: str) -> None:
        self._connections, self._login, self.organization = connections, login, organization

    @property
    def url(self) -> str:
        """The base URL, for messages."""
        return self._connections.address.url

    def where(self, right: str) -> Where:
        """Return what a refusal names. Raises: ConfigError."""
        return Where(url=self.url, organization=self.organization, user=self._login.user, right=right)

    def call(self, method: str, path: str, body: bytes | None = None, *, limit_sec: float, most_bytes: int = ANSWER_BYTES,
             headers: Mapping[str, str] | None = None) -> Reply:
        """Make one call below /api/{organisation}/. Raises: NotSent, NoAnswer, ConfigError (the login can't be read)."""
        all_headers = {"Authorization": self._login.header(), "Content-Type": "application/json", "User-Agent": "aurora-logs",
                       **(headers or {})}
        return self._connections.request(method, f"/api/{quote(self.organization, safe='')}/{path}", headers=all_headers,
                                         body=body, limit_sec=limit_sec, most_bytes=most_bytes)

    def ask(self, method: str, path: str, body: bytes | None = None, *, limit_sec: float) -> Reply:
        """Make one call that may be repeated. Raises: Unreachable, TimedOut, ConfigError."""
        try:
            return self.call(method, path, body, limit_sec=limit_sec)
        except NotSent as exc:
            raise Unreachable(f"{self.url}: {exc}", hint="is OPENOBSERVE_URL right, and the server up?") from exc
        except NoAnswer as exc:
            raise (TimedOut if exc.timed_out else Unreachable)(f"{method} {path.partition('?')[0]} at {self.url}: {exc}") from exc

    def break_off(self) -> None:
        """End all calls under way, and begin none any more."""
        self._connections.break_off()

    def close(self) -> None:
        """Close all idle connections."""
        self._connections.close()


class Guard:
    """The breaker of one dependency: counts what the error tree says of each call (openobserve.md §6.7)."""

    def __init__(self, dependency: str, *, clock: Clock, max_failures: int, open_sec: float) -> None:
        self.dependency, self._max_failures = dependency, max_failures
        self.breaker = Breaker(clock=clock, on_change=self._tell, max_failures=max_failures, open_sec=open_sec,
                               lock=threading.Lock())
        telemetry.breaker_ready(dependency)

    @contextmanager
    def guarding(self) -> Iterator[None]:
        """Let one call through and count how it ends. Raises: BreakerOpen."""
        try:
            admission = self.breaker.admit()
        except BreakerOpen as exc:
            raise BreakerOpen(self.dependency, retry_after_sec=exc.retry_after_sec) from None
        try:
            yield
        except OldNews:
            raise
        except (Permanent, ReceiptPartial):
            self.breaker.succeeded(admission)  # it answered
            raise
        except (Transient, Unknown, ConfigError):
            self.breaker.failed(admission)
            raise
        else:
            self.breaker.succeeded(admission)

    def _tell(self, change: str) -> None:
        telemetry.breaker_changed(self.dependency, change.removeprefix("circuit breaker "), self._max_failures)


class OldNews(SinkBusy):
    """The sink is overloaded."""  # by requests that were under way when that was noticed: no failure of their own

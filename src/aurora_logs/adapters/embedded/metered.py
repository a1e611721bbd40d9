"""A state store whose requests are counted and timed; each is a sign that the calling loop goes on."""

import time
from collections.abc import Callable
from typing import Any

from aurora_logs import telemetry
from aurora_logs.errors import Conflict, Throttled
from aurora_logs.ports import StateStore
from aurora_logs.signs import Pulse


class Metered:
    """Every method of the store behind it, as it is."""

    def __init__(self, store: StateStore, pulse: Pulse) -> None:
        self._store, self._pulse = store, pulse

    def __getattr__(self, name: str) -> Any:  # a method of the port
        method = getattr(self._store, name)

        def counted(*arguments: object, **named: object) -> object:
            self._pulse.beat()
            began_sec, result = time.monotonic(), "error"
            try:
                answer = method(*arguments, **named)
                result = "ok"
            except Conflict:
                result = "conflict"
                raise
            except Throttled:
                result = "throttled"
                raise
            finally:
                telemetry.state_request(name, result, time.monotonic() - began_sec)
            return answer

        self.__dict__[name] = counted
        return counted


def metered(store: StateStore, pulse: Pulse) -> StateStore:
    """Count and time the requests to a store."""
    made: Callable[..., Any] = Metered
    counted: StateStore = made(store, pulse)
    return counted

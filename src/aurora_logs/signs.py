"""Signs of life of a process: which loops go on, and whether what they can't do without can be reached."""

import threading
import time
from collections.abc import Callable, Mapping

from aurora_logs import metrics
from aurora_logs.errors import AuroraLogsError

SILENT_SEC = 180.0  # longest call to another side: a complete file is read in pieces, a portion within 60 s
LOOK_EVERY_SEC = 5.0  # dependencies are asked no more often, however often a probe comes


class Pulse:
    """When each loop of the process said last that it goes on. Called from many threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until_sec: dict[str, float] = {}

    def beat(self, *, idle_sec: float = 0.0) -> None:
        """The calling thread goes on; it will be silent for `idle_sec` seconds on purpose."""
        loop, until_sec = threading.current_thread().name, time.monotonic() + idle_sec + SILENT_SEC
        with self._lock:
            self._until_sec[loop] = until_sec
        metrics.HEARTBEAT.set(time.time(), loop)

    def ended(self) -> None:
        """The calling thread's loop has ended as it should."""
        with self._lock:
            self._until_sec.pop(threading.current_thread().name, None)

    def silent(self) -> list[str]:
        """Return the loops that should have said something by now."""
        now_sec = time.monotonic()
        with self._lock:
            return sorted(loop for loop, until_sec in self._until_sec.items() if until_sec < now_sec)


class Readiness:
    """Whether the dependencies answer; asked side by side with the work, at most every LOOK_EVERY_SEC seconds."""

    def __init__(self, looks: Mapping[str, Callable[[], object]], stopping: Callable[[], bool]) -> None:
        """looks: by name of the dependency; each raises of the error tree when it does not answer."""
        self._looks, self._stopping = looks, stopping
        self._lock = threading.Lock()
        self._at_sec, self._missing = float("-inf"), dict[str, str]()

    def missing(self) -> dict[str, str]:
        """Return what does not answer, with the reason; a process that stops is not ready for anything."""
        if self._stopping():
            return {"service": "it stops"}
        with self._lock:
            if time.monotonic() - self._at_sec >= LOOK_EVERY_SEC:
                self._missing = {name: said for name, look in self._looks.items() if (said := _complaint(look))}
                self._at_sec = time.monotonic()
            return self._missing


def _complaint(look: Callable[[], object]) -> str:
    try:
        look()
    except AuroraLogsError as error:
        return str(error)
    return ""

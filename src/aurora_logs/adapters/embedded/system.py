"""The machine's own clock, chance and threads as ports; nothing else of the product reads them."""

import math
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from aurora_logs.signs import Pulse

LOOK_AGAIN_SEC = 0.2  # whether the service stops


class SystemClock:
    """Clock. `stop` is the event of Threads: a sleep ends early when the service is stopping. pulse: told of each sleep."""

    def __init__(self, stop: threading.Event, pulse: Pulse | None = None) -> None:
        self._stop, self._pulse = stop, pulse

    def now_us(self) -> int:
        """Microseconds since 1970, UTC."""
        return time.time_ns() // 1000

    def monotonic_sec(self) -> float:
        """Seconds that never jump."""
        return time.monotonic()

    def sleep(self, sec: float) -> None:
        """Wait; returns early when the service is stopping."""
        if self._pulse is not None:
            self._pulse.beat(idle_sec=max(0.0, sec))
        if sec > 0:
            self._stop.wait(sec)


class SystemRandom:
    """Random, from the operating system."""

    def __init__(self) -> None:
        self._source = secrets.SystemRandom()

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        return self._source.random()

    def nonce(self) -> str:
        """Return 16 hex digits that nobody else draws."""
        return secrets.token_hex(8)


class Threads:
    """Workers on threads of this process. `stop_event` is shared with SystemClock and the signal handlers."""

    def __init__(self, stop_event: threading.Event, *, drain_sec: float = math.inf, break_off: Callable[[], None] | None = None,
                 pulse: Pulse | None = None) -> None:
        """drain_sec: how long jobs may end by themselves once the service stops; then `break_off` is called, once."""
        self._stop, self._drain_sec, self._break_off, self._pulse = stop_event, drain_sec, break_off, pulse

    def run(self, jobs: Mapping[str, Callable[[], None]]) -> None:
        """Run all jobs side by side until each returned; the first error stops the others and is raised."""
        errors: list[BaseException] = []

        def guarded(job: Callable[[], None]) -> None:
            try:
                if self._pulse is not None:
                    self._pulse.beat()
                job()
            except BaseException as exc:  # noqa: BLE001 -- handed to the caller of run, which decides
                errors.append(exc)
                self._stop.set()
            else:
                if self._pulse is not None:
                    self._pulse.ended()

        threads = [threading.Thread(target=guarded, args=(job,), name=name) for name, job in jobs.items()]
        for thread in threads:
            thread.start()
        try:
            self._until_ended(threads)
        except BaseException:  # Ctrl-C strikes the waiting thread: the jobs end first
            self._stop.set()
            self._until_ended(threads)
            raise
        if errors:
            raise errors[0]

    def stopping(self) -> bool:
        """Tell whether the service was asked to stop."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Ask all jobs to stop."""
        self._stop.set()

    def _until_ended(self, threads: Sequence[threading.Thread]) -> None:
        for thread in threads:
            while thread.is_alive() and not self._stop.is_set():
                thread.join(LOOK_AGAIN_SEC)
        ends_sec = time.monotonic() + self._drain_sec
        for thread in threads:
            thread.join(None if self._drain_sec == math.inf else max(0.0, ends_sec - time.monotonic()))
        if any(thread.is_alive() for thread in threads) and self._break_off is not None:
            self._break_off()
        for thread in threads:
            thread.join()

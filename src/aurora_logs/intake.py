"""How much is read and not delivered yet, over all files of the process, and how long a worker stays with one file.

A file takes room before each read and gives it back when its records are delivered: a slow sink holds the downloads up,
not the memory. No call is made here; time comes in as a port, a lock from wiring (see resilience.py).
"""

from collections.abc import Callable
from contextlib import nullcontext
from typing import Self

from aurora_logs.errors import SinkBusy
from aurora_logs.ports import Clock, Ports
from aurora_logs.resilience import PATIENCE_SEC, Lock
from aurora_logs.settings import Settings

PORTION_MAX_BYTES = 1 << 20  # of one read: RDS gives no more a call, nor does a folder
TAIL_MAX_BYTES = 8 << 20  # of an unfinished entry no more is kept in memory (stages/split.py)
LOOK_AGAIN_SEC = 0.02  # a file that waits for the room of another one looks again after this
TURN_SEC = 20.0  # then the next file's turn: a backlog of gigabytes must not hold a worker for as long as it takes


class Intake:
    """The room of one process. Called from many threads at once."""

    def __init__(self, *, clock: Clock, most_bytes: int, stopping: Callable[[], bool] = lambda: False,
                 lock: Lock | None = None, patience_sec: float = PATIENCE_SEC) -> None:
        """most_bytes: INFLIGHT_MAX_BYTES. patience_sec: longest wait for room; a claim's lease must outlive it."""
        self._clock, self._most_bytes, self._stopping = clock, most_bytes, stopping
        self._lock, self._patience_sec = lock or nullcontext(), patience_sec
        self._held: dict[Turn, int] = {}
        self._waiting: list[Turn] = []

    @property
    def in_flight_bytes(self) -> int:
        """Bytes that all files hold now."""
        with self._lock:
            return sum(self._held.values())

    @property
    def files(self) -> int:
        """How many files hold room now."""
        return len(self._held)

    def turn(self, *, lasts_sec: float = TURN_SEC) -> "Turn":
        """Begin a worker's turn with one file; it is a context, and gives its room back at its end."""
        return Turn(self, self._clock, self._stopping, lasts_sec)

    def hold(self, turn: "Turn", undelivered_bytes: int) -> None:
        """Take room for one portion beside what the turn holds already.

        Raises: SinkBusy when there was none in time, or the service is stopping.
        """
        asked_sec = self._clock.monotonic_sec()
        with self._lock:
            self._held[turn] = undelivered_bytes
            self._waiting.append(turn)
        try:
            while not self._got(turn, undelivered_bytes + PORTION_MAX_BYTES):
                if self._stopping() or self._clock.monotonic_sec() - asked_sec >= self._patience_sec:
                    raise SinkBusy(f"INFLIGHT_MAX_BYTES = {self._most_bytes:,} are read and not delivered", retry_after_sec=1.0)
                self._clock.sleep(LOOK_AGAIN_SEC)
        finally:
            with self._lock:
                self._waiting.remove(turn)

    def give_back(self, turn: "Turn") -> None:
        """The turn is over, and holds nothing."""
        with self._lock:
            self._held.pop(turn, None)

    def _got(self, turn: "Turn", wanted_bytes: int) -> bool:
        with self._lock:
            others_bytes = sum(size for one, size in self._held.items() if one is not turn)
            # When all wait for each other the first one goes on: room is made by delivering alone.
            is_first_of_all = self._waiting[0] is turn and len(self._waiting) == len(self._held)
            if others_bytes + wanted_bytes > self._most_bytes and not is_first_of_all:
                return False
            self._held[turn] = wanted_bytes
            return True


class Turn:
    """One worker's stay with one file. Used by one thread. is_cut: it ended although more may be there."""

    def __init__(self, intake: Intake, clock: Clock, stopping: Callable[[], bool], lasts_sec: float) -> None:
        self._intake, self._clock, self._stopping, self._lasts_sec = intake, clock, stopping, lasts_sec
        self._since_sec: float | None = None
        self.is_cut = False

    def may_read(self, undelivered_bytes: int, *, whole: bool = False) -> bool:
        """Take room for one more portion beside what is read and not delivered; False when the turn ends here.

        whole: within a complete file, which can't be gone on with later: only a service that stops ends it.
        Raises: SinkBusy, when there is no room.
        """
        is_over = self._since_sec is not None and self._clock.monotonic_sec() - self._since_sec >= self._lasts_sec
        if self._stopping() or (is_over and not whole):
            self.is_cut = True
            return False
        self._intake.hold(self, min(max(0, undelivered_bytes), TAIL_MAX_BYTES))
        return True

    def went_on(self) -> None:
        """A portion came: from the first one on the turn's time runs, so that each turn moves its file."""
        if self._since_sec is None:
            self._since_sec = self._clock.monotonic_sec()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Give all room back."""
        self._intake.give_back(self)


def open_intake(ports: Ports, settings: Settings, lock: Lock | None = None) -> Intake:
    """Make the intake of a process. lock: where several threads share it."""
    return Intake(clock=ports.clock, most_bytes=settings.inflight_max_bytes, stopping=ports.workers.stopping, lock=lock,
                  patience_sec=settings.lease_sec / 3)

"""Hints that this process holds: waiting for a worker, for their delay, or in a worker's hands. Pure bookkeeping, no calls.

One hint a file: a newer one takes the older one's place, which is used up by that, so that a file that waits for a long
time does not hold back the position of its partition. A file in hands is not handed out twice.
"""

from collections.abc import Callable, Iterable

from aurora_logs.adapters.kafka.positions import Place
from aurora_logs.records.flow import Task

FileKey = tuple[str, str, str]
NO_DEADLINE_MS = (1 << 63) - 1


class Hint:
    """One file's hint. places: messages that it stands for. due_sec: on the monotonic clock, when it may be handed out."""

    __slots__ = ("deadline_ms", "due_sec", "order", "places", "task")

    def __init__(self, task: Task, deadline_ms: int, place: Place, order: int) -> None:
        self.task, self.deadline_ms, self.places, self.order = task, deadline_ms or NO_DEADLINE_MS, [place], order
        self.due_sec = float("-inf")

    @property
    def key(self) -> FileKey:
        """What makes two hints the same file's."""
        return self.task.instance_id, self.task.log_file_name, self.task.dead_letter_id


class WaitingRoom:
    """The hints of one process. Used under its owner's lock; `used_up` hears of each message that needs no delivery."""

    def __init__(self, used_up: Callable[[Place], None]) -> None:
        self._used_up = used_up
        self._waiting: dict[FileKey, Hint] = {}
        self._in_hands: set[FileKey] = set()
        self._order = 0

    def arrived(self, task: Task, deadline_ms: int, place: Place) -> None:
        """Take a hint in; a delay that was asked for its file stands."""
        self._order += 1
        self._join(Hint(task, deadline_ms, place, self._order))

    def take(self, now_sec: float) -> Hint | None:
        """Hand out the due hint with the earliest deadline, then the oldest."""
        due = [hint for hint in self._waiting.values() if hint.due_sec <= now_sec and hint.key not in self._in_hands]
        if not due:
            return None
        hint = min(due, key=lambda one: (one.deadline_ms, one.order))
        del self._waiting[hint.key]
        self._in_hands.add(hint.key)
        return hint

    def ack(self, hint: Hint) -> None:
        """The hint is used up."""
        self._in_hands.discard(hint.key)
        for place in hint.places:
            self._used_up(place)

    def retry_at(self, hint: Hint, due_sec: float, *, is_ours: Callable[[Place], bool]) -> None:
        """Hand the hint out again later, unless its messages are another member's by now."""
        self._in_hands.discard(hint.key)
        hint.places = [place for place in hint.places if is_ours(place)]
        hint.due_sec = due_sec
        newer = self._waiting.pop(hint.key, None)
        if hint.places:
            self._waiting[hint.key] = hint
        if newer is not None:
            self._join(newer, at_least_sec=due_sec)

    def forget(self, places_gone: Callable[[Place], bool]) -> None:
        """Drop waiting hints whose messages are another member's now."""
        for key, hint in list(self._waiting.items()):
            hint.places = [place for place in hint.places if not places_gone(place)]
            if not hint.places:
                del self._waiting[key]

    def counts(self, now_sec: float) -> tuple[int, int]:
        """Return how many hints are due, and how many there are in all."""
        return sum(hint.due_sec <= now_sec for hint in self._waiting.values()), len(self._waiting) + len(self._in_hands)

    def _join(self, hint: Hint, *, at_least_sec: float = float("-inf")) -> None:
        """Put a hint in; an older one of the same file gives it its delay, deadline and turn, and is used up."""
        older = self._waiting.get(hint.key)
        hint.due_sec = max(hint.due_sec, at_least_sec)
        if older is not None:
            hint.due_sec = max(hint.due_sec, older.due_sec)
            hint.deadline_ms, hint.order = min(hint.deadline_ms, older.deadline_ms), min(hint.order, older.order)
            self._pass_over(older.places)
        self._waiting[hint.key] = hint

    def _pass_over(self, places: Iterable[Place]) -> None:
        for place in places:
            self._used_up(place)

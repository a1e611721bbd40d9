"""Looks that are taken side by side, with one time limit for all of them together (UX-22)."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from aurora_logs.errors import AuroraLogsError
from aurora_logs.ops.doctor import Check, Look, failed, unknown


class SideBySide:
    """Runs looks in threads that nobody waits for beyond the limit. Used by one thread."""

    def __init__(self, limit_sec: float) -> None:
        """Allow `limit_sec` seconds from now for everything that will be run."""
        self._limit_sec, self._until_sec = limit_sec, time.monotonic() + limit_sec

    def run(self, looks: Mapping[str, Look]) -> Iterator[Check]:
        """Yield the checks of each look in the given order, each as soon as it and those before it are there.

        A look that fails is a failed check; one without an answer in time is not known. Raises what is no error of the
        tree: a bug.
        """
        answers = {name: self._started(name, look) for name, look in looks.items()}
        for name, answer in answers.items():
            try:
                checks = answer.get(timeout=max(0.001, self._until_sec - time.monotonic()))
            except queue.Empty:
                yield unknown(name, f"no answer within {self._limit_sec:g} s (--timeout)")
                continue
            if isinstance(checks, BaseException):
                raise checks
            yield from checks

    def _started(self, name: str, look: Look) -> "queue.SimpleQueue[list[Check] | BaseException]":
        answer: queue.SimpleQueue[list[Check] | BaseException] = queue.SimpleQueue()
        # daemon: a socket that does not answer must not keep the command from ending
        threading.Thread(target=lambda: answer.put(_looked(name, look)), name=name, daemon=True).start()
        return answer


def _looked(name: str, look: Callable[[], Iterable[Check]]) -> list[Check] | BaseException:
    try:
        return list(look())
    except AuroraLogsError as error:
        return [failed(name, error)]
    except Exception as error:  # noqa: BLE001 - carried over to the thread that reports it
        return error

"""How the time of a reading grows with its text (PERF-20): each doubling takes at most 2.2 times as long."""

import gc
import time
from collections.abc import Callable
from typing import TypeVar

Text = TypeVar("Text", str, bytes)

DOUBLING = 2.2
ROUNDS = 15


def cpu_sec(read: Callable[[Text], object], text: Text) -> float:
    begin = time.process_time()
    read(text)
    return time.process_time() - begin


def is_linear(read: Callable[[Text], object], text_of: Callable[[int], Text], length: int) -> bool:
    """Whether a text of `length` characters and one four times as long show it.

    Two doublings, because a step of the machine's caches between them counts as growth but once; below 250,000 characters
    there is none on common machines. Measured in turn, the least of each counts: other work on the machine only ever adds.
    A true breach holds against every round.
    """
    small, large = text_of(length), text_of(4 * length)
    once = fourfold = float("inf")
    gc.disable()  # it walks the objects of all other tests as well
    try:
        for _ in range(ROUNDS):
            once, fourfold = min(once, cpu_sec(read, small)), min(fourfold, cpu_sec(read, large))
            if fourfold <= DOUBLING**2 * once:
                return True
    finally:
        gc.enable()
    return False

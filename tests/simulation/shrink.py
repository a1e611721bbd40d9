"""The shortest schedule that still violates an invariant: delta debugging over a run's choices (reliability.md §6.5).

Choices are everything of a run that differs from the quiet default: which job goes on, which fault strikes, which event
happens. Left out, each takes its default; a subset is kept when the same invariant still breaks.
"""

import time

from tests.simulation.run import go


def shrink(plan, choices, invariant, budget_sec=60.0):
    """Return the choices that are left when no part of them can go any more, or the time is over."""
    ends = time.monotonic() + budget_sec
    left, parts = list(choices), 2
    while len(left) > 1 and time.monotonic() < ends:
        size = -(-len(left) // parts)
        for start in range(0, len(left), size):
            kept = left[:start] + left[start + size:]
            if _breaks(plan, {key: choices[key] for key in kept}, invariant):
                left, parts = kept, max(parts - 1, 2)
                break
            if time.monotonic() >= ends:
                break
        else:
            if size == 1:
                break
            parts = min(2 * parts, len(left))
    return {key: choices[key] for key in left}


def _breaks(plan, script, invariant):
    return invariant in go(plan, script).violations

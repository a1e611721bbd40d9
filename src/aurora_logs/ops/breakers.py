"""Chapter "circuit breaker": what a process's metrics tell of its breakers."""

import re

import msgspec

_STATE = re.compile(r'^aurora_logs_breaker_state\{dependency="([^"]*)"\} ([0-9.]+)$', re.MULTILINE)
_CHANGE = re.compile(r'^aurora_logs_breaker_changes_total\{dependency="([^"]*)",to="opened"\} ([0-9.]+)$', re.MULTILINE)
STATES = ("closed", "half-open", "open")


class BreakerLine(msgspec.Struct, frozen=True, kw_only=True):
    """One breaker. state: closed (calls go through), open (none does), half-open (one tries). opened: times since the start."""

    dependency: str
    state: str
    opened: int


def breakers(text: str) -> list[BreakerLine]:
    """Read them from Prometheus' text form, by name."""
    opened = {name: int(float(count)) for name, count in _CHANGE.findall(text)}
    return [BreakerLine(dependency=name, state=STATES[min(2, int(float(value)))], opened=opened.get(name, 0))
            for name, value in sorted(_STATE.findall(text))]

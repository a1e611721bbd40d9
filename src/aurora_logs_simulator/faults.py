"""Which planted fault strikes when: by probability, or on the n-th call for an instance and file; seeded."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping

import msgspec

from aurora_logs_simulator.catalogue import BY_NAME, Fault


class UnknownFaultError(ValueError):
    """No fault has this name. `python -m aurora_logs_simulator faults` lists them."""


class Rule(msgspec.Struct, kw_only=True):
    """One switched-on fault.

    probability: 0 to 1, drawn at every chance to strike; `nth` instead: strike exactly at the n-th chance (from 1).
    operation, instance, file: only there; `file` is a part of the log file's name.
    stream:      only there (OpenObserve): a part of the stream's name.
    times:       at most so often; None: no end.
    value:       the fault's parameter (see the catalogue); None: its default.
    """

    fault: str
    probability: float = 0.0
    nth: int | None = None
    operation: str | None = None
    instance: str | None = None
    file: str | None = None
    stream: str | None = None
    times: int | None = None
    value: float | None = None
    chances: int = 0
    struck: int = 0

    def fits(self, operation: str, instance: str, file: str, stream: str) -> bool:
        """Say whether this chance is one of the rule's."""
        return (
            (self.operation is None or self.operation == operation)
            and (self.instance is None or self.instance == instance)
            and (self.file is None or self.file in file)
            and (self.stream is None or self.stream in stream)
        )

    def amount(self) -> float:
        """Return the parameter: the rule's own, or the fault's default, which `Faults.add` fills in."""
        return self.value if self.value is not None else 0.0


class Faults:
    """All switched-on faults of one simulator. The same seed and the same calls give the same strikes."""

    def __init__(
        self, *, seed: str, rules: list[Rule] | None = None, catalogue: Mapping[str, Fault] = BY_NAME
    ) -> None:
        """Begin with `rules`; every later one comes by `add`. `catalogue`: the faults that there are."""
        self._seed = seed
        self._catalogue = catalogue
        self._rules: dict[str, list[Rule]] = {}
        self._draws: Counter[tuple[str, str, str]] = Counter()
        self.struck: Counter[str] = Counter()
        for rule in rules or []:
            self.add(rule)

    def add(self, rule: Rule) -> None:
        """Switch a fault on, beside the rules it has already.

        Raises: UnknownFaultError.
        """
        if rule.fault not in self._catalogue:
            message = f"unknown fault {rule.fault!r}; `python -m aurora_logs_simulator faults` lists them"
            raise UnknownFaultError(message)
        if rule.value is None:
            rule.value = self._catalogue[rule.fault].value
        self._rules.setdefault(rule.fault, []).append(rule)

    def remove(self, fault: str) -> None:
        """Switch a fault off everywhere."""
        self._rules.pop(fault, None)

    def rules(self) -> list[Rule]:
        """Return all rules."""
        return [rule for rules in self._rules.values() for rule in rules]

    def is_on(self, fault: str) -> bool:
        """Say whether any rule names this fault."""
        return fault in self._rules

    def strike(
        self, fault: str, *, operation: str = "", instance: str = "", file: str = "", stream: str = ""
    ) -> Rule | None:
        """Ask whether the fault strikes at this chance; count it when it does."""
        rules = self._rules.get(fault)
        if rules is None:
            return None
        key = (fault, instance, file or stream)
        self._draws[key] += 1
        drawn = self._drawn(*key, str(self._draws[key]))
        return self._first(rules, drawn, operation, instance, file, stream)

    def strike_at(self, fault: str, place: str, *, operation: str, instance: str, file: str) -> Rule | None:
        """Ask the same for a place: the draw is the same however often the place is read."""
        rules = self._rules.get(fault)
        if rules is None:
            return None
        return self._first(rules, self._drawn(fault, instance, place), operation, instance, file)

    def share(self, *names: str) -> float:
        """Return a number in [0, 1) that the seed and the names fix."""
        return self._drawn(*names)

    def _first(
        self, rules: list[Rule], drawn: float, operation: str, instance: str, file: str, stream: str = ""
    ) -> Rule | None:
        for rule in rules:
            if not rule.fits(operation, instance, file, stream):
                continue
            rule.chances += 1
            if rule.times is not None and rule.struck >= rule.times:
                continue
            if rule.chances == rule.nth if rule.nth is not None else drawn < rule.probability:
                rule.struck += 1
                self.struck[rule.fault] += 1
                return rule
        return None

    def _drawn(self, *names: str) -> float:
        digest = hashlib.blake2b("\0".join((self._seed, *names)).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64


def rule_of(text: str, catalogue: Mapping[str, Fault]) -> Rule:
    """Read `name`, `name=probability` or `name=probability:value`.

    Raises: ValueError.
    """
    name, _, rest = text.partition("=")
    if name not in catalogue:
        message = f"unknown fault {name!r}; `python -m aurora_logs_simulator faults` lists them"
        raise UnknownFaultError(message)
    probability, _, value = rest.partition(":")
    return Rule(fault=name, probability=float(probability or "1"), value=float(value) if value else None)

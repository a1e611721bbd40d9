"""SQL templates: static text with slots for literals, and the ways to type them. No table or shape stands here."""

import re
from bisect import bisect
from functools import lru_cache
from random import Random
from typing import NamedTuple

from aurora_logs_simulator.workload.literals import Literals

_SLOT = re.compile(r"<([a-z]+(?::[a-z,]+)?)>")
_QUOTED_NAME = re.compile(r'("[^"]*")')
_BREAKS = (" ", " ", "\n    ", "\n\t")  # the first two ways are one line; 35 % of the statements take several
_ROW_A_LINE_SHARE = 0.3  # of the multi-row inserts
_WAY_LIMITS = (0.45, 0.65, 0.90)  # upper case, lower case, upper on several lines, lower on several lines


class Way(NamedTuple):
    """One way of typing a template: `pieces[i]` stands before slot i, the last piece after all slots."""

    pieces: tuple[str, ...]
    slots: tuple[str, ...]


def _lower(text: str) -> str:
    """Lower case, but not inside double quotes: there PostgreSQL keeps the case of a name."""
    return "".join(part if index % 2 else part.lower() for index, part in enumerate(_QUOTED_NAME.split(text)))


@lru_cache(maxsize=1024)
def ways(template: str) -> tuple[Way, ...]:
    """Compile a template. A newline marks a blank where a line may break; `<kind>` a literal; `<rows:a,b>` rows."""
    compiled = []
    for number, line_break in enumerate(_BREAKS):
        parts = _SLOT.split(template)
        static = [(_lower(piece) if number % 2 else piece).replace("\n", line_break) for piece in parts[::2]]
        compiled.append(Way(tuple(static), tuple(parts[1::2])))
    return tuple(compiled)


def bindable(template: str) -> bool:
    """Tell if every slot may become a bound parameter: lists of rows have no fixed number of them."""
    return "<rows:" not in template


class Typist:
    """Fills templates with literals of one seed."""

    def __init__(self, rnd: Random, literals: Literals) -> None:
        """Take the random source that also feeds `literals`, so that one seed fixes all."""
        self._random = rnd.random
        self._literals = literals

    def _way(self, template: str) -> Way:
        return ways(template)[bisect(_WAY_LIMITS, self._random())]

    def text(self, template: str) -> str:
        """One statement with literals."""
        way = self._way(template)
        makers = self._literals.makers
        out = []
        for piece, slot in zip(way.pieces, way.slots, strict=False):
            out.append(piece)
            out.append(makers[slot]() if slot in makers else self._rows(slot[5:].split(",")))
        out.append(way.pieces[-1])
        return "".join(out)

    def prepared(self, template: str) -> tuple[str, list[str]]:
        """One statement with `$1`, `$2`, … and the literals that are bound to them; `bindable` templates only."""
        way = self._way(template)
        out: list[str] = []
        bound: list[str] = []
        for piece, slot in zip(way.pieces, way.slots, strict=False):
            out.append(piece)
            kinds = [slot.rstrip("s")] * (1 + int(self._random() * 6)) if slot in ("ints", "strs") else [slot]
            out.append(", ".join(f"${len(bound) + 1 + place}" for place in range(len(kinds))))
            bound += [self._literals.plain(kind) for kind in kinds]
        out.append(way.pieces[-1])
        return "".join(out), bound

    def _rows(self, kinds: list[str]) -> str:
        makers = self._literals.makers
        row_break = ",\n" if self._random() < _ROW_A_LINE_SHARE else ", "
        return row_break.join(
            ["(" + ", ".join([makers[kind]() for kind in kinds]) + ")" for _ in range(self._literals.row_count())]
        )


class Zipf:
    """Draws shape numbers by Zipf's law with exponent 0.8: number 0 is the most frequent."""

    _TABLE = 1 << 14  # steps of the drawn number; the rarest of 240 shapes still gets about 19 of them

    def __init__(self, rnd: Random, count: int) -> None:
        """Prepare the table for `count` numbers."""
        weights = [(rank + 1) ** -0.8 for rank in range(count)]
        scale = self._TABLE / sum(weights)
        reached, table = 0.0, list[int]()
        for number, weight in enumerate(weights):
            reached += weight * scale
            table += [number] * (round(reached) - len(table))
        self._table = table
        self._random = rnd.random

    def draw(self) -> int:
        """One number from 0 to count - 1."""
        return self._table[int(self._random() * len(self._table))]

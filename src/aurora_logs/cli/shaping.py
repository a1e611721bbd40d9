"""What of a list is shown: `--filter`, `--sort`, `--limit`, `--columns` over the items' fields (UX-36)."""

import datetime
import re
import time
from collections.abc import Callable, Mapping, Sequence

import typer

from aurora_logs.cli import units
from aurora_logs.cli.kinds import Column, Kind, Shape
from aurora_logs.cli.nearest import did_you_mean
from aurora_logs.cli.views import View

Item = Mapping[str, object]
EXPRESSION = re.compile(r"\s*([\w /]+?)\s*(!=|!~|<=|>=|==|=|~|<|>)\s*(.*?)\s*", re.DOTALL)
SHAPES_BY_END: dict[str, Shape] = {"_bytes": "bytes", "_sec": "sec", "_size": "bytes", "_position": "count", "_offset": "count"}
ORDER: dict[str, Callable[[int], bool]] = {
    "<": lambda side: side < 0, "<=": lambda side: side <= 0, ">": lambda side: side > 0, ">=": lambda side: side >= 0}


def shaped(items: Sequence[Item], kind: Kind, view: View) -> list[Item]:
    """Return the items that the view asks for, in its order. Raises: BadParameter for what can't be understood."""
    kept = list(items)
    for expression in view.filter:
        holds = _condition(expression, kind)
        kept = [item for item in kept if holds(item)]
    if view.sort:
        name = field_of(view.sort.lstrip("-"), kind, "--sort")
        known = sorted((item for item in kept if item.get(name) is not None), key=lambda item: _key(item[name]),
                       reverse=view.sort.startswith("-"))
        kept = known + [item for item in kept if item.get(name) is None]
    return kept[:view.limit] if view.limit else kept


def columns_of(kind: Kind, view: View) -> tuple[Column, ...]:
    """Return the columns that the view shows; CSV has all of them. Raises: BadParameter."""
    if not view.columns:
        return tuple(column for column in kind.columns if view.form in ("wide", "csv") or not column.wide)
    named = [field_of(word.strip(), kind, "--columns") for word in view.columns.split(",") if word.strip()]
    own = {column.field: column for column in kind.columns}
    return tuple(own.get(name) or Column(name, name.upper().replace("_", " "), _shape(name)) for name in named)


def field_of(word: str, kind: Kind, option: str) -> str:
    """Return the field that a word means: its name, or the head of its column, in any case. Raises: BadParameter."""
    by_name = {name.lower(): name for name in kind.fields}
    by_head = {column.head.lower(): column.field for column in kind.columns}
    found = by_name.get(word.lower()) or by_head.get(word.lower())
    if found is None:
        meant = did_you_mean(word.lower(), [*by_name, *by_head])
        raise typer.BadParameter(f"{kind.name} have no field {word!r}{meant or '; there are ' + ', '.join(kind.fields)}",
                                 param_hint=option)
    return found


def _shape(name: str) -> Shape:
    return next((shape for end, shape in SHAPES_BY_END.items() if name.endswith(end)), "text")


def _condition(expression: str, kind: Kind) -> Callable[[Item], bool]:
    parts = EXPRESSION.fullmatch(expression)
    if parts is None:
        raise _refused(expression, "FIELD, one of = != < <= > >= ~ !~, and a value")
    name, sign, wanted = field_of(parts[1], kind, "--filter"), parts[2], parts[3]
    if sign in ("~", "!~"):
        pattern = _pattern(wanted, expression)
        return lambda item: (pattern.search(_text(item.get(name))) is not None) == (sign == "~")
    if sign in ORDER:
        return lambda item: item.get(name) is not None and ORDER[sign](_side(item[name], wanted, name, expression))
    return lambda item: _is(item.get(name), wanted, name, expression) == (sign != "!=")


def _pattern(wanted: str, expression: str) -> re.Pattern[str]:
    try:
        return re.compile(wanted, re.IGNORECASE)
    except re.error as error:
        raise _refused(expression, f"a regular expression: {error}") from error


def _is(value: object, wanted: str, name: str, expression: str) -> bool:
    if not wanted:
        return value in (None, "")
    if isinstance(value, bool):
        return value == (wanted.lower() in ("yes", "true", "1"))
    if isinstance(value, list | tuple):
        return wanted in map(str, value)
    if value is None or isinstance(value, str):
        return (value or "") == wanted
    return _side(value, wanted, name, expression) == 0


def _side(value: object, wanted: str, name: str, expression: str) -> int:
    """Compare: below 0, 0 or above 0. Raises: BadParameter when the wanted value can't be compared with such values."""
    if isinstance(value, datetime.datetime):
        limit_us = units.since_us(wanted, time.time_ns() // 1000)
        if limit_us is None:
            raise _refused(expression, "an age such as 2h, or a time such as 2026-11-23T14:00:00Z")
        return _sign((value - units.from_us(limit_us)).total_seconds())
    if isinstance(value, int | float):
        number = units.number(wanted, "sec" if name.endswith("_sec") else "bytes")
        if number is None:
            raise _refused(expression, "a number, also with a unit: 10MB, 90s, 2h")
        return _sign(value - number)
    return (str(value) > wanted) - (str(value) < wanted)


def _sign(number: float) -> int:
    return (number > 0) - (number < 0)


def _text(value: object) -> str:
    return "" if value is None else str(units.plain(value))


def _key(value: object) -> tuple[int, object]:
    """Order values of one column: numbers and times by size, all else by their text."""
    if isinstance(value, int | float):
        return 0, value
    return (1, value.timestamp()) if isinstance(value, datetime.datetime) else (2, str(value))


def _refused(expression: str, wanted: str) -> typer.BadParameter:
    return typer.BadParameter(f"{expression!r} is not understood: {wanted}", param_hint="--filter")

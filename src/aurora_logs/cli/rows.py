"""Rows of an SQL answer as a list like every other: columns from the answer, values as lists hold them."""

import datetime
from collections.abc import Sequence
from decimal import Decimal

from aurora_logs.cli import units
from aurora_logs.cli.kinds import Column, Kind, Shape
from aurora_logs.records.insight import Table

NUMBERS = ("DOUBLE", "FLOAT", "DECIMAL", "BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "UINTEGER", "SMALLINT")


def kind_of(answer: Table) -> Kind:
    """Return the columns of an answer."""
    names = distinct(answer.columns)
    columns = tuple(Column(name, name, _shape(sql_type)) for name, sql_type in zip(names, answer.types, strict=True))
    return Kind("rows", "", columns, names[:1])


def items_of(answer: Table) -> list[dict[str, object]]:
    """Return each row as a mapping."""
    names = distinct(answer.columns)
    return [dict(zip(names, map(_value, row), strict=True)) for row in answer.rows]


def distinct(names: Sequence[str]) -> tuple[str, ...]:
    """Return column names of which none stands twice: `n`, `n`, `n` become `n`, `n_2`, `n_3`; no value is lost."""
    taken: dict[str, None] = {}
    for name in names:
        number, free = 1, name
        while free in taken:
            number += 1
            free = f"{name}_{number}"
        taken[free] = None
    return tuple(taken)


def _value(value: object) -> object:
    """Return a value of SQL as lists hold them: times of the database without a zone are UTC."""
    if isinstance(value, datetime.datetime) and value.tzinfo is None:
        return value.replace(tzinfo=datetime.UTC)
    return units.plain(value) if isinstance(value, Decimal) else value


def _shape(sql_type: str) -> Shape:
    if sql_type.startswith(NUMBERS):
        return "number"
    return "log" if sql_type == "VARCHAR" else "text"

"""The ranking of statements, and quantiles in bounded memory."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_logs.ops import top
from aurora_logs.ops.spread import EXACT_VALUES, Spread
from aurora_logs.ops.top import Tally
from aurora_logs.records.insight import Statement


def statement(sql, sec, **changes):
    known = {"instance_id": "db-1", "engine": "mysql", "db_system_name": "mysql", "db_namespace": "shop", "timestamp_us": 1_000_000,
             "db_query_text": sql, "duration_sec": sec, "lock_time_sec": None, "db_response_returned_rows": 2,
             "db_rows_examined": 10}
    return Statement(**known | changes)


def nearest_rank(values, share):
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200), st.floats(0, 1))
def test_a_few_thousand_values_are_told_exactly(values, share):
    spread = Spread()
    for value in values:
        spread.add(value)

    assert spread.quantile(share) == nearest_rank(values, share)
    assert spread.total == pytest.approx(sum(values))


@pytest.mark.parametrize("share", [0.01, 0.5, 0.95, 0.99, 1.0])
def test_many_values_are_told_within_half_a_per_cent_in_bounded_memory(share):
    values = [0.001 * 1.0003 ** (number * 7 % 30_000) for number in range(30_000)]
    spread = Spread()
    for value in values:
        spread.add(value)

    assert len(values) > EXACT_VALUES
    assert spread.quantile(share) == pytest.approx(nearest_rank(values, share), rel=0.0051)
    assert len(spread._buckets) < 3_000


def test_statements_that_differ_in_literals_are_one_line():
    """FP-01, FP-02."""
    tally = Tally()
    tally.add_all([statement("SELECT * FROM t WHERE id=1", 1.0, timestamp_us=5_000_000),
                   statement("select  *\n from `t` where id = 42 -- it's\n;", 3.0, timestamp_us=9_000_000),
                   statement("SELECT * FROM u WHERE id=1", 2.0)])

    first, second = tally.ranking()
    assert (first.group, first.count, first.total_sec) == ("456beb5025043f5d", 2, 4.0)
    assert first.example.startswith("select")
    assert (first.first_seen.second, first.last_seen.second) == (5, 9)
    assert first.examined_per_sent == 5.0
    assert first.share == pytest.approx(4 / 6)
    assert second.count == 1


def test_the_dialect_decides_what_is_a_name():
    text = 'SELECT "a" FROM t'
    tally = Tally()
    tally.add_all([statement(text, 1.0), statement(text, 1.0, db_system_name="postgresql")])

    assert tally.groups == 2


@pytest.mark.parametrize("sort", top.SORTS)
def test_every_key_sorts_greatest_first(sort):
    tally = Tally()
    tally.add_all([statement(f"SELECT c{number} FROM t", 0.1 * number, timestamp_us=number * 1_000_000,
                             db_rows_examined=number) for number in range(1, 6) for _ in range(number)])

    assert [line.count for line in tally.ranking(sort)] == [5, 4, 3, 2, 1]


def test_lines_can_be_instances_and_databases():
    rows = [statement("SELECT 1", 1.0), statement("SELECT 2", 1.0, instance_id="db-2", db_namespace=None)]

    for by, expected in (("instance", {"db-1", "db-2"}), ("database", {"shop", ""})):
        tally = Tally(by)
        tally.add_all(rows)

        assert {line.group for line in tally.ranking()} == expected


def test_a_flood_of_different_statements_stays_bounded_and_is_counted(monkeypatch):
    monkeypatch.setattr(top, "MOST_GROUPS", 10)
    tally = Tally()
    tally.add_all(statement(f"SELECT a{number} FROM t", 1.0) for number in range(100))

    assert tally.groups == 11
    assert sum(line.count for line in tally.ranking(limit=100)) == 100
    assert next(line for line in tally.ranking() if line.group == top.OTHERS).count == 90


def test_a_statement_without_a_duration_is_left_out():
    tally = Tally()
    tally.add(statement("SELECT 1", None))

    assert tally.ranking() == []

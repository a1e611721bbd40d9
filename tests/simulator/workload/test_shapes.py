"""240 shapes a dialect: each its own class, whatever the literals, lists, comments, blanks and letter case (REC-46)."""

from collections import Counter, defaultdict

import pytest
from normal import normal

from aurora_logs_simulator.workload import mysql_shapes, postgresql_shapes, writer

NOW_US = 1_795_342_317_811_234
SOURCES = [("slowquery", "mysql", "mysql"), ("postgresql", "postgres", "postgresql")]


@pytest.mark.parametrize("shapes", [mysql_shapes.SHAPES, postgresql_shapes.SHAPES])
def test_there_are_240_shapes_and_no_two_are_alike(shapes):
    assert len(shapes) == len(set(shapes)) == 240


@pytest.mark.parametrize(("log_type", "engine", "dialect"), SOURCES)
def test_entries_of_one_shape_have_one_normal_form_and_no_other_shape_has_it(log_type, engine, dialect):
    source, forms, texts = writer(log_type, engine, "shapes"), defaultdict(set), defaultdict(set)
    for _ in range(20_000):
        fields = source.entry(NOW_US).fields
        if "shape" in fields:
            texts[fields["shape"]].add(fields["db_query_text"])
            forms[fields["shape"]].add(normal(fields["db_query_text"], dialect))

    assert len(forms) >= 240
    assert {shape: len(found) for shape, found in forms.items() if len(found) > 1} == {}
    assert len(set.union(*forms.values())) == len(forms)
    assert min(len(found) for found in texts.values()) > 3


def test_names_that_differ_in_a_digit_stay_two_shapes():
    """FP-03, FP-04: price_v2 and price_v3."""
    two, three = ("SELECT a FROM price_v2 WHERE b = 'O''Brien'", 'select a\nfrom price_v3 -- it\'s\nwhere b = "q""q"')

    assert normal(two, "mysql") != normal(three, "mysql")
    assert normal(two, "mysql") == normal(three.replace("v3", "v2"), "mysql")


def test_shapes_come_by_zipfs_law():
    """Exponent 0.8: the first shape about 1.74 times as often as the second, 80 times as often as the last."""
    source = writer("slowquery", "mysql", "zipf")
    counts = Counter(source.entry(NOW_US).fields.get("shape") for _ in range(40_000))

    assert 1.5 < counts[0] / counts[1] < 2.0
    assert 40 < counts[0] / counts[239] < 160
    assert all(counts[shape] for shape in range(240))

"""`--filter`, `--sort`, `--limit`, `--columns`: one way to choose of every list (UX-36, UX-51)."""

import datetime

import pytest
import typer

from aurora_logs.cli.kinds import Column, Kind
from aurora_logs.cli.shaping import columns_of, shaped
from aurora_logs.cli.views import View

NOW = datetime.datetime.now(datetime.UTC)
KIND = Kind("things", "", (
    Column("name", "NAME"), Column("size_bytes", "SIZE", "bytes"), Column("age_sec", "AGE", "sec", wide=True),
    Column("seen_at", "SEEN"), Column("is_gone", "GONE"), Column("reasons", "REASONS")), ("name",), ("more",))
ITEMS = [
    {"name": "a", "size_bytes": 5_000_000, "age_sec": 30.0, "seen_at": NOW, "is_gone": False, "reasons": ["x", "y"], "more": 1},
    {"name": "b", "size_bytes": 20_000_000, "age_sec": 7200, "seen_at": NOW - datetime.timedelta(days=2), "is_gone": True,
     "reasons": [], "more": 2},
    {"name": "c", "size_bytes": None, "age_sec": None, "seen_at": None, "is_gone": False, "reasons": ["y"], "more": 3},
]


def names(**view):
    return "".join(item["name"] for item in shaped(ITEMS, KIND, View(**view)))


@pytest.mark.parametrize(("expression", "expected"), [
    ("name=a", "a"), ("name!=a", "bc"), ("NAME==b", "b"), ("name~[AB]", "ab"), ("name!~[ab]", "c"), ("name>a", "bc"),
    ("size_bytes>10MB", "b"), ("SIZE<=5MB", "a"), ("size_bytes=5000000", "a"), ("size_bytes!=5MB", "bc"), ("size_bytes=", "c"),
    ("age_sec>=2h", "b"), ("AGE<1m", "a"), ("seen_at<1d", "b"), ("seen_at>2020-01-01", "ab"), ("is_gone=yes", "b"),
    ("is_gone!=true", "ac"), ("reasons=y", "ac"), ("reasons!=y", "b"), ("reasons~x", "a"), ("more>1", "bc"), ("name = a ", "a"),
])
def test_a_filter_keeps_what_it_says(expression, expected):
    assert names(filter=(expression,)) == expected


def test_of_several_filters_all_must_hold():
    assert names(filter=("is_gone=no", "size_bytes>1")) == "a"


@pytest.mark.parametrize(("sort", "expected"), [
    ("size_bytes", "abc"), ("-size_bytes", "bac"), ("-name", "cba"), ("seen_at", "bac"), ("-SEEN", "abc"), ("more", "abc")])
def test_the_order_is_by_a_field_and_what_is_not_known_comes_last(sort, expected):
    assert names(sort=sort) == expected


def test_the_limit_counts_after_filter_and_order():
    assert names(filter=("more>1",), sort="-more", limit=1) == "c"


@pytest.mark.parametrize(("columns", "expected"), [
    ("", "name size_bytes seen_at is_gone reasons"), ("more,NAME", "more name"), ("name, ,age", "name age_sec")])
def test_columns_are_those_asked_for_in_their_order(columns, expected):
    assert " ".join(column.field for column in columns_of(KIND, View(columns=columns))) == expected


def test_csv_and_wide_have_all_columns():
    for form in ("csv", "wide"):
        assert [column.field for column in columns_of(KIND, View(output=form))] == [one.field for one in KIND.columns]


@pytest.mark.parametrize(("view", "told"), [
    ({"filter": ("nam=a",)}, "did you mean name?"), ({"filter": ("name",)}, "FIELD, one of"),
    ({"filter": ("size_bytes>much",)}, "10MB"), ({"filter": ("seen_at<soon",)}, "2h"), ({"filter": ("name~[",)}, "regular"),
    ({"sort": "-siz"}, "did you mean size?"), ({"columns": "zzz"}, "there are name, size_bytes"),
])
def test_what_is_not_understood_is_refused_with_what_would_be(view, told):
    with pytest.raises(typer.BadParameter) as refused:
        (shaped if "columns" not in view else lambda _, *rest: columns_of(*rest))(ITEMS, KIND, View(**view))

    assert told in refused.value.message

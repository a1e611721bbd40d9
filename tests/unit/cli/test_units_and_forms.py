"""Sizes, times and ages; output forms (UX-36..43)."""

import datetime
import json
from decimal import Decimal

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from aurora_logs.cli import forms, units
from aurora_logs.cli.forms import Unread
from aurora_logs.cli.kinds import Column, Kind
from aurora_logs.cli.views import View

THINGS = Kind("things", "", (Column("name", "NAME"), Column("size_bytes", "SIZE", "bytes"),
                             Column("note", "NOTE", "log", wide=True)), ("name",))
ITEMS = [{"name": "a", "size_bytes": 1_500, "note": "x"}, {"name": "long name", "size_bytes": None, "note": None}]
NOON = datetime.datetime(2026, 11, 23, 12, 0, 0, tzinfo=datetime.UTC)


@pytest.mark.parametrize(("number", "shown"), [
    (0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (1_234, "1.2 kB"), (34_000_000, "34 MB"), (999_999, "1.0 MB"),
    (5 * 10**15, "5.0 PB"),
])
def test_sizes_go_in_steps_of_a_thousand(number, shown):
    assert units.size(number) == shown


@pytest.mark.parametrize(("sec", "shown"), [
    (0, "0ms"), (0.00002, "20us"), (0.35, "350ms"), (4.21, "4.2s"), (59, "59s"), (303, "5m 3s"), (7_500, "2h 5m"),
    (7_200, "2h"), (273_600, "3d 4h"),
])
def test_durations_show_their_two_greatest_units(sec, shown):
    assert units.duration(sec) == shown


@pytest.mark.parametrize(("text", "expected"), [
    ("2h", NOON - datetime.timedelta(hours=2)), ("90m", NOON - datetime.timedelta(minutes=90)),
    ("1d", NOON - datetime.timedelta(days=1)), ("2026-11-23T10:00:00Z", NOON - datetime.timedelta(hours=2)),
    ("2026-11-23T10:00:00+02:00", NOON - datetime.timedelta(hours=4)), ("2026-11-23", NOON - datetime.timedelta(hours=12)),
])
def test_since_reads_ages_and_times(text, expected):
    assert units.since_us(text, int(NOON.timestamp() * 1e6)) == int(expected.timestamp() * 1e6)


@pytest.mark.parametrize("text", ["", "yesterday", "2", "h", "-1h", "2026-13-01"])
def test_since_refuses_everything_else(text):
    assert units.since_us(text, 0) is None


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.datetimes()
                    | st.decimals(allow_nan=False, allow_infinity=False), lambda inner: st.lists(inner)))
def test_any_value_can_be_written_as_json(value):
    json.dumps(units.plain(value), allow_nan=False)


def test_machine_times_are_rfc_3339_in_utc():
    """UX-40."""
    assert units.plain(NOON) == "2026-11-23T12:00:00Z"
    assert units.plain(Decimal("2.50")) == 2.5
    assert units.plain(float("nan")) is None


def test_a_time_beyond_all_calendars_is_shown_as_the_last_one():
    assert units.from_us(1 << 62).year == 9999


def test_the_table_shows_units_and_a_dash_for_what_is_not_known(capsys):
    forms.show(THINGS, ITEMS, View())

    assert capsys.readouterr().out == "NAME         SIZE\na          1.5 kB\nlong name       -\n"


def test_wide_shows_all_columns(capsys):
    forms.show(THINGS, ITEMS, View(output="wide"))

    assert capsys.readouterr().out.splitlines()[0] == "NAME         SIZE  NOTE"


def test_json_is_one_envelope_with_what_could_not_be_read(capsys):
    """UX-39, UX-40."""
    forms.show(THINGS, ITEMS, View(output="json"), unread=[Unread("b", "denied")], more={"seen_at": NOON})

    assert json.loads(capsys.readouterr().out) == {
        "schema_version": 1, "kind": "things", "items": ITEMS, "unknown": [{"what": "b", "reason": "denied", "next": ""}],
        "seen_at": "2026-11-23T12:00:00Z"}


def test_yaml_is_the_same_object_in_ascii(capsys):
    """UX-36; YAML is read back by another reader."""
    items = [{"name": "a: 'b' # \u202e \x1b", "size_bytes": 1, "note": "two\nlines"}]
    forms.show(THINGS, items, View(output="yaml"), unread=[Unread("b", "denied")])

    out = capsys.readouterr().out
    assert out.isascii()
    assert "\x1b" not in out
    assert yaml.safe_load(out) == {"schema_version": 1, "kind": "things", "items": items,
                                   "unknown": [{"what": "b", "reason": "denied", "next": ""}]}


def test_nothing_on_standard_output_when_there_is_nothing_to_say(capsys):
    """UX-37."""
    forms.show(THINGS, [], View(), nothing="no things", unread=[Unread("b", "denied")])

    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err == "no things\nunknown: b: denied\n"


def test_quiet_prints_names_alone(capsys):
    """UX-36: what could not be read is told all the same."""
    forms.show(THINGS, ITEMS, View(quiet=True, limit=1), nothing="no things", unread=[Unread("b", "denied")])

    seen = capsys.readouterr()
    assert seen.out == "a\n"
    assert seen.err == "unknown: b: denied\n"


def test_lines_that_were_left_out_are_told(capsys):
    forms.show(THINGS, ITEMS, View(limit=1))

    assert capsys.readouterr().err == "1 of 2 lines\n"


def test_heads_can_be_left_out_of_tables_and_csv(capsys):
    """UX-36."""
    forms.show(THINGS, ITEMS[:1], View(headers=False))
    forms.show(THINGS, ITEMS[:1], View(output="csv", headers=False))

    assert capsys.readouterr().out == 'a  1.5 kB\n"a","1500","x"\n'


def test_heads_are_text_of_others_too(capsys):
    """UX-83: PIVOT makes column names of values."""
    hostile = Kind("rows", "", (Column("n", "\x1b[2J\u202e"), Column("m", "=1+1")), ("n",))

    forms.show(hostile, [{"n": 1, "m": 2}], View())
    forms.show(hostile._replace(columns=(Column("=1+1", "x"),)), [{"=1+1": 1}], View(output="csv"))

    out = capsys.readouterr().out
    assert out.startswith("\\x1b[2J\\u202e")
    assert "\"'=1+1\"" in out


def test_only_log_text_is_shortened_on_a_narrow_terminal():
    """UX-38."""
    items = [{"name": "a-name-of-forty-characters-that-must-stay", "size_bytes": 1, "note": "y" * 500}]

    drawn = forms.table(THINGS.columns, items, 80).splitlines()

    assert drawn[1].startswith(items[0]["name"])
    assert len(drawn[1]) <= 80
    assert "… +" in drawn[1]
    assert "…" not in forms.table(THINGS.columns, items)


@pytest.mark.parametrize("width", [1, 10, 30, 79])
def test_no_name_and_no_number_is_ever_cut_however_narrow_the_terminal(width):
    """UX-38."""
    drawn = forms.table(THINGS.columns, ITEMS, width)

    assert "long name" in drawn
    assert "1.5 kB" in drawn


def test_one_thing_is_shown_with_a_line_per_field(capsys):
    forms.show_one(THINGS, {"name": "a", "size_bytes": 1500, "empty": "", "none": None, "ranges": [{"from": 1}, {"from": 2}]},
                   "table")

    assert capsys.readouterr().out == (
        'name        a\nsize_bytes  1.5 kB\nranges      {"from": 1}\n            {"from": 2}\n')


def test_a_statement_is_laid_out_on_one_line_without_its_leading_comment():
    assert forms.on_a_line("/* app */ SELECT 1\n  FROM  t") == "SELECT 1 FROM t"
    assert forms.on_a_line("/*+ hint */ SELECT 1") == "/*+ hint */ SELECT 1"
    assert forms.on_a_line("/* alone */") == "/* alone */"


@pytest.mark.parametrize(("name", "shown"), [
    ("utc", "2026-11-23 12:00:00Z"), ("Europe/Berlin", "2026-11-23 13:00:00+01:00"), ("local", "2026-11-23 12:00:00Z"),
])
def test_the_zone_is_always_printed(name, shown):
    """UX-41; TZ is UTC in tests."""
    units.show_times_in(name)
    try:
        assert units.shown_time(NOON.replace(microsecond=5)) == shown
    finally:
        units.show_times_in("utc")


def test_a_zone_that_nobody_knows_is_refused():
    with pytest.raises(ValueError, match="Europe/Nowhere"):
        units.show_times_in("Europe/Nowhere")


@pytest.mark.parametrize(("text", "family", "expected"), [
    ("1,234", "bytes", 1234), ("10MB", "bytes", 10e6), ("1.5 kB", "bytes", 1500), ("5m", "sec", 300), ("200ms", "sec", 0.2),
    ("-3", "sec", -3), ("", "sec", None), ("x", "bytes", None), ("3 parsecs", "sec", None),
])
def test_numbers_are_read_with_their_units(text, family, expected):
    assert units.number(text, family) == expected

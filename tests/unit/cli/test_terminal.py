"""One sanitiser for all text that others wrote (UX-80..88)."""

import csv
import io
import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.hostile import ACTS, payloads

from aurora_logs.cli import forms, terminal
from aurora_logs.cli.kinds import Column
from aurora_logs.cli.terminal import ascii_json, drawn, lines, one_line, paint, paints, shortened, use_color, width_of


def test_nothing_of_a_thousand_hostile_payloads_acts_on_a_terminal():
    found = [text for text in payloads() if ACTS.search(one_line(text))]

    assert found == []


@given(st.text(st.characters()))
def test_no_text_at_all_acts_on_a_terminal(text):
    assert not ACTS.search(one_line(text))
    assert not ACTS.search(lines(text).replace("\n", "").replace("\t", ""))


@given(st.text(st.characters(categories=["Lu", "Ll", "Nd", "Po", "Zs"], max_codepoint=0x2FF)))
def test_plain_text_stays_as_it_is(text):
    """UX-87: tested first, and not even copied."""
    assert one_line(text) is text or not text.isascii()
    assert one_line(text) == text


@pytest.mark.parametrize(("text", "shown"), [
    ("\x1b[2J", "\\x1b[2J"), ("a\nb", "a⏎b"), ("a\r\nb", "a⏎b"), ("a\tb", "a\\x09b"), ("\u202eabc", "\\u202eabc"),
    ("\U000e0041", "\\U000e0041"), ("\x9b", "\\x9b"), ("naïve 日本", "naïve 日本"), ("\ud800", "\\ud800"),
    ("e\u0301", "e\u0301"), ("e" + "\u0301" * 6, "e" + "\u0301" * 4 + "\\u0301" * 2), ("\u3164", "\\u3164"),
])
def test_what_is_hidden_is_shown_as_an_escape(text, shown):
    assert one_line(text) == shown


def test_several_lines_keep_their_newlines_and_tabs():
    assert lines("a\tb\n\x1bc") == "a\tb\n\\x1bc"


@given(st.text(st.characters()), st.integers(30, 120))
def test_a_shortened_text_fits_and_never_ends_inside_an_escape(text, width):
    """UX-88."""
    whole = one_line(text)
    short = shortened(whole, width)

    assert short == whole or re.search(r"… \+[0-9,]+( characters)?$", short)
    assert width_of(short) <= width or width < 30
    if short != whole:
        kept = short.rpartition("… +")[0]
        assert not re.search(r"\\(x[0-9a-f]?|u[0-9a-f]{0,3}|U[0-9a-f]{0,7})?$", kept)


def test_no_payload_shifts_a_column_of_a_table():
    """UX-82, UX-89: the last column begins in the same place of each line, whatever stands before it."""
    items = [{"text": text[:40], "n": number} for number, text in enumerate(payloads(300))]

    drawn = forms.table([Column("text", "TEXT"), Column("n", "N", "number")], items).split("\n")

    assert len(drawn) == len(items) + 1
    assert len({width_of(line) for line in drawn}) == 1


def test_wide_characters_count_twice_and_marks_not_at_all():
    assert width_of("日本") == 4
    assert width_of("e\u0301") == 1
    assert width_of("abc") == 3


def test_json_for_a_terminal_is_ascii_and_the_same_value():
    text = '{"a": "\u009b31m 日本 🚲 \u202e \x7f"}'

    shown = ascii_json(text)

    assert shown.isascii()
    assert "\x7f" not in shown
    assert json.loads(shown) == json.loads(text)


def test_no_payload_is_a_formula_in_a_spreadsheet(capsys):
    """UX-86, SEC-28."""
    texts = payloads()

    forms.write_csv(["text"], [[text] for text in texts])

    rows = list(csv.reader(io.StringIO(capsys.readouterr().out)))[1:]
    assert len(rows) == len(texts)
    assert [row[0] for row in rows if row[0][:1] in ("=", "+", "-", "@", "\t", "\r")] == []
    assert not any(ACTS.search(row[0]) for row in rows)


def test_every_escaped_class_is_reached_by_the_payloads():
    """The payloads would prove nothing if they held nothing hostile."""
    categories = {unicodedata.category(character) for text in payloads() for character in text}

    assert {"Cc", "Cf", "Cs", "Co", "Mn", "Zl"} <= categories


@pytest.fixture
def colors():
    yield use_color
    use_color("auto")


@pytest.mark.parametrize(("when", "is_terminal", "no_color", "term", "expected"), [
    ("auto", True, "", "xterm", True), ("auto", False, "", "xterm", False), ("auto", True, "1", "xterm", False),
    ("auto", True, "", "dumb", False), ("always", False, "1", "dumb", True), ("never", True, "", "xterm", False),
])
def test_colours_are_for_terminals_and_an_explicit_wish_wins(monkeypatch, colors, when, is_terminal, no_color, term, expected):
    """UX-42."""
    monkeypatch.setattr(terminal, "is_terminal", lambda descriptor=1: is_terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", term)
    colors(when)

    assert paints() is expected
    assert paint("late", "odd") == ("\x1b[33mlate\x1b[0m" if expected else "late")


def test_visible_escapes_are_dim_where_there_are_colours(colors):
    """UX-81: what only looks like an escape is not."""
    colors("always")

    drawn_table = forms.table([Column("text", "TEXT", "log")], [{"text": "a\x1b[2Jb \\x1b"}], 200)

    assert drawn_table == "TEXT\na\x1b[2m\\x1b\x1b[0m[2Jb \\x1b"


def test_states_have_a_colour_and_always_their_word(colors):
    """UX-42, UX-98."""
    colors("always")

    drawn_table = forms.table([Column("health", "HEALTH", "state"), Column("n", "N", "count")], [{"health": "ok", "n": 1}])

    assert drawn_table == "HEALTH  N\n\x1b[32mok\x1b[0m      1"


@given(st.text(st.characters()), st.integers(24, 80))
def test_a_shortened_text_with_colours_fits_and_closes_each_of_them(text, width):
    """UX-82, UX-88."""
    short = shortened(one_line(text, marks=True), width)

    plain = re.sub("[\ue000\ue001]", "", short)
    assert width_of(short) == width_of(plain) <= width
    assert not ACTS.search(plain)
    assert drawn(short).count("\x1b[2m") == drawn(short).count("\x1b[0m")


def test_a_terminal_that_is_not_utf_8_gets_ascii(monkeypatch):
    """UX-42."""
    monkeypatch.setattr(terminal, "speaks_utf8", lambda: False)

    assert one_line("naïve\n日本") == "na\\xefve\\n\\u65e5\\u672c"
    assert shortened(one_line("日本" * 30), 40).isascii()

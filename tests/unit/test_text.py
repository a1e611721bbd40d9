"""Pure readers of times, numbers and text."""

import os
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_logs.text import (
    Times,
    cut_text,
    decimal,
    hour_in_name,
    instant,
    integer,
    lines_within,
    micros,
    offset_sec,
    read_rfc3339,
    read_short,
    readable,
    trace_ids,
)

US = 1_000_000


@pytest.mark.parametrize(
    ("text", "local_us", "zone"),
    [
        (b"2026-11-22T10:11:57.811234Z", 1795342317811234, "Z"),
        (b"2018-08-07T16:27:47.169604+08:00", 1533659267169604, "+08:00"),
        (b"2026-12-31T23:59:60Z", 1798761599 * US, "Z"),
        (b"1970-01-01T00:00:00.0000019Z", 1, "Z"),
        (b"2026-11-22 10:11:57", 1795342317 * US, ""),
    ],
)
def test_an_rfc_3339_time_is_read_to_the_microsecond(text, local_us, zone):
    printed = read_rfc3339(text)
    assert (printed.local_us, printed.zone, printed.end) == (local_us, zone, len(text))


@pytest.mark.parametrize("text", [b"2026-13-01T00:00:00Z", b"2026-02-30T00:00:00Z", b"2026-01-01T25:00:00Z", b"", b"x"])
def test_what_is_no_date_is_no_time(text):
    assert read_rfc3339(text) is None


@pytest.mark.parametrize(("text", "year"), [(b"691231 19:01:40", 2069), (b"700101  0:00:00", 1970), (b"071218 11:48:27", 2007)])
def test_two_digit_years_turn_at_seventy(text, year):
    assert time.gmtime(read_short(text).local_us // US).tm_year == year


@pytest.mark.parametrize(("zone", "seconds"), [("Z", 0), ("+0545", 20700), ("-03", -10800), ("+13:45", 49500), ("IST", None)])
def test_offsets_are_read_in_every_spelling(zone, seconds):
    assert offset_sec(zone) == seconds


def test_a_zone_is_resolved_for_the_printed_moment_whatever_the_process_runs_in(monkeypatch):
    """REC-12."""
    for process_zone in ("UTC", "Asia/Kolkata", "America/New_York"):
        monkeypatch.setitem(os.environ, "TZ", process_zone)
        time.tzset()
        assert instant(1795342317 * US, "Europe/Berlin") == (1795342317 - 3600) * US
        assert instant(1782000000 * US, "Europe/Berlin") == (1782000000 - 7200) * US
        assert instant(1795342317 * US, "No/Such_Zone") == 1795342317 * US
    monkeypatch.undo()
    time.tzset()


def test_a_time_far_behind_the_greatest_is_not_plausible():
    known = Times().after(1000 * 86_400 * US)
    assert known.plausible(999 * 86_400 * US, None)
    assert not known.plausible(999 * 86_400 * US - 1, None)
    assert known.plausible(5000 * 86_400 * US, None), "jumps forward are normal"
    assert not Times().plausible(1, 1000 * 86_400 * US), "the hour in the file's name judges the first one"


@pytest.mark.parametrize(
    ("name", "hour"),
    [("2026-11-22.10", 1795341600), ("error/postgresql.log.2026-11-22-1013", 1795341600), ("slow.log", None), ("2026-13-22.1", None)],
)
def test_the_hour_in_a_name_is_found(name, hour):
    assert hour_in_name(name) == (None if hour is None else hour * US)


@given(st.integers())
def test_whole_numbers_are_read_within_64_bits(number):
    fits = abs(number) <= 2**63 - 1
    assert integer(str(number).encode()) == (number if fits else None)


@pytest.mark.parametrize("text", [b"", b"-", b"1.5", b"+1", b"1 ", b"nan", "\u0661".encode()])
def test_what_is_no_whole_number_is_none(text):
    assert integer(text) is None


@given(st.integers(0, 10**9), st.integers(0, 999_999))
def test_decimal_seconds_are_exact(seconds, fraction):
    text = f"{seconds}.{fraction:06d}".encode()
    assert micros(text) == seconds * US + fraction
    assert decimal(text) == float(text)


@given(st.text(), st.integers(0, 40))
def test_a_text_is_cut_at_a_character(text, max_bytes):
    cut = cut_text(text.encode("utf-8", "ignore"), max_bytes)
    assert len(cut) <= max_bytes
    assert text.encode("utf-8", "ignore").startswith(cut)
    cut.decode()


def test_invalid_bytes_are_replaced_and_told():
    assert readable(b"a\xffb") == ("a\ufffdb", False)
    assert readable("é".encode()) == ("é", True)


def test_a_run_of_lines_ends_at_a_line():
    text = b"aa\nbb\ncc\n"
    assert lines_within(text, 0, len(text), 7) == 6
    assert lines_within(text, 0, len(text), 2) == 3, "a longer line stays whole"
    assert lines_within(text, 0, len(text), 100) == len(text)


def test_trace_and_span_are_found_in_a_comment():
    """REC-49."""
    comment = b"/*traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'*/ SELECT 1"
    assert trace_ids(comment) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
    assert trace_ids(b"SELECT 'traceparent'") is None

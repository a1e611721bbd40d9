"""Columns give for many values what the encoder gives for each."""

import json
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_logs import columns
from aurora_logs.records.lines import Lines, joined
from aurora_logs.records.log_record import record_id

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\\n\x7f\0é😀')), min_size=1)
FRACTIONS = st.tuples(st.integers(0, 10**9 - 1), st.integers(0, 10**6 - 1)).map(lambda parts: f"{parts[0]}.{parts[1]:06d}".encode())


@given(TEXTS)
def test_texts_are_written_as_the_encoder_writes_them(column: list[str]) -> None:
    assert columns.texts([text.encode() for text in column]) == [msgspec.json.encode(text)[1:-1] for text in column]


def test_one_text_that_is_no_utf_8_is_an_error_of_the_column() -> None:
    with pytest.raises(UnicodeDecodeError):
        columns.texts([b"a", b"\xff"])


@given(st.lists(FRACTIONS | st.sampled_from([b"0.000000", b"0.000009", b"10.000001", b"2.000000", b"0.100000"]), min_size=1))
def test_decimal_fractions_are_written_as_the_encoder_writes_them(column: list[bytes]) -> None:
    wanted = [msgspec.json.encode(float(one)) for one in column]
    assert columns.decimals(column) == wanted
    assert columns.numbers(columns.read_numbers(column)) == wanted


@given(st.lists(FRACTIONS, min_size=1))
def test_seconds_become_whole_microseconds_exactly(column: list[bytes]) -> None:
    assert columns.read_numbers(column, b"e6") == [int(one.replace(b".", b"")) for one in column]


@pytest.mark.parametrize("text", [b"007", b".5", b"1.", b"+1", b"nan", b"", b"1,2,", b"-"])
def test_what_is_no_number_of_json_is_an_error(text: bytes) -> None:
    """PERF-14."""
    with pytest.raises(ValueError, match=r".+"):
        columns.read_counts([b"1", text])


@given(st.lists(st.tuples(st.integers(0, 2**40 - 1), st.integers(0, 2**32 - 1)), min_size=1))
def test_ids_are_those_of_single_records(column: list[tuple[int, int]]) -> None:
    offsets, sums = [offset for offset, _ in column], [crc for _, crc in column]
    wanted = [record_id("jvpbx4xuyn3en", offset, crc).encode() for offset, crc in column]
    assert columns.record_ids("jvpbx4xuyn3en", offsets, sums) == wanted


class Row(msgspec.Struct):
    time: int = msgspec.field(name="_time")
    name: str
    left_out: int
    more: str


def test_a_template_keeps_the_order_of_the_schema_and_optional_fields_bring_their_keys() -> None:
    line = columns.template(Row, {"name": b'"%b"' % columns.slot("n"), "_time": columns.slot("a") + columns.slot("b")}, {"more": columns.slot("m")})
    filled = line.filled({"n": [b"x", b"y"], "a": [b"1", b"2"], "b": [b"0", b"5"], "m": [b"", b',"more":"z"']}, 2)
    assert filled == b'{"_time":10,"name":"x"}\n{"_time":25,"name":"y","more":"z"}\n'
    assert [json.loads(one)["_time"] for one in filled.splitlines()] == [10, 25]


def test_a_slot_without_a_column_stays_empty_and_a_short_column_is_an_error() -> None:
    line = columns.Template(b"<" + columns.slot("a") + b">")
    assert line.filled({}, 3) == b"<><><>"
    with pytest.raises(ValueError, match="size 2"):
        line.filled({"a": [b"1", b"2"]}, 3)


def test_what_was_read_is_remembered_up_to_a_bound() -> None:
    asked: list[bytes] = []
    known = columns.Remembered(lambda text: asked.append(text) or len(text))
    assert [known[text] for text in (b"a", b"bb", b"a")] == [1, 2, 1]
    assert asked == [b"a", b"bb"]
    for number in range(20_000):
        known[b"%d" % number]
    assert len(known) < 10_000


@pytest.mark.parametrize("wire", [b"", b"{}\n", b'{"a":1}\n{"b":"\\n"}\n{"c":"\xe2\x80\xa8"}\n'])
def test_lines_are_those_of_their_text(wire: bytes) -> None:
    apart = [line + b"\n" for line in wire.split(b"\n")[:-1]]
    lines: Sequence[bytes] = Lines(wire, len(apart))
    assert (len(lines), list(lines), lines[:2], lines == apart, bool(lines)) == (len(apart), apart, apart[:2], True, bool(apart))
    assert joined(lines) == joined(apart) == wire
    assert lines != [*apart, b"{}\n"]

"""The slow log's blocks of common entries: same bytes as the readable face, whatever one odd entry is put among them."""

import random

import pytest
from reading import fast, in_portions, origin, typed, wired

from aurora_logs.formats import all_formats
from aurora_logs.formats.mysql_slow.block import read_block

SLOW = next(form for form in all_formats() if form.name == "mysql_slow")
STATEMENTS = (
    "select 1", "SELECT 'it''s', \"q\\n\" FROM t", "/*route='a',traceparent='00-" + "a" * 32 + "-" + "b" * 16 + "-01'*/ update t set a = 1",
    "with x as (select 1) select * from x", "(select 1)", "# administrator command: Quit", "REPLACE into t values ('V', '#')",
    "call p('\u00e4\u4e2d\U0001f600')", "insert into t values (1); select 2", "select ';'\n, 3 -- traceparent='00-zz'", "/*! SELECT */ 1",
    "SELECT\n\t'C:\\\\temp'\n  FROM t",
)  # fmt: skip
ODD = (
    "select 1;\n# Time: 2026-11-22T10:00:00.000000Z\n# fake", "select '\n# Time: x'", "set password = 'hunter2secret'", "use db2", "",
    "a, Version: 8 started with:\nTcp port: 1\nTime Id Command Argument\n", "select '\x7f\x01'", "# other", "select 'V, Version: '",
)  # fmt: skip


def entry(rnd: random.Random, number: int, sql: str) -> bytes:
    use = rnd.choice(("", "", "use shop;\n", "use other;\n"))
    query, lock = rnd.choice(("0.560190", "2.000000", "0.000009", "12.345678")), rnd.choice(("0.000288", "0.000000", "0.000001"))
    return (
        f"# Time: 2026-11-22T10:{number // 60 % 60:02d}:{number % 60:02d}.{rnd.randrange(10**6):06d}Z\n"
        f"# User@Host: app[app] @ web [10.0.0.{number % 9}]  Id: {number + 7:5d}\n"
        f"# Query_time: {query}  Lock_time: {lock} Rows_sent: {number}  Rows_examined: 0\n{use}SET timestamp=1795342317;\n{sql};\n"
    ).encode()


def log(seed: int, odd: bytes = b"") -> bytes:
    rnd = random.Random(seed)
    entries = [entry(rnd, number, rnd.choice(STATEMENTS)) for number in range(40)]
    return b"".join(entries[:20]) + odd + b"".join(entries[20:])


def check(text: bytes) -> None:
    where = origin("mysql_slow")
    whole = fast(SLOW, text, where)
    assert whole.lines == wired(typed(SLOW, text, where))
    for size in (700, 5000):
        assert in_portions(SLOW, text, where, [size]) == whole


def test_a_log_of_common_entries_is_taken_as_one_block():
    """Else the tests below would not test blocks. The first entry is left out: it sets the clock."""
    text = log(1)
    block = read_block(text, 0, len(text), 0, origin("mysql_slow"), "", 1)
    assert block is not None
    assert len(block.lines) == 40


@pytest.mark.parametrize("seed", range(12))
def test_common_entries_are_the_same_by_both_faces(seed):
    """REC-02."""
    check(log(seed))


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_entry_among_common_ones_is_the_same_by_both_faces(odd):
    """REC-02, FMT-45, SEC-12."""
    check(log(1, entry(random.Random(1), 20, odd)))


@pytest.mark.parametrize("odd", [b"\xff\xfe", b"\x80 raw\n", b"\n", b"# Time: 1999-01-01T00:00:00.000000Z\n", b"# User@Host: x"])
def test_bytes_between_common_entries_are_the_same_by_both_faces(odd):
    """REC-02, FMT-16."""
    check(log(2, odd))
    check(log(2, entry(random.Random(2), 20, "select 'X'").replace(b"X", odd)))


def test_an_offset_beyond_four_gibibytes_is_written_whole():
    """The upper digits of a block's ids are constant; a block across the border is left to the other way."""
    text, where = log(3), origin("mysql_slow")
    for offset in (1 << 32, 5 << 32, (1 << 32) - 3000):
        block = read_block(text, 0, len(text), offset, where, "", 1)
        if offset & 0xFFFFFFFF:
            assert block is None
        else:
            assert block is not None
            assert f"-{offset:010x}-".encode() in block.lines[0]

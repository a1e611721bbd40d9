"""The slow log's blocks of common entries: same bytes as the readable face, whatever one odd entry is put among them."""

import random
from functools import partial

import pytest
from reading import FAR, fast, in_portions, origin, typed, wired

from aurora_logs.formats import Block, all_formats
from aurora_logs.formats.mysql_slow.block import read_block
from aurora_logs.formats.mysql_slow.record import Carried
from aurora_logs.formats.mysql_slow.shapes import shape_at
from aurora_logs.records.flow import Chunk
from aurora_logs.text import Times

SLOW = next(form for form in all_formats() if form.name == "mysql_slow")
STATEMENTS = (
    "select 1", "SELECT 'it''s', \"q\\n\" FROM t", "/*route='a/b',traceparent='00-" + "a" * 32 + "-" + "b" * 16 + "-01'*/ update t set a = 1",
    "with x as (select 1) select * from x", "(select 1)", "# administrator command: Quit", "REPLACE into t values ('V', '#')",
    "call p('\u00e4\u4e2d\U0001f600')", "insert into t values (1); select 2", "select ';'\n, 3 -- traceparent='00-zz'", "/*! SELECT */ 1",
    "SELECT\n\t'C:\\\\temp'\n  FROM t", "/* a /* b */ select 1", "SET autocommit=0", "/* c *//* d */ delete from t",
    "select 1 -- traceparent='00-" + "1" * 32 + "-" + "2" * 16 + "-00' traceparent='00-" + "3" * 32 + "-" + "4" * 16 + "-00'",
)  # fmt: skip
ODD = (
    "select 1;\n# Time: 2026-11-22T10:00:00.000000Z\n# fake", "select '\n# Time: x'", "use db2", "", "# other", "SET timestamp=1",
    "a, Version: 8 started with:\nTcp port: 1\nTime Id Command Argument\n", "select '\n#'",
)  # fmt: skip
RARE = ("select '\x7f\x01'", "select 'V, Version: '", "set password = 'hunter2secret'", "create user u identified by 'x'", "select '://a:b@c'")
EXTRA = (
    " Thread_id: {thread} Errno: 1062 Killed: 0 Bytes_received: 0 Bytes_sent: 63 Read_first: 1 Read_last: 0 Read_key: 1 Read_next: 0"
    " Read_prev: 0 Read_rnd: 0 Read_rnd_next: 18446744073709551 Sort_merge_passes: 0 Sort_range_count: 0 Sort_rows: 0"
    " Sort_scan_count: 0 Created_tmp_disk_tables: 0 Created_tmp_tables: 0{later}"
    " Start: 2026-11-22T10:00:00.500000Z End: 2026-11-22T10:00:01.060190Z"
)


def entry(rnd: random.Random, number: int, sql: str, extra: str = "") -> bytes:
    use = rnd.choice(("", "", "use shop;\n", "use other;\n"))
    query, lock = rnd.choice(("0.560190", "2.000000", "0.000009", "12.345678")), rnd.choice(("0.000288", "0.000000", "0.000001"))
    return (
        f"# Time: 2026-11-22T10:{number // 60 % 60:02d}:{number % 60:02d}.{rnd.randrange(10**6):06d}Z\n"
        f"# User@Host: app[app] @ web [10.0.0.{number % 9}]  Id: {number + 7:5d}\n"
        f"# Query_time: {query}  Lock_time: {lock} Rows_sent: {number}  Rows_examined: 0{extra.format(thread=number + 7, later='')}\n"
        f"{use}SET timestamp=1795342317;\n{sql};\n"
    ).encode()


def log(seed: int, odd: bytes = b"", extra: str = "") -> bytes:
    rnd = random.Random(seed)
    entries = [entry(rnd, number, rnd.choice(STATEMENTS), extra) for number in range(40)]
    return b"".join(entries[:20]) + odd + b"".join(entries[20:])


def check(text: bytes) -> None:
    where = origin("mysql_slow")
    whole = fast(SLOW, text, where)
    assert whole.lines == wired(typed(SLOW, text, where))
    for size in (700, 5000):
        assert in_portions(SLOW, text, where, [size]) == whole


def block_of(text: bytes, offset: int = 0, most: int = FAR) -> Block | None:
    shape = shape_at(text, 0)
    assert shape is not None
    return read_block(Chunk(content=text, offset=offset), 0, len(text), most, shape, origin("mysql_slow"), Carried(Times(1, 1)))


@pytest.mark.parametrize("extra", ["", EXTRA, EXTRA.replace("{later}", " Count_hit_tmp_table_size: 3")], ids=["plain", "extra", "later"])
def test_a_log_of_common_entries_is_taken_as_one_block(extra):
    """Else the tests below would not test blocks. The first entry is left out: it sets the clock."""
    block = block_of(log(1, extra=extra))
    assert block is not None
    assert len(block.ids) == block.wire.count(b"\n") == 40


@pytest.mark.parametrize("extra", ["", EXTRA, EXTRA.replace("{later}", " Count_hit_tmp_table_size: 3")], ids=["plain", "extra", "later"])
@pytest.mark.parametrize("seed", range(8))
def test_common_entries_are_the_same_by_both_faces(seed, extra):
    """REC-02."""
    check(log(seed, extra=extra))


def test_shapes_may_take_turns():
    """REC-02: a server whose log_slow_extra was switched on and off."""
    later = EXTRA.replace("{later}", " Count_hit_tmp_table_size: 3")
    check(log(1) + log(2, extra=EXTRA) + log(3) + log(4, extra=later) + log(5, extra=EXTRA))


@pytest.mark.parametrize("odd", ODD + RARE)
def test_one_odd_entry_among_common_ones_is_the_same_by_both_faces(odd):
    """REC-02, FMT-45, SEC-12."""
    check(log(1, entry(random.Random(1), 20, odd)))


@pytest.mark.parametrize("rare", RARE)
def test_a_credential_or_a_rare_byte_does_not_break_a_block(rare):
    """A log with a secret in each block must not become slow: the block redacts by itself."""
    assert block_of(log(1, entry(random.Random(1), 20, rare))) is not None


def test_no_secret_leaves_a_block():
    """SEC-12, REC-40."""
    block = block_of(log(1, entry(random.Random(1), 20, "set password = 'hunter2secret'")))
    assert block is not None
    assert b"hunter2" not in block.wire
    assert block.wire.count(b',"redactions":1,') == 1


@pytest.mark.parametrize("odd", [b"\xff\xfe", b"\x80 raw\n", b"\n", b"# Time: 1999-01-01T00:00:00.000000Z\n", b"# User@Host: x"])
def test_bytes_between_common_entries_are_the_same_by_both_faces(odd):
    """REC-02, FMT-16."""
    check(log(2, odd))
    check(log(2, entry(random.Random(2), 20, "select 'X'").replace(b"X", odd)))


@pytest.mark.parametrize(("old", "new"), [
    (b"Rows_sent: 7", b"Rows_sent: 007"), (b"Query_time: ", b"Query_time: 0"), (b"Id:    14\n", b"Id: 00014\n"), (b"10:00:07.", b"10:00:60."),
    (b"10:00:07.", b"10:61:07."), (b"2026-11-22T10:00:07.", b"2001-01-01T10:00:07."), (b"app[app] @ web", b'\xc3\xa4["b] @ w\\eb'),
    (b"Query_time: ", b"Query_time: 123456789"), (b"app[app] @ web [10.0.0.7]", b"[SQL_SLAVE] @  []"), (b"Lock_time: ", b"Lock_time: -"),
])  # fmt: skip
def test_odd_values_in_a_head_are_the_same_by_both_faces(old, new):
    """REC-02, REC-24, PERF-14, PERF-15, PERF-25."""
    text = log(1)
    assert old in text
    check(text.replace(old, new))


def test_an_offset_beyond_four_gibibytes_is_written_whole():
    """Ids have ten digits of offset, also where a block lies across the border of eight."""
    text, where = log(3), origin("mysql_slow")
    for offset in (1 << 32, 5 << 32, (1 << 32) - 3000, (1 << 40) - len(text)):
        block = block_of(text, offset)
        assert block is not None
        assert block.ids == [record.record_id.encode() for record in typed(SLOW, text, where, b"[[1,1]]", offset)]


def test_a_block_ends_at_the_asked_number_of_entries():
    """FMT-19: what is carried is that of the last entry taken."""
    text = log(4)
    whole, part = block_of(text), block_of(text, most=11)
    assert whole is not None
    assert part is not None
    assert part.ids == whole.ids[:11]
    assert whole.wire.startswith(part.wire)
    assert text[part.end :].startswith(b"# Time: ")
    again = partial(read_block, Chunk(content=text, offset=0), part.end, len(text), FAR, shape_at(text, 0), origin("mysql_slow"))
    rest = again(part.state)
    assert rest is not None
    assert part.wire + rest.wire == whole.wire

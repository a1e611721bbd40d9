"""PostgreSQL's blocks of common lines: same bytes as the readable face, whatever one odd entry is put among them."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import FAR, fast, in_portions, mutated, origin, typed, wired

from aurora_logs.formats import Block, all_formats
from aurora_logs.formats.postgresql_stderr.block import read_block
from aurora_logs.postgresql.record import Carried
from aurora_logs.records.flow import Chunk
from aurora_logs.text import Times

STDERR = next(form for form in all_formats() if form.name == "postgresql_stderr")
WHERE = origin("postgresql_stderr")
CLOCK = Carried(Times(1_795_342_000_000_000, 1_795_342_000_000_000), is_inside=True)
SESSIONS = (
    "10.0.0.1(36104):app@shop", "[local]:postgres@bench", "2600:1f18::1(5432):app@shop", "10.0.0.9(5):[unknown]@[unknown]", ":@",
    "web-1.shop(7):\u00e4@z", "1.2.3.4(80):a b@c@d",
)  # fmt: skip
STATEMENTS = (
    "SELECT 1", "select 'it''s'\n\tFROM \"q\\n\"", "/*route='a',traceparent='00-" + "a" * 32 + "-" + "b" * 16 + "-01'*/ update t set a = 1",
    "WITH x AS (SELECT 1) SELECT * FROM x", "\n\tSELECT 1\n\t\n\tFROM t", "BEGIN", "COMMIT", "-- c\n\tdelete from t", "(select 1)", "x",
    "INSERT INTO t VALUES ('\u00e4\u4e2d\U0001f600')", "/*! SELECT */ 1", "SELECT $1::text",
)  # fmt: skip
# what may follow `LEVEL:  `, then sub-lines; {sql} is one of the statements
COMMON = (
    ("LOG", "duration: 12.437 ms  statement: {sql}"),
    ("LOG", "duration: 0.063 ms  bind <unnamed>: {sql}"),
    ("LOG", "duration: 3000.000 ms  parse s1: {sql}"),
    ("LOG", "duration: 0.001 ms  execute <unnamed>: {sql}", ("DETAIL", "parameters: $1 = 'it''s\n\tx', $2 = NULL")),
    ("LOG", "duration: 1.100 ms  execute S_2/C_7: {sql}", ("DETAIL", "Parameters: $1 = '\u4e2d'")),
)
RARE = (
    ("ERROR", "division by zero", ("DETAIL", "d"), ("HINT", "h"), ("QUERY", "SELECT 1/0"), ("CONTEXT", "c\n\tmore"), ("STATEMENT", "{sql}")),
    ("ERROR", '42P01: relation "x" does not exist at character 15', ("LOCATION", "parserOpenTable, parse_relation.c:1392"), ("STATEMENT", "{sql}")),
    ("ERROR", 'syntax error at or near "hunter2secret" at character 9', ("STATEMENT", "SELEC 1")),
    ("ERROR", 'invalid input syntax for type integer: "hunter2secret"', ("STATEMENT", "{sql}")),
    ("LOG", "duration: 5.001 ms"),
    ("LOG", "duration: 5.001 ms  statement: "),
    ("LOG", "duration: 12 ms  statement: {sql}"),
    ("LOG", "duration: 5.001 ms  plan:\n\tQuery Text: {sql}\n\tSeq Scan on t  (cost=0.00..1.01 rows=1 width=4)"),
    ("LOG", "duration: 5.001 ms  execute a:b: {sql}"),
    ("LOG", "duration: 1.000 ms  statement: {sql}", ("STATEMENT", "SELECT 2")),
    ("LOG", "duration: 1.000 ms  statement: {sql}", ("DETAIL", "prepare: {sql}")),
    ("LOG", "duration: 1.000 ms  statement: {sql}", ("DETAIL", "parameters: $1 = '1'"), ("DETAIL", "parameters: $1 = '2'")),
    ("LOG", "duration: 1.000 ms  execute q: {sql}", ("DETAIL", "parameters: ")),
    ("LOG", "duration: 1.000 ms  execute password: ALTER ROLE a PASSWORD 'hunter2secret'", ("DETAIL", "parameters: $1 = 'postgres://a:hunter2secret@c/d'")),
    ("LOG", "duration: 1.000 ms  statement: SELECT '\x7f\x01'"),
    ("LOG", "statement: {sql}"),
    ("LOG", "execute p1: {sql}", ("DETAIL", "parameters: $1 = '1'")),
    ("LOG", "checkpoint complete: wrote 5 buffers (0.0%); 0 WAL file(s) added, 0 removed, 1 recycled; write=0.5 s, sync=0.002 s, total=0.5 s"),
    ("LOG", 'automatic vacuum of table "shop.public.t": index scans: 1\n\tpages: 0 removed, 1 remain'),
    ("LOG", "process 1 still waiting for ShareLock on transaction 7 after 1000.1 ms",
     ("DETAIL", "Process holding the lock: 2. Wait queue: 1, 3."), ("STATEMENT", "{sql}")),
    ("LOG", "connection received: host=10.0.0.1 port=36104"),
    ("FATAL", 'password authentication failed for user "app"', ("DETAIL", "Connection matched pg_hba.conf line 13")),
    ("WARNING", "x"), ("PANIC", "y"), ("DEBUG3", "z"), ("LOG", ""),
)  # fmt: skip
# whole lines that no block takes
ODD = (
    "{at}:{who}:[7]:FEHLER:  x\n", "2026-11-22 10:13:32.501 UTC [16233] LOG:  x\n", "{at}:{who}:[7]:LOG: x\n", "{at}:{who}:[7]:LOG :  x\n",
    "2026-11-22 10:13:36 CET:{who}:[7]:LOG:  x\n", "{at}:{who}:[99]:STATEMENT:  SELECT 1\n", "{at}:{who}:[7]:LOG:  x\n\n", "no head\n",
    "{at}:{who}:[7]:LOG:  x\n \t\n", "{at}:{who}:[7]:LOG:  x\n\t2026-11-22 \n", "{at}:{who}:[7]:LOG:  x\n2026-11-22 10:13\n", "2026\n",
    "2026-11-22 10:61:36 UTC:{who}:[7]:LOG:  x\n", "2001-01-01 10:10:10 UTC:{who}:[7]:LOG:  x\n", "1999-01-01 10:10:10 UTC:{who}:[7]:LOG:  x\n",
    "2026-11-21 10:00:09 UTC:{who}:[7]:LOG:  x\n", "2026-11-21 10:00:30 UTC:{who}:[7]:LOG:  x\n",
    "{at}:{who}:[007]:LOG:  duration: 7.000 ms  statement: SELECT 1\n", "{at}:{who}:[7]:LOG:  duration: 007.000 ms  statement: SELECT 1\n",
    "{at}:[1]:LOG:[2]:LOG:  x\n", "{at}:[1]:LOG :[2]:LOG:  x\n", "{at}:[local]:[1]:LOG:[2]:LOG:  x\n", "{at}:h(1):o[1]:LOG:x@d:[2]:LOG:  x\n",
    "{at}:h(1):" + "x" * 990 + "@d:[2]:LOG:  x\n", "{at}:h(1):" + "x" * 5000 + "@d:[2]:LOG:  x\n", "{at}::::::[2]:LOG:  x\n",
    "{at}:{who}:[7]:LOG:  x\r\n", "{at}:{who}:[7]:LOG:  statement: SELECT 1\r\n\tFROM t\n", "{at}:{who}:[7]:LOG:  a\rb\n",
    "{at}:{who}:[7]:LOG:  duration: 1.000 ms  statement: SELECT 1\n\t\n\t\n", "{at}:{who}:[7]:LOG:  " + "x" * 70_000 + "\n",
    "{at}:{who}:[7]:LOG:  x\n[Your log message was truncated]\n", "{at}:{who}:[7]:DETAIL:  orphan?\n", "{at}:{who}:[7]:LOG:   three blanks\n",
    "{at}:{who}:[7]:LOG:  \tx\n", '{at}:{who}:[7]:LOG:  duration: 1.000 ms  execute a"\\b: SELECT 1\n', "{at}:{who}:[12345678901]:LOG:  x\n",
)  # fmt: skip


def entry(rnd: random.Random, number: int, kind: tuple) -> str:
    level, message, *subs = kind
    pid, who = 17000 + number % 5, rnd.choice(SESSIONS)
    lines = [(level, message), *subs]
    times = [f"2026-11-22 10:{(number + rnd.randrange(2)) // 60 % 60:02d}:{number % 60:02d} UTC" for _ in lines]
    return "".join(
        f"{at}:{who}:[{pid}]:{name}:  {text.replace('{sql}', rnd.choice(STATEMENTS))}\n"
        for at, (name, text) in zip(times, lines, strict=True)
    )


def log(seed: int, odd: str | bytes = b"", kinds: tuple = COMMON, count: int = 40) -> bytes:
    rnd = random.Random(seed)
    entries = [entry(rnd, number, rnd.choice(kinds)).encode() for number in range(count)]
    half = count // 2
    return b"".join([*entries[:half], odd.encode() if isinstance(odd, str) else odd, *entries[half:]])


def check(text: bytes, **changes: object) -> None:
    where = origin("postgresql_stderr", **changes)
    whole = fast(STDERR, text, where)
    assert whole.lines == wired(typed(STDERR, text, where))
    for size in (700, 5000):
        assert in_portions(STDERR, text, where, [size]) == whole


def block_of(text: bytes, most: int = FAR, state: Carried = CLOCK, at: int = 0, **changes: object) -> Block | None:
    return read_block(Chunk(content=text, offset=0), at, len(text), most, origin("postgresql_stderr", **changes), state)


@pytest.mark.parametrize("kinds", [COMMON, RARE, COMMON + RARE], ids=["common", "rare", "both"])
def test_a_log_of_known_entries_is_taken_as_one_block(kinds):
    """Else the tests below would not test blocks."""
    block = block_of(log(1, kinds=kinds))
    assert block is not None
    assert len(block.ids) == block.wire.count(b"\n") == 40


@pytest.mark.parametrize("redaction", ["default", "off"])
@pytest.mark.parametrize("kinds", [COMMON, RARE, COMMON + RARE], ids=["common", "rare", "both"])
@pytest.mark.parametrize("seed", range(8))
def test_known_entries_are_the_same_by_both_faces(seed, kinds, redaction):
    """REC-02."""
    check(log(seed, kinds=kinds), redaction=redaction)


@pytest.mark.parametrize("rare", RARE)
def test_one_rare_entry_among_common_ones_is_the_same_by_both_faces_in_one_block(rare):
    """REC-02, SEC-12: a log with an error or a secret in each block must not become slow."""
    text = log(1, entry(random.Random(1), 20, rare))
    check(text)
    assert block_of(text) is not None


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_line_among_common_ones_is_the_same_by_both_faces(odd):
    """REC-02, FMT-92, FMT-93, FMT-96, FMT-98, FMT-101."""
    check(log(1, odd.format(at="2026-11-22 10:00:20 UTC", who=SESSIONS[0])))


@pytest.mark.parametrize("odd", [b"\xff\xfe", b"\x80 raw\n", b"\n", b"\x00", b"2026-11-22 10:13:36 UTC:\xff@\xff:[1]:LOG:  x\n"])
def test_bytes_between_common_entries_are_the_same_by_both_faces(odd):
    """REC-02, FMT-16."""
    check(log(2, odd))
    check(log(2, entry(random.Random(2), 20, COMMON[0]).encode().replace(b"12.437", b"12.437" + odd)))
    check(log(2, entry(random.Random(2), 20, COMMON[0]).encode().replace(b"statement: ", b"statement: " + odd)))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.integers(0, 1 << 30), st.integers(1, 6))
def test_spoilt_logs_are_the_same_by_both_faces(seed, times):
    """REC-02, REC-13, PERF-21."""
    check(mutated(log(seed, kinds=COMMON + RARE), seed, times))


@pytest.mark.parametrize("most", [1, 2, 11])
def test_a_block_ends_at_the_asked_number_of_entries(most):
    """FMT-19: what is carried is that of the last entry taken."""
    text = log(4, kinds=COMMON + RARE)
    whole, part = block_of(text), block_of(text, most)
    assert whole is not None
    assert part is not None
    assert part.ids == whole.ids[:most]
    rest = block_of(text, state=part.state, at=part.end)
    assert rest is not None
    assert part.wire + rest.wire == whole.wire
    assert rest.state == whole.state


def test_no_secret_leaves_a_block():
    """SEC-12, REC-40."""
    text = log(1, kinds=tuple(kind for kind in RARE if "hunter2secret" in str(kind)))
    block, shown = block_of(text), block_of(text, redaction="off")
    assert block is not None
    assert shown is not None
    assert b"hunter2" not in block.wire
    assert b"hunter2" in shown.wire


def test_an_entry_beyond_the_limit_is_cut_by_both_faces():
    """FMT-120: the block leaves it to the grammar."""
    check(log(1, f"2026-11-22 10:00:20 UTC:{SESSIONS[0]}:[7]:LOG:  duration: 1.000 ms  statement: SELECT '{'x' * 3000}'\n"), entry_max_bytes=2000)

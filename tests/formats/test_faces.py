"""Both faces agree, no byte is lost, and where a portion ends changes nothing: for every format, on any input."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading import FAR, NAMES, corpora, fast, in_portions, mutated, origin, typed, wired, workload

from aurora_logs.formats import all_formats
from aurora_logs.records.flow import Chunk

FORMATS = {form.name: form for form in all_formats()}
TEXTS = {name: [workload(name, f"seed {number}", 60) for number in range(3)] for name in NAMES}
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def check(name: str, text: bytes, sizes: list[int], **changes: object) -> None:
    form, where = FORMATS[name], origin(name, **changes)
    records = typed(form, text, where)
    whole = fast(form, text, where)
    assert whole.lines == wired(records)
    assert whole.ids == [record.record_id.encode() for record in records]
    assert sum(record.log_record_bytes for record in records) + whole.furniture_bytes == len(text)
    assert len(set(whole.ids)) == len(whole.ids)
    assert in_portions(form, text, where, sizes) == whole


@pytest.mark.parametrize("name", NAMES)
@QUICK
@given(st.integers(0, 2), st.integers(0, 1 << 30), st.integers(0, 12), st.lists(st.integers(200, 9000), min_size=1, max_size=9))
def test_spoilt_logs_give_the_same_records_by_both_faces_and_for_every_cut(name, which, seed, times, sizes):
    """REC-02, REC-03, REC-13, FMT-01, FMT-19, PERF-21."""
    check(name, mutated(TEXTS[name][which], seed, times), sizes)


@pytest.mark.parametrize("name", NAMES)
def test_a_clean_log_is_cut_at_many_places_without_a_change(name):
    """REC-03, FMT-01, FMT-02: portions of 7 bytes, of 64 KiB, and whole."""
    for text in TEXTS[name]:
        check(name, text, [7])
        check(name, text, [65536], redaction="off")


@pytest.mark.parametrize("name", NAMES)
def test_a_small_log_read_byte_by_byte_is_the_same(name):
    """REC-03: portions of one byte."""
    text = workload(name, "byte by byte", 6)
    check(name, text, [1])


@pytest.mark.parametrize("name", NAMES)
def test_batches_of_any_size_give_the_same_records(name):
    """FMT-19: the walk goes on at the end offset with the carried context."""
    form, where, text = FORMATS[name], origin(name), TEXTS[name][0]
    whole = fast(form, text, where)
    for max_records in (1, 2, 7):
        assert in_portions(form, text, where, [len(text)], max_records) == whole
    parsed = form.ndjson(Chunk(content=text, offset=0), where, b"", max_records=FAR, max_bytes=3000)
    assert sum(map(len, parsed.lines[:-1])) < 3000 <= sum(map(len, parsed.lines))


@pytest.mark.parametrize("name", NAMES)
def test_a_last_entry_that_is_cut_anywhere_leaves_its_neighbours_exact(name):
    """FMT-121, PERF-11."""
    form, where = FORMATS[name], origin(name)
    text = workload(name, "cut", 6)
    *before, last = typed(form, text, where)
    for end in range(last.log_file_offset, len(text)):
        check(name, text[:end], [1000])
        assert wired(typed(form, text[:end], where))[: len(before)] == wired(before)


@pytest.mark.parametrize("name", NAMES)
def test_random_bytes_become_raw_records_and_none_is_lost(name):
    """FMT-16, FMT-119."""
    rnd = random.Random(4)
    check(name, rnd.randbytes(200_000), [1 << 20])
    check(name, rnd.randbytes(10_000), [10_000])
    noise = b"".join(rnd.choice((b"\n", b" ", b"#", b"a", b";", b"2026", b"\xff", b":", b"[1]", b"'")) for _ in range(20_000))
    check(name, noise, [1 << 20])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("text", [b"", b"\n", b"\n\n \r\n\t\n", b"x", b"# Time: ", b"\r\n", b"\x00"])
def test_tiny_files_are_accounted_for(name, text):
    """FMT-15, PERF-18."""
    check(name, text, [1])


@pytest.mark.parametrize("name", NAMES)
def test_a_log_with_crlf_gives_the_same_records_as_with_lf(name):
    """FMT-11, FMT-124: but for what counts bytes."""
    text = TEXTS[name][0].replace(b"\r\n", b"\n")
    windows = text.replace(b"\n", b"\r\n")
    check(name, windows, [5000])
    counts = {"record_id", "log_file_offset", "log_record_bytes", "sub_lines"}
    both = [
        [
            {key: value for key in record.__struct_fields__ if key not in counts and (value := getattr(record, key)) is not None}
            for record in typed(FORMATS[name], form, origin(name))
        ]
        for form in (text, windows)
    ]
    assert both[0] == both[1]


def every_tenth_line(text: bytes, added: bytes) -> bytes:
    lines = text.splitlines(keepends=True)
    return b"".join(line + added * (number % 10 == 9) for number, line in enumerate(lines))


ADVERSE = {
    "FMT-117 four-byte characters": lambda text: text.replace(b"a", "\U0001f6b2".encode()),
    "FMT-118 quotes and backslashes": lambda text: text.replace(b"e", b"'\"\\`"),
    "FMT-120 a literal backslash-n before a head": lambda text: text.replace(b"SELECT ", b"SELECT '\\n# Time: 2026-11-22T10:11:57Z', "),
    "FMT-122 RDS cut every tenth line": lambda text: every_tenth_line(text, b"[Your log message was truncated]\n"),
    "FMT-123 a fake head in every statement": lambda text: text.replace(
        b"SELECT ", b"SELECT 'x\n# Time: 2020-01-01T00:00:00.000000Z\n# User@Host: a[a] @ h []\n\t\t 7 Quiet\n*** (1) TRANSACTION:', "
    ),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("spoil", ADVERSE)
def test_adverse_text_is_read_without_loss_and_alike_by_both_faces(name, spoil):
    """FMT-117 to FMT-123: in a whole log of the workload."""
    text = ADVERSE[spoil](TEXTS[name][0])
    assert text != TEXTS[name][0] or name == "mysql_error"  # whose workload has no such statement
    check(name, text, [4096, 1, 700])
    has_raw_breaks = name not in ("mysql_audit", "postgresql_jsonlog")  # they escape them
    if spoil.startswith(("FMT-120", "FMT-123")) and has_raw_breaks:  # the others change the heads too
        heads = len(typed(FORMATS[name], TEXTS[name][0], origin(name)))
        assert len(typed(FORMATS[name], text, origin(name))) == heads


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_the_corpora_is_read_without_loss(name):
    """REC-02, REC-13, FMT-01 on public samples, where they are present."""
    if not corpora().is_dir():
        pytest.skip("the corpora are not part of the repository: set AURORA_LOGS_CORPORA")
    rnd = random.Random(name)
    for path in sorted(corpora().rglob("*.log")):
        text = path.read_bytes()
        if len(text) < 400_000:
            check(name, text, [rnd.randrange(1, 1 + len(text)) for _ in range(5)] if text else [1], engine="")

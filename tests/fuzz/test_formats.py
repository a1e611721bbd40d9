"""Each format on texts that nobody wrote: lines of its fixtures and of the workload, cut, mixed and spoilt.

FUZZ_SEC is the time for one format (15 s, or FUZZ_HOURS over all of them). What fails is made small, and written to `crashes/`,
whose files are read again by every run: commit them with the correction.
"""

import os
import time
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from tests.formats.reading import NAMES, fast, in_portions, origin, typed, wired, workload

from aurora_logs.formats import all_formats

FORMATS = {form.name: form for form in all_formats()}
CRASHES = Path(__file__).parent / "crashes"
FIXTURES = Path(__file__).resolve().parents[1] / "formats"
HOURS = os.environ.get("FUZZ_HOURS")
SEC = float(HOURS) * 3600 / len(NAMES) if HOURS else float(os.environ.get("FUZZ_SEC", "15"))
ROUND = 100  # texts between two looks at the clock
US_A_BYTE = 10
CLOCK_US = 50_000  # what a busy machine adds to a small text
ODD = (b"\n", b"\n\n", b"\r\n", b"\r", b";", b";\n", b"\t", b"\t\t", b"'", b'"', b"\\", b"\\n", b"`", b"#", b"-- ", b"/*", b"*/",
       b"(", b",", b",'", b"',0", b"',0,,", b"\x00", b"\xff\xfe", b"\xe2\x80\xa8", b"\xf0\x9f\x9a\xb2", b"=", b"=" * 37, b"***", b"{ ", b"}",
       b"# Time: ", b"# User@Host: ", b"# explain: ", b"#\n", b"SET timestamp=", b"use ", b"InnoDB: ", b"0x2b76b6e68700", b"deadlock detected",
       b"INNODB MONITOR OUTPUT\n", b"END OF INNODB MONITOR OUTPUT\n", b"*** (1) TRANSACTION:\n", b"WE ROLL BACK TRANSACTION (1)",
       b"Access denied for user '", b"IDENTIFIED BY '", b"password", b" Query\t", b" Connect\t", b"a@b on ", b",QUERY,", b"[Your log message was truncated]\n",
       b"99999999999999999999", b"-1", b"0000-00-00T00:00:00Z", b"261122 10:11:57", b"2026-11-22T10:11:57.811234Z ", b"1795342317811234,",
       b"Version: x started with:\n", b"Tcp port: 1\n", b"Time                 Id Command    Argument\n")  # fmt: skip


def lines_of(name: str) -> list[bytes]:
    """Whole lines of this format, and their halves."""
    texts = [path.read_bytes() for path in sorted(FIXTURES.glob(f"{name}/*/input.log"))] + [workload(name, "fuzz", 30)]
    lines = {line for text in texts for line in text.splitlines(keepends=True) if len(line) < 1000}
    halves = {part for line in lines for part in (line[: len(line) // 2], line[len(line) // 2 :])}
    return sorted(lines | halves)


def texts_of(name: str) -> st.SearchStrategy[bytes]:
    pieces = st.one_of(st.sampled_from(lines_of(name)), st.sampled_from(ODD), st.binary(max_size=12))
    return st.lists(pieces, max_size=30).map(b"".join)


def spent_us(name: str, text: bytes) -> float:
    begin_us = time.process_time_ns() / 1000
    typed(FORMATS[name], text, origin(name))
    return time.process_time_ns() / 1000 - begin_us


def check(name: str, text: bytes, sizes: list[int]) -> None:
    """No exception, no byte lost, both faces equal, the same for every cut, and in time that grows with the size."""
    form, where = FORMATS[name], origin(name)
    records = typed(form, text, where)
    whole = fast(form, text, where)
    assert whole.lines == wired(records)
    assert whole.ids == [record.record_id.encode() for record in records]
    assert sum(record.log_record_bytes for record in records) + whole.furniture_bytes == len(text)
    assert len(whole.context) <= 2048
    assert in_portions(form, text, where, sizes) == whole
    assert any(spent_us(name, text) <= US_A_BYTE * len(text) + CLOCK_US for _ in range(3))


@pytest.mark.parametrize("name", NAMES)
def test_a_text_that_nobody_wrote_is_read_without_loss(name):
    """FMT-01, FMT-16, FMT-19, REC-02, REC-03, REC-13: until the time is over; the seeds rise, so that a longer run does more."""
    until, number, texts, failed = time.monotonic() + SEC, 0, 0, [b""]

    @settings(max_examples=ROUND, deadline=None, database=None, suppress_health_check=list(HealthCheck),
              phases=(Phase.generate, Phase.shrink), print_blob=False)  # fmt: skip
    @given(texts_of(name), st.lists(st.integers(1, 400), min_size=1, max_size=4))
    def one_round(text, sizes):
        nonlocal texts
        texts += 1
        try:
            check(name, text, sizes)
        except BaseException:
            failed[0] = text  # the last one that fails is the smallest
            raise

    while time.monotonic() < until:
        try:
            seed(number)(one_round)()
        except BaseException:
            (CRASHES / f"{name}-{crc32(failed[0]):08x}.log").write_bytes(failed[0])
            raise
        number += 1
    print(f"{name}: {texts:,} texts in {SEC:.0f} s")
    assert texts >= min(SEC, 1) * 20


@pytest.mark.parametrize("path", sorted(CRASHES.glob("*.log")), ids=lambda path: path.stem)
def test_what_once_failed_is_read_well(path):
    name = path.stem.rpartition("-")[0]
    for sizes in ([1], [7, 1, 50], [400]):
        check(name, path.read_bytes(), sizes)

"""judge: each answer of rds-log-api.md §3.1 has one verdict, and nothing is placed without proof."""

import pytest

from aurora_logs.records.flow import Answer
from aurora_logs.segments import tail_hash
from aurora_logs.stages.download.answers import Broken, Nothing, Placed, Replaced, Rotated, Unplaced, judge

NOTICE = b"\n [Your log message was truncated]\n"
HOUR = "2026-10-10.7"


def said(content, end, *, ordinal=HOUR, more=False):
    marker = end if end is None or isinstance(end, str) else f"{ordinal}:{end}"
    return Answer(content=content, marker=marker, more=more)


@pytest.mark.parametrize(("answer", "offset", "known", "verdict"), [
    (said(b"abc\n", 4), 0, b"", Placed(b"abc\n", HOUR)),
    (said(b"abcdef\n", 107), 100, tail_hash(b"abc"), Placed(b"def\n", HOUR)),  # the tail check's bytes are not fresh
    (said(b"abc", 103), 100, tail_hash(b"abc"), Placed(b"", HOUR)),  # nothing new, the place is right
    (said(b"", 4), 4, b"", Nothing()),  # RDS-22
    (said(b"", None), 4, b"", Nothing()),  # RDS-23
    (said(b"abc\n", None), 0, b"", Unplaced(b"abc\n")),  # RDS-23
    (said(b"abc\n", "0"), 8, b"", Unplaced(b"abc\n")),  # RDS-25: never back to 0
    (said(b"abc\n", "opaque"), 8, b"", Unplaced(b"abc\n")),  # RDS-31
    (said(b"abc\n", 8), 8, b"", Unplaced(b"abc\n")),  # data, but the marker stood still
    (said(b"abc\n", 4), 8, b"", Unplaced(b"abc\n")),  # the marker went back
    (said(b"xxabc\n", 12), 8, b"", Placed(b"abc\n", HOUR, 2)),  # RDS-28: the overlap is dropped
    (said(b"a\nb\nc" + NOTICE, 99), 0, b"", Broken(2, b"a\nb\nc", 99, HOUR)),  # RDS-63
    (said(b"a\nb\nc" + NOTICE, 5), 0, b"", Placed(b"a\nb\nc", HOUR)),  # RDS-64: the marker is where the cut is, nothing is missing
    (said(b"a" + NOTICE, 1 + len(NOTICE)), 0, b"", Placed(b"a" + NOTICE, HOUR)),  # RDS-67: the length agrees: data
    (said(b"a\nb\n", 50), 0, b"", Broken(2, b"a\nb\n", 50, HOUR)),  # RDS-29: a hole
    (said(b"xyzdef\n", 107), 100, tail_hash(b"abc"), Replaced()),  # RDS-37
    (said(b"ab", 102), 100, tail_hash(b"abc"), Replaced()),  # cut before our position
])
def test_an_answer_has_its_verdict(answer, offset, known, verdict):
    assert judge(answer, offset, known, None) == verdict


@pytest.mark.parametrize(("ordinal", "expected"), [
    (HOUR, False), ("2026-10-10.07", False), ("2026-10-10.8", True), ("2026-10-11.7", True)])
def test_a_live_name_that_answers_for_another_hour_is_not_used(ordinal, expected):
    """RDS-44, 49."""
    verdict = judge(said(b"abc\n", 4, ordinal=ordinal), 0, b"", HOUR)
    assert isinstance(verdict, Rotated) is expected


def test_the_hour_of_a_rotated_name_does_not_count():
    """RDS-46."""
    assert judge(said(b"abc\n", 4, ordinal="2026-10-10.9"), 0, b"", None) == Placed(b"abc\n", "2026-10-10.9")

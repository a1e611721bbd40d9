"""Faults in one portion's answer: what is left out, doubled, mistaken or spelled in another way."""

from __future__ import annotations

import io
from collections.abc import Callable

from msgspec.structs import replace

from aurora_logs_simulator.answers import Portion
from aurora_logs_simulator.faults import Faults, Rule
from aurora_logs_simulator.logfile import LogFile

LOSSY = bytes(range(128)) + b"?" * 128
SPELLINGS = {"cdata": "cdata", "entities_named": "named", "entities_decimal": "decimal", "entities_hex": "hex"}
LINES_FOR_A_HOLE = 3  # a hole needs lines on both sides

Change = Callable[[Portion, Rule, LogFile, "str | None"], Portion]


def disturbed(
    answer: Portion,
    *,
    file: LogFile,
    sent: str | None,
    live_ordinal: str | None,
    faults: Faults,
    place: dict[str, str],
) -> Portion:
    """Return the answer as the faults that strike leave it; none is counted that changed nothing."""
    for name, (fits, change) in CHANGES.items():
        if not faults.is_on(name) or not fits(answer):
            continue
        rule = faults.strike(name, **place)
        if rule is not None:
            answer = change(answer, rule, file, sent)
    if live_ordinal is not None and answer.marker is not None and ":" in answer.marker:  # noqa: SIM102
        if faults.strike("live_ordinal_on_rotated", **place):
            answer = replace(answer, marker=f"{live_ordinal}:{answer.marker.rpartition(':')[2]}")
    for name, spelling in SPELLINGS.items():
        if answer.content and faults.strike(name, **place):
            answer = replace(answer, spelling=spelling)
    return answer


def _has_data(answer: Portion) -> bool:
    return bool(answer.content) and not answer.truncated


def _has_more(answer: Portion) -> bool:
    return _has_data(answer) and answer.pending is True


def _has_lines(answer: Portion) -> bool:
    return _has_data(answer) and (answer.content or b"").count(b"\n") > LINES_FOR_A_HOLE


def _has_before(answer: Portion) -> bool:
    return _has_data(answer) and answer.start > 0


def _has_non_ascii(answer: Portion) -> bool:
    return _has_data(answer) and not (answer.content or b"").isascii()


def _without_data(answer: Portion, _rule: Rule, _file: LogFile, _sent: str | None) -> Portion:
    return replace(answer, content=None, exact=False, covers=False)


def _empty_element(answer: Portion, _rule: Rule, _file: LogFile, _sent: str | None) -> Portion:
    return replace(answer, content=b"", spelling="empty_element", exact=False, covers=False)


def _without_marker(answer: Portion, _rule: Rule, _file: LogFile, _sent: str | None) -> Portion:
    return replace(answer, marker=None)


def _without_both(answer: Portion, _rule: Rule, _file: LogFile, _sent: str | None) -> Portion:
    return replace(answer, content=None, marker=None, exact=False, covers=False)


def _without_pending(answer: Portion, _rule: Rule, _file: LogFile, _sent: str | None) -> Portion:
    return replace(answer, pending=None)


def _marker_zero(answer: Portion, _rule: Rule, _file: LogFile, _sent: str | None) -> Portion:
    return replace(answer, marker="0")


def _marker_stuck(answer: Portion, _rule: Rule, _file: LogFile, sent: str | None) -> Portion:
    return replace(answer, content=b"", marker=sent or "0", pending=True, exact=False, covers=False)


def _ends_early(answer: Portion, _rule: Rule, _file: LogFile, _sent: str | None) -> Portion:
    return replace(answer, pending=False)


def _overlap(answer: Portion, rule: Rule, file: LogFile, _sent: str | None) -> Portion:
    again = file.read(max(0, answer.start - int(rule.amount())), answer.start)
    return replace(answer, content=again + (answer.content or b""), exact=False)


def _hole(answer: Portion, rule: Rule, _file: LogFile, _sent: str | None) -> Portion:
    lines = io.BytesIO(answer.content or b"").readlines()  # at LF only; a CR is data
    first = len(lines) // 3
    left_out = min(int(rule.amount()), len(lines) - first - 1)
    return replace(answer, content=b"".join(lines[:first] + lines[first + left_out :]), exact=False, covers=False)


def _lossy(answer: Portion, _rule: Rule, _file: LogFile, _sent: str | None) -> Portion:
    return replace(answer, content=(answer.content or b"").translate(LOSSY), exact=False)


# In the order in which they strike; each with the answers that it can change.
CHANGES: dict[str, tuple[Callable[[Portion], bool], Change]] = {
    "lossy_question_marks": (_has_non_ascii, _lossy),
    "overlap": (_has_before, _overlap),
    "hole": (_has_lines, _hole),
    "ends_early": (_has_more, _ends_early),
    "pending_missing": (_has_data, _without_pending),
    "marker_zero": (_has_data, _marker_zero),
    "marker_missing": (_has_data, _without_marker),
    "data_missing": (_has_data, _without_data),
    "data_empty_element": (_has_data, _empty_element),
    "marker_missing_no_data": (_has_data, _without_both),
    "marker_stuck": (_has_data, _marker_stuck),
}

"""Ranges of time on the command line: `--since` and `--until`, one parser everywhere, the range that is used is told."""

import time

import typer

from aurora_logs.cli import forms, units

OPEN_END_US = 1 << 62


def time_range_us(since: str, until: str = "") -> tuple[int, int]:
    """Read `--since` and `--until` and print the range that is used (UX-43); without them it is open at that end."""
    now_us = time.time_ns() // 1000
    start_us, end_us = _moment_us(since, now_us, "--since") or 0, _moment_us(until, now_us, "--until") or OPEN_END_US
    if start_us > end_us:
        raise typer.BadParameter(f"{since} is later than {until}", param_hint="--since")
    told = [f"{word} {units.shown_time(units.from_us(moment))}"
            for word, moment, given in (("since", start_us, since), ("until", end_us, until)) if given]
    if told:
        forms.say(" ".join(told))
    return start_us, end_us


def _moment_us(text: str, now_us: int, option: str) -> int | None:
    moment_us = units.since_us(text, now_us) if text else None
    if text and moment_us is None:
        raise typer.BadParameter(f"{text!r}: an age such as 2h, 90m, 1d, or a time such as 2026-11-23T14:00:00Z",
                                 param_hint=option)
    return moment_us

"""How `tail` shows entries: chosen by time and text, written for a person or a program; no call is made here."""

import json
import re
import sys
from collections.abc import Callable, Sequence
from typing import Any

import typer

from aurora_logs.cli import forms, units
from aurora_logs.cli.terminal import STYLES, lines, one_line, paints

INDENT = "    "  # of every further line of an entry: nothing in a log can look like an entry of its own
TEXTS = ("body", "db_query_text", "pg_detail", "pg_hint", "pg_context")
RESET = "\x1b[0m"

Entry = dict[str, Any]


class Choice:
    """Which entries are wanted: not older than `since_us`, with all of `include` and none of `exclude` in their text."""

    def __init__(self, since_us: int, include: Sequence[str], exclude: Sequence[str]) -> None:
        """Raises: BadParameter for what is no regular expression."""
        self._since_us = since_us
        self._include, self._exclude = patterns(include, "--include"), patterns(exclude, "--exclude")

    def wants(self, entry: Entry) -> bool:
        """Tell whether the entry is shown."""
        text = "\n".join(text_of(entry))
        return (entry["_timestamp"] >= self._since_us and all(one.search(text) for one in self._include)
                and not any(one.search(text) for one in self._exclude))


def patterns(words: Sequence[str], option: str) -> list[re.Pattern[str]]:
    """Compile regular expressions of an option. Raises: BadParameter."""
    try:
        return [re.compile(word) for word in words]
    except re.error as error:
        raise typer.BadParameter(f"{error.pattern!r} is no regular expression: {error}", param_hint=option) from error


def text_of(entry: Entry) -> list[str]:
    """Return the texts that the database wrote."""
    return [str(entry[name]) for name in TEXTS if entry.get(name)]


def writer(output: str, *, highlight: Sequence[str], names: bool) -> Callable[[Entry, bytes], None]:
    """Return what writes an entry and its wire line. names: begin with the instance, since there are several."""
    marked = patterns(highlight, "--highlight")
    if output == "json":
        return lambda _entry, line: forms.write_wire(line)
    if output == "extjson":
        return lambda entry, _line: print(json.dumps(entry, indent=2))
    return lambda entry, _line: print(_highlighted(readable(entry, names=names), marked))


def readable(entry: Entry, *, names: bool = False) -> str:
    """Write one entry for a person: time, who, what it cost, then its text, every further line of it indented."""
    took = units.duration(entry["duration_sec"]) if entry.get("duration_sec") is not None else ""
    who = "@".join(part for part in (entry.get("user_name"), entry.get("client_address")) if part)
    head = [units.shown_time(units.from_us(entry["_timestamp"])), entry["instance_id"] if names else "", entry["log_type"],
            entry.get("severity_text") or "", took, who]
    first, *further = lines("\n".join(text_of(entry))).split("\n")
    return "\n".join(["  ".join(one_line(part) for part in head if part) + "  " + first, *(INDENT + line for line in further)])


def _highlighted(text: str, marked: Sequence[re.Pattern[str]]) -> str:
    if not marked or not paints():
        return text
    for pattern in marked:
        text = pattern.sub(lambda found: f"\x1b[{STYLES['marked']}m{found[0]}{RESET}" if found[0] else "", text)
    return text


def write_raw(content: bytes) -> None:
    """Write bytes as they are; never to a terminal."""
    sys.stdout.buffer.write(content)
    sys.stdout.flush()

"""Where parsed logs go: records as NDJSON (plain or gzip), or the statements and events added up; nothing is read here."""

import datetime
import sys
import zlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import msgspec

from aurora_logs.cli import forms, units
from aurora_logs.cli.kinds import EVENTS, STATEMENTS, Column
from aurora_logs.cli.terminal import is_terminal
from aurora_logs.cli.views import View
from aurora_logs.ops.top import By, Group, Tally
from aurora_logs.records.flow import Piece
from aurora_logs.records.lines import joined

GZIP_LEVEL = 1
GZIP_WINDOW = 31  # 15 bits of window, with gzip's own header; its time stays 0, so that same input is same output


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """What a report needs of a record's wire line."""

    timestamp_us: int = msgspec.field(name="_timestamp")
    instance_id: str
    event_name: str
    db_system_name: str
    severity_text: str | None = None
    body: str | None = None
    truncated: bool | None = None
    db_namespace: str | None = None
    db_query_text: str | None = None
    duration_sec: float | None = None
    db_response_returned_rows: int | None = None
    db_rows_examined: int | None = None


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Records without a statement that share severity and event. example: the text of the first one, redacted."""

    severity_text: str
    event_name: str
    count: int
    first_seen: datetime.datetime
    last_seen: datetime.datetime
    example: str


class Report(Protocol):
    """Takes the pieces of one log after the other."""

    def take(self, piece: Piece) -> None: ...
    def close(self) -> None: ...


class RecordsOut:
    """Writes every record as one JSON line, to a file or standard output."""

    def __init__(self, output: str, *, compress: bool) -> None:
        self._file = Path(output).open("wb") if output else None  # noqa: SIM115 - closed by close()
        self._to_terminal = not output and is_terminal()
        self._packer = _packer() if compress else None

    def take(self, piece: Piece) -> None:
        """Write a piece's lines."""
        if piece.parsed is None:
            return
        if self._to_terminal:
            for line in piece.parsed.lines:
                forms.write_wire(line)
            return
        content = joined(piece.parsed.lines)
        self._write(self._packer.compress(content) if self._packer else content)

    def close(self) -> None:
        """Write what is left and close the file."""
        if self._packer:
            self._write(self._packer.flush())
        if self._file:
            self._file.close()
        else:
            sys.stdout.flush()

    def _write(self, content: bytes) -> None:
        if content:
            (self._file or cast("BinaryIO", sys.stdout.buffer)).write(content)


class TopOut:
    """Adds up statements by fingerprint; logs without statements by severity and event."""

    def __init__(self, view: View, *, sort: str, limit: int, by: By = "statement",
                 range_us: tuple[int, int] = (0, 1 << 62)) -> None:
        self._view, self._sort, self._limit, self._range_us = view, sort, limit, range_us
        self.tally = Tally(by)
        self._events = Events()
        self._decode = msgspec.json.Decoder(Seen).decode

    def take(self, piece: Piece) -> None:
        """Count a piece's records."""
        for line in piece.parsed.lines if piece.parsed else ():
            seen = self._decode(line)
            if not self._range_us[0] <= seen.timestamp_us <= self._range_us[1]:
                continue
            if seen.db_query_text is not None and seen.duration_sec is not None:
                self.tally.add(seen)
            else:
                self._events.add(seen)

    def close(self) -> None:
        """Print the ranking."""
        events = self._events.ranking(self._limit)
        if self.tally.count or not events:
            show_ranking(self.tally.ranking(self._sort, self._limit), self._view,
                         more={"events": [msgspec.structs.asdict(one) for one in events]} if events else {})
            _say_rest(self.tally, self._limit)
        if events and (self._view.form in ("table", "wide") or not self.tally.count):
            forms.show(EVENTS, events, View(output=self._view.form))


class Events:
    """Counts records without a statement by severity and event."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._spans: dict[tuple[str, str], tuple[int, int]] = {}
        self._examples: dict[tuple[str, str], str] = {}
        self.count = 0

    def add(self, seen: Seen) -> None:
        """Count one record."""
        key = seen.severity_text or "", seen.event_name
        first_us, last_us = self._spans.get(key, (seen.timestamp_us, seen.timestamp_us))
        self._spans[key] = min(first_us, seen.timestamp_us), max(last_us, seen.timestamp_us)
        self._counts[key] += 1
        self._examples.setdefault(key, (seen.body or seen.db_query_text or "")[:2_000])
        self.count += 1

    def ranking(self, limit: int) -> list[Event]:
        """Return the commonest."""
        return [Event(severity_text=key[0], event_name=key[1], count=count, first_seen=units.from_us(self._spans[key][0]),
                      last_seen=units.from_us(self._spans[key][1]), example=self._examples[key])
                for key, count in self._counts.most_common(limit)]


def show_ranking(groups: list[Group], view: View, by: By = "statement", more: Mapping[str, object] | None = None) -> None:
    """Print a ranking of statements as the view asks. more: further entries of the JSON object."""
    kind = STATEMENTS
    if by != "statement":
        kind = kind._replace(columns=(Column("group", by.upper()), *kind.columns[1:]))
    forms.show(kind, groups, view, nothing="no statement with a duration", more=more)


def _say_rest(tally: Tally, limit: int) -> None:
    shown = min(limit, tally.groups)
    forms.say(f"{shown:,} of {tally.groups:,} groups, {tally.count:,} statements, {units.duration(tally.total_sec)} in all")


def _packer() -> Any:
    try:
        from isal import isal_zlib  # noqa: PLC0415
    except ImportError:
        return zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)

"""The course of a `tail`: the ends of several logs, first what is there in the order of time, then what comes."""

import json
import sys
from collections.abc import Callable, Sequence

from aurora_logs.cli import units
from aurora_logs.cli.entries import Choice, Entry, write_raw
from aurora_logs.cli.forms import say
from aurora_logs.errors import Transient
from aurora_logs.ops.live import LINES_MOST, LiveEnd


class Tail:
    """Shows the live ends of logs. is_raw: their bytes, without a look at entries."""

    def __init__(self, ends: Sequence[LiveEnd], choice: Choice, write: Callable[[Entry, bytes], None], *,
                 is_raw: bool) -> None:
        self.ends, self._choice, self._write, self._is_raw = ends, choice, write, is_raw

    def begin(self, count: int, *, is_end: bool, since_us: int) -> None:
        """Show the last `count` entries of each log (raw: lines); since `since_us`, as many as one call gives."""
        found: list[tuple[Entry, bytes]] = []
        for end in self.ends:
            content, lines = end.last(LINES_MOST if since_us else count, is_end=is_end)
            if self._is_raw:
                write_raw(content)
                continue
            entries = [(json.loads(line), line) for line in lines]
            if since_us and entries and entries[0][0]["_timestamp"] > since_us and end.is_cut:
                begin = units.shown_time(units.from_us(entries[0][0]["_timestamp"]))
                say(f"{end.name}: only from {begin} on, more of the end RDS does not give; the whole file: aurora-logs dump")
            found += [pair for pair in entries if self._choice.wants(pair[0])]
        if not found and not self._is_raw:
            say(f"no such entry at the end of {len(self.ends)} log{'s' if len(self.ends) > 1 else ''}")
        for entry, line in sorted(found, key=lambda pair: pair[0]["_timestamp"]):
            self._write(entry, line)
        sys.stdout.flush()

    def more(self) -> None:
        """Show what came; a call that did not work this time is told and tried again at the next look."""
        for end in self.ends:
            try:
                content, lines = end.more()
            except Transient as error:
                say(f"no answer this time: {error}")
                continue
            if self._is_raw:
                write_raw(content)
                continue
            for line in lines:
                entry = json.loads(line)
                if self._choice.wants(entry):
                    self._write(entry, line)
        sys.stdout.flush()

"""The course of a `tail`: the ends of several logs, first what is there in the order of time, then what comes.

A log that can't be read is told with its reason and left out; the others go on.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence

from aurora_logs.cli import units
from aurora_logs.cli.entries import Choice, Entry, write_raw
from aurora_logs.cli.failures import show_error
from aurora_logs.cli.forms import say
from aurora_logs.errors import AuroraLogsError, Transient
from aurora_logs.ops.live import LINES_MOST, LiveEnd, LiveFile
from aurora_logs.records.fleet import Instance


class Tail:
    """Shows the live ends of logs. is_raw: their bytes, without a look at entries."""

    def __init__(self, choice: Choice, write: Callable[[Entry, bytes], None], *, is_raw: bool) -> None:
        self._choice, self._write, self._is_raw = choice, write, is_raw
        self.ends: list[LiveEnd] = []
        self.failures: list[AuroraLogsError] = []
        self._told = 0

    def open(self, instances: Iterable[Instance], files: Callable[[Instance], Sequence[LiveFile]],
             end: Callable[[Instance, LiveFile], LiveEnd]) -> None:
        """Open the ends of the instances' live files. Raises: the error of the first when none can be listed."""
        for one in instances:
            try:
                self.ends += [end(one, live) for live in files(one)]
            except AuroraLogsError as error:
                self._leave_out(error)
        self._require()

    def begin(self, count: int, *, is_end: bool, since_us: int) -> None:
        """Show the last `count` entries of each log (raw: lines); since `since_us`, as many as one call gives.

        Raises: the error of the first when none can be read.
        """
        found: list[tuple[Entry, bytes]] = []
        for end in list(self.ends):
            try:
                content, lines = end.last(LINES_MOST if since_us else count, is_end=is_end)
            except AuroraLogsError as error:
                self._leave_out(error, end)
                continue
            if self._is_raw:
                write_raw(content)
                continue
            entries = [(json.loads(line), line) for line in lines]
            if since_us and entries and entries[0][0]["_timestamp"] > since_us and end.is_cut:
                begin = units.shown_time(units.from_us(entries[0][0]["_timestamp"]))
                say(f"{end.name}: only from {begin} on, more of the end RDS does not give; the whole file: aurora-logs dump")
            found += [pair for pair in entries if self._choice.wants(pair[0])]
        self._require()
        if not found and not self._is_raw:
            say(f"no such entry at the end of {len(self.ends)} log{'s' if len(self.ends) > 1 else ''}")
        for entry, line in sorted(found, key=lambda pair: pair[0]["_timestamp"]):
            self._write(entry, line)
        sys.stdout.flush()

    def more(self) -> None:
        """Show what came; a call that did not work this time is told and tried again at the next look.

        Raises: the first error, when no log is left that can be read.
        """
        for end in list(self.ends):
            try:
                content, lines = end.more()
            except Transient as error:
                say(f"no answer this time: {error}")
                continue
            except AuroraLogsError as error:
                self._leave_out(error, end)
                continue
            if self._is_raw:
                write_raw(content)
                continue
            for line in lines:
                entry = json.loads(line)
                if self._choice.wants(entry):
                    self._write(entry, line)
        sys.stdout.flush()
        self._require()

    def _leave_out(self, error: AuroraLogsError, end: LiveEnd | None = None) -> None:
        self.failures.append(error)
        if end is not None:
            self.ends.remove(end)

    def _require(self) -> None:
        """Tell what was left out since the last time; raise its error when nothing else is there."""
        if self.failures and not self.ends:
            raise self.failures[0]
        for error in self.failures[self._told:]:
            show_error(error)
        self._told = len(self.failures)

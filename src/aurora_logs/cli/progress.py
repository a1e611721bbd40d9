"""Progress on standard error: a bar on a terminal, else one plain line every few seconds (UX-54, UX-55)."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from aurora_logs.cli import units
from aurora_logs.cli.forms import say
from aurora_logs.cli.terminal import is_terminal, one_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

EVERY_SEC = 10.0


class Bar:
    """Shows how far something is. `unit`: bytes, or the plural of what is counted. Silent until `quiet_sec` are over."""

    def __init__(self, what: str, *, unit: str = "bytes", every_sec: float = EVERY_SEC, quiet_sec: float = 0.5) -> None:
        self._what, self._unit, self._every_sec = one_line(what), unit, every_sec
        self._started_sec = time.monotonic()
        self._shown_at_sec = self._started_sec if not is_terminal(2) else self._started_sec + quiet_sec - every_sec
        self._rich: Progress | None = None
        self._task: TaskID | None = None

    def at(self, done: int, total: int | None, note: str = "") -> None:
        """Tell how far it is. total None: not known."""
        now_sec = time.monotonic()
        if self._rich is None and now_sec - self._shown_at_sec < self._every_sec:
            return
        self._shown_at_sec = now_sec
        rate = done / max(now_sec - self._started_sec, 0.001)
        if is_terminal(2):
            self._draw(done, total, note, rate)
            return
        share = f" ({min(done / total, 1):.0%})" if total else ""
        left = f", {units.duration(max(0, total - done) / rate)} left" if total and rate and done < total else ""
        say(f"{self._what}: {self._so_far(done, total)}{share}, {self._amount(rate)}/s{left}{f'; {note}' if note else ''}")

    def close(self) -> None:
        """Take the bar off the terminal."""
        if self._rich is not None:
            self._rich.stop()
            self._rich = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _so_far(self, done: int, total: int | None) -> str:
        if not total:
            return self._amount(done)
        return f"{units.size(done) if self._unit == 'bytes' else f'{done:,}'} of {self._amount(total)}"

    def _amount(self, number: float) -> str:
        return units.size(number) if self._unit == "bytes" else f"{number:,.0f} {self._unit}"

    def _draw(self, done: int, total: int | None, note: str, rate: float) -> None:
        text = f"{self._what}  {self._so_far(done, total)}  {self._amount(rate)}/s  {one_line(note)}".rstrip()
        if self._rich is None:
            from rich.console import Console  # noqa: PLC0415 - drawn late, and only on a terminal
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

            console = Console(stderr=True, markup=False, emoji=False, highlight=False)
            self._rich = Progress(TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn(),
                                  console=console, transient=True)
            self._rich.start()
            self._task = self._rich.add_task(text, total=total)
        assert self._task is not None
        self._rich.update(self._task, completed=done, total=total, description=text)

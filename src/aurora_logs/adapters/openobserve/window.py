"""How old a record may be: by setting, else learned from refusals for an hour (openobserve.md §6.5)."""

import re
import threading
from email.utils import parsedate_to_datetime

from aurora_logs import telemetry
from aurora_logs.ports import Clock

LEAST_HOURS = 5.0  # the server's default; assumed when a refusal names no number (OO-62)
LEARNED_FOR_SEC = 3600.0  # then the border is tried again, so that a raised setting is noticed (OO-55)
MARGIN_US = 600 * 1_000_000  # for the way there, and for clocks
HOUR_US = 3600 * 1_000_000
SKEW_WORTH_US = 2_000_000  # the Date header has whole seconds
_HOURS = re.compile(r"(\d+(?:\.\d+)?) hours?")


class Window:
    """What is known of the server's time window. Called from many threads at once."""

    def __init__(self, *, clock: Clock, setting_hours: float, dependency: str) -> None:
        """setting_hours: OPENOBSERVE_WINDOW_HOURS; 0: not known."""
        self._clock, self._setting_hours, self._dependency = clock, setting_hours, dependency
        self._lock = threading.Lock()
        self._learned: tuple[float, float] | None = None  # hours, and when on the monotonic clock
        self._ahead_us = 0

    @property
    def hours(self) -> float:
        """The window in hours; 0: not known, so that only a try can tell."""
        with self._lock:
            learned = self._learned
        if learned is not None and self._clock.monotonic_sec() - learned[1] < LEARNED_FOR_SEC:
            return min(learned[0], self._setting_hours or learned[0])
        return self._setting_hours

    @property
    def clock_ahead_us(self) -> int:
        """How far the server's clock is ahead of ours, by its last answer; 0 when they agree within two seconds."""
        return self._ahead_us

    def oldest_us(self) -> int:
        """Return the time below which records would be refused now, a margin included; 0 while that is not known."""
        hours = self.hours
        return self._clock.now_us() + self._ahead_us - int(hours * HOUR_US) + MARGIN_US if hours else 0

    def learn(self, text: str) -> None:
        """Take the hours from a refusal's text."""
        match = _HOURS.search(text)
        hours = float(match[1]) if match else LEAST_HOURS
        with self._lock:
            is_news = self._learned is None or self._learned[0] != hours
            self._learned = hours, self._clock.monotonic_sec()
        if is_news:
            telemetry.window_learned(self._dependency, hours, told=match is not None)

    def note_date(self, date: str) -> None:
        """Compare the server's Date header with our clock (OO-60)."""
        try:
            theirs_us = int(parsedate_to_datetime(date).timestamp() * 1_000_000)
        except (ValueError, TypeError):
            return
        ahead_us = theirs_us - self._clock.now_us()
        self._ahead_us = ahead_us if abs(ahead_us) > SKEW_WORTH_US else 0

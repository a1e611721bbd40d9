"""Times as servers print them, from integer microseconds. No clock is read here."""

from datetime import UTC, datetime

US_PER_SEC = 1_000_000
_KEPT_SECONDS = 4096  # a start time reaches back, so more than the last second is worth keeping


class Stamps:
    """Prints times and keeps the seconds it has printed: entries of one second share their text."""

    def __init__(self) -> None:
        """Start with nothing kept."""
        self._rfc3339: dict[int, str] = {}

    def rfc3339(self, time_us: int) -> str:
        """`2026-11-22T10:11:57.811234Z`, MySQL 5.7 and later with log_timestamps=UTC."""
        second, fraction_us = divmod(time_us, US_PER_SEC)
        head = self._rfc3339.get(second)
        if head is None:
            if len(self._rfc3339) >= _KEPT_SECONDS:
                self._rfc3339.clear()
            head = self._rfc3339[second] = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        return f"{head}{fraction_us:06d}Z"

    def postgresql(self, time_us: int) -> str:
        """`2026-11-22 10:11:57 UTC`, PostgreSQL's %t with log_timezone=UTC: whole seconds."""
        text = self.rfc3339(time_us)
        return f"{text[:10]} {text[11:19]} UTC"

    def short(self, time_us: int) -> str:
        """`261122  9:11:57`, MariaDB and MySQL before 5.7 with the server's zone UTC: the hour padded with a blank."""
        text = self.rfc3339(time_us)
        return f"{text[2:4]}{text[5:7]}{text[8:10]} {int(text[11:13]):2d}{text[13:19]}"

    def compact(self, time_us: int) -> str:
        """`20261122 10:11:57`, the audit plugin of MariaDB and RDS."""
        text = self.rfc3339(time_us)
        return f"{text[:4]}{text[5:7]}{text[8:10]} {text[11:19]}"

    def seconds(self, time_us: int) -> str:
        """`2026-11-22 10:11:57`, MariaDB's error log."""
        text = self.rfc3339(time_us)
        return f"{text[:10]} {text[11:19]}"

"""MySQL's two error logs: `mysql-error.log` is copied every 5 minutes to the running one and emptied (RDS-55)."""

from __future__ import annotations

from typing import Any

from aurora_logs_simulator.clock import MINUTE_US
from aurora_logs_simulator.family import HourlyFamily
from aurora_logs_simulator.ledger import Entry, Fields
from aurora_logs_simulator.logfile import Segment

COPY_US = 5 * MINUTE_US
FRONT_NAME = "error/mysql-error.log"


class ErrorPairFamily(HourlyFamily):
    """The hourly running log with the short file in front of it, where every entry stands first."""

    def __init__(self, **settings: Any) -> None:
        """Begin with an empty front file."""
        super().__init__(**settings)
        now_us = self.live.created_us
        self.front = Segment(segment_id=FRONT_NAME, name=FRONT_NAME, created_us=now_us)
        self._next_copy_us = now_us - now_us % COPY_US + COPY_US

    def segments(self) -> list[Segment]:
        """Return the running files, oldest first, and the front file."""
        return [*super().segments(), self.front]

    def advance(self, now_us: int) -> None:
        """Copy every 5 minutes, in order with the rotations; the copy comes first where both are due."""
        while self._next_copy_us <= now_us:
            super().advance(self._next_copy_us - 1)
            self.flush(self._next_copy_us)
            self._next_copy_us += COPY_US
        super().advance(now_us)

    def append(self, content: bytes, *, token: str, fields: Fields, now_us: int) -> tuple[Segment, Entry]:
        """Write to the front file. The ledger names the place in the running log where the entry will come to lie."""
        offset = len(self.live.content)
        start, end = self.front.append(content, now_us)
        entry = Entry(start=offset + start, end=offset + end, token=token, fields=fields, time_us=now_us)
        self.book(self.live).wrote(entry)
        return self.front, entry

    def rotate_early(self, now_us: int) -> bool:
        """Copy what waits, then rotate: the ledger's places stay true."""
        self.flush(now_us)
        return super().rotate_early(now_us)

    def purge(self, segment: Segment, cause: str = "purged") -> None:
        """Delete a file; what still waits in the front file goes with the live one."""
        if segment is self.live:
            self.flush(segment.last_written_us)
        if segment is not self.front:
            super().purge(segment, cause)

    def served(self, segment: Segment, start: int, end: int) -> None:
        """Note sound answers of the running files; the front file is only a passage."""
        if segment is not self.front:
            super().served(segment, start, end)

    def flush(self, now_us: int) -> None:
        """Move what waits in the front file to the end of the running one."""
        if self.front.content:
            self.live.append(bytes(self.front.content), now_us)
            self.front.shrink_to(0, now_us)

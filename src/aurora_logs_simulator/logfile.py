"""One log file: a segment kept in memory, with the names it has in turn, or a file of a real directory."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from aurora_logs_simulator.clock import HOUR_US, SECOND_US

GZIP_RATIO = 9  # listed Size of a compressed file: 25 MB stood for 223 MB of text (aws/aws-sdk#615)


class LogFile(Protocol):
    """What portions and listings need of a file, wherever its bytes lie."""

    @property
    def segment_id(self) -> str:
        """The segment's name for life, also when the file is renamed."""
        ...

    @property
    def name(self) -> str:
        """The name under which it is listed now."""
        ...

    @property
    def listed_bytes(self) -> int:
        """Size in the listing: a hint, not always the number of bytes that can be read."""
        ...

    @property
    def last_written_us(self) -> int:
        """Log time of the last write, microseconds since 1970."""
        ...

    @property
    def ordinal(self) -> str | None:
        """The hour part of its markers; None for names whose markers carry the hour of the call instead."""
        ...

    def content_bytes(self) -> int:
        """Return how many bytes can be read now."""
        ...

    def read(self, start: int, end: int) -> bytes:
        """Return bytes [start, end); fewer when the file is shorter."""
        ...

    def is_refused(self, start: int, end: int) -> bool:
        """Say whether RDS takes a byte in [start, end) for binary data."""
        ...


class Segment:
    """One physical file of a simulated server, from its first byte to its deletion."""

    def __init__(self, *, segment_id: str, name: str, created_us: int, ordinal: str | None = None) -> None:
        """Begin empty."""
        self._segment_id = segment_id
        self.name = name
        self.created_us = created_us
        self.last_written_us = created_us
        self.ordinal = ordinal
        self.content = bytearray()
        self.is_compressed = False
        self.filtered_bytes = 0  # listed, but nobody gets them: `error/mysql-error*` hides entries
        self.refused: list[tuple[int, int]] = []

    @property
    def segment_id(self) -> str:
        """The segment's name for life."""
        return self._segment_id

    @property
    def listed_bytes(self) -> int:
        """Size in the listing; of a compressed file the compressed size."""
        if self.is_compressed:
            return len(self.content) // GZIP_RATIO + 1
        return len(self.content) + self.filtered_bytes

    def content_bytes(self) -> int:
        """Return how many bytes can be read now."""
        return len(self.content)

    def read(self, start: int, end: int) -> bytes:
        """Return bytes [start, end)."""
        # A slice, not a memoryview: another thread may append, and a view would forbid that.
        return bytes(self.content[start:end])

    def is_refused(self, start: int, end: int) -> bool:
        """Say whether [start, end) touches a refused range."""
        return any(first < end and start < last for first, last in self.refused)

    def append(self, content: bytes, now_us: int) -> tuple[int, int]:
        """Write at the end; return the byte range that it took."""
        start = len(self.content)
        self.content += content
        self.last_written_us = now_us
        return start, len(self.content)

    def shrink_to(self, size_bytes: int, now_us: int) -> None:
        """Cut the end off: what a restart does to unflushed writes."""
        del self.content[size_bytes:]
        self.refused = [(first, min(last, size_bytes)) for first, last in self.refused if first < size_bytes]
        self.last_written_us = now_us


class DiskFile:
    """A file in a real directory that a database server may be writing right now."""

    ordinal: str | None = None

    def __init__(self, path: Path, name: str) -> None:
        """Serve `path` under `name`."""
        self._path = path
        self.name = name
        stat = path.stat()
        self._size_bytes = stat.st_size
        self._last_written_us = stat.st_mtime_ns // 1_000

    @property
    def segment_id(self) -> str:
        """The name: dated files keep theirs."""
        return self.name

    @property
    def listed_bytes(self) -> int:
        """Size when it was looked up."""
        return self._size_bytes

    @property
    def last_written_us(self) -> int:
        """The file system's modification time."""
        return self._last_written_us

    def content_bytes(self) -> int:
        """Return how many bytes can be read now."""
        return self._size_bytes

    def read(self, start: int, end: int) -> bytes:
        """Return bytes [start, end)."""
        with self._path.open("rb") as file:
            file.seek(start)
            return file.read(max(0, end - start))

    def is_refused(self, start: int, end: int) -> bool:
        """Say no: nothing is planted in real files."""
        del start, end
        return False


def utc(at_us: int) -> datetime:
    """Return the UTC time of `at_us` microseconds since 1970."""
    return datetime.fromtimestamp(at_us // SECOND_US, UTC)


def next_hour_us(now_us: int) -> int:
    """Return the first full hour after `now_us`."""
    return now_us - now_us % HOUR_US + HOUR_US


def hour_ordinal(rotation_us: int, *, midnight_24: bool = False) -> str:
    """Return the hour part of an hourly marker: the coming rotation, without a leading zero."""
    at = utc(rotation_us)
    if midnight_24 and at.hour == 0:
        return f"{utc(rotation_us - HOUR_US):%Y-%m-%d}.24"
    return f"{at:%Y-%m-%d}.{at.hour}"


def call_ordinal(now_us: int) -> str:
    """Return the ordinal that markers of dated names carry: the hour of the coming rotation at the time of the call."""
    return str(utc(next_hour_us(now_us)).hour)

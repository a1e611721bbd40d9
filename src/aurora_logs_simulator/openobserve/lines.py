"""The rows of one stream as lines in files: every copy is kept, memory stays bounded, and a kill loses what it would.

A line is readable as soon as it is written; it survives a kill only once the write-ahead log passed it on. That log is
a buffer of 16 KiB of compressed bytes (sheet, fact 6), so it needs no bytes of its own here: the file `durable` holds
how far the newest file would be there after a kill, and whoever opens the folder cuts the file to that length.
"""

from __future__ import annotations

import os
import shutil
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import orjson

WAL_BUFFER_BYTES = 16_384
SEGMENT_BYTES = 8_000_000
APPENDS_KEPT = 100_000


class Segment(msgspec.Struct, kw_only=True):
    """One file of lines; times in microseconds. `done`: nothing is appended to it any more."""

    path: Path
    size_bytes: int = 0
    count: int = 0
    first_us: int = 2**63 - 1
    last_us: int = -(2**63)
    done: bool = False
    appended_us: int = 0


class Lines:
    """Used by one thread at a time."""

    def __init__(self, folder: Path, *, keeps_all: bool) -> None:
        """Open or create; what a kill would have taken is cut off. `keeps_all`: every line is durable at once."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._keeps_all = keeps_all
        self._buffered_bytes = 0
        self._copies = 0
        self._appends: deque[tuple[int, int]] = deque(maxlen=APPENDS_KEPT)  # time, end in the newest file
        self.lost_at_start = 0
        self._durable_fd = os.open(folder / "durable", os.O_RDWR | os.O_CREAT, 0o600)
        for left_over in folder.glob("*.copy*"):
            left_over.unlink()
        self._segments = [Segment(path=path) for path in sorted(folder.glob("*.ndjson"))]
        if self._segments:
            self.lost_at_start = self._cut(int.from_bytes(os.pread(self._durable_fd, 8, 0), "little"))
        for segment in self._segments:
            self._measure(segment)
        for segment in self._segments[:-1]:
            segment.done = True
        if not self._segments:
            self._begin()
        self._fd = self._open()

    @property
    def count(self) -> int:
        """How many lines there are, copies included."""
        return sum(segment.count for segment in self._segments)

    def append(self, lines: list[bytes], first_us: int, last_us: int, *, wal_bytes: int, now_us: int, fsync: bool) -> None:
        """Add lines (without their ends); `wal_bytes`: what they take in the compressed log."""
        segment = self._segments[-1]
        if segment.size_bytes >= SEGMENT_BYTES:
            segment = self._rotate()
        before_bytes = segment.size_bytes
        block = b"\n".join(lines) + b"\n"
        _write(self._fd, block)
        segment.size_bytes += len(block)
        segment.count += len(lines)
        segment.first_us, segment.last_us = min(segment.first_us, first_us), max(segment.last_us, last_us)
        segment.appended_us = now_us
        self._appends.append((now_us, segment.size_bytes))
        self._log(before_bytes, segment.size_bytes, wal_bytes, all_of_it=fsync or self._keeps_all)

    def lines(self) -> Iterator[bytes]:
        """Give every line, in the order of arrival."""
        for segment in self._segments:
            with segment.path.open("rb") as file:
                for line in file:
                    yield line.rstrip(b"\n")

    @contextmanager
    def files(self, start_us: int, end_us: int, until_us: int) -> Iterator[list[Path]]:
        """Lend the files that hold lines of [start, end), as far as they had been written by `until_us`."""
        copies: list[Path] = []
        try:
            yield [path for segment in self._segments if segment.first_us < end_us and segment.last_us >= start_us
                   and (path := self._readable(segment, until_us, copies)) is not None]
        finally:
            for path in copies:
                path.unlink(missing_ok=True)  # a stream may have been deleted meanwhile

    def largest_bytes(self) -> int:
        """Return a bound for the length of one line."""
        return max(segment.size_bytes for segment in self._segments)

    def lose_tail(self, size_bytes: int) -> int:
        """Let the last `size_bytes` of the newest file vanish, whole lines; return how many they were."""
        segment = self._segments[-1]
        content = segment.path.read_bytes()
        kept = content.rfind(b"\n", 0, max(0, len(content) - size_bytes)) + 1
        return self._replace(segment, content[:kept])

    def lose_all_but_newest(self, share: float) -> int:
        """Let all but the newest `share` of the newest file's lines vanish; return how many vanished."""
        segment = self._segments[-1]
        rows = segment.path.read_bytes().splitlines(keepends=True)
        return self._replace(segment, b"".join(rows[len(rows) - int(len(rows) * share):]))

    def crash(self) -> int:
        """Lose what a kill would take, and go on as after the restart; return the lines lost."""
        os.close(self._fd)
        lost = self._cut(int.from_bytes(os.pread(self._durable_fd, 8, 0), "little"))
        self._measure(self._segments[-1])
        self._buffered_bytes = 0
        self._appends.clear()
        self._fd = self._open()
        return lost

    def close(self) -> None:
        """End in good order: nothing is lost."""
        if self._fd >= 0:
            self._note_durable(self._segments[-1].size_bytes)
            os.close(self._fd)
            os.close(self._durable_fd)
            self._fd = -1

    def remove(self) -> None:
        """Delete all of it."""
        self.close()
        shutil.rmtree(self._folder)

    def _log(self, before_bytes: int, after_bytes: int, wal_bytes: int, *, all_of_it: bool) -> None:
        """Write to the log's buffer as a buffered writer does: full: flushed first; too large for it: written through."""
        if all_of_it:
            self._note_durable(after_bytes)
            return
        if self._buffered_bytes + wal_bytes > WAL_BUFFER_BYTES:
            self._note_durable(before_bytes)
            self._buffered_bytes = 0
        if wal_bytes >= WAL_BUFFER_BYTES:
            self._note_durable(after_bytes)
        else:
            self._buffered_bytes += wal_bytes

    def _note_durable(self, size_bytes: int) -> None:
        os.pwrite(self._durable_fd, size_bytes.to_bytes(8, "little"), 0)

    def _begin(self) -> Segment:
        segment = Segment(path=self._folder / f"{len(self._segments) + 1:06}.ndjson")
        segment.path.touch(mode=0o600)
        self._segments.append(segment)
        self._note_durable(0)
        return segment

    def _rotate(self) -> Segment:
        os.close(self._fd)
        self._segments[-1].done = True
        self._buffered_bytes = 0  # a rotation flushes the log
        self._appends.clear()
        segment = self._begin()
        self._fd = self._open()
        return segment

    def _open(self) -> int:
        return os.open(self._segments[-1].path, os.O_WRONLY | os.O_APPEND)

    def _cut(self, size_bytes: int) -> int:
        segment = self._segments[-1]
        content = segment.path.read_bytes()
        os.truncate(segment.path, min(size_bytes, len(content)))
        return content.count(b"\n", min(size_bytes, len(content)))

    def _replace(self, segment: Segment, content: bytes) -> int:
        os.close(self._fd)
        before = segment.count
        segment.path.write_bytes(content)
        self._measure(segment)
        self._note_durable(len(content))
        self._buffered_bytes = 0
        self._appends.clear()
        self._fd = self._open()
        return before - segment.count

    def _measure(self, segment: Segment) -> None:
        with segment.path.open("rb") as file:
            times = [orjson.loads(line)["_timestamp"] for line in file]
        segment.size_bytes, segment.count = segment.path.stat().st_size, len(times)
        segment.first_us, segment.last_us = min(times, default=2**63 - 1), max(times, default=-(2**63))
        segment.appended_us = 0

    def _readable(self, segment: Segment, until_us: int, copies: list[Path]) -> Path | None:
        """Return a file that nobody writes to, with the lines that were there by `until_us`."""
        if segment.done and segment.appended_us <= until_us:
            return segment.path
        visible_bytes = segment.size_bytes
        if segment.appended_us > until_us:
            # of a finished file the single appends are not known any more: it is young as a whole
            known = [] if segment.done else list(self._appends)
            first_left = known[0][1] if len(known) == APPENDS_KEPT else 0
            visible_bytes = max((end for at, end in known if at <= until_us), default=first_left)
        if not visible_bytes:
            return None
        self._copies += 1
        copy = segment.path.with_suffix(f".copy{self._copies}")
        with segment.path.open("rb") as source, copy.open("wb") as target:
            left_bytes = visible_bytes
            while left_bytes and (piece := source.read(min(left_bytes, 1 << 20))):
                target.write(piece)
                left_bytes -= len(piece)
        copies.append(copy)
        return copy


def _write(fd: int, block: bytes) -> None:
    view = memoryview(block)
    while view:
        view = view[os.write(fd, view):]

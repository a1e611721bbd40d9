"""RESCUE_DIR: batch files of ranges that were read while the sink was away, until the export has delivered them."""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from aurora_logs import telemetry
from aurora_logs.adapters.embedded.batch_files import manifest_paths, parse_name, stream_files
from aurora_logs.adapters.embedded.directory import UNFINISHED, DataDirectory, sync_directory
from aurora_logs.adapters.embedded.sink import FileSink
from aurora_logs.errors import AccessDenied, AuroraLogsError, ConfigError, DirectoryInUse, DiskFull, NotFound
from aurora_logs.ports import Clock, Random
from aurora_logs.records.flow import Batch
from aurora_logs.records.log_record import STREAMS

TELL_EVERY_SEC = 60.0


class ParkedBatch(msgspec.Struct, frozen=True, kw_only=True):
    """One batch file: records of [from_offset, to_offset) of a file key."""

    path: Path
    log_type: str
    file_key: str
    from_offset: int
    to_offset: int


class FileShelter:
    """Shelter. Called from many threads at once, of one process; an export may take files away meanwhile."""

    def __init__(self, directory: DataDirectory, clock: Clock, random: Random, *, most_bytes: int) -> None:
        """Make the folders. Raises: AccessDenied, ConfigError."""
        self._directory, self._clock, self._most_bytes = directory, clock, most_bytes
        self._files = FileSink(directory, random)
        self._lock = threading.Lock()
        self._told_sec = float("-inf")
        self.is_sink_away = False
        _make_folders(directory)
        self._used_bytes = self._counted_bytes()

    @property
    def used_bytes(self) -> int:
        """Bytes that lie there, as last counted."""
        return self._used_bytes

    def has_room(self, size_bytes: int) -> bool:
        """Tell whether so many more bytes may be parked; counted anew when there seems to be no room."""
        with self._lock:
            if self._used_bytes + size_bytes > self._most_bytes:
                self._used_bytes = self._counted_bytes()
            has_room = self._used_bytes + size_bytes <= self._most_bytes
            now_sec = self._clock.monotonic_sec()
            is_to_tell = not has_room and now_sec - self._told_sec >= TELL_EVERY_SEC
            self._told_sec = now_sec if is_to_tell else self._told_sec
        if is_to_tell:
            telemetry.rescue_full(self._used_bytes)
        return has_room

    def park(self, batch: Batch, lines: Sequence[bytes]) -> None:
        """Write a batch file, durably. Raises: DiskFull, also where others took the room meanwhile."""
        size_bytes = sum(map(len, lines))
        with self._lock:
            if self._used_bytes + size_bytes > self._most_bytes:
                raise DiskFull(f"RESCUE_DIR holds {self._used_bytes:,} bytes", hint="aurora-logs export, or raise RESCUE_MAX_BYTES")
            self._used_bytes += size_bytes
        try:
            self._files.ship(batch, lines)
        except AuroraLogsError:
            with self._lock:
                self._used_bytes -= size_bytes
            raise

    def _counted_bytes(self) -> int:
        total = 0
        for path in self._directory.batches.glob("*/*"):
            with contextlib.suppress(FileNotFoundError):  # an export delivered it just now
                total += path.stat().st_size
        return total


class Parked:
    """What lies in a directory of batch files, for the export. Used by one process at a time."""

    def __init__(self, path: Path) -> None:
        """Raises: NotFound."""
        self._directory = DataDirectory(path)
        if not self._directory.batches.is_dir():
            raise NotFound(f"nothing is parked in {path}", hint="is RESCUE_DIR the collector's?")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second export out. Raises: DirectoryInUse."""
        fd = os.open(self._directory.path / "export.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as exc:
                raise DirectoryInUse(f"another export delivers {self._directory.path}", hint="wait for its end") from exc
            yield
        finally:
            os.close(fd)

    def has_compacted(self) -> bool:
        """Tell whether records lie in Parquet files, which an export does not read."""
        return any(manifest_paths(self._directory, stream) for stream in STREAMS.values() if (self._directory.parquet / stream).is_dir())

    def batches(self) -> list[ParkedBatch]:
        """Return the batch files, by stream, file and offset."""
        found = []
        for log_type, stream in STREAMS.items():
            if not (self._directory.parquet / stream).is_dir():
                continue
            for path in stream_files(self._directory, stream).batches:
                span = parse_name(path.name)
                if span is not None:
                    found.append(ParkedBatch(path=path, log_type=log_type, file_key=span.file_key, from_offset=span.from_offset,
                                             to_offset=span.to_offset))
        return found

    def remove(self, batch: ParkedBatch) -> None:
        """Take a batch file away that was delivered."""
        batch.path.unlink(missing_ok=True)
        sync_directory(batch.path.parent)


def _make_folders(directory: DataDirectory) -> None:
    try:
        for stream in STREAMS.values():
            for parent in (directory.batches, directory.parquet):
                (parent / stream).mkdir(mode=0o700, parents=True, exist_ok=True)
            for leftover in (directory.batches / stream).glob(f"*{UNFINISHED}"):
                leftover.unlink()
    except PermissionError as exc:
        raise AccessDenied(f"RESCUE_DIR {directory.path} can't be written by this user", hint="check its owner") from exc
    except OSError as exc:
        raise ConfigError(f"RESCUE_DIR {directory.path} can't be used: {exc.strerror}", hint="name another directory") from exc

"""The layout of DATA_DIR and who may collect into it; what stands inside the files is told elsewhere."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from aurora_logs.adapters.embedded.database import Database
from aurora_logs.adapters.embedded.tables import create_tables, refuse_newer_rows
from aurora_logs.errors import AccessDenied, ConfigError, DirectoryInUse, DiskFull, NotFound
from aurora_logs.records.log_record import STREAMS

UNFINISHED = ".part"
"""Suffix of files that are still being written: never read, removed when the next collector starts."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)  # EFBIG: a limit on the size of files


class DataDirectory:
    """Paths below DATA_DIR."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state_file = path / "state.sqlite3"
        self.lock_file = path / "collecting.lock"
        self.compaction_lock_file = path / "compaction.lock"
        self.batches = path / "batches"
        self.parquet = path / "parquet"

    def require(self) -> None:
        """Refuse a directory in which nothing was ever collected. Raises: NotFound."""
        if not self.state_file.exists():
            raise NotFound(f"no Aurora Logs data in {self.path}", hint="collect first: aurora-logs run, or name "
                           "another directory with --data-dir")


class Collecting:
    """The right of one process to collect into a directory, and the open state database; close() gives it back.

    The lock goes with the process, so holding it proves that every earlier collector is dead.
    """

    def __init__(self, directory: DataDirectory, database: Database, lock_fd: int) -> None:
        self.directory, self.database, self._lock_fd = directory, database, lock_fd

    def close(self) -> None:
        """Close the database, then give the lock back; a second call does nothing."""
        if self._lock_fd >= 0:
            self.database.close()
            os.close(self._lock_fd)
            self._lock_fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()


def open_for_collecting(path: Path) -> Collecting:
    """Create or open DATA_DIR as its only collector; check version and integrity; remove what a kill left unfinished.

    Raises: DirectoryInUse, StateNewer, ConfigError (damaged, not writable), DiskFull.
    """
    directory = DataDirectory(path)
    with _writable(path):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock_fd = _lock(directory.lock_file)
    try:
        database = Database(directory.state_file, create=True)
        try:
            with _writable(path):
                _prepare(directory, database)
        except BaseException:
            database.close()
            raise
    except BaseException:
        os.close(lock_fd)
        raise
    return Collecting(directory, database, lock_fd)


def open_beside(path: Path) -> Database:
    """Open the state of DATA_DIR for a command that runs beside a collector. Raises: NotFound, StateNewer, ConfigError."""
    directory = DataDirectory(path)
    directory.require()
    database = Database(directory.state_file)
    try:
        refuse_newer_rows(database)
        create_tables(database)  # columns of this version, where an older one collected here
    except BaseException:
        database.close()
        raise
    return database


def sync_directory(path: Path) -> None:
    """Make renames and deletions in a directory durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _prepare(directory: DataDirectory, database: Database) -> None:
    damage = database.damage()
    if damage:  # REL-49
        raise ConfigError(f"the state file {directory.state_file} is damaged: {damage}", hint="restore it from a copy, "
                          "or move it away: every file is then read again from its start; record ids stay the same")
    create_tables(database)
    refuse_newer_rows(database)
    for stream in STREAMS.values():
        for parent in (directory.batches, directory.parquet):
            (parent / stream).mkdir(parents=True, exist_ok=True)
        for leftover in (directory.batches / stream).glob(f"*{UNFINISHED}"):
            leftover.unlink()
    sync_directory(directory.path)


def _lock(lock_file: Path) -> int:
    fd = os.open(lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        owner = os.read(fd, 64).decode("ascii", "replace").strip()
        os.close(fd)
        raise DirectoryInUse(f"{lock_file.parent} is used by process {owner or 'unknown'}") from exc
    os.ftruncate(fd, 0)
    os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
    return fd


@contextlib.contextmanager
def _writable(path: Path) -> Iterator[None]:
    try:
        yield
    except PermissionError as exc:
        raise AccessDenied(f"{path} cannot be written by this user", hint="check its owner, or use another "
                           "--data-dir") from exc
    except OSError as exc:
        if is_disk_full(exc):
            raise DiskFull(f"{path}: {exc.strerror}") from exc
        raise ConfigError(f"{path} cannot be used as DATA_DIR: {exc.strerror}", hint="use another --data-dir") from exc


def is_disk_full(exc: OSError) -> bool:
    """Tell errors that go away when somebody makes room (or remounts read-write) from all others."""
    return exc.errno in _NO_ROOM

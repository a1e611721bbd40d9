"""The SQLite file: connections, transactions and the translation of SQLite's errors; no table is named here."""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aurora_logs.errors import ConfigError, DiskFull, StateAnswerLost, StateNewer, Transient, Unreachable

SCHEMA_VERSION = 1
BUSY_TIMEOUT_MS = 5_000  # a writer of another process (dlq replay) holds the file for milliseconds
USER_VERSION_POSITION = 60  # SQLite file format: big-endian 4 bytes in the header
ROOM_BYTES = 1 << 20  # less free space than this turns an I/O error into "disk full"

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class Database:
    """One SQLite file in WAL mode with synchronous FULL; a connection per call at a time, kept for later calls.

    Called from many threads. Writers of this process queue at a lock of ours, since SQLite's own waiting polls.
    """

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self._idle: list[sqlite3.Connection] = []
        self._idle_lock = threading.Lock()
        self._write_lock = threading.Lock()
        self._mode = "rwc" if create else "rw"
        refuse_newer(path, stored_version(path))
        with self._connection() as connection:
            refuse_newer(path, int(connection.execute("PRAGMA user_version").fetchone()[0]))

    def rows(self, sql: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run one consistent read."""
        with self._connection() as connection:
            return connection.execute(sql, values).fetchall()

    def change(self, sql: str, values: Sequence[object] = ()) -> int:
        """Run one writing statement as a durable transaction; return how many rows it touched."""
        with self.transaction() as connection:
            return connection.execute(sql, values).rowcount

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the only write transaction; durable when the block ends, without effect when it raises.

        Raises: Transient, DiskFull (not applied), StateAnswerLost (the disk did not confirm), ConfigError (damaged).
        """
        with self._write_lock, self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                _commit(connection, self.path)
            except BaseException:
                # SQLite may have rolled back by itself (disk full); then there is nothing left to undo.
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def damage(self) -> str:
        """Return what PRAGMA quick_check complains about; "" for a sound file."""
        answer = str(self.rows("PRAGMA quick_check(1)")[0][0])
        return "" if answer == "ok" else answer

    def close(self) -> None:
        """Close idle connections; those in use by other threads close when their call ends."""
        with self._idle_lock:
            connections, self._idle = self._idle, []
        for connection in connections:
            connection.close()

    @contextlib.contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with translated(self.path):
            with self._idle_lock:
                connection = self._idle.pop() if self._idle else None
            connection = connection or self._connect()
            try:
                yield connection
            finally:
                # Kept after an error too: on a full disk a new connection could not even read.
                if connection.in_transaction:
                    connection.close()
                else:
                    with self._idle_lock:
                        self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        # check_same_thread: a connection serves one call at a time, whichever thread makes it.
        uri = f"{self.path.absolute().as_uri()}?mode={self._mode}"
        connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000,
                                     check_same_thread=False)
        try:
            mode = connection.execute("PRAGMA journal_mode=WAL").fetchone()[0]
            connection.execute("PRAGMA synchronous=FULL")
        except sqlite3.Error:
            connection.close()
            raise
        if mode != "wal":  # CMP-42
            connection.close()
            raise ConfigError(f"{self.path}: SQLite cannot use its write-ahead log here (got {mode!r})",
                              hint="put DATA_DIR on a local, writable file system")
        return connection


def stored_version(path: Path) -> int:
    """Read the schema version from the file's header, without opening the database (REL-51: nothing is changed)."""
    try:
        with path.open("rb") as file:
            header = file.read(USER_VERSION_POSITION + 4)
    except FileNotFoundError:
        return 0
    except OSError as exc:
        raise ConfigError(f"{path} cannot be read: {exc.strerror}", hint="check owner and permissions") from exc
    return int.from_bytes(header[USER_VERSION_POSITION:], "big") if header.startswith(b"SQLite format 3\0") else 0


def refuse_newer(path: Path, version: int) -> None:
    """Raise StateNewer for a schema version that this code does not know."""
    if version > SCHEMA_VERSION:
        raise StateNewer(f"{path} has schema version {version}, this version knows {SCHEMA_VERSION}")


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into the project's tree."""
    try:
        yield
    except sqlite3.Error as exc:
        raise _translation(exc, path) from exc


def _commit(connection: sqlite3.Connection, path: Path) -> None:
    try:
        connection.execute("COMMIT")
    except sqlite3.OperationalError as exc:
        # The frames are written but not known to be on disk: after a crash the transaction may come back.
        if getattr(exc, "sqlite_errorcode", 0) in (sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC):
            raise StateAnswerLost(f"{path}: {exc}") from exc
        raise


def _translation(exc: sqlite3.Error, path: Path) -> Exception:
    code = getattr(exc, "sqlite_errorcode", 0) & 0xFF
    detail = f"{path}: {exc}"
    if code in _DAMAGED:
        return ConfigError(f"the state file is damaged: {detail}", hint=f"restore {path.name} from a copy, or move it "
                           "away: every file is then read again from its start; record ids stay the same")
    if code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY) or (code == sqlite3.SQLITE_IOERR and not _has_room(path)):
        return DiskFull(detail)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return Transient(f"another process holds {detail}", retry_after_sec=0.1)
    if "no such table" in str(exc):  # the collector makes them at its first start
        return Transient(f"the state is only just being made: {detail}", retry_after_sec=0.5)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN):
        return Unreachable(detail)
    return exc  # a statement of ours is wrong: a bug, not a situation


def _has_room(path: Path) -> bool:
    try:
        room = os.statvfs(path.parent)
    except OSError:
        return True
    return room.f_bavail * room.f_frsize >= ROOM_BYTES

"""The folder source: a directory of log files laid out as `<instance>/<log file name>`, read like RDS; no parsing here.

Names are data: every path is checked to be a regular file below the folder without any symbolic link on its way.
"""

import contextlib
import gzip
import os
import stat
import threading
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, cast

from aurora_logs.adapters.embedded.file_head import head_ordinal
from aurora_logs.errors import AccessDenied, ConfigError, InstanceGone, LogFileGone, MarkerRefused, Unreachable
from aurora_logs.records.fleet import Instance, ListedFile
from aurora_logs.records.flow import Answer
from aurora_logs.segments import START, build_marker, is_hourly, parse_marker

PORTION_MAX_BYTES = 1 << 20  # as RDS: aws/aws-cli#3079
TAIL_STEP_BYTES = 1 << 16
NAME_MAX_BYTES = 255  # of one part of a path, on every file system that matters here
GZIP_CURSORS = 4  # compressed files kept open behind their last portion
# A flat folder: files as they lie on a server, under the sub-folder in which RDS lists them.
FLAT_NAMES = (
    ("mysql-slowquery.log", "slowquery"), ("mysql-general.log", "general"), ("mysql-error", "error"),
    ("mariadb-error", "error"), ("postgresql.log", "error"), ("postgres.log", "error"),
)


class FolderLogSource:
    """LogSource over a folder. Called from many threads; reads only, and holds no file open but compressed ones."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise ConfigError(f"SOURCE_DIR {folder} is no directory", hint="lay it out as <instance>/<log file name>")
        self._root = Path(os.path.realpath(folder))
        self._compressed: dict[tuple[int, int], tuple[int, gzip.GzipFile]] = {}
        self._compressed_lock = threading.Lock()

    def places(self) -> list[str]:
        """Return the one place that a folder is. See LogSource."""
        return [""]

    def instances(self, place: str = "") -> list[Instance]:
        """Return one instance per folder; the engine is left to detection."""
        del place
        with _translated("", ""):
            names = sorted(entry.name for entry in os.scandir(self._root)
                           if entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."))
        return [Instance(instance_id=name, resource_id=name) for name in names]

    def log_files(self, instance_id: str, *, written_since_ms: int = 0, name_contains: str = "") -> list[ListedFile]:
        """List all regular files of an instance's folder; those still being copied begin with a dot and are left out."""
        with _translated(instance_id, ""):
            found = dict(self._walk(self._instance_folder(instance_id)))
            listed = [self._listed(name, path) for name, path in sorted(found.items()) if name_contains in name]
        return [one for one in listed if one is not None and one.last_written_ms >= written_since_ms]

    def read(self, instance_id: str, log_file_name: str, marker: str, *, max_lines: int = 0) -> Answer:
        """Read at most 1 MiB behind the marker. The marker that comes back names the file read, live names too.

        A marker of another segment of a renamed family is refused: the file under this name is not the one it meant.
        """
        with _translated(instance_id, log_file_name):
            path = self._path(instance_id, log_file_name)
            with path.open("rb") as file:
                ordinal = head_ordinal(_plain(file, path)) if is_hourly(log_file_name) else None
                prefix = ordinal or log_file_name
                size_bytes = os.fstat(file.fileno()).st_size
                if path.suffix == ".gz":
                    if marker == "":
                        raise MarkerRefused(f"{log_file_name} is compressed: its end is not known before all is read")
                    return self._read_compressed(file, path, prefix, _offset(marker, prefix, log_file_name), max_lines)
                if marker == "":
                    return _last_lines(file, prefix, size_bytes, max_lines)
                offset = _offset(marker, prefix, log_file_name)
                file.seek(offset)
                content = _first_lines(file.read(PORTION_MAX_BYTES), max_lines)
        end = offset + len(content)
        return Answer(content=content, marker=build_marker(prefix, end), more=end < size_bytes)

    def complete_file(self, instance_id: str, log_file_name: str) -> AbstractContextManager[Iterator[bytes]]:
        """Open the whole file, decompressed."""
        return self._complete_file(instance_id, log_file_name)

    @contextlib.contextmanager
    def _complete_file(self, instance_id: str, log_file_name: str) -> Iterator[Iterator[bytes]]:
        with _translated(instance_id, log_file_name):
            path = self._path(instance_id, log_file_name)
            file = path.open("rb")
        with file:
            yield _pieces(_plain(file, path), instance_id, log_file_name)

    def log_settings(self, instance_id: str) -> None:
        """Nobody can tell how the server that wrote a folder is told to log."""
        del instance_id

    def skew_sec(self) -> None:
        """A folder has this machine's clock."""

    def _read_compressed(self, file: BinaryIO, path: Path, prefix: str, offset: int, max_lines: int) -> Answer:
        """Read a compressed file from where the last portion ended, or from its start: it has no other way in."""
        status = os.fstat(file.fileno())
        key = (status.st_dev, status.st_ino)
        with self._compressed_lock:
            at, stream = self._compressed.pop(key, (0, None))
        if stream is None or at > offset:
            _close(stream)
            stream, at = gzip.open(path, "rb"), 0  # noqa: SIM115 -- kept open behind the portion
        try:
            while at < offset and (skipped := len(stream.read(min(offset - at, PORTION_MAX_BYTES)))):
                at += skipped
            whole = stream.read(PORTION_MAX_BYTES)
        except BaseException:
            stream.close()
            raise
        if len(whole) == PORTION_MAX_BYTES:
            self._keep(key, at + len(whole), stream)
        else:
            stream.close()
        content = _first_lines(whole, max_lines)
        more = len(whole) == PORTION_MAX_BYTES or len(content) < len(whole)
        return Answer(content=content, marker=build_marker(prefix, offset + len(content)), more=more)

    def _keep(self, key: tuple[int, int], at: int, stream: gzip.GzipFile) -> None:
        with self._compressed_lock:
            surplus = [self._compressed.pop(key, (0, None))[1]]
            self._compressed[key] = (at, stream)
            while len(self._compressed) > GZIP_CURSORS:
                surplus.append(self._compressed.pop(next(iter(self._compressed)))[1])
        for one in surplus:
            _close(one)

    def _listed(self, name: str, path: Path) -> ListedFile | None:
        ordinal = None
        try:
            status = path.stat()
            size_bytes = status.st_size
            with contextlib.suppress(PermissionError, EOFError, zlib.error, gzip.BadGzipFile):  # told when it is read
                if is_hourly(name) or path.suffix == ".gz":
                    with path.open("rb") as file:
                        size_bytes = _decompressed_bytes(file, size_bytes) if path.suffix == ".gz" else size_bytes
                        ordinal = head_ordinal(_plain(file, path)) if is_hourly(name) else None
        except FileNotFoundError:
            return None  # rotated away between the walk and the look; the next listing has its new name
        return ListedFile(log_file_name=name, size_bytes=size_bytes, last_written_ms=status.st_mtime_ns // 1_000_000,
                          ordinal=ordinal)

    def _instance_folder(self, instance_id: str) -> Path:
        folder = self._root / instance_id
        if not _is_plain_name(instance_id) or os.path.realpath(folder) != str(folder) or not folder.is_dir():
            raise InstanceGone(f"{instance_id} in {self._root}", hint="folders of SOURCE_DIR are the instances")
        return folder

    def _walk(self, folder: Path) -> Iterator[tuple[str, Path]]:
        for parent, folders, names in os.walk(folder, onerror=_raise):
            folders[:] = [name for name in folders if _is_plain_name(name)]
            for name in names:
                path = Path(parent, name)
                if _is_plain_name(name) and _is_regular(path):
                    yield self._name_of(folder, path), path

    def _name_of(self, folder: Path, path: Path) -> str:
        name = path.relative_to(folder).as_posix()
        for base, sub_folder in FLAT_NAMES:
            if name.startswith(base) and not (folder / sub_folder / name).exists():
                return f"{sub_folder}/{name}"
        return name

    def _path(self, instance_id: str, log_file_name: str) -> Path:
        folder = self._instance_folder(instance_id)
        parts = log_file_name.split("/")
        if all(_is_plain_name(part) for part in parts):
            for path in (folder / log_file_name, folder / parts[-1]):
                if os.path.realpath(path) == str(path) and path.is_file() and self._name_of(folder, path) == log_file_name:
                    return path
        raise LogFileGone(f"{instance_id} {log_file_name}")


def _plain(file: BinaryIO, path: Path) -> BinaryIO:
    return cast("BinaryIO", gzip.GzipFile(fileobj=file)) if path.suffix == ".gz" else file


def _pieces(stream: BinaryIO, instance_id: str, log_file_name: str) -> Iterator[bytes]:
    with _translated(instance_id, log_file_name):
        stream.seek(0)
        while piece := stream.read(PORTION_MAX_BYTES):
            yield piece


def _is_plain_name(name: str) -> bool:
    return 0 < len(os.fsencode(name)) <= NAME_MAX_BYTES and name[0] != "." and "/" not in name and "\0" not in name


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:
        return False  # rotated away


def _close(stream: gzip.GzipFile | None) -> None:
    if stream is not None:
        stream.close()


def _offset(marker: str, prefix: str, log_file_name: str) -> int:
    """Return the byte offset that a marker of this very file means. Raises: MarkerRefused."""
    if marker == START:
        return 0
    parsed = parse_marker(marker)
    if parsed is None or (is_hourly(log_file_name) and parsed.ordinal not in (prefix, log_file_name)):
        raise MarkerRefused(f"{log_file_name} is {prefix} now, the marker says {marker!r}")
    return parsed.offset


def _first_lines(content: bytes, max_lines: int) -> bytes:
    end = 0
    for _ in range(max_lines):
        end = content.find(b"\n", end) + 1
        if end == 0:
            return content
    return content[:end] if max_lines else content


def _last_lines(file: BinaryIO, prefix: str, size_bytes: int, max_lines: int) -> Answer:
    """Return the last lines (at most 1 MiB of them), and the marker of the file's end."""
    start, content = size_bytes, b""
    while start > 0 and len(content) < PORTION_MAX_BYTES and content[:-1].count(b"\n") < max(max_lines, 1):
        step = min(TAIL_STEP_BYTES, start)
        start -= step
        file.seek(start)
        content = file.read(step) + content
    lines = content.splitlines(keepends=True)[-max(max_lines, 1):]
    return Answer(content=b"".join(lines)[-PORTION_MAX_BYTES:], marker=build_marker(prefix, size_bytes), more=False)


def _decompressed_bytes(file: BinaryIO, size_bytes: int) -> int:
    """Return the length that the gzip trailer names (modulo 4 GiB, last member): a hint, as every listed size is."""
    if size_bytes < 8:
        return 0
    file.seek(-4, os.SEEK_END)
    return int.from_bytes(file.read(4), "little")


def _raise(exc: OSError) -> None:
    raise exc


@contextlib.contextmanager
def _translated(instance_id: str, log_file_name: str) -> Iterator[None]:
    where = f"{instance_id} {log_file_name}".strip() or "SOURCE_DIR"
    try:
        yield
    except PermissionError as exc:
        raise AccessDenied(f"{where}: {exc.filename}", hint="let this user read the folder and its files") from exc
    except FileNotFoundError as exc:
        if log_file_name:
            raise LogFileGone(where) from exc
        raise Unreachable(f"{where}: {exc.filename} is gone") from exc
    except (EOFError, zlib.error, gzip.BadGzipFile) as exc:
        raise Unreachable(f"{where}: the compressed file is damaged or not complete yet: {exc}") from exc
    except OSError as exc:
        raise Unreachable(f"{where}: {exc.strerror or exc}") from exc

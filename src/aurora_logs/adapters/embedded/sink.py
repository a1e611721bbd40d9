"""The sink on files: one append-only NDJSON file per batch, durable before the receipt; compaction is elsewhere."""

import mmap
import os
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import orjson

from aurora_logs.adapters.embedded.batch_files import StreamFiles, build_name, parse_name, stream_files
from aurora_logs.adapters.embedded.directory import UNFINISHED, DataDirectory, is_disk_full, sync_directory
from aurora_logs.errors import AccessDenied, AuroraLogsError, DiskFull, ReceiptMissing, Unreachable
from aurora_logs.ports import Random
from aurora_logs.records.flow import Batch, Receipt
from aurora_logs.records.lines import joined
from aurora_logs.records.log_record import STREAMS

ID_BYTES = 33  # record-schema.md §4
ID_LINE_BYTES = ID_BYTES + 1
LOOKS = 5  # compaction may move a file between listing and reading; it does so once per file


class FileSink:
    """Sink. Called from many threads of the one collecting process. Never opens, changes or replaces an existing file."""

    settle_sec = 0.0

    def __init__(self, directory: DataDirectory, random: Random) -> None:
        self._directory, self._random = directory, random

    def ship(self, batch: Batch, lines: Sequence[bytes]) -> Receipt:
        """Write a new file and make it durable. Raises: DiskFull, Unreachable, AccessDenied (not stored), ReceiptMissing."""
        if not lines:
            return Receipt(stored=0)
        target = self._directory.batches / STREAMS[batch.log_type] / build_name(batch, self._random.nonce())
        unfinished = target.with_name(target.name + UNFINISHED)
        try:
            # 1 content, under a name that nobody reads; 2 its durability
            _write_durably(unfinished, joined(lines))
            # 3 the name that counts; a nonce of its own and one process per directory keep it free
            if target.exists():
                raise FileExistsError(f"{target} exists")
            unfinished.rename(target)
        except OSError as exc:
            raise _not_stored(exc, target, unfinished) from exc
        try:
            # 4 durability of the name: from here on the batch may survive whatever happens
            sync_directory(target.parent)
        except OSError as exc:
            raise ReceiptMissing(f"{target}: {exc.strerror}") from exc
        return Receipt(stored=len(lines))

    def oldest_us(self) -> int:
        """Files take records of any age."""
        return 0

    def stored(self, log_type: str, file_key: str, from_offset: int, to_offset: int, *,
               span_us: tuple[int, int] | None = None) -> Counter[bytes]:
        """Find record ids by the names of batch files and the id lists beside Parquet files."""
        del span_us  # the names of the files tell more than the times
        for look in range(LOOKS):
            files = stream_files(self._directory, STREAMS[log_type])
            try:
                found = Counter(_ids(files, file_key, from_offset, to_offset))
            except FileNotFoundError as exc:
                if look == LOOKS - 1:
                    raise Unreachable(f"{exc.filename} is missing") from exc
            except OSError as exc:
                raise Unreachable(f"{exc.filename}: {exc.strerror}") from exc
            else:
                return found
        raise Unreachable("the files changed too often while they were read")

    def break_off(self) -> None:
        """No write to a file waits for somebody."""


def offset_of(record_id: bytes) -> int:
    """Return the entry's byte offset that a record id holds."""
    return int(record_id[14:24], 16)


def _write_durably(path: Path, content: bytes) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(fd)


def _not_stored(exc: OSError, target: Path, unfinished: Path) -> AuroraLogsError:
    if not isinstance(exc, FileExistsError):
        unfinished.unlink(missing_ok=True)
    detail = f"{target}: {exc.strerror or exc}"
    if is_disk_full(exc):
        return DiskFull(detail)
    return AccessDenied(detail, hint="check owner and permissions of DATA_DIR") if isinstance(exc, PermissionError) \
        else Unreachable(detail)


def _ids(files: StreamFiles, file_key: str, from_offset: int, to_offset: int) -> Iterator[bytes]:
    def concerns(name: str) -> bool:
        span = parse_name(name)
        return span is None or (span.file_key == file_key and span.from_offset < to_offset and from_offset < span.to_offset)

    prefix = f"{file_key}-".encode()
    for path in files.batches:
        if concerns(path.name):
            for line in path.read_bytes().splitlines():
                record_id: bytes = orjson.loads(line)["record_id"].encode()
                if record_id.startswith(prefix) and from_offset <= offset_of(record_id) < to_offset:
                    yield record_id
    first, last = f"{file_key}-{from_offset:010x}".encode(), f"{file_key}-{to_offset:010x}".encode()
    for path, manifest in files.manifests.items():
        if any(concerns(name) for name in manifest.sources):
            yield from _listed_ids(path.with_name(manifest.ids), first, last)


def _listed_ids(path: Path, first: bytes, last: bytes) -> Iterator[bytes]:
    """Look ids up in a sorted list of fixed width, without reading all of it."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        rows = _Rows(content)
        for number in range(bisect_left(rows, first), bisect_left(rows, last)):
            yield rows[number]


class _Rows(Sequence[bytes]):
    """Lines of fixed width as a sequence, for bisect."""

    def __init__(self, content: mmap.mmap) -> None:
        self._content = content

    def __len__(self) -> int:
        return len(self._content) // ID_LINE_BYTES

    def __getitem__(self, number: int) -> bytes:  # type: ignore[override]  # bisect asks for single rows only
        return self._content[number * ID_LINE_BYTES:number * ID_LINE_BYTES + ID_BYTES]

"""Compaction: batch files of a stream become one Parquet file, in a short-lived process; queries are not here.

A run's commit is its manifest: from its rename on, the Parquet file counts and its sources do not. What a kill leaves
is finished or undone by the next run, before it does anything else; readers are right at every step in between.
"""

import argparse
import contextlib
import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import orjson

from aurora_logs.adapters.embedded.batch_files import (
    MANIFEST_SUFFIX,
    Manifest,
    manifest_paths,
    read_manifest,
    stream_files,
)
from aurora_logs.adapters.embedded.columns import file_patterns, sql_columns, sql_text, stream_columns, type_of
from aurora_logs.adapters.embedded.directory import UNFINISHED, DataDirectory, is_disk_full, sync_directory
from aurora_logs.adapters.embedded.sink import ID_LINE_BYTES
from aurora_logs.errors import DiskFull, Unreachable
from aurora_logs.records.log_record import STREAMS

# ruff: noqa: S608 -- file names are quoted, columns come from the schema or the sample

RUN_MAX_BYTES = 256 << 20  # NDJSON in one Parquet file: bounds the ids in memory and the work that a kill undoes
MEMORY_LIMIT = "128MB"  # DuckDB's own; the whole child stays below 256 MiB
ROW_GROUP_ROWS = 8_192  # about 10 MB of slow-log records while a group is built
# A column with more distinct values or text in a group is stored plain: statements and ids sooner (15 % less CPU).
DICTIONARY_MAX_VALUES = 200
DICTIONARY_MAX_BYTES = 20_000
SAMPLE_BYTES = 32 << 10  # of each batch file, to learn which fields occur
RARE_FIELDS = frozenset({"parse_error", "truncated", "redactions", "body", "db_command", "metrics_extra"})
"""Copied even when the sample lacks them: one of them in a hundred thousand records would cost a second copy."""
EXIT_DISK_FULL = 3


class Totals(msgspec.Struct, kw_only=True):
    """What one child did."""

    runs: int = 0
    records: int = 0
    batch_bytes: int = 0
    parquet_bytes: int = 0


def is_due(directory: DataDirectory, stream: str, *, after_bytes: int, older_than_sec: float, now_sec: float) -> bool:
    """Tell whether a stream's batch files are big enough together, or the oldest is old enough."""
    total_bytes, oldest_sec = 0, float("inf")
    for path in stream_files(directory, stream).batches:
        with contextlib.suppress(FileNotFoundError):  # the child of a killed collector is still at work
            status = path.stat()
            total_bytes += status.st_size
            oldest_sec = min(oldest_sec, status.st_mtime)
    return oldest_sec < float("inf") and (total_bytes >= after_bytes or now_sec - oldest_sec > older_than_sec)


def compact_in_child(directory: DataDirectory, *, after_bytes: int, older_than_sec: float, now_sec: float) -> Totals | None:
    """Run a child when a stream is due, or a killed run left something, and wait for it; None when there was no need.

    Called by one thread of the collecting process. Raises: DiskFull, Unreachable (the child failed; nothing is lost).
    """
    if not any(leftovers(directory, stream)
               or is_due(directory, stream, after_bytes=after_bytes, older_than_sec=older_than_sec, now_sec=now_sec)
               for stream in STREAMS.values()):
        return None
    child = subprocess.run(
        [sys.executable, "-m", __name__, str(directory.path), "--after-bytes", str(after_bytes),
         "--older-than-sec", str(older_than_sec)], capture_output=True, text=True, check=False)
    if child.returncode == EXIT_DISK_FULL:
        raise DiskFull(f"compaction in {directory.path}")
    if child.returncode != 0:
        raise Unreachable(f"compaction in {directory.path} ended with {child.returncode}: {child.stderr.strip()[-500:]}")
    return msgspec.json.decode(child.stdout, type=Totals)


def compact(directory: DataDirectory, *, after_bytes: int, older_than_sec: float) -> Totals:
    """Finish what a killed run left, then compact every stream that is due. Does nothing while another run goes on."""
    totals = Totals()
    lock_fd = os.open(directory.compaction_lock_file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        # A child outlives a killed collector; two runs at once would take each other's files for leftovers.
        fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        for log_type, stream in STREAMS.items():
            recover(directory, stream)
            if is_due(directory, stream, after_bytes=after_bytes, older_than_sec=older_than_sec, now_sec=time.time()):
                for sources in _groups(stream_files(directory, stream).batches):
                    _run(directory, stream, log_type, sources, totals)
    except BlockingIOError:
        pass
    finally:
        os.close(lock_fd)
    return totals


def recover(directory: DataDirectory, stream: str) -> None:
    """Undo what was not committed and finish what was. Only under the compaction lock."""
    found = leftovers(directory, stream)
    for path in found:
        path.unlink()
    for folder in {path.parent for path in found}:
        sync_directory(folder)


def leftovers(directory: DataDirectory, stream: str) -> list[Path]:
    """Return what a killed run left: files that no manifest counts, and sources that one has replaced."""
    manifests = [read_manifest(path) for path in manifest_paths(directory, stream)]
    counted = {name for manifest in manifests for name in (manifest.parquet, manifest.ids)}
    beside = [path for path in sorted((directory.parquet / stream).iterdir())
              if path.name not in counted and not path.name.endswith(MANIFEST_SUFFIX)]
    sources = [directory.batches / stream / name for manifest in manifests for name in manifest.sources]
    return beside + [path for path in sources if path.exists()]


def _run(directory: DataDirectory, stream: str, log_type: str, sources: list[Path], totals: Totals) -> None:
    folder = directory.parquet / stream
    name = f"{time.time_ns():020d}-{os.getpid()}"
    parquet, ids = folder / f"{name}.parquet", folder / f"{name}.ids"
    records = _write_parquet(sources, _unfinished(parquet), _unfinished(ids), stream_columns(log_type))
    # 1 durable content under names that nobody reads
    for path in (parquet, ids):
        _sync_file(_unfinished(path))
        _unfinished(path).rename(path)
    sync_directory(folder)
    # 2 the commit
    manifest = Manifest(parquet=parquet.name, ids=ids.name, sources=[path.name for path in sources], records=records)
    path = folder / f"{name}{MANIFEST_SUFFIX}"
    _unfinished(path).write_bytes(msgspec.json.encode(manifest))
    _sync_file(_unfinished(path))
    _unfinished(path).rename(path)
    sync_directory(folder)
    # 3 only now the sources may go
    totals.batch_bytes += sum(source.stat().st_size for source in sources)
    for source in sources:
        source.unlink()
    sync_directory(directory.batches / stream)
    totals.runs += 1
    totals.records += records
    totals.parquet_bytes += parquet.stat().st_size


def _write_parquet(sources: list[Path], parquet: Path, ids: Path, known: dict[str, str]) -> int:
    """Write all lines of the sources, and their sorted ids; return how many. Raises when the copy is not complete."""
    values, columns = _survey(sources, known, SAMPLE_BYTES)
    records, copied = _copy(sources, columns, parquet, ids)
    if copied != values:
        # A field that the sample did not show, or one written as null: look at every line.
        values, columns = _survey(sources, known, None)
        parquet.unlink()
        ids.unlink()
        records, copied = _copy(sources, columns, parquet, ids)
    if copied != values or ids.stat().st_size != records * ID_LINE_BYTES:
        raise ValueError(f"{parquet} holds {copied} of {values} values, or an id that is none")
    return records


def _survey(sources: list[Path], known: dict[str, str], sample_bytes: int | None) -> tuple[int, dict[str, str]]:
    """Count the values of the sources, and return the columns that occur in the first bytes of each.

    Columns that are always absent cost as much as full ones (measured: 106 columns 1.1 s CPU a 180 MB, 28 columns
    0.6), so only those that occur are copied; the count of values proves that nothing was left out.
    """
    values = 0
    shapes: dict[tuple[str, ...], dict[str, object]] = {}
    for source in sources:
        content = source.read_bytes()
        # Each field has one `":` behind its name; in a text the quote has a backslash before it.
        values += content.count(b'":') - content.count(b'\\":')
        sample = content if sample_bytes is None else content[:content.find(b"\n", sample_bytes) + 1] or content
        for line in sample.splitlines():
            record = orjson.loads(line)
            shapes.setdefault(tuple(record), record)
    present = {name: value for record in shapes.values() for name, value in record.items() if value is not None}
    columns = {name: kind for name, kind in known.items() if name in present or name in RARE_FIELDS}
    columns |= {name: type_of(value) for name, value in present.items() if name not in known}
    return values - (_count_nulls(sources) if sample_bytes is None else 0), columns


def _count_nulls(sources: list[Path]) -> int:
    """Count fields that are written as null: values for the eye, none for the table."""
    return sum(list(orjson.loads(line).values()).count(None) for source in sources
               for line in source.read_bytes().splitlines())


def _copy(sources: list[Path], columns: dict[str, str], parquet: Path, ids: Path) -> tuple[int, int]:
    """Write the Parquet file and the list of ids; return how many records and values the Parquet file holds."""
    import duckdb  # noqa: PLC0415 -- only the child pays for it

    target, copied = sql_text(str(parquet)), file_patterns([parquet])
    lines = f"read_json({file_patterns(sources)}, format = 'newline_delimited', columns = {sql_columns(columns)})"
    with duckdb.connect(config={"threads": 1, "memory_limit": MEMORY_LIMIT}) as database:
        database.execute("SET temp_directory = ''")  # bounded memory, and no file beside ours
        database.execute(f"COPY (SELECT * FROM {lines}) TO {target} (FORMAT parquet, COMPRESSION zstd,"
                         f" COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP_ROWS},"
                         f" DICTIONARY_SIZE_LIMIT {DICTIONARY_MAX_VALUES},"
                         f" STRING_DICTIONARY_PAGE_SIZE_LIMIT {DICTIONARY_MAX_BYTES}, USE_TMP_FILE false)")
        database.execute(f"COPY (SELECT record_id FROM read_parquet({copied}) ORDER BY record_id) TO {sql_text(str(ids))}"
                         " (FORMAT csv, HEADER false, QUOTE '', ESCAPE '')")
        records = database.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({copied})").fetchall()
        cells = database.execute(
            f"SELECT sum(num_values - stats_null_count) FROM parquet_metadata({copied})").fetchall()
    return int(records[0][0]), int(cells[0][0])


def _groups(batches: list[Path]) -> Iterator[list[Path]]:
    group: list[Path] = []
    group_bytes = 0
    for path in batches:
        size_bytes = path.stat().st_size
        if group and group_bytes + size_bytes > RUN_MAX_BYTES:
            yield group
            group, group_bytes = [], 0
        group.append(path)
        group_bytes += size_bytes
    if group:
        yield group


def _unfinished(path: Path) -> Path:
    return path.with_name(path.name + UNFINISHED)


def _sync_file(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def main() -> int:
    """Run as a process of its own: `python -m aurora_logs.adapters.embedded.compaction DIR`; prints totals as JSON."""
    parser = argparse.ArgumentParser(description="Compact the batch files of a data directory to Parquet.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--after-bytes", type=int, default=0)
    parser.add_argument("--older-than-sec", type=float, default=float("inf"))
    options = parser.parse_args()
    os.nice(10)  # collecting goes first
    try:
        totals = compact(DataDirectory(options.directory), after_bytes=options.after_bytes,
                         older_than_sec=options.older_than_sec)
    except OSError as exc:
        if is_disk_full(exc) or "No space left" in str(exc):
            return EXIT_DISK_FULL
        raise
    sys.stdout.write(msgspec.json.encode(totals).decode())
    return 0


if __name__ == "__main__":
    sys.exit(main())

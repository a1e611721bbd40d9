"""What lies on disk, record by record, without any view: for proofs that count physically."""

from collections.abc import Iterator
from pathlib import Path

from aurora_logs.adapters.embedded.batch_files import stream_files
from aurora_logs.adapters.embedded.columns import file_patterns
from aurora_logs.adapters.embedded.directory import DataDirectory
from aurora_logs.records.log_record import STREAMS

FETCH_ROWS = 10_000


def stored_lines(directory: DataDirectory) -> Iterator[bytes]:
    """Yield each stored record as JSON text, from batch files and from Parquet files, doubles included.

    Files that a killed compaction left are not counted: a manifest says which of two forms of one batch is the stored one.
    """
    for stream in STREAMS.values():
        files = stream_files(directory, stream)
        for path in files.batches:
            with path.open("rb") as file:
                yield from file
        for path in files.manifests:
            yield from _parquet_rows(path)


def _parquet_rows(path: Path) -> Iterator[bytes]:
    import duckdb  # noqa: PLC0415  # 0.15 s: only when something was compacted

    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT to_json(row)::VARCHAR FROM read_parquet({file_patterns([path])}) AS row")  # noqa: S608
        while rows := found.fetchmany(FETCH_ROWS):
            yield from (row[0].encode() for row in rows)

"""What lies on disk, record by record, without any view: for proofs that count physically."""

from collections.abc import Iterator
from pathlib import Path

from aurora_logs.adapters.embedded.directory import DataDirectory

FETCH_ROWS = 10_000


def stored_lines(directory: DataDirectory) -> Iterator[bytes]:
    """Yield each stored record as JSON text, from batch files and from Parquet files, doubles included."""
    for path in sorted(directory.batches.glob("*/*.ndjson")):
        with path.open("rb") as file:
            yield from file
    for path in sorted(directory.parquet.glob("*/*.parquet")):
        yield from _parquet_rows(path)


def _parquet_rows(path: Path) -> Iterator[bytes]:
    import duckdb  # noqa: PLC0415  # 0.15 s: only when something was compacted

    with duckdb.connect() as connection:
        found = connection.execute("SELECT to_json(row)::VARCHAR FROM read_parquet(?) AS row", [str(path)])
        while rows := found.fetchmany(FETCH_ROWS):
            yield from (row[0].encode() for row in rows)

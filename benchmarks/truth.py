"""Counts and checksums of records: those that the generator wrote, and NDJSON read back. Equality first (PERF-43).

Each checked field has two numbers, how many records hold it and a sum: of integers as they are, of seconds in
microseconds, of texts their CRC-32. Sums do not depend on the order of the records.
"""

import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
from isal import igzip

_TOKEN = re.compile(r"tok_([0-9a-f]{16})")
_NOT_RECORD_FIELDS = frozenset({"shape", "secret", "fake_head"})
# A body may lose quoted pieces and table data to the default redaction, so it says nothing certain.
_NOT_CHECKED = frozenset({"body"})
_SUM_BITS = 64  # a sum is kept modulo this power of two
SQL_BYTES = "sql_bytes"  # not a field: the length of db_query_text in UTF-8, which an SQL query can sum up too


class Checksums:
    """Sums up records one by one."""

    def __init__(self) -> None:
        self.entries = 0
        self.fields: dict[str, list[int]] = {}

    def add(self, fields: Mapping[str, Any]) -> None:
        """Count one record's fields."""
        self.entries += 1
        for name, value in fields.items():
            if value is None or name in _NOT_RECORD_FIELDS or name in _NOT_CHECKED:
                continue
            pair = self.fields.setdefault(name, [0, 0])
            pair[0] += 1
            pair[1] += _number(value)
        if sql := fields.get("db_query_text"):
            pair = self.fields.setdefault(SQL_BYTES, [0, 0])
            pair[0] += 1
            pair[1] += len(sql.encode())

    def add_token(self, token: str) -> None:
        """Count one token: `tok_` and 16 hex digits."""
        pair = self.fields.setdefault("token", [0, 0])
        pair[0] += 1
        pair[1] += int(token[4:], 16)

    def as_dict(self) -> dict[str, Any]:
        """Give what `differences` takes, and what a truth file holds."""
        width = (1 << _SUM_BITS) - 1
        return {
            "entries": self.entries,
            "fields": {name: [count, total & width] for name, (count, total) in sorted(self.fields.items())},
        }


def _number(value: str | float) -> int:
    if isinstance(value, str):
        return zlib.crc32(value.encode())
    return round(value * 1_000_000) if isinstance(value, float) else int(value)


def records_of(path: Path) -> Iterator[bytes]:
    """Yield the lines of an NDJSON file, gzipped or not."""
    opened = igzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[no-untyped-call]  # isal has no types
    with opened as lines:
        yield from lines


def read_back(lines: Iterable[bytes], names: Iterable[str]) -> dict[str, Any]:
    """Sum up NDJSON lines over the fields that the truth states. A line that is no JSON object is an error here."""
    sums, wanted = Checksums(), [name for name in names if name != "token"]
    for line in lines:
        record = orjson.loads(line)
        sums.add({name: record[name] for name in wanted if name in record})
        for digits in _TOKEN.findall(line.decode()):
            sums.add_token(f"tok_{digits}")
    return sums.as_dict()


def differences(truth: Mapping[str, Any], found: Mapping[str, Any], skipped: Iterable[str] = ()) -> list[str]:
    """Say in what the records differ from the truth; an empty list means that they are equal."""
    told = []
    if truth["entries"] != found["entries"]:
        told.append(f"records: {truth['entries']} written, {found['entries']} found")
    for name, (count, total) in truth["fields"].items():
        if name in skipped:
            continue
        found_count, found_total = found["fields"].get(name, (0, 0))
        if found_count != count:
            told.append(f"{name}: in {count} entries, found in {found_count} records")
        elif found_total != total:
            told.append(f"{name}: sum {total}, found {found_total}")
    return told

"""Names, ordinals and markers of log files: pure rules (rds-log-api.md §3.2, §4), no calls, no state.

A *segment* is one physical file from its first byte to its deletion. Hourly MySQL logs are read under the live name
first and under a dated name later: their family is the live name, their ordinal the hour in marker and suffix.
"""

import re
from collections.abc import Collection, Iterable
from hashlib import blake2b

import msgspec

HOUR_SUFFIX = re.compile(r"^(?P<base>.+)\.(?P<day>\d{4}-\d\d-\d\d)\.(?P<hour>\d{1,2})$")
HOURLY_FOLDERS = ("slowquery/", "general/", "error/mysql-error-running.log", "error/mysql-error.log", "error/mariadb-error")
_POSTGRESQL = "error/postgresql.log"
MARKER = re.compile(r"^(?P<ordinal>.*):(?P<offset>\d{1,19})$")
START = "0"
CHECK_BYTES = 256  # rds-log-api.md §5.3: bytes before a position that are compared at the next read


class Marker(msgspec.Struct, frozen=True):
    """A marker taken apart: `ordinal` names the hour (live hourly names), `offset` counts bytes of the file."""

    ordinal: str
    offset: int


def is_hourly(log_file_name: str) -> bool:
    """Tell whether the file belongs to a family that is renamed every hour (MySQL and MariaDB)."""
    return log_file_name.startswith(HOURLY_FOLDERS)


def family_of(log_file_name: str) -> str:
    """Return the name under which the file's checkpoint is kept: the live name, or the name itself without `.gz`."""
    if is_hourly(log_file_name):
        match = HOUR_SUFFIX.match(log_file_name)
        return match["base"] if match else log_file_name
    return log_file_name.removesuffix(".gz")


def is_size_a_hint(log_file_name: str) -> bool:
    """Tell whether the listed size is not the size of what can be read: filtered or compressed (rds-log-api.md §5.4)."""
    return log_file_name.endswith(".gz") or log_file_name.startswith("error/mysql-error")


def ordinal_of(log_file_name: str) -> str | None:
    """Return the hour of a rotated hourly file without a leading zero (`2026-10-10.8`); None for every other name."""
    match = HOUR_SUFFIX.match(log_file_name) if is_hourly(log_file_name) else None
    return f"{match['day']}.{int(match['hour'])}" if match else None


def ordinal_order(ordinal: str) -> tuple[str, int]:
    """Sort key of ordinals: by day, then by the hour as a number (RDS-49); other shapes by their text."""
    day, _, hour = ordinal.rpartition(".")
    return (day, int(hour)) if hour.isdigit() else (ordinal, 0)


def is_earlier(ordinal: str, other: str) -> bool:
    """Tell whether an hour lies before another; False unless both are hours: a folder's ordinals are hashes."""
    days = ordinal.rpartition(".")[0], other.rpartition(".")[0]
    return all(days) and ordinal_order(ordinal) < ordinal_order(other)


def normal_ordinal(ordinal: str) -> str:
    """Write an ordinal as `ordinal_of` does, so that `2026-10-10.08` and `2026-10-10.8` are one hour."""
    day, _, hour = ordinal.rpartition(".")
    return f"{day}.{int(hour)}" if day and hour.isdigit() else ordinal


def told_twice(names: Iterable[str], held: Collection[str] = ()) -> frozenset[str]:
    """Return the names of PostgreSQL's logs that tell again what others do; they are not collected (RDS-18).

    A server that writes csv or json rows writes the same messages to its stderr log as well. Where there is one, it is the
    one that is read. held: names that are collected already; they stay, and what tells the same as one of them never comes in.
    """
    kinds = {name: _row_kind(name) for name in (*names, *held) if name.startswith(_POSTGRESQL)}
    best = min(kinds.values(), default="")
    taken = {_told_by(name, kinds[name]): kinds[name] for name in held if name in kinds}
    return frozenset(name for name, kind in kinds.items() if name not in held
                     and (kind != best or taken.get(_told_by(name, kind), kind) != kind))  # compressed it is the same log still


def _told_by(log_file_name: str, kind: str) -> str:
    return log_file_name.removesuffix(".gz").removesuffix(kind)


def _row_kind(log_file_name: str) -> str:
    name = log_file_name.removesuffix(".gz")
    return next((kind for kind in (".csv", ".json") if name.endswith(kind)), "")


def segment_id(family: str, ordinal: str | None) -> str:
    """Return the segment's identity: `family@ordinal` for renamed files, the family name for all others."""
    return f"{family}@{ordinal}" if ordinal else family


def parse_marker(marker: str) -> Marker | None:
    """Take `prefix:offset` apart; None for `0` and every opaque shape."""
    match = MARKER.match(marker)
    return Marker(match["ordinal"], int(match["offset"])) if match else None


def build_marker(ordinal: str, offset: int) -> str:
    """Build a marker for any byte offset; RDS honours it when the prefix is one that it returned (RDS-30)."""
    return f"{ordinal}:{offset}"


def tail_hash(before: bytes) -> bytes:
    """Fingerprint the last bytes before a position: two bytes n (how many, at most 256), then BLAKE2b of them."""
    window = before[-CHECK_BYTES:]
    return len(window).to_bytes(2, "big") + blake2b(window, digest_size=16).digest() if window else b""


def is_same(content: bytes, known: bytes) -> bool:
    """The tail check: do the bytes before our position still have the hash that we kept?"""
    size = checked_bytes(known)
    return size == 0 or (len(content) >= size and tail_hash(content[:size]) == known)


def checked_bytes(known: bytes) -> int:
    """Return how many bytes before its position a tail hash covers; 0 for an empty one."""
    return int.from_bytes(known[:2], "big")

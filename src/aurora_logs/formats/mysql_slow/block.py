"""Some hundred entries of one common shape at once, column by column; all of them, or none when one of them is odd.

The rules that keep it right are those of log-formats.md §7.
"""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise, repeat
from operator import add, sub
from typing import cast

from orjson import JSONDecodeError, dumps

from aurora_logs.columns import (
    BETWEEN,
    Columns,
    Remembered,
    crc32,
    decimals,
    numbers,
    read_counts,
    read_numbers,
    record_ids,
    texts,
)
from aurora_logs.formats import Block, Origin
from aurora_logs.formats.mysql_slow.borders import FULL_HEAD_AFTER_BYTES
from aurora_logs.formats.mysql_slow.record import DIALECT, Carried
from aurora_logs.formats.mysql_slow.shapes import ACCOUNTS, CLOSE, SECONDS, Shape, line_of
from aurora_logs.records.flow import Chunk
from aurora_logs.sql.fields import operation_fields, redaction_fields, trace_fields, without_credentials
from aurora_logs.text import DAY_US, Times

# A line that may begin a head, and the second one of a server's header: neither may stand inside a statement.
_BORDER = re.compile(rb"\n(?:#|T(?:cp port|CP Port))")
_COMMAND = re.compile(rb"# administrator command: ([A-Za-z ]{1,100})")
_NO_FIRST_WORD = (b"", b"use ")
_DATABASES = Remembered(lambda name: b',"db_namespace":%b' % dumps(name.decode()))


class _OddError(Exception):
    """An entry of the block is not of the common shape."""


def read_block(chunk: Chunk, start: int, stop: int, most: int, shape: Shape, origin: Origin, state: Carried) -> Block | None:
    """Write the first `most` entries of a block, or all when it has less; None when an entry is odd.

    start, stop: proved borders in the chunk; a head of this shape stands at `start`. The segment's clock is known.
    """
    try:
        return _read(chunk, start, stop, most, shape, origin, state)
    except (_OddError, UnicodeDecodeError, JSONDecodeError):  # also: no UTF-8, no number of JSON
        return None


def _read(chunk: Chunk, start: int, stop: int, most: int, shape: Shape, origin: Origin, state: Carried) -> Block:
    last = stop - len(CLOSE)
    head, content = shape.closed_head, chunk.content
    # what stands before the first entry (nothing), then the groups and the statement of each
    text = b"".join((CLOSE, memoryview(content)[start:last]))
    found = head.split(text, most + 1)[: 1 + (head.groups + 1) * most]
    groups = {name: found[number :: head.groups + 1] for name, number in head.groupindex.items()}
    statements = found[head.groups + 1 :: head.groups + 1]
    joined = BETWEEN.join(statements)
    if not content.startswith(CLOSE, last) or found[0] or _BORDER.search(joined):
        raise _OddError
    read_counts(b",".join(groups[name]) for name in shape.counts)  # numbers that may be copied, or an error
    end, placed = _places(groups["head"], statements, chunk.offset + start, origin)
    times, clock = _times(groups, state.times)
    database, databases = _databases(groups["use"], state.database)
    commands, spoken = _spoken(statements, joined, groups["word"], is_redacting=origin.redaction != "off")
    columns = {**groups, **placed, **clock, **databases, **spoken, "account": _known(ACCOUNTS, groups["account"])}
    lines = {index: _command_line(columns, index, shape, origin) for index in commands}
    wire = line_of(shape, origin, "slow_query").filled(columns, len(statements), lines)
    return Block(wire, placed["record_id"], end - chunk.offset, Carried(times, database, "e"))


def _command_line(columns: Columns, index: int, shape: Shape, origin: Origin) -> bytes:
    return line_of(shape, origin, "admin_command").filled({name: [column[index]] for name, column in columns.items()}, 1)


def _known(remembered: Remembered[bytes | None], column: list[bytes]) -> list[bytes]:
    known = list(map(remembered.__getitem__, column))
    if None in known:
        raise _OddError
    return cast("list[bytes]", known)


def _places(heads: list[bytes], statements: list[bytes], offset: int, origin: Origin) -> tuple[int, dict[str, list[bytes]]]:
    """Return the offset behind the block, and the columns of where each entry lies. offset: of the first one."""
    sizes = list(map(add, map(add, map(len, heads), map(len, statements)), repeat(len(CLOSE))))
    if max(sizes) > min(origin.entry_max_bytes, FULL_HEAD_AFTER_BYTES):
        raise _OddError
    *offsets, end = accumulate(sizes, initial=offset)
    sums = list(map(crc32, repeat(CLOSE), map(crc32, statements, map(crc32, heads))))
    ids = record_ids(origin.file_key, offsets, sums)
    return end, {"record_id": ids, "log_file_offset": numbers(offsets), "log_record_bytes": numbers(sizes)}


def _times(groups: dict[str, list[bytes]], before: Times) -> tuple[Times, Columns]:
    """Return the clock behind the block, and the columns of time."""
    seconds = _known(SECONDS, groups["second"])
    ends = read_counts(map(add, seconds, groups["micros"]))
    latest = max(before.greatest_us, *ends)
    if min(ends) < latest - DAY_US:
        raise _OddError
    columns = {
        "second": seconds,
        "duration_sec": decimals(groups["query_time"]),
        "lock_time_sec": numbers(read_numbers(groups["lock_time"])),  # many are tiny
    }
    if "start_second" in groups:
        columns["start_second"] = _known(SECONDS, groups["start_second"])
    else:
        took = read_numbers(groups["query_time"], b"e6")  # whole microseconds, exact below 2 ** 53
        begun = list(map(int, map(sub, ends, took)))
        if min(begun) <= 0:
            raise _OddError
        columns["start_time"] = numbers(begun)
    return Times(ends[-1], latest), columns


def _databases(uses: Sequence[bytes | None], name: str) -> tuple[str, Columns]:
    """Return the database in use behind the block, and its columns: of the entry's own `use` line, else carried."""
    carried = b',"db_namespace_carried":true'
    told = [(index, use) for index, use in enumerate(uses) if use is not None]
    first = told[0][0] if told else len(uses)
    databases = [_DATABASES[name.encode()] if name else b""] * first
    flags = [carried if name else b""] * first
    for (index, use), (following, _) in pairwise([*told, (len(uses), b"")]):
        databases += [_DATABASES[use]] * (following - index)
        flags += [b"", *repeat(carried, following - index - 1)]
    return told[-1][1].decode() if told else name, {"database": databases, "is_carried": flags}


def _spoken(statements: list[bytes], joined: bytes, words: list[bytes], *, is_redacting: bool) -> tuple[list[int], Columns]:
    """Return where commands of administrators stand, and the columns of what the statements and commands say."""
    shown, counts = without_credentials(statements, joined, DIALECT) if is_redacting else (statements, [])
    text, sql = texts(shown), list(statements)
    commands = []
    for index in [index for index, word in enumerate(words) if word in _NO_FIRST_WORD]:
        if command := _COMMAND.fullmatch(statements[index]):
            text[index], sql[index] = command[1], b""
            commands.append(index)
        elif not statements[index] or statements[index].startswith((b"#", b"use ")):  # may be a line of the head
            raise _OddError
    columns = {"text": text, "operation": operation_fields(sql, words, DIALECT), "trace": trace_fields(statements, joined)}
    return commands, columns | ({"redactions": redaction_fields(counts)} if any(counts) else {})

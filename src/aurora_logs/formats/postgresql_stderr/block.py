"""Some hundred entries at once, column by column: statements with their durations; the others among them one by one.

The rules that keep it right are those of log-formats.md §7.
"""

from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from operator import sub

import msgspec
from orjson import JSONDecodeError, dumps

from aurora_logs.columns import (
    BETWEEN,
    Columns,
    Remembered,
    Template,
    crc32,
    numbers,
    read_counts,
    read_numbers,
    record_ids,
    slot,
    template,
    texts,
)
from aurora_logs.formats import Block, Origin, identity
from aurora_logs.formats.postgresql_stderr.lines import SECONDS_US, SESSIONS, Lines, OddError, read_lines
from aurora_logs.formats.postgresql_stderr.rare import rare_reader
from aurora_logs.postgresql.levels import SEVERITIES
from aurora_logs.postgresql.message import DIALECT
from aurora_logs.postgresql.record import DEFAULT_ENGINE, Carried
from aurora_logs.records.flow import Chunk
from aurora_logs.records.log_record import PostgresRecord
from aurora_logs.sql.fields import operation_fields, redaction_fields, trace_fields, without_credentials
from aurora_logs.sql.parameters import redact_parameters
from aurora_logs.sql.redaction import may_change_message, redact_message, suspicious
from aurora_logs.text import DAY_US, Times

_PARAMETERS = (b"parameters: ", b"Parameters: ")
_STEPS = {step: b',"pg_query_step":"%b"' % (step or b"statement") for step in (None, b"parse", b"bind", b"execute")}
_NO_DURATION = b"0.000"  # of entries that are no common ones
_NAMES = Remembered(lambda name: b',"pg_query_name":%b' % dumps(name.decode()) if name not in (b"", b"<unnamed>") else b"")


@lru_cache(maxsize=64)
def _line_of(origin: Origin) -> Template:
    """Return the wire line of a segment's statements with durations."""
    fixed = identity(origin, DEFAULT_ENGINE) | {
        "event_name": "slow_query", "severity_number": SEVERITIES["LOG"], "severity_text": "LOG",
        "parse_status": "ok", "ts_quality": "exact"}  # fmt: skip
    values = {name: msgspec.json.encode(value) for name, value in fixed.items() if value is not None}
    copied = ("_timestamp", "log_file_offset", "log_record_bytes", "duration_sec", "start_time", "process_pid")
    values |= {name: slot(name) for name in copied}
    values |= {name: b'"%b"' % slot(name) for name in ("record_id", "body", "db_query_text")}
    optional = {
        "redactions": slot("redactions"), "db_operation_name": slot("operation"), "db_namespace": slot("database"),
        "user_name": slot("client"), "trace_id": slot("trace"), "pg_query_step": slot("step"), "pg_query_name": slot("name"),
        "pg_parameters": slot("parameters"), "pg_connection_local": slot("local"),
    }  # fmt: skip
    return template(PostgresRecord, values, optional)


def read_block(chunk: Chunk, start: int, stop: int, most: int, origin: Origin, state: Carried) -> Block | None:
    """Write the first `most` entries of a block, or all when it has less; None when a line of it is odd.

    start, stop: proved borders in the chunk; a main line stands at `start`. The segment's clock is known.
    """
    try:
        return _read(chunk, read_lines(chunk.content, start, stop, most), origin, state)
    except (OddError, UnicodeDecodeError, JSONDecodeError):  # also: no UTF-8, no number of JSON
        return None


def _read(chunk: Chunk, lines: Lines, origin: Origin, state: Carried) -> Block:
    bounds = [lines.bounds[line] for line in lines.mains]
    ends = list(map(SECONDS_US.__getitem__, lines.of_entries("second")))
    latest = max(state.times.greatest_us, *ends)
    if min(ends) < latest - DAY_US:
        raise OddError
    if max(until - at for at, until in pairwise(bounds)) > origin.entry_max_bytes:
        raise OddError
    parameters, rare = _kinds(lines)
    statements = [lines.messages[line] for line in lines.mains[:-1]]
    for entry in rare:
        statements[entry] = b""
    times = Times(ends[-1], latest)
    placed = _places(chunk, bounds, origin)
    columns = {
        **placed, **_prefix(lines), **_took(lines, ends),
        **_spoken(lines, statements, parameters, is_redacting=origin.redaction != "off"),
    }  # fmt: skip
    read = rare_reader(lines, rare, origin)
    others = {entry: read(entry, ends[entry], chunk.offset + bounds[entry], placed["record_id"][entry]) for entry in rare}
    wire = _line_of(origin).filled(columns, len(ends), others)
    return Block(wire, placed["record_id"], bounds[-1], Carried(times, is_inside=True))


def _kinds(lines: Lines) -> tuple[list[bytes], list[int]]:
    """Return the parameters that each entry's DETAIL tells, and the entries that are no statements with a duration."""
    columns, messages = lines.columns, lines.messages
    levels, pids, said = columns["level"], columns["pid"], columns["said"]
    parameters, rare = [], []
    for entry, (line, following) in enumerate(pairwise(lines.mains)):
        told = b""
        is_common = said[line] is not None and levels[line] == b"LOG" and bool(messages[line])
        if following - line > 1:
            if any(pids[below] != pids[line] for below in range(line + 1, following)):
                raise OddError
            is_common = is_common and following - line == 2 and levels[line + 1] == b"DETAIL"
            told = messages[line + 1][len(_PARAMETERS[0]) :] if messages[line + 1].startswith(_PARAMETERS) else b""
            is_common = is_common and bool(told)
        if not is_common:
            rare.append(entry)
            told = b""
        parameters.append(told)
    return parameters, rare


def _places(chunk: Chunk, bounds: list[int], origin: Origin) -> dict[str, list[bytes]]:
    offsets = [chunk.offset + at for at in bounds[:-1]]
    sums = [crc32(chunk.content[at:until]) for at, until in pairwise(bounds)]
    return {
        "record_id": record_ids(origin.file_key, offsets, sums),
        "log_file_offset": numbers(offsets),
        "log_record_bytes": numbers([until - at for at, until in pairwise(bounds)]),
    }


def _prefix(lines: Lines) -> Columns:
    pids = lines.of_entries("pid")
    read_counts(pids)  # numbers that may be copied, or an error
    _, databases, clients, local = zip(*map(SESSIONS.__getitem__, lines.of_entries("whom")), strict=True)
    return {"process_pid": pids, "database": databases, "client": clients, "local": local}


def _took(lines: Lines, ends: list[int]) -> Columns:
    took = [ms or _NO_DURATION for ms in lines.of_entries("ms")]
    took_us = read_numbers(took, b"e3")  # whole microseconds, exact below 2 ** 53
    return {
        "_timestamp": numbers(ends),
        "duration_sec": numbers(read_numbers(took, b"e-3")),
        "start_time": numbers(list(map(int, map(sub, ends, took_us)))),
    }


def _spoken(lines: Lines, statements: list[bytes], parameters: list[bytes], *, is_redacting: bool) -> Columns:
    """Return the columns of statements, their steps, names and parameters."""
    statements, parameters = _without_tabs(statements), _without_tabs(parameters)
    bodies = [said or b"" for said in lines.of_entries("said")]
    names = [name or b"" for name in lines.of_entries("name")]
    joined = BETWEEN.join(statements)
    columns: dict[str, list[bytes]] = {
        "operation": operation_fields(statements, lines.of_entries("word"), DIALECT),
        "trace": trace_fields(statements, joined),
        "step": [_STEPS[step] for step in lines.of_entries("step")],
        "name": list(map(_NAMES.__getitem__, names)),
    }
    if is_redacting:
        parameters, more = _parameters(parameters, statements, joined)
        statements, counts = without_credentials(statements, joined, DIALECT)
        bodies, most = _messages(bodies, set(names))  # nothing else of them comes from outside
        if any(counts) or any(more) or any(most):
            columns["redactions"] = redaction_fields(list(map(sum, zip(counts, more, most, strict=True))))
    shown = texts(parameters)
    columns["parameters"] = [b',"pg_parameters":"%b"' % text if text else b"" for text in shown]
    return columns | {"body": bodies, "db_query_text": texts(statements)}


def _without_tabs(column: list[bytes]) -> list[bytes]:
    """Take off the TAB that the server puts behind each newline of a message."""
    joined = BETWEEN.join(column)
    if b"\n\t" not in joined:
        return column
    parted = joined.replace(b"\n\t", b"\n").split(BETWEEN)
    return parted if len(parted) == len(column) else [text.replace(b"\n\t", b"\n") for text in column]


def _parameters(column: list[bytes], statements: list[bytes], joined: bytes) -> tuple[list[bytes], list[int]]:
    """Return parameters without credentials, of which a statement with `password = $1` tells; as `_messages` does."""
    if not any(column) or not suspicious(joined):
        return _messages(column, column)
    redacted = [redact_parameters(text, sql or b" ", DIALECT) for text, sql in zip(column, statements, strict=True)]
    return [text for text, _ in redacted], [replaced for _, replaced in redacted]


def _messages(column: list[bytes], foreign: Iterable[bytes]) -> tuple[list[bytes], list[int]]:
    """Return messages without credentials, and how many spans were replaced in each; foreign: what may hold one of them."""
    if not may_change_message(BETWEEN.join(foreign)):
        return column, [0] * len(column)
    redacted = [redact_message(text, DIALECT) for text in column]
    return [text for text, _ in redacted], [replaced for _, replaced in redacted]

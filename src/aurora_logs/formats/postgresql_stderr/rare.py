"""Entries of a block that are no statements with a duration: read by the grammar, but for their prefix, which is read."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from aurora_logs.columns import BETWEEN
from aurora_logs.formats import Origin, identity
from aurora_logs.formats.postgresql_stderr.lines import SESSIONS, Lines
from aurora_logs.postgresql.levels import MAIN_LEVELS, SUB_LEVELS
from aurora_logs.postgresql.message import Reading, read_message
from aurora_logs.postgresql.record import DEFAULT_ENGINE, record_of
from aurora_logs.records.log_record import encode
from aurora_logs.sql.redaction import may_change_message


@lru_cache(maxsize=64)
def _fixed(origin: Origin) -> dict[str, Any]:
    return {**identity(origin, DEFAULT_ENGINE), "ts_quality": "exact"}


def rare_reader(lines: Lines, rare: Sequence[int], origin: Origin) -> Callable[[int, int, int, bytes], bytes]:
    """Return what writes the wire line of one of the rare entries, by its number, time in µs, offset and record id."""
    columns, mains, fixed = lines.columns, lines.mains, _fixed(origin)
    messages = {line: lines.whole_message(line) for entry in rare for line in range(mains[entry], mains[entry + 1])}
    # one look for all of them: most blocks have nothing to take out
    is_redacting = origin.redaction != "off" and may_change_message(BETWEEN.join(messages.values()))

    def wire_line(entry: int, us: int, offset: int, record_id: bytes) -> bytes:
        line, following = mains[entry], mains[entry + 1]
        printed = columns["level"][line]
        level = MAIN_LEVELS[printed]
        reading = Reading(is_redacting=is_redacting, entry_max_bytes=origin.entry_max_bytes)
        reading.fields = {
            **fixed, **SESSIONS[columns["whom"][line]].fields, "timestamp_us": us, "record_id": record_id.decode(),
            "log_file_offset": offset, "log_record_bytes": lines.bounds[following] - lines.bounds[line],
            "process_pid": int(columns["pid"][line]), "severity_text": printed.decode(),
        }  # fmt: skip
        subs = [(SUB_LEVELS[columns["level"][below]], messages[below]) for below in range(line + 1, following)]
        read_message(messages[line], level, subs, reading, us)
        return encode(record_of(reading, level))

    return wire_line

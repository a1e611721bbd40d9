"""The record of a message, its clock, and what is carried from message to message: the same in every log."""

import re

import msgspec

from aurora_logs.postgresql.levels import SEVERITIES
from aurora_logs.postgresql.message import Reading
from aurora_logs.records.log_record import PostgresRecord, worst_of
from aurora_logs.text import Printed, Times, instant_of, local_us

DEFAULT_ENGINE = "postgres"
_TIME = re.compile(rb"(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{3}))? (\S+)")


class Carried(msgspec.Struct, frozen=True, array_like=True):
    """What the format carries from entry to entry; is_inside: an entry stands before the next byte."""

    times: Times = Times()
    is_inside: bool = False


def carried(context: bytes) -> Carried:
    """Decode what is carried; nothing at a segment's start."""
    return msgspec.json.decode(context, type=Carried) if context else Carried()


def record_of(reading: Reading, level: str) -> PostgresRecord:
    """Return the record of what was read of an entry. level: its English name, "" when it has none."""
    errors = reading.errors
    return PostgresRecord(
        **reading.fields,
        severity_number=SEVERITIES.get(level, 9),
        parse_status="partial" if errors else "ok",
        parse_error=worst_of(errors),
        truncated=(not errors.isdisjoint({"truncated by rds", "cut at limit"})) or None,
        redactions=reading.redactions or None,
    )


def printed_time(text: bytes) -> Printed | None:
    """Read `2026-11-22 10:13:36.501 UTC`, the whole text; None when it is no time."""
    found = _TIME.fullmatch(text)
    local = local_us(tuple(int(part) for part in found.groups()[:6]), found[7]) if found else None
    return None if found is None or local is None else Printed(local, found[8].decode("utf-8", "replace"), len(text))


class Clock(msgspec.Struct, frozen=True):
    """What an entry's time is judged by. name_us: the hour in the file's name; otherwise: time and quality without."""

    zone: str
    times: Times
    name_us: int | None
    otherwise: tuple[int, str]

    def read(self, text: bytes, reading: Reading) -> Times:
        """Put the printed time into the fields, or the borrowed one with the reason; return what is known of times now."""
        fields, printed = reading.fields, printed_time(text)
        shown, _, printed_zone = text.decode("utf-8", "replace").rpartition(" ")
        fields["ts_raw"], fields["tz_raw"] = shown, printed_zone or None
        fields["timestamp_us"], fields["ts_quality"] = self.otherwise
        if printed is None:
            reading.errors.add("bad time")
            return self.times
        us, quality = instant_of(printed, self.zone)
        if not self.times.plausible(us, self.name_us):
            reading.errors.add("implausible time")
            return self.times
        fields["timestamp_us"], fields["ts_quality"] = us, quality
        return self.times.after(us)

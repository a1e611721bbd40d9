"""What the server makes of a record's `_timestamp`, and which times it takes (sheet 5.3)."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from aurora_logs_simulator.openobserve.profile import HOUR_US

NANOSECONDS_FROM = 31_536_000_000_000_000
MICROSECONDS_FROM = 31_536_000_000_000
MILLISECONDS_FROM = 31_536_000_000
ABSENT = object()
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|z|[+-]\d\d:\d\d)\Z")


class BadTimeError(ValueError):
    """The record is dropped, with this text in the receipt."""


def read(value: object, now_us: int, *, null_is_now: bool) -> int:
    """Return the time in microseconds. Raises: BadTimeError."""
    if value is ABSENT or (value is None and null_is_now):
        return now_us
    if isinstance(value, bool) or value is None:
        raise BadTimeError("Can't parse timestamp")
    if isinstance(value, int | float):
        return _scaled(int(value)) or now_us
    if isinstance(value, str):
        return _from_text(value) or now_us
    raise BadTimeError("Can't parse timestamp")


def check_window(ts_us: int, now_us: int, *, back_hours: float, ahead_hours: float) -> None:
    """Refuse what is too old or too far ahead; the borders themselves are taken. Raises: BadTimeError."""
    if ts_us < now_us - back_hours * HOUR_US:
        raise BadTimeError(
            f"Too old data, only last {back_hours:g} hours data can be ingested. Data discarded. You can adjust "
            "ingestion max time by setting the environment variable ZO_INGEST_ALLOWED_UPTO=<max_hours>"
        )
    if ts_us > now_us + ahead_hours * HOUR_US:
        raise BadTimeError(
            f"Too far data, only future {ahead_hours:g} hours data can be ingested. Data discarded. You can adjust "
            "ingestion max time by setting the environment variable ZO_INGEST_ALLOWED_IN_FUTURE=<max_hours>"
        )


def _scaled(number: int) -> int:
    """Class a number by its magnitude: ns, µs, ms or seconds."""
    if number > NANOSECONDS_FROM:
        return number // 1000
    if number > MICROSECONDS_FROM:
        return number
    if number > MILLISECONDS_FROM:
        return number * 1000
    return number * 1_000_000


def _from_text(text: str) -> int:
    try:
        number = float(text)
    except ValueError:
        return _from_date(text)
    if math.isnan(number):
        return 0
    return _scaled(int(text) if re.fullmatch(r"[+-]?\d+", text) else int(number))


def _from_date(text: str) -> int:
    try:
        if len(text) == 19 and " " in text:
            moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
        elif "T" in text and " " not in text:
            moment = _from_iso(text)
        else:
            moment = parsedate_to_datetime(text)
    except ValueError as exc:
        raise BadTimeError("Can't parse timestamp") from exc
    if moment.tzinfo is None:  # RFC 2822 wants a zone
        raise BadTimeError("Can't parse timestamp")
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def _from_iso(text: str) -> datetime:
    behind_dot = len(text) - text.rfind(".") - 1 if "." in text else 0
    if len(text) == 19:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    if behind_dot in (3, 6):  # taken for milliseconds or microseconds without a zone: `…00.12Z` fails here
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC)
    if not _RFC_3339.match(text):
        raise ValueError(text)
    return datetime.fromisoformat(text.upper())

"""Times of the state tables as instants; a zero there means "never"."""

import datetime


def from_sec(time_sec: int) -> datetime.datetime | None:
    """Return the instant of epoch seconds; None for 0."""
    return from_us(time_sec * 1_000_000) if time_sec else None


def from_ms(time_ms: int) -> datetime.datetime | None:
    """Return the instant of epoch milliseconds; None for 0."""
    return from_us(time_ms * 1000) if time_ms else None


def from_us(time_us: int) -> datetime.datetime:
    """Return the instant of epoch microseconds; beyond the year 9999 the last one there is."""
    try:
        return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=time_us)
    except OverflowError:
        return datetime.datetime.max.replace(tzinfo=datetime.UTC)

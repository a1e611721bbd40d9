"""Values as people and machines read them: sizes, counts, times and ages; one parser of `--since` (UX-40, 41, 43)."""

import datetime
import math
import re
from decimal import Decimal

SIZES = ("B", "kB", "MB", "GB", "TB", "PB")
NUMBER = re.compile(r"(-?[0-9][0-9,_]*(?:\.[0-9]+)?)\s*([A-Za-z]*)")
FACTORS = {
    "bytes": {"": 1.0, **{name.lower(): 1000.0 ** step for step, name in enumerate(SIZES)}},
    "sec": {"": 1.0, "us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0},
}

_zone: datetime.tzinfo | None = datetime.UTC  # None: local, by the rules of each moment


def show_times_in(name: str) -> None:
    """Set the zone of times for people: utc, local (TZ, or this machine's) or `Area/City`. Called before anything is printed.

    Raises: ValueError for a name that nobody knows.
    """
    global _zone  # noqa: PLW0603 - one place for the whole process
    if name.lower() in ("utc", "local"):
        _zone = datetime.UTC if name.lower() == "utc" else None
        return
    import zoneinfo  # noqa: PLC0415 - only --timezone pays it

    try:
        _zone = zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, OSError) as error:
        raise ValueError(name) from error


def size(number: float) -> str:
    """Write bytes in steps of 1,000: `999 B`, `1.2 kB`, `34 MB`."""
    step, value = 0, float(number)
    while abs(value) >= 999.5 and step < len(SIZES) - 1:
        step, value = step + 1, value / 1000
    return f"{value:.1f} {SIZES[step]}" if step and abs(value) < 9.95 else f"{value:,.0f} {SIZES[step]}"


def duration(sec: float) -> str:
    """Write a length of time in its two greatest units: `350ms`, `4.2s`, `5m 3s`, `2h 5m`, `3d 4h`."""
    if sec < 1:
        return f"{sec * 1000:.0f}ms" if sec >= 0.001 or sec == 0 else f"{sec * 1e6:.0f}us"
    if sec < 60:
        return f"{sec:.1f}s" if sec < 10 else f"{sec:.0f}s"
    whole = round(sec)
    for unit, unit_sec, lesser, lesser_sec in (("d", 86_400, "h", 3600), ("h", 3600, "m", 60), ("m", 60, "s", 1)):
        if whole >= unit_sec:
            rest = whole % unit_sec // lesser_sec
            return f"{whole // unit_sec}{unit}" + (f" {rest}{lesser}" if rest else "")
    return f"{whole}s"


def shown_time(moment: datetime.datetime) -> str:
    """Write a time for people: `2026-11-23 14:05:09Z`, or `2026-11-23 15:05:09+01:00` in another zone."""
    try:
        shown = moment.astimezone(_zone)
    except OverflowError:  # the last hours of all calendars
        shown = moment.astimezone(datetime.UTC)
    return shown.replace(microsecond=0).isoformat(" ").replace("+00:00", "Z")


def rfc3339(moment: datetime.datetime) -> str:
    """Write a time for machines: UTC with Z, microseconds only when there are any."""
    return moment.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def from_us(time_us: int) -> datetime.datetime:
    """Return a time from microseconds since 1970; times beyond year 9999 become its end."""
    try:
        return datetime.datetime.fromtimestamp(0, datetime.UTC) + datetime.timedelta(microseconds=time_us)
    except OverflowError:
        return datetime.datetime.max.replace(tzinfo=datetime.UTC)


def since_us(text: str, now_us: int) -> int | None:
    """Read `2h`, `90m`, `1d` (before now) or an RFC 3339 time into microseconds since 1970; None for anything else."""
    from aurora_logs.settings import parse_age_sec  # noqa: PLC0415 - help needs no settings

    age_sec = parse_age_sec(text) if text else None
    if age_sec is not None:
        return now_us - int(age_sec * 1e6)
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp() * 1e6)


def number(text: str, family: str) -> float | None:
    """Read `1,234`, `10MB`, `1.5kB` (family bytes) or `90`, `5m`, `200ms` (family sec); None for anything else."""
    found = NUMBER.fullmatch(text.strip())
    factor = FACTORS[family].get(found[2].lower()) if found else None
    return float(found[1].replace(",", "").replace("_", "")) * factor if found and factor is not None else None


def plain(value: object) -> object:
    """Return a value as JSON can hold it: times RFC 3339, not-a-number null, unknown kinds their text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime.datetime):
        return rfc3339(value if value.tzinfo else value.replace(tzinfo=datetime.UTC))
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(one) for one in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)

"""From typed records to the events of the test corpora: keys under the names of peers, one module per engine family.

Only what `entries()` gave is mapped here; no text is searched, and no expectation is known.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from aurora_logs.text import Printed, instant_of, read_compact, read_rfc3339, read_short

Value = str | int | float | bool | dict[str, "Value"]
Event = dict[str, Value]

_EPOCH_DIGITS = 16  # of Aurora's audit log: microseconds since 1970


def present(fields: Mapping[str, Value | None]) -> Event:
    """Leave out what the log does not tell."""
    return {name: value for name, value in fields.items() if value is not None}


def instant_text(printed: str | None, zone: str, printed_zone: str | None = None) -> str | None:
    """Write a printed time in UTC with all digits that the log printed; None for what is no time.

    zone: of times that print none. printed_zone: where the format keeps it apart from the time.
    """
    if not printed:
        return None
    if printed.isdigit() and len(printed) == _EPOCH_DIGITS:
        return utc_text(int(printed))
    text = printed.encode()
    found = read_rfc3339(text) or read_short(text) or read_compact(text)
    if found is None or found.end != len(text):
        return None
    us, _ = instant_of(Printed(found.local_us, printed_zone or found.zone, found.end), zone)
    fraction = printed.partition(".")[2]
    digits = fraction[: len(fraction) - len(fraction.lstrip("0123456789"))]
    second = utc_text(us - us % 1_000_000).removesuffix("Z")
    return f"{second}.{digits}Z" if digits else f"{second}Z"


def utc_text(us: int) -> str:
    """Write an instant in UTC, with microseconds where there are any."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
    return moment.isoformat().removesuffix("+00:00") + "Z"

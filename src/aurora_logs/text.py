"""Pure readers of times, numbers and text in log bytes, shared by the formats; no records and no state.

Instants are integer microseconds since 1970 (UTC). A *local* time is the same count without its zone applied.
"""

import re
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

US_PER_SEC = 1_000_000
DAY_US = 86_400 * US_PER_SEC
INT64_MAX = 2**63 - 1
_EPOCH_DAY = date(1970, 1, 1).toordinal()

_RFC3339 = re.compile(
    rb"(\d{4})-(\d\d)-(\d\d)[T ]+(\d{1,2}):(\d\d):(\d\d)(?:[.,](\d{1,20}))? ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?(?![\w:])"
)
_SHORT = re.compile(rb"(\d\d)(\d\d)(\d\d) +(\d{1,2}):(\d\d):(\d\d)(?:\.(\d{1,20}))?(?![\w:])")
_COMPACT = re.compile(rb"(\d{4})(\d\d)(\d\d) +(\d{1,2}):(\d\d):(\d\d)(?![\w:])")
# The three lines that servers of MySQL and MariaDB write when they open or flush a slow or general log.
_HEADER = re.compile(rb"[^\n]{0,400}, Version: [^\n]{0,400}started with:[^\n]{0,100}(?:\n|\Z)")
_HEADER_PORTS = re.compile(rb"(?:Tcp port|TCP Port)[^\n]{0,500}(?:\n|\Z)")
HEADER_COLUMNS = re.compile(rb"Time[ \t]+Id Command[ \t]+Argument[ \t\r]*(?:\n|\Z)")
_HEADER_STARTS = (b"Tcp port", b"TCP Port", b"Time                 Id Command    Argument", b"Time\t\t    Id Command\tArgument")
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?")
_NAME_HOUR = re.compile(r"(\d{4})-(\d\d)-(\d\d)[-.](\d{1,2})(?:\d\d)?(?:\.|$)")
_DECIMAL = re.compile(rb"(\d{1,18})(?:\.(\d{1,20}))?")
_INTEGER = re.compile(rb"-?\d{1,19}")
_TRACEPARENT = re.compile(rb"traceparent='00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}'")

# PostgreSQL's default set of zone abbreviations, in minutes (log-formats.md §6, measured on 15.18)
_ABBREVIATIONS = {
    "UTC": 0, "GMT": 0, "WET": 0, "BST": 60, "CET": 60, "WEST": 60, "CEST": 120, "EET": 120, "SAST": 120, "IST": 120,
    "EEST": 180, "MSK": 180, "PKT": 300, "ICT": 420, "HKT": 480, "SGT": 480, "PHT": 480, "AWST": 480, "JST": 540,
    "KST": 540, "ACST": 570, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780, "NST": -210, "ADT": -180, "ART": -180,
    "BRT": -180, "CLT": -180, "AST": -240, "EDT": -240, "EST": -300, "CDT": -300, "CST": -360, "MDT": -360,
    "MST": -420, "PDT": -420, "PST": -480, "AKST": -540, "HST": -600,
}  # fmt: skip


class Printed(msgspec.Struct, frozen=True):
    """A printed time: `local_us` as if it were UTC, `zone` as printed ("" when none is), `end` behind its text."""

    local_us: int
    zone: str
    end: int


class Times(msgspec.Struct, frozen=True, array_like=True):
    """What a segment has told about time so far: the last usable instant and the greatest one; 0 before the first."""

    last_us: int = 0
    greatest_us: int = 0

    def plausible(self, us: int, name_us: int | None) -> bool:
        """Tell whether a printed instant may be true (record-schema.md §5): no more than 24 h back, jumps are normal.

        name_us: the hour in the file's name; it judges the first time of a segment.
        """
        if self.greatest_us:
            return us >= self.greatest_us - DAY_US
        return us > 0 and (name_us is None or abs(us - name_us) <= DAY_US)

    def after(self, us: int) -> "Times":
        """Return what is known once `us` was read."""
        return Times(us, max(us, self.greatest_us))


def local_us(parts: tuple[int, ...], fraction: bytes | None) -> int | None:
    """Count microseconds from year, month, day, hour, minute, second and a fraction's digits; None when it is no date.

    Second 60 counts as 59; digits beyond the sixth of the fraction are cut.
    """
    year, month, day, hour, minute, second = parts
    try:
        days = date(year, month, day).toordinal() - _EPOCH_DAY
    except ValueError:
        return None
    if hour > 23 or minute > 59 or second > 60:
        return None
    micros = int((fraction or b"0")[:6].ljust(6, b"0"))
    return (days * 86_400 + hour * 3600 + minute * 60 + min(second, 59)) * US_PER_SEC + micros


def read_rfc3339(text: bytes, start: int = 0) -> Printed | None:
    """Read `2018-08-07T16:27:47.169604+08:00` (T or blanks, Z, offset or no zone) at `start`."""
    match = _RFC3339.match(text, start)
    if match is None:
        return None
    us = local_us(tuple(int(part) for part in match.groups()[:6]), match[7])
    return None if us is None else Printed(us, (match[8] or b"").decode(), match.end())


def read_short(text: bytes, start: int = 0) -> Printed | None:
    """Read `071218 11:48:27` (hour padded with a blank) at `start`; years 70-99 are 19xx."""
    match = _SHORT.match(text, start)
    if match is None:
        return None
    year = int(match[1])
    full = year + (1900 if year >= 70 else 2000)
    us = local_us((full, *(int(part) for part in match.groups()[1:6])), match[7])
    return None if us is None else Printed(us, "", match.end())


def read_compact(text: bytes, start: int = 0) -> Printed | None:
    """Read `20240323 13:36:07` at `start`, as audit rows print it."""
    match = _COMPACT.match(text, start)
    us = local_us(tuple(int(part) for part in match.groups()), None) if match else None
    return None if match is None or us is None else Printed(us, "", match.end())


def offset_sec(zone: str) -> int | None:
    """Return the seconds east of UTC of `Z`, `UTC`, `GMT`, `±hh`, `±hhmm`, `±hh:mm`; None for every other text."""
    if zone in ("Z", "UTC", "GMT"):
        return 0
    match = _OFFSET.fullmatch(zone)
    if match is None:
        return None
    seconds = int(match[2]) * 3600 + int(match[3] or 0) * 60
    return -seconds if match[1] == "-" else seconds


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo | None:
    seconds = offset_sec(name)
    if seconds is not None:
        return timezone(timedelta(seconds=seconds)) if abs(seconds) < 86_400 else None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def instant(local: int, zone_name: str) -> int:
    """Return the instant of a local time in a zone by name or offset; an unknown zone counts as UTC."""
    zone = _zone(zone_name)
    if zone is None or zone is UTC:
        return local
    offset = (datetime(1970, 1, 1) + timedelta(microseconds=local)).replace(tzinfo=zone).utcoffset()  # noqa: DTZ001
    return local - int((offset or timedelta(0)).total_seconds() * US_PER_SEC)


def instant_of(printed: Printed, zone_name: str) -> tuple[int, str]:
    """Return the instant of a printed time and its ts_quality: the printed zone, else the instance's setting.

    A zone abbreviation means what the setting's zone prints so at that moment (IST in Asia/Kolkata), else the table.
    """
    if not printed.zone:
        return instant(printed.local_us, zone_name), "assumed_zone"
    seconds = offset_sec(printed.zone)
    if seconds is not None:
        return printed.local_us - seconds * US_PER_SEC, "exact"
    return _abbreviated(printed, zone_name)


def _abbreviated(printed: Printed, zone_name: str) -> tuple[int, str]:
    zone = _zone(zone_name)
    if zone is not None:
        for fold in (0, 1):
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=printed.local_us)
            moment = moment.replace(tzinfo=zone, fold=fold)
            if moment.tzname() == printed.zone:
                offset = moment.utcoffset() or timedelta(0)
                return printed.local_us - int(offset.total_seconds() * US_PER_SEC), "abbreviation"
    minutes = _ABBREVIATIONS.get(printed.zone)
    if minutes is not None:
        return printed.local_us - minutes * 60 * US_PER_SEC, "abbreviation"
    return instant(printed.local_us, zone_name), "assumed_zone"


@lru_cache(maxsize=1024)
def hour_in_name(name: str) -> int | None:
    """Return the hour that a file's name or ordinal tells (`2026-11-22.10`, `postgresql.log.2026-11-22-1013`), in µs."""
    match = _NAME_HOUR.search(name)
    return None if match is None else local_us((*(int(part) for part in match.groups()), 0, 0), None)


def integer(text: bytes) -> int | None:
    """Read a whole number that a 64-bit column can hold; None for everything else."""
    if _INTEGER.fullmatch(text) is None:
        return None
    number = int(text)
    return number if -INT64_MAX <= number <= INT64_MAX else None


def decimal(text: bytes) -> float | None:
    """Read a decimal number without sign or exponent; None for everything else."""
    return float(text) if _DECIMAL.fullmatch(text) else None


def micros(text: bytes) -> int | None:
    """Read decimal seconds as whole microseconds, further digits cut; None for everything else."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    return int(match[1]) * US_PER_SEC + int((match[2] or b"0")[:6].ljust(6, b"0"))


def readable(text: bytes) -> tuple[str, bool]:
    """Decode UTF-8; invalid bytes become U+FFFD and the second value False."""
    try:
        return text.decode(), True
    except UnicodeDecodeError:
        return text.decode("utf-8", "replace"), False


def cut_text(text: bytes, max_bytes: int) -> bytes:
    """Return at most `max_bytes` of the text, cut at a character border."""
    if len(text) <= max_bytes:
        return text
    end = max_bytes
    while end > max(0, max_bytes - 4) and text[end] & 0xC0 == 0x80:
        end -= 1
    return text[:end]


def lines_within(buffer: bytes, start: int, end: int, max_bytes: int) -> int:
    """Return where a run of whole lines of at most `max_bytes` from `start` ends; a longer first line stays whole."""
    if end - start <= max_bytes:
        return end
    cut = buffer.rfind(b"\n", start, start + max_bytes)
    if cut < 0:
        cut = buffer.find(b"\n", start + max_bytes, end)
    return end if cut < 0 else cut + 1


def blank_end(content: bytes, start: int) -> int:
    """Return the position behind the blank lines at `start`."""
    while start < len(content):
        stop = content.find(b"\n", start) + 1 or len(content)
        if stop - start > 256 or content[start:stop].strip(b" \t\r\n"):
            return start
        start = stop
    return start


def furniture_end(content: bytes, start: int) -> int:
    """Return the position behind server headers and blank lines at `start`; `start` itself when there are none."""
    while True:
        start = blank_end(content, start)
        stop = header_end(content, start)
        if stop < 0:
            return start
        start = stop


def header_end(content: bytes, start: int, *, whole: bool = True) -> int:
    """Return the position behind the server's three header lines at `start`, -1 when there is no header.

    whole: nothing follows the content; then a header counts that its end cuts inside a line: no entry begins with such one.
    """
    line = _HEADER.match(content, start)
    if line is None:
        return -1
    for rule in (_HEADER_PORTS, HEADER_COLUMNS):
        at = line.end()
        rest = content[at : at + 64]
        if 0 < len(rest) == len(content) - at and any(sample.startswith(rest) for sample in _HEADER_STARTS):
            return len(content) if whole else -1
        if not rest:
            return -1 if content.endswith(b"\n") or not whole else len(content)
        line = rule.match(content, at)
        if line is None:
            return -1
    return line.end() if whole or content.endswith(b"\n", 0, line.end()) else -1


def furniture_cut(content: bytes) -> int:
    """Return how many bytes from the start are furniture whatever follows: the end may cut a header, or a line with blanks."""
    start = furniture_end(content, 0)
    if start < len(content) or is_header_end(content):
        return start
    return 0 if content.strip() else content.rfind(b"\n") + 1


def is_header_end(content: bytes) -> bool:
    """Tell whether the content ends with the last line of a server header."""
    start = content.rfind(b"\n", 0, len(content) - 1) + 1
    return content.endswith(b"\n") and HEADER_COLUMNS.match(content, start) is not None


def header_before(content: bytes, start: int, stop: int) -> int:
    """Return where a server header begins between `start` and `stop`, else `stop`. It ends every entry (FMT-45).

    stop: -1 when more may follow the content: then only a whole header counts.
    """
    at = start
    limit = len(content) if stop < 0 else stop
    while (at := content.find(b", Version: ", at, limit)) >= 0:
        line = content.rfind(b"\n", start, at) + 1
        if line > start and header_end(content, line, whole=stop >= 0) >= 0:
            return line
        at = content.find(b"\n", at) + 1 or limit  # one look a line keeps it linear
    return stop


def content_end(content: bytes, start: int, stop: int) -> int:
    """Return where the last line of [start, stop) that is not blank ends."""
    used = len(content[start:stop].rstrip(b" \t\r\n"))
    newline = content.find(b"\n", start + used, stop)
    return stop if newline < 0 else newline + 1


def trace_ids(sql: bytes) -> tuple[str, str] | None:
    """Find the trace and span id in a SQL comment (`traceparent='00-…-…-01'`, sqlcommenter)."""
    match = _TRACEPARENT.search(sql)
    return None if match is None else (match[1].decode(), match[2].decode())

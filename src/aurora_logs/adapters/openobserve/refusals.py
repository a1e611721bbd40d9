"""What an answer other than the expected one means, for ingest and for search (openobserve.md §6.2); makes no call."""

import re
from email.utils import parsedate_to_datetime

import msgspec

from aurora_logs.adapters.openobserve.connection import Reply
from aurora_logs.errors import (
    AccessDenied,
    AuroraLogsError,
    ConfigError,
    ReceiptMissing,
    RecordTooLarge,
    SinkBusy,
    SinkRejected,
    TimedOut,
    Unreachable,
)

# An answer in which one of these stands stored nothing: the check runs before the body is read.
BUSY = ("MemoryTableOverflowError", "MemoryCircuitBreakerError", "DiskCircuitBreakerError", "CircuitBreakerError")
BUSY_400 = (*BUSY, "not an ingester", "is being deleted", "Quota exceeded")
RETRY_AFTER_MAX_SEC = 300.0
TEXT_CHARS = 500
_ODD = re.compile(r"[^\x20-\x7e\xa0-\u2027\u2030-\ud7ff]+")


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """What the messages name: the URL, the organisation, the account, and the right that the call needs."""

    url: str
    organization: str
    user: str
    right: str


def ingest_error(reply: Reply, where: Where) -> AuroraLogsError:
    """Return the leaf for an ingest that was not answered with 200."""
    text = said(reply)
    if reply.status == 503:
        return busy(reply, text) if any(name in text for name in BUSY) else ReceiptMissing(f"HTTP 503 {text}")
    if reply.status == 400 and any(name in text for name in BUSY_400):
        return busy(reply, text)
    if reply.status == 400 and _error(reply) is not None:
        return SinkRejected(text)
    if reply.status == 413:
        return RecordTooLarge(text)
    if reply.status in (408, 425) or reply.status >= 500 or reply.status < 300:
        return ReceiptMissing(f"HTTP {reply.status} {text}")
    return _common(reply, where, text)


def search_error(reply: Reply, where: Where) -> AuroraLogsError | None:
    """Return the leaf for a search that failed; None when the statement itself was refused."""
    text = said(reply)
    if reply.status == 408:
        return TimedOut(f"search: {text}")
    if reply.status in (502, 503, 504) or (reply.status >= 500 and _error(reply) is None):
        return Unreachable(f"search: HTTP {reply.status} {text}")
    if reply.status in (400, 500) and _error(reply) is not None:
        return None
    return _common(reply, where, text)


def busy(reply: Reply, text: str) -> SinkBusy:
    """Return the leaf for an overload."""
    return SinkBusy(f"HTTP {reply.status} {text}", retry_after_sec=retry_after_sec(reply))


def _common(reply: Reply, where: Where, text: str) -> AuroraLogsError:
    if reply.status == 429:
        return busy(reply, text)
    if reply.status in (401, 403):
        return AccessDenied(f"{where.user} may not {where.right} in organisation {where.organization} of {where.url}: "
                            f"HTTP {reply.status} {text}",
                            hint=f"check OPENOBSERVE_USER and OPENOBSERVE_PASS; the account must be allowed to {where.right}")
    if reply.status == 404:
        return ConfigError(f"OPENOBSERVE_ORG {where.organization!r} is not known at {where.url}: HTTP 404 {text}",
                           hint="check OPENOBSERVE_ORG and the path of OPENOBSERVE_URL")
    if 300 <= reply.status < 400:
        return ConfigError(f"{where.url} redirects to another place, which is not followed: HTTP {reply.status}",
                           hint="set OPENOBSERVE_URL to the final address")
    return ConfigError(f"{where.url} does not take the request: HTTP {reply.status} {text[:200]}",
                       hint="is OPENOBSERVE_URL the address of OpenObserve?")


def said(reply: Reply) -> str:
    """Return the server's text, on one line, bounded, without control characters; of HTML only that it is HTML."""
    error = _error(reply)
    if error is not None:
        text = str(error.get("message") or error.get("error") or "")
    else:
        text = reply.body[:4 * TEXT_CHARS].decode("utf-8", "replace")
        if text.lstrip()[:1] == "<":
            return "an HTML page of something in between"
    return clean(text)


def clean(text: str) -> str:
    """Return a text of the other side as our messages may hold it."""
    return _ODD.sub(" ", text).strip()[:TEXT_CHARS]


def retry_after_sec(reply: Reply) -> float | None:
    """Return how long to wait, by seconds or by a date against the server's own clock; bounded (OO-24)."""
    value = reply.headers.get("retry-after", "")
    try:
        sec = float(value)
    except ValueError:
        try:
            sec = (parsedate_to_datetime(value) - parsedate_to_datetime(reply.headers.get("date", ""))).total_seconds()
        except (ValueError, TypeError):
            return None
    return min(max(sec, 0.0), RETRY_AFTER_MAX_SEC) if sec == sec else None  # noqa: PLR0124 - "nan" is a number to float


def _error(reply: Reply) -> dict[str, object] | None:
    try:
        value = msgspec.json.decode(reply.body)
    except msgspec.DecodeError:
        return None
    return value if isinstance(value, dict) else None

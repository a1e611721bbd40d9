"""A request's body as the server reads it: encodings and the limit of the decoded size (sheet 3.2, 1.1)."""

from __future__ import annotations

import zlib

from isal import isal_zlib

from aurora_logs_simulator.openobserve.profile import Setup
from aurora_logs_simulator.openobserve.replies import RefusalError, text_reply

_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_NOT_HERE = frozenset({"br", "zstd", "snappy"})  # the real server knows them; this one was not taught


def decode(body: bytes, encoding: str, setup: Setup) -> bytes:
    """Return the decoded body. Raises: RefusalError with 413, 415 or 400."""
    encoding = encoding.strip().lower()
    if encoding in _NOT_HERE:
        raise RefusalError(text_reply(f"the stand-in does not decode {encoding}", 400), "not taught")
    if encoding in _WINDOWS:
        body = _inflated(body, _WINDOWS[encoding], setup)
    elif encoding not in ("", "identity") and setup.version.refuses_encodings:
        raise RefusalError(text_reply("Unsupported Media Type", 415), "encoding")
    if len(body) > setup.payload_limit_bytes:
        raise too_long(setup)
    return body


def too_long(setup: Setup) -> RefusalError:
    """Make the 413 of this version."""
    return RefusalError(text_reply(setup.version.too_long_text, 413), "too long")


def _inflated(body: bytes, window: int, setup: Setup) -> bytes:
    inflater = isal_zlib.decompressobj(window)
    try:
        content: bytes = inflater.decompress(body, setup.payload_limit_bytes + 1)
    except zlib.error as exc:
        raise RefusalError(text_reply(f"payload reached EOF before completing: {exc}", 400), "broken body") from exc
    if len(content) > setup.payload_limit_bytes:
        raise too_long(setup)
    if not inflater.eof:
        raise RefusalError(text_reply("payload reached EOF before completing: None", 400), "broken body")
    return content

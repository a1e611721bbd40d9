"""Takes credentials out of statements, messages and unidentified text (mode `default`); where they stand is found elsewhere.

Bytes in, bytes out: text goes through Latin-1, one character a byte, so that positions stay and no byte is lost.
"""

import re
from collections.abc import Iterable
from typing import Final

from aurora_logs.sql.credentials import sql_spans
from aurora_logs.sql.gate import suspicious
from aurora_logs.sql.marked import Span, aws_secrets, prose_spans
from aurora_logs.sql.marks import HASH_DIGITS, Mark, stars

__all__ = ["mask_raw", "may_change_message", "message_spans", "redact_message", "redact_sql", "replaced", "suspicious"]

# What servers put in a credential's place themselves, and our own mark: not counted, not touched again.
_MASKED: Final = re.compile(rf"\*{{3,}}|<(?:secret|redacted)>|hmac-[0-9a-f]{{{HASH_DIGITS}}}", re.IGNORECASE)

# Where a quoted piece begins and what stands behind its end. From the first beginning to the last end all goes: the piece
# is the client's text and may hold quotes and newlines.
_QUOTED_PIECES: Final = (
    (re.compile(r"\bnear '"), re.compile(r"' at line [0-9]+")),
    (
        re.compile(r'\b(?:at or near|invalid input (?:syntax|value) for [^":\n]{1,200}:) "'),
        re.compile(r'"(?:$| at character [0-9]+)', re.MULTILINE),
    ),
    (re.compile(r'\bToken "'), re.compile(r'" is invalid')),
)
_STATEMENT: Final = re.compile(
    r"\b(?:create|alter|set|grant|change|clone|copy|select|insert|replace|update|delete|call|do|with|start|import|prepare"
    r"|execute|declare|begin|explain)\b",
    re.IGNORECASE,
)


def redact_sql(sql: bytes, dialect: str, mark: Mark = stars) -> tuple[bytes, int]:
    """Return the statement with `***` for each credential, and how many spans were replaced.

    A replaced string keeps its quotes: `IDENTIFIED BY '***'`. A cut statement fails closed: from the unclosed quote on
    everything goes. A server's own mask stays and is not counted. Called for every statement by every worker; a clean
    one costs `suspicious` alone. Never raises. Source: SEC-12, SEC-14; record-schema §14.
    """
    if not suspicious(sql):
        return sql, 0
    text = sql.decode("latin-1")
    return _redacted(sql, text, sql_spans(text, dialect), mark)


def may_change_message(text: bytes) -> bool:
    """Tell whether `redact_message` could replace anything in this text, or in one of the texts that are joined in it."""
    return _may_quote(text) or suspicious(text)


def redact_message(text: bytes, dialect: str, mark: Mark = stars) -> tuple[bytes, int]:
    """Return a body, DETAIL, HINT or CONTEXT without credentials and without the quoted piece of a syntax error.

    The kinds `credential` and `parsing_error` of record-schema §14; same promises as `redact_sql`.
    """
    has_piece = _may_quote(text)
    has_credential = suspicious(text)
    if not has_piece and not has_credential:
        return text, 0
    message = text.decode("latin-1")
    spans = [
        *(_quoted_pieces(message) if has_piece else ()),
        *(_credentials(message, dialect) if has_credential else ()),
    ]
    return _redacted(text, message, spans, mark)


def message_spans(message: str, dialect: str) -> list[Span]:
    """Return the spans that `redact_message` takes out; they may overlap."""
    return [*_quoted_pieces(message), *_credentials(message, dialect)]


def mask_raw(text: bytes, size_bytes: int = 0) -> bytes:
    """Return what stands in the body of a record that no rule understood: its size (0: the text's) and nothing of it."""
    return b"*** (%s bytes)" % f"{size_bytes or len(text):,}".encode("ascii")


def _may_quote(text: bytes) -> bool:
    small = text.lower()
    return b"near '" in small or b'at or near "' in small or b"invalid input " in small or b'token "' in small


def _quoted_pieces(message: str) -> list[Span]:
    spans = []
    for begins, ends in _QUOTED_PIECES:
        head = begins.search(message)
        if head is not None:
            end = len(message)  # a cut message fails closed
            for tail in ends.finditer(message, head.end()):
                end = tail.start()
            spans.append((head.end(), end))
    return spans


def _credentials(message: str, dialect: str) -> list[Span]:
    """Read a message both as text and, from the first word that may begin a statement, as SQL."""
    spans = [*prose_spans(message, 0, len(message)), *aws_secrets(message, 0, len(message))]
    statement = _STATEMENT.search(message)
    if statement is not None:
        begin, end = statement.start(), len(message)
        if message.startswith('"', begin - 1):  # CONTEXT: SQL statement "…"
            end = max(message.rfind('"'), begin)
        spans += sql_spans(message[:end], dialect, begin)
    return spans


def _redacted(original: bytes, text: str, spans: Iterable[Span], mark: Mark) -> tuple[bytes, int]:
    shown, count = replaced(text, spans, mark)
    return (shown.encode("latin-1"), count) if count else (original, 0)


def replaced(text: str, spans: Iterable[Span], mark: Mark) -> tuple[str, int]:
    """Put a mark in the place of each span, overlapping ones as one; return how many there were."""
    merged: list[list[int]] = []
    for begin, end in sorted(spans):
        if begin >= end or _MASKED.fullmatch(text, begin, end):
            continue
        if merged and begin <= merged[-1][1]:
            merged[-1][1] = max(end, merged[-1][1])
        else:
            merged.append([begin, end])
    pieces: list[str] = []
    position = 0
    for begin, end in merged:
        pieces += (text[position:begin], mark(text[begin:end]))
        position = end
    pieces.append(text[position:])
    return "".join(pieces), len(merged)

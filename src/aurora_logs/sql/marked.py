"""Credentials that their own look gives away in any text: URIs, keys, tokens, `password=…`; no SQL grammar here."""

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from aurora_logs.sql.tokens import STAY

Span: TypeAlias = tuple[int, int]  # start and end of the characters that have to go

_CREDENTIAL_NAME = (
    r"(?:pass(?:word|wd|phrase|code)?\d?|pwd|(?:aws_|client_)?secret(?:_?(?:access_?)?key)?|session_?token"
    r"|authentication_string|auth_string)"
)
_SECRET_NAME: Final = re.compile(
    # Names of authentication plugins are no names of passwords: mysql_native_password, caching_sha2_password.
    r"(?:(?<!native_)(?<!sha2_)(?<!sha256_)(?<!clear_)passwo?r?d\d?|(?<![a-z])(?:pass(?:wd|phrase|code)?|pwd"
    r"|secret(?:_?(?:access_?)?key)?|session_?token|authentication_string|auth_string))\Z",
    re.IGNORECASE,
)
_NAME_MAX: Final = 64  # characters looked at; identifiers are no longer (MySQL 64, PostgreSQL 63)


def is_secret_name(name: str) -> bool:
    """Say whether a column, variable or option of this name holds a credential: `password`, `MASTER_PASSWORD`, `pwd`."""
    return _SECRET_NAME.search(name[-_NAME_MAX:]) is not None


# Any of these must stand in a text before one of the rules below can match; the rules are tried only then.
_HINT: Final = re.compile(
    r"://|pass|pwd|secret|token|identified|crypt|[.]eyJ|A[KS]IA[0-9A-Z]|private key|auth\w*_string", re.IGNORECASE
)
_URI_HEAD: Final = re.compile(r"://[^\s/?#@:'\"\[]*:")
_WORD: Final = re.compile(r"\S*")
_PORT: Final = re.compile(r"[0-9]{1,5}(?:[/?#'\",;)\]]|\Z)")
_KEY_ID: Final = re.compile(r"(?<![A-Za-z0-9])A[KS]IA(?:[0-9A-Z]{12,}(?::[A-Za-z0-9/+=]*+)?|[0-9A-Z]{1,11}\Z)")
_SECRET_KEY: Final = re.compile(r"(?<![A-Za-z0-9/+=])(?![0-9a-f]{40})[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_JWT: Final = re.compile(r"eyJ[A-Za-z0-9_-]++[.]eyJ[A-Za-z0-9_-]*+(?:[.][A-Za-z0-9_-]*+)?+")
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-*")
_PAIR: Final = re.compile(
    rf"(?:passwo?r?d|(?<![A-Za-z]){_CREDENTIAL_NAME})\d?[\"'\]\\]*+\s*+(?:=>|:=|=|:)\s*+"
    r"(?!(?<=using password: )(?:YES|NO)\b)(?:(\\*+[\"'][\"'\\]*+)|(?=\S))",
    re.IGNORECASE,
)
_PAIR_VALUE: Final = re.compile(r"(?:\\+\s|\S)++", re.DOTALL)
_GAP = rf"(?:\s|/[*](?:[^*]|[*](?!/)|{STAY})*+[*]/|--[^\n]*+\n|{STAY})*+"
# SQL inside a string: which of the quotes there end what can't be known for certain, so that all that follows goes.
_EMBEDDED: Final = re.compile(
    rf"(?:identified\b[^'\"$]{{0,500}}|passwo?r?d{_GAP}[(]?{_GAP}(?:[eEnN]|[uU]&)?)(?:\\*+['\"]++|\$\w*\$)"
    r"|crypt\w*\s*+[(]",
    re.IGNORECASE,
)
# The same in comments and messages, where quotes are single.
_QUOTED: Final = re.compile(
    r"(?:\bidentified\s+(?:with\s+\S+\s+)?(?:by|as|using)(?:\s+password)?|passwo?r?d(?=[\s=(]))\s*[=(]?\s*"
    r"(?:[eEnN]|[uU]&)?(?:'((?:[^'\\]++|\\.|'')*+)|\"((?:[^\"\\]++|\\.)*+))",
    re.IGNORECASE | re.DOTALL,
)


def string_spans(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield what has to go from the inside of one SQL string. Spans may overlap; linear in time."""
    if _HINT.search(text, start, end) is None:
        return
    yield from _marked(text, start, end)
    for pattern in (_PEM, _EMBEDDED):
        found = pattern.search(text, start, end)
        if found is not None:
            yield found.end(), end
    for value, quote in _pairs(text, start, end):
        yield (value[0], end) if quote else value


def prose_spans(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield what has to go from a comment, a message or a block of code. Spans may overlap; linear in time."""
    if _HINT.search(text, start, end) is None:
        return
    yield from _marked(text, start, end)
    pem = _PEM.search(text, start, end)
    if pem is not None:
        yield pem.end(), end
    for match in _QUOTED.finditer(text, start, end):
        yield match.span(1 if match[1] is not None else 2)
    for (begin, stop), quote in _pairs(text, start, end):
        # Code goes on behind a bare value: dblink_connect('password=x');
        yield begin, stop if quote else begin + len(text[begin:stop].rstrip("'\");,"))


def aws_secrets(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield AWS secret keys. Only where a key id stands in the same text: 40 characters alone may be a hash."""
    if _KEY_ID.search(text, start, end) is not None:
        for match in _SECRET_KEY.finditer(text, start, end):
            yield match.span()


def _marked(text: str, start: int, end: int) -> Iterator[Span]:
    yield from _uri_passwords(text, start, end)
    for pattern in (_KEY_ID, _JWT):
        for match in pattern.finditer(text, start, end):
            yield match.span()


def _uri_passwords(text: str, start: int, end: int) -> Iterator[Span]:
    """Yield what stands between `://user:` and the last `@` of the same word: passwords may hold `@`, `/` and quotes.

    Without an `@` and a port the text was cut before it: that fails closed.
    """
    position = start
    while (head := _URI_HEAD.search(text, position, end)) is not None:
        word = _WORD.match(text, head.end(), end)
        stop = word.end() if word is not None else head.end()
        at = text.rfind("@", head.end(), stop)
        if at < 0:
            at = head.end() + len(text[head.end() : stop].rstrip("'\");,"))
        if at >= 0 and _PORT.match(text, head.end(), at) is None:
            yield head.end(), at
        position = stop


def _pairs(text: str, start: int, end: int) -> Iterator[tuple[Span, str]]:
    """Yield the values of `password=…` with the quotes before each, "" when it has none and ends at a blank."""
    position = start
    while (pair := _PAIR.search(text, position, end)) is not None:
        quote = pair[1] or ""
        if quote:
            close = text.find(quote[-1], pair.end(), end)
            position = close if close >= 0 else end
        else:
            value = _PAIR_VALUE.match(text, pair.end(), end)
            position = value.end() if value is not None else pair.end()
        yield (pair.end(), position), quote

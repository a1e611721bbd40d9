"""Reads the XML bodies of portions and refusals on bytes; knows nothing of HTTP.

botocore gives up a whole portion that holds a control character, a NUL or a cut UTF-8 sequence, and turns CR into LF
(rds-log-api.md §12.2). Here the text between the tags is cut out of the body and unescaped as bytes, so that all of
these arrive as the file holds them (RDS-33, RDS-71, RDS-76).
"""

import re
from xml.parsers import expat

from aurora_logs.errors import Unreachable
from aurora_logs.records.flow import Answer

# 1 MiB of content in the longest spelling we have seen described, `&#x00;` for a byte, and the frame around it.
BODY_MAX_BYTES = 8 * 1_048_576
REFUSAL_MAX_BYTES = 65_536

_ROOT_OPEN = re.compile(rb"\A(?:\xef\xbb\xbf)?\s*(?:<\?xml[^<>]*\?>\s*)?<DownloadDBLogFilePortionResponse(?=[\s>])")
_ROOT_CLOSE = re.compile(rb"</DownloadDBLogFilePortionResponse\s*>\s*\Z")
_DATA_OPEN = re.compile(rb"<LogFileData(?:\s[^<>]*?)?(/?)>")
_DATA_CLOSE = re.compile(rb"</LogFileData\s*>")
_MARKER = re.compile(rb"<Marker(?:\s[^<>]*)?>([^<]*)</Marker\s*>")
_PENDING = re.compile(rb"<AdditionalDataPending(?:\s[^<>]*)?>\s*(true|false)\s*</AdditionalDataPending\s*>")
_CODE = re.compile(rb"<Code>([^<]*)</Code>")
_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")
_CDATA_OPEN, _CDATA_CLOSE = b"<![CDATA[", b"]]>"
_REFERENCE = re.compile(rb"&(#?[0-9A-Za-z]{1,10});")
_ROOT_CLOSE_WITHIN_BYTES = 200
_CONTROL_BYTES = bytes(number for number in range(32) if number not in b"\t\n")
_DENSE_BYTES = 56  # fewer bytes a reference than this: expat is quicker, up to 3 times (measured, 1 MB, Python 3.11)


class _References(dict[bytes, bytes]):
    """What each reference stands for: the usual ones from the table, the others worked out anew each time."""

    def __missing__(self, name: bytes) -> bytes:
        try:
            if name.startswith(b"#"):
                digits = name[1:]
                number = int(b"0" + digits, 16) if digits.startswith((b"x", b"X")) else int(digits)
                return chr(number).encode("utf-8", "surrogatepass")
        except (ValueError, OverflowError):
            pass  # no number, or no code point: refused below like every name of a DTD (PERF-33)
        raise Unreachable(f"The answer holds the unknown reference &{name.decode('ascii')};")


_TABLE = _References({b"lt": b"<", b"gt": b">", b"amp": b"&", b"quot": b'"', b"apos": b"'"})
for _number in range(256):
    for _form in ("#{0}", "#x{0:x}", "#x{0:X}", "#x{0:02x}", "#x{0:02X}"):
        _TABLE[_form.format(_number).encode()] = chr(_number).encode()


def read_portion(body: bytes) -> Answer:
    """Return content, marker and `more` of a DownloadDBLogFilePortion answer.

    A missing element is no content, no marker, or `more` False (RDS-22..24).
    Raises: Unreachable when the body is HTML, empty, cut, too long, has a DTD or is no answer to this call (RDS-77);
    nothing of it may be used then.
    """
    if len(body) > BODY_MAX_BYTES:
        raise Unreachable(f"The answer is longer than {BODY_MAX_BYTES} bytes.")
    root = _ROOT_OPEN.match(body)
    end = _ROOT_CLOSE.search(body, max(0, len(body) - _ROOT_CLOSE_WITHIN_BYTES))
    if root is None or end is None:
        raise Unreachable(f"The answer is no portion, or a part of one: {_looks_like(body)}, {len(body)} bytes.")
    content, head_end, foot_start = _content(body, root.end(), end.start())
    frame = body[root.end():head_end] + b" " + body[foot_start:end.start()]
    if b"<!" in frame:
        raise Unreachable("The answer holds a document type or a comment, which RDS does not send.")
    marker = _MARKER.search(frame)
    pending = _PENDING.search(frame)
    return Answer(content=content, marker=_text(marker[1]) or None if marker else None,
                  more=pending is not None and pending[1] == b"true")


def read_refusal(body: bytes) -> tuple[str, str]:
    """Return code and message of an error answer; ("", "") when it is none. Looks at 64 KiB of it."""
    start = body[:REFUSAL_MAX_BYTES]
    code, message = _CODE.search(start), _MESSAGE.search(start)
    try:
        return (_text(code[1]) if code else "", _text(message[1]) if message else "")
    except Unreachable:
        return "", ""


def unescape(text: bytes) -> bytes:
    """Replace all references in text without `<` by the bytes they stand for; numeric ones give UTF-8.

    Raises: Unreachable for `&` that begins no reference, and for names that a DTD would have to explain.
    """
    if b"&" not in text:
        return text
    found = text.count(b"&")
    if found * _DENSE_BYTES > len(text) and b"<" not in text:
        plain = _by_expat(text)
        if plain is not None:
            return plain
    pieces = _REFERENCE.split(text)  # text, name, text, name, …: split, look up and join are loops in C
    if found != len(pieces) // 2:
        raise Unreachable("The answer holds an & that begins no reference.")
    pieces[1::2] = map(_TABLE.__getitem__, pieces[1::2])
    return b"".join(pieces)


def _by_expat(text: bytes) -> bytes | None:
    """Unescape with the XML parser; None where it would fail or change a byte: the byte path decides then."""
    if len(text.translate(None, _CONTROL_BYTES)) != len(text):
        return None
    pieces: list[str] = []
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text, parser.buffer_size = True, 2_097_152
    parser.CharacterDataHandler = pieces.append
    try:
        for part in (b"<a>", text, b"</a>"):
            parser.Parse(part)
        parser.Parse(b"", True)
    except expat.ExpatError:
        return None
    return "".join(pieces).encode()


def _content(body: bytes, start: int, end: int) -> tuple[bytes, int, int]:
    """Return the content of LogFileData, where its element begins and where it ends."""
    opened = _DATA_OPEN.search(body, start, end)
    if opened is None:
        return b"", end, end
    if opened[1]:
        return b"", opened.start(), opened.end()
    at = opened.end()
    parts: list[bytes] = []
    while True:
        tag = body.find(b"<", at, end)  # `<` is always escaped inside, so the next one is a CDATA section or the end
        if tag < 0:
            raise Unreachable("The answer ends within its data.")
        parts.append(unescape(body[at:tag]))
        closed = _DATA_CLOSE.match(body, tag, end)
        if closed:
            return (parts[0] if len(parts) == 1 else b"".join(parts)), opened.start(), closed.end()
        close = body.find(_CDATA_CLOSE, tag, end) if body.startswith(_CDATA_OPEN, tag) else -1
        if close < 0:
            raise Unreachable("The answer holds a tag within its data.")
        parts.append(body[tag + len(_CDATA_OPEN):close])
        at = close + len(_CDATA_CLOSE)


def _text(escaped: bytes) -> str:
    return unescape(escaped).decode("utf-8", "replace").strip()


def _looks_like(body: bytes) -> str:
    if not body.strip():
        return "empty"
    return "HTML" if b"<html" in body[:1024].lower() else "not the XML of RDS"

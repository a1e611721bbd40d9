"""What may reach a terminal: one sanitiser for all text that others wrote, and what the terminal can show.

Every log line, name and message passes `one_line` or `lines` on its way to a person (UX-80); JSON escapes by nature.
"""

import os
import re
import shutil
import sys
import unicodedata

NEWLINE_SIGN = "⏎"
MARKS_IN_A_ROW = 4  # UX-82: more combining marks than any script needs only hide text
ROOM_FOR_WORDS = 60  # columns from which the note of a cut text is a phrase; below it is `… +123`
_FIRST_MARK = "\u0300"  # no combining mark below it
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters by category, yet nothing is seen


def one_line(text: str) -> str:
    """Return text for a cell or a message: nothing in it moves the cursor, hides text or breaks the line."""
    if text.isprintable() and (text.isascii() or max(text) < _FIRST_MARK):
        return text
    return _sanitised(text.replace("\r\n", "\n").replace("\n", NEWLINE_SIGN))


def lines(text: str) -> str:
    """Return text of several lines: newlines and tabs stay, everything else as `one_line`."""
    return "\n".join("\t".join(one_line(part) for part in line.split("\t")) for line in text.split("\n"))


def shortened(text: str, width: int) -> str:
    """Cut a sanitised text to `width` columns, saying by how much (UX-88); never inside an escape."""
    if width_of(text) <= width:
        return text
    word = " characters" if width >= ROOM_FOR_WORDS else ""
    room = max(1, width - len(f"… +{len(text):,}{word}"))
    kept = text[:room]
    while width_of(kept) > room:
        kept = kept[:-1]
    kept = re.sub(r"\\(x[0-9a-f]?|u[0-9a-f]{0,3}|U[0-9a-f]{0,7})?$", "", kept)
    return f"{kept}… +{len(text) - len(kept):,}{word}"


def width_of(text: str) -> int:
    """Return how many columns a sanitised text takes."""
    if text.isascii():
        return len(text)
    return sum(_columns_of(character) for character in text)


def ascii_json(line: str) -> str:
    """Return a JSON line with everything but ASCII escaped: for a terminal, where C1 and bidi controls would act."""
    if line.isascii() and "\x7f" not in line:
        return line
    return "".join(character if " " <= character <= "~" or character == "\n" else _json_escape(character)
                   for character in line)


def is_terminal(descriptor: int = 1) -> bool:
    """Tell whether standard output (1) or error (2) is a terminal."""
    return os.isatty(descriptor)


def terminal_width() -> int | None:
    """Return the columns of standard output; None when it is no terminal: then nothing is ever cut (UX-38)."""
    return shutil.get_terminal_size().columns if is_terminal() else None


def speaks_utf8() -> bool:
    """Tell whether standard output takes signs beyond ASCII (UX-42)."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def _sanitised(text: str) -> str:
    marks = 0
    written = []
    for character in text:
        if " " <= character <= "~":
            marks = 0
            written.append(character)
            continue
        category = unicodedata.category(character)
        marks = marks + 1 if category[0] == "M" else 0
        is_shown = (character.isprintable() or category == "Zs") and character not in _FILLERS
        written.append(character if is_shown and marks <= MARKS_IN_A_ROW else _escape(character))
    return "".join(written)


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _json_escape(character: str) -> str:
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    code -= 0x10000
    return f"\\u{0xD800 + (code >> 10):04x}\\u{0xDC00 + (code & 0x3FF):04x}"


def _columns_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1

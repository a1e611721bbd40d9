"""What may reach a terminal: one sanitiser for all text that others wrote, and what the terminal can show.

Every log line, name and message passes `one_line` or `lines` on its way to a person (UX-80); JSON escapes by nature.
The only escapes that are ever written are our own colours, around text that was made harmless before (UX-42).
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
_HALF_ESCAPE = re.compile("\ue000?\\\\(x[0-9a-f]?|u[0-9a-f]{0,3}|U[0-9a-f]{0,7})?$")
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0")  # letters by category, yet nothing is seen
# Around a visible escape until it is drawn: private use, so that text which passed `one_line` has them from us alone.
DIM_ON, DIM_OFF = "\ue000", "\ue001"
STYLES = {"good": "32", "odd": "33", "bad": "31", "dim": "2", "marked": "1;33"}
STATE_STYLES = {
    "ok": "good", "completed": "good", "queued": "good", "warning": "odd", "processing": "odd", "critical": "bad",
    "failed": "bad", "unknown": "bad"}

_color = "auto"


def use_color(when: str) -> None:
    """Set `--color`: auto, always or never. Called once, before anything is printed."""
    global _color  # noqa: PLW0603 - one place for the whole process
    _color = when


def paints(descriptor: int = 1) -> bool:
    """Tell whether standard output (1) or error (2) gets colours; NO_COLOR and a dumb terminal get none."""
    if _color != "auto":
        return _color == "always"
    return is_terminal(descriptor) and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"


def paint(text: str, style: str, descriptor: int = 1) -> str:
    """Return text in a style of STYLES, where colours are shown; a word or sign always says the same too."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and paints(descriptor) else text


def drawn(text: str) -> str:
    """Return marked text as the terminal gets it: visible escapes are dim, so that nobody takes them for the log's own."""
    return text.replace(DIM_ON, f"\x1b[{STYLES['dim']}m").replace(DIM_OFF, "\x1b[0m")


def one_line(text: str, *, marks: bool = False) -> str:
    """Return text for a cell or a message: nothing in it moves the cursor, hides text or breaks the line.

    marks: put DIM_ON and DIM_OFF around each visible escape, for `drawn`.
    """
    if text.isprintable() and (text.isascii() or (max(text) < _FIRST_MARK and speaks_utf8())):
        return text
    sign = NEWLINE_SIGN if speaks_utf8() else "\\n"
    return _sanitised(text.replace("\r\n", "\n").replace("\n", sign), marks=marks)


def lines(text: str) -> str:
    """Return text of several lines: newlines and tabs stay, everything else as `one_line`."""
    return "\n".join("\t".join(one_line(part) for part in line.split("\t")) for line in text.split("\n"))


def shortened(text: str, width: int) -> str:
    """Cut a sanitised text to `width` columns, saying by how much (UX-88); never inside an escape."""
    if width_of(text) <= width:
        return text
    word = " characters" if width >= ROOM_FOR_WORDS else ""
    dots = "…" if speaks_utf8() else "..."
    room = max(1, width - len(f"{dots} +{len(text):,}{word}"))
    kept = text[:room + text.count(DIM_ON) * 2]
    while width_of(kept) > room:
        kept = kept[:-1]
    kept = _HALF_ESCAPE.sub("", kept)
    if kept.count(DIM_ON) > kept.count(DIM_OFF):
        kept += DIM_OFF
    return f"{kept}{dots} +{_characters(text) - _characters(kept):,}{word}"


def width_of(text: str) -> int:
    """Return how many columns a sanitised text takes."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415 - 10 ms that ASCII need not pay

    return cell_len(text.replace(DIM_ON, "").replace(DIM_OFF, ""))


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


def _characters(text: str) -> int:
    return len(text) - text.count(DIM_ON) - text.count(DIM_OFF)


def _sanitised(text: str, *, marks: bool) -> str:
    before, behind = (DIM_ON, DIM_OFF) if marks else ("", "")
    takes_all, accents = speaks_utf8(), 0
    written = []
    for character in text:
        if " " <= character <= "~":
            accents = 0
            written.append(character)
            continue
        category = unicodedata.category(character)
        accents = accents + 1 if category[0] == "M" else 0
        is_shown = takes_all and (character.isprintable() or category == "Zs") and character not in _FILLERS
        written.append(character if is_shown and accents <= MARKS_IN_A_ROW else f"{before}{_escape(character)}{behind}")
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

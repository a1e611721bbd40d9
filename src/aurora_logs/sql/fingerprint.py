"""The normal form of a statement and its hash, exactly as record-schema §13 says; no summary, no redaction."""

import hashlib
import re
from typing import Final

from aurora_logs.sql import tokens as lexer

FINGERPRINT_VERSION: Final = 1
"""Of the rules below: fingerprints of different versions can't be compared. A test knows what each version makes."""
_CONSTANTS: Final = frozenset({"null", "true", "false"})
# Behind these words no operand stands, so that a sign there belongs to the literal that follows it (rule 3).
_BEFORE_OPERAND: Final = frozenset(
    "all and any as between binary by case default delete distinct div do else elseif except exists explain fetch for "
    "from group having if ilike in insert intersect interval into is join like limit mod not of offset on or order over "
    "perform regexp replace return returning rlike select set then to top union until update using values when where "
    "while with xor".split(),
)
_VALUES: Final = frozenset({"values", "value"})
_PLAIN_MYSQL_NAME: Final = re.compile(
    r"`(?![0-9]+(?:[eE][0-9]+)?`|0x[0-9a-fA-F]+`|0b[01]+`)[0-9A-Za-z_$\x80-\U0010ffff]+`"
)
_PLAIN_POSTGRESQL_NAME: Final = re.compile(r'"[a-z_][a-z0-9_$]*"')
_ASCII_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}

# What stands last in a frame: decides about blanks, signs and merging.
_NOTHING: Final = 0  # an operator, or the frame's beginning: no operand, no blank
_AFTER_WORD: Final = 1  # a word that no operand ends with
_AFTER_NAME: Final = 2
_AFTER_LITERAL: Final = 3
_AFTER_GROUP: Final = 4  # `)` and `]`
_AFTER_MARK: Final = 5  # PostgreSQL's operator `?`, written like a word
_AFTER_DOT: Final = 6  # what follows is a name, whatever it is called


class _Frame:
    """What stands between one pair of parentheses, as far as it was read."""

    __slots__ = ("comma", "is_state", "items", "last", "seen", "signs")

    def __init__(self) -> None:
        self.items: list[str | int] = []  # text, or the number of a closed group
        self.last = _NOTHING
        self.comma = False  # a comma was read and is not written yet: a literal or group may swallow it
        self.signs: list[str] = []  # the same for signs
        self.seen: set[int] | None = None  # after VALUES: the groups kept so far
        self.is_state = 0  # 1 after IS or IS NOT: constants stay words there


class _Writer:
    """Builds the normal form from tokens; parentheses are frames on a list, so that depth costs no recursion.

    A closed group is kept once and named by its number: equal groups are found without comparing their texts, so that
    deep nesting stays linear.
    """

    def __init__(self) -> None:
        self.frame = _Frame()
        self._outer: list[_Frame] = []
        self._numbers: dict[tuple[str | int, ...], int] = {}
        self._groups: list[tuple[str | int, ...]] = []

    def flush(self, frame: _Frame) -> None:
        """Write the comma and the signs that nothing swallowed."""
        if frame.comma:
            frame.items.append(",")
            frame.comma = False
            frame.last = _NOTHING
        if frame.signs:
            frame.items.extend(frame.signs)
            frame.signs = []
            frame.last = _NOTHING

    def wordlike(self, text: str, last: int) -> None:
        """Write a word, name or mark, with a blank when another stands before it (rule 7)."""
        frame = self.frame
        if frame.comma or frame.signs:
            self.flush(frame)
        frame.items.append(" " + text if frame.last in _WORDLIKE else text)
        frame.last = last
        frame.seen = None
        frame.is_state = 0

    def literal(self) -> None:
        """Write `?`, or nothing when it continues a list of literals (rules 3 and 4)."""
        frame = self.frame
        if frame.signs:
            frame.signs = []
        if frame.last == _AFTER_LITERAL:
            frame.comma = False
            return
        self.wordlike("?", _AFTER_LITERAL)

    def operator(self, text: str) -> None:
        """Write an operator, or hold back a comma or sign until the next token says whose it is."""
        frame = self.frame
        frame.is_state = 0
        if text == ",":
            if frame.comma or frame.signs:
                self.flush(frame)
            frame.comma = True
            return
        if text in ("+", "-") and (frame.comma or frame.last in _NO_OPERAND):
            frame.signs.append(text)
            return
        if frame.comma or frame.signs:
            self.flush(frame)
        frame.seen = None
        frame.items.append(text)
        frame.last = _AFTER_OPERATOR.get(text, _NOTHING)

    def open_group(self) -> None:
        """Begin a parenthesised group."""
        frame = self.frame
        frame.is_state = 0
        if frame.signs:
            self.flush(frame)
        self._outer.append(frame)
        self.frame = _Frame()

    def close_group(self) -> None:
        """End a group, and drop it when it repeats its neighbour or a row of the same VALUES (rule 5)."""
        if not self._outer:
            self.operator(")")
            self.frame.last = _AFTER_GROUP
            return
        self.flush(self.frame)
        self._enter(self._outer.pop(), ("(", *self.frame.items, ")"))

    def _enter(self, frame: _Frame, content: tuple[str | int, ...]) -> None:
        number = self._numbers.setdefault(content, len(self._groups))
        if number == len(self._groups):
            self._groups.append(content)
        self.frame = frame
        if frame.comma:
            repeated = number in frame.seen if frame.seen is not None else frame.items[-1:] == [number]
            if repeated:
                frame.comma = False
                return
            self.flush(frame)
        if frame.seen is not None:
            frame.seen.add(number)
        frame.items.append(number)
        frame.last = _AFTER_GROUP

    def text(self) -> str:
        """Return what was written, with groups that the text left open."""
        self.flush(self.frame)
        while self._outer:
            content = ("(", *self.frame.items)
            self._enter_open(self._outer.pop(), content)
        return self._rendered(self.frame.items)

    def _enter_open(self, frame: _Frame, content: tuple[str | int, ...]) -> None:
        self.flush(frame)
        self._groups.append(content)
        frame.items.append(len(self._groups) - 1)
        self.frame = frame

    def _rendered(self, items: list[str | int]) -> str:
        out: list[str] = []
        waiting: list[str | int] = items[::-1]
        while waiting:
            item = waiting.pop()
            if isinstance(item, str):
                out.append(item)
            else:
                waiting.extend(reversed(self._groups[item]))
        return "".join(out)


_WORDLIKE: Final = frozenset({_AFTER_WORD, _AFTER_NAME, _AFTER_LITERAL, _AFTER_MARK})
_AFTER_OPERATOR: Final = {"]": _AFTER_GROUP, ".": _AFTER_DOT}
_OPERAND: Final = frozenset({_AFTER_NAME, _AFTER_LITERAL, _AFTER_GROUP})
_NO_OPERAND: Final = frozenset({_NOTHING, _AFTER_WORD, _AFTER_MARK})


def lowered(text: str) -> str:
    """Lower the ASCII letters and no others (rule 6: `İ` stays)."""
    return text.lower() if text.isascii() else text.translate(_ASCII_LOWER)


def normal_form(sql: str, dialect: str, truncated: bool = False) -> str:  # noqa: FBT001, FBT002
    """Return the statement without literals, comments, list lengths and keyword case, in one line.

    `dialect` is "mysql" or "postgresql"; `truncated` says that the server cut the text, which then ends in ` ...`.
    Total and linear in time. Source: record-schema §13.1, cases FP-01..47.
    """
    writer = _Writer()
    is_cut = truncated
    for kind, begin, end in lexer.tokens(sql, dialect, runs=True):
        if kind == lexer.WORD:
            _write_word(writer, lowered(sql[begin:end]), dialect)
        elif kind == lexer.OPERATOR:
            text = sql[begin:end]
            if text == "(":
                writer.open_group()
            elif text == ")":
                writer.close_group()
            else:
                writer.operator(text)
        elif kind == lexer.LITERAL:
            writer.literal()
        elif kind == lexer.QUOTED_NAME:
            writer.wordlike(_quoted(sql[begin:end], dialect), _AFTER_NAME)
        elif kind == lexer.PLACEHOLDER:
            _write_placeholder(writer, sql[begin:end], dialect)
        elif kind != lexer.COMMENT:
            is_cut = True
            if kind != lexer.OPEN_COMMENT:
                writer.literal()
    text = writer.text().rstrip(";")
    return f"{text} ..." if is_cut else text


def _write_word(writer: _Writer, word: str, dialect: str) -> None:
    frame = writer.frame
    if frame.last == _AFTER_DOT and not frame.comma:
        writer.wordlike(word, _AFTER_NAME)
    elif word in _CONSTANTS and not frame.is_state:
        writer.literal()
    else:
        goes_on = word == "is" or (word == "not" and frame.is_state == 1)
        writer.wordlike(word, _AFTER_WORD if word in _BEFORE_OPERAND else _AFTER_NAME)
        if goes_on:
            frame.is_state = 1
        elif word == "values" or (word == "value" and dialect == lexer.MYSQL):
            frame.seen = set()


def _write_placeholder(writer: _Writer, text: str, dialect: str) -> None:
    frame = writer.frame
    # `d ? 'k'`: behind an operand PostgreSQL's `?` is an operator.
    if text == "?" and dialect == lexer.POSTGRESQL and frame.last in _OPERAND and not frame.comma:
        writer.wordlike("?", _AFTER_MARK)
    else:
        writer.literal()


def _quoted(name: str, dialect: str) -> str:
    """Take the quotes from a name that needs none (rule 6)."""
    if dialect == lexer.MYSQL:
        return lowered(name[1:-1]) if _PLAIN_MYSQL_NAME.fullmatch(name) else name
    return name[1:-1] if _PLAIN_POSTGRESQL_NAME.fullmatch(name) else name


def hashed(normal: str) -> str:
    """Return the fingerprint of a normal form: BLAKE2b, 8 bytes, 16 lower-case hex digits."""
    # surrogatepass: a lone surrogate in hostile text must not raise, and must not look like another one.
    return hashlib.blake2b(normal.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def fingerprint(sql: str, dialect: str, truncated: bool = False) -> str:  # noqa: FBT001, FBT002
    """Return `db_query_fingerprint`: equal for statements that differ only in literals, list lengths and layout."""
    return hashed(normal_form(sql, dialect, truncated))

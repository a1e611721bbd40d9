"""The operation and the low-cardinality summary of a statement; literals never get in, since names are all it takes."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Final

from aurora_logs.sql import tokens as lexer

SUMMARY_MAX_CHARACTERS: Final = 255  # OpenTelemetry, db.query.summary
_TARGETS_MAX: Final = 5
_DEPTH_MAX: Final = 5  # of parentheses inside a common table expression, counted by the quick way
_VERBS_AFTER_WITH: Final = frozenset({"select", "insert", "update", "delete", "merge", "replace", "values", "table"})

# The first word behind blanks, comments and what may stand before a verb. Where it finds none, the tokenizer decides:
# executable and nested comments, a word that is not whole (`N'x'`, `a.b`), WITH.
_SKIP: Final = rf"[\s;({{]++|/[*](?!M?!)(?:[^*/]++|[*](?!/)|/(?![*])|{lexer.STAY})*+[*]/"
_WHOLE_WORD: Final = r"([A-Za-z]++)(?![\w$@.'\"&`\x80-\xff])"
_FIRST_WORD: Final = {
    lexer.MYSQL: re.compile(rf"(?:{_SKIP}|--(?=\s)[^\n]*+|[#][^\n]*+|{lexer.STAY})*+{_WHOLE_WORD}".encode("latin-1")),
    lexer.POSTGRESQL: re.compile(rf"(?:{_SKIP}|--[^\n]*+|{lexer.STAY})*+{_WHOLE_WORD}".encode("latin-1")),
}


# The strings and quoted names between WITH and its verb, without what makes them hard to tell apart.
_PLAIN: Final = {
    lexer.MYSQL: r"""'(?:[^'\\]++|\\.|'')*+'|"(?:[^"\\]++|\\.|"")*+"|`[^`]*+`|[$]""",
    lexer.POSTGRESQL: r"""'[^'\\]*+'|"[^"]*+"|[$](?=[0-9])""",
}


@cache
def _plain_with(dialect: str) -> re.Pattern[bytes]:
    """Compile the way from WITH to its verb, the first one outside parentheses. No match: the tokenizer decides."""
    comment = rf"/[*](?![+!M])(?:[^*/]++|[*](?!/)|/(?![*])|{lexer.STAY})*+[*]/"
    flat = rf"[^()'\"`#/*$\\-]++|{_PLAIN[dialect]}|{comment}|-(?!-)|/(?![*])|[*](?!/)"
    block = ""
    for _ in range(_DEPTH_MAX):
        block = rf"|\((?:{flat}{block}|{lexer.STAY})*+\)"
    verbs = "|".join(sorted(_VERBS_AFTER_WITH))
    words = rf"[\s,]++|(?!(?:{verbs})\b)[A-Z_][0-9A-Z_]*+"
    return re.compile(
        rf"(?:{words}|{comment}{block}|{lexer.STAY})*+({verbs})(?=[\s(]|\Z)".encode(), re.IGNORECASE | re.DOTALL
    )


def operation_of(sql: bytes, dialect: str) -> bytes | None:
    """Return the operation of a statement's bytes, as `operation` does; the hot path's face of it."""
    match = _FIRST_WORD[dialect].match(sql)
    if match is not None:
        word = match[1].upper()
        plain = _plain_with(dialect).match(sql, match.end()) if word == b"WITH" else match
        if plain is not None:
            return plain[1].upper()
    # Latin-1 keeps one character a byte; a keyword is ASCII whatever the text's encoding is.
    found = _exact_operation(sql.decode("latin-1"), dialect)
    return None if found is None else found.encode("ascii")


def operation(sql: str, dialect: str) -> str | None:
    """Return the statement's first keyword in upper case: the main verb behind WITH, None when no word begins it.

    `EXPLAIN SELECT` is EXPLAIN, `(SELECT …)` is SELECT, `{CALL p}` is CALL. Source: record-schema §13.4.
    """
    found = operation_of(sql.encode("utf-8", "surrogatepass"), dialect)
    return None if found is None else found.decode("ascii")


def _exact_operation(sql: str, dialect: str) -> str | None:
    def code() -> Iterator[str]:
        in_hint = False
        for kind, begin, end in lexer.tokens(sql, dialect, runs=True):
            text = sql[begin:end]
            if text in ("/*+", "*/"):
                in_hint = text == "/*+"
            elif not in_hint and kind != lexer.COMMENT:
                # No literal passes for a word: its text stays here.
                yield text if kind in (lexer.WORD, lexer.OPERATOR) else "?"

    return _verb(code())


def _verb(code: Iterable[str]) -> str | None:
    """Find the verb: the first word, or behind WITH the first verb outside parentheses."""
    depth = 0
    is_with = False
    for text in code:
        if is_with:
            depth += (text == "(") - (text == ")")
            if depth == 0 and text.lower() in _VERBS_AFTER_WITH:
                return text.upper()
        elif text.isascii() and text.isalpha():
            if text.lower() != "with":
                return text.upper()
            is_with = True
        elif text not in ("(", "{", ";"):
            return None
    return "WITH" if is_with else None


# Tokens of a normal form. It holds no strings, so both quotes stand for names. Hints say nothing about targets.
_NORMAL_TOKEN: Final = re.compile(
    r'\s++|/[*][+].*?(?:[*]/|\Z)|(`(?:[^`]|``)*+`|"(?:[^"]|"")*+"|@{0,2}[0-9A-Za-z_$\x80-\U0010ffff]++|.)',
    re.DOTALL,
)
_TARGET_FOLLOWS: Final = frozenset({"from", "join", "into", "update", "table", "call"})
_LIST_ENDS: Final = frozenset(
    {"where", "set", "group", "order", "having", "limit", "union", "select", "values", "window"}
)
_SKIPPED: Final = frozenset({"if", "not", "exists", "only", "lateral", "low_priority", "ignore", "quick"})
_NO_TARGET: Final = frozenset(
    {"select", "set", "values", "outfile", "dumpfile", "of", "nowait", "skip", "as", "stdin", "stdout"}
)
# Behind these words UPDATE is no verb (`for update`, `on duplicate key update`) and FROM no clause.
_NO_CLAUSE: Final = {
    "update": frozenset({"for", "key", "on", "no", "before", "after", "or", "of"}),
    "from": frozenset({"distinct"}),
}


class _Depth:
    """What is known about one depth of parentheses."""

    __slots__ = ("has_query", "in_list")

    def __init__(self, *, has_query: bool) -> None:
        self.has_query = has_query  # FROM is a clause here, unlike in `extract(year from d)`
        self.in_list = False  # a comma announces one more target here


def _targets(code: list[str]) -> list[str]:
    """Collect the target names of a normal form's tokens in order of appearance, each once."""
    names: list[str] = []
    depths = [_Depth(has_query=True)]
    keyword = previous = ""  # the keyword whose target is expected, and the token before
    position = 0
    while position < len(code) and len(names) < _TARGETS_MAX:
        text = code[position]
        position += 1
        depth = depths[-1]
        if text == "(":
            depths.append(_Depth(has_query=False))
        elif text == ")":
            if len(depths) > 1:
                depths.pop()
            keyword = ""
        elif text == ",":
            keyword = "from" if depth.in_list else ""
        elif not _is_name(text):
            keyword = ""
        elif (
            text in _TARGET_FOLLOWS and previous not in _NO_CLAUSE.get(text, ()) and (text != "from" or depth.has_query)
        ):
            keyword = text
            depth.in_list = text in ("from", "update") or previous in ("drop", "truncate")
        elif keyword and text not in _SKIPPED and text not in _NO_TARGET:
            name, position = _dotted(code, position - 1)
            is_function = keyword in ("from", "join") and code[position : position + 1] == ["("]
            if not is_function and not name.startswith("@") and name not in names:
                names.append(name)
            keyword = ""
        elif text not in _SKIPPED:
            keyword = ""
            depth.has_query = depth.has_query or text in ("select", "delete", "show")
            depth.in_list = depth.in_list and text not in _LIST_ENDS
        previous = text
    return names


def _is_name(text: str) -> bool:
    return text[0].isalnum() or text[0] in '`"@_$' or text[0] >= "\x80"


def _dotted(code: list[str], position: int) -> tuple[str, int]:
    """Read the name at `position` with its dotted parts, without quotes; say where it ends."""
    parts = [_unquoted(code[position])]
    position += 1
    while code[position : position + 1] == ["."] and position + 1 < len(code):
        parts.append(_unquoted(code[position + 1]))
        position += 2
    return ".".join(parts), position


def _unquoted(name: str) -> str:
    return name[1:-1] if len(name) > 2 and name[0] in '`"' and name[-1] == name[0] else name


def summary(normal: str) -> str:
    """Return operation and target names of a normal form, `SELECT orders customers`; "" when no word begins it.

    At most 5 names and 255 characters, cut at a blank. Source: record-schema §13.4.
    """
    code = [text for text in _NORMAL_TOKEN.findall(normal) if text]
    verb = _verb(code)
    if verb is None:
        return ""
    text = " ".join((verb, *_targets(code)))
    if len(text) <= SUMMARY_MAX_CHARACTERS:
        return text
    return text[: max(text.rfind(" ", 0, SUMMARY_MAX_CHARACTERS + 1), 0)] or verb[:SUMMARY_MAX_CHARACTERS]

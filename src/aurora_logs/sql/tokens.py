"""The exact tokenizer of both SQL dialects: where each token lies; what a token means is decided elsewhere."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple, TypeAlias

MYSQL: Final = "mysql"  # MySQL, MariaDB and Aurora MySQL with the default sql_mode (a log does not tell another)
POSTGRESQL: Final = "postgresql"

# Kinds of token, in the order in which the patterns below try them: a kind is the number of a pattern's group.
LITERAL: Final = 1  # a closed string, a number, a hex or bit literal; with `runs` a comma list of them
QUOTED_NAME: Final = 2
COMMENT: Final = 3
_EXECUTABLE: Final = 4  # the head of `/*! … */`: it goes, the content stays
_CLOSE: Final = 5  # `*/`: the end of an executable comment or of a hint, else two operators
_OPENING: Final = 6  # of a quote or comment whose end the pattern did not find, and of every dollar quote
WORD: Final = 7  # names, keywords, NULL, @variables
PLACEHOLDER: Final = 8  # `?`, `$1`
OPERATOR: Final = 9  # everything else, one or more characters
OPEN_LITERAL: Final = 10  # an opening string: a literal to the end of the text
OPEN_NAME: Final = 11  # an opening quoted name
OPEN_COMMENT: Final = 12  # an opening comment; empty, at the end of the text, when an executable one stays open

Token: TypeAlias = tuple[int, int, int]  # kind, start, end: positions in the text

_BLANK = r"[ \t\r\n\f\v]"
_NAME = r"[0-9A-Za-z_$\x80-\U0010ffff]"
_CONSTANT = rf"(?:[nN][uU][lL][lL]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE])(?!{_NAME})"
# The last alternative of a possessive group whose others can fail half-way: before Python 3.11.5 such a group kept what
# the failed one had consumed (CPython gh-106052). It never matches, and puts the position back.
STAY: Final = "(?!)"
_TO_QUOTE = r"(?:[^'\\]++|\\.|'')*+"  # the inside of a string with backslash escapes


# Only a known character set may stand apart from its string: `_binary 'x'` (mysqldump writes it so).
_CHARACTER_SET = r"_(?i:utf8(?:mb[34])?|binary|latin1|ascii|ucs2|utf16(?:le)?|utf32)"
_INTRODUCER = rf"(?:{_CHARACTER_SET}{_BLANK}*+(?:[xXbB](?='))?|_[0-9A-Za-z]++)"


class _Grammar(NamedTuple):
    """The pieces in which the dialects differ, as regular expressions."""

    string: str
    number: str
    quoted: str
    comment: str
    executable: str
    opening: str
    word: str
    placeholder: str
    operator: str


_MYSQL_GRAMMAR = _Grammar(
    string=(
        rf"""(?:[nNxXbB]|{_INTRODUCER})?+'{_TO_QUOTE}'|(?:{_INTRODUCER})?+"(?:[^"\\]++|\\.|"")*+\""""
        rf"|{_CHARACTER_SET}{_BLANK}++0x[0-9a-fA-F]++(?!{_NAME})"
    ),
    # A number is one only when no name character follows (12_13_foo is a name); behind a dot no name can go on.
    # Directly behind `name.` digits are a name too (db.2024).
    number=(
        rf"(?<![.])(?:0x[0-9a-fA-F]++(?!{_NAME})|0b[01]++(?!{_NAME})|[0-9]++(?:[eE][+-]?[0-9]++)?(?![.]|{_NAME})"
        r"|[0-9]++[.][0-9]*+(?:[eE][+-]?[0-9]++)?)"
        r"|(?<![0-9A-Za-z_$\x80-\U0010ffff`])[.][0-9]++(?:[eE][+-]?[0-9]++)?"
    ),
    quoted=r"`(?:[^`]++|``)*+`",
    comment=r"--(?:(?=[\x00-\x20])[^\n]*+|\Z)|[#][^\n]*+|/[*](?![+]|M?!).*?[*]/",
    executable=r"/[*]M?!(?:[0-9]{5,6}(?![0-9]))?+",
    opening=rf"""(?:[nNxXbB]|{_INTRODUCER})?+'|(?:{_INTRODUCER})?+"|`|/[*](?![+]|M?!)""",
    word=rf"@{{0,2}}+{_NAME}++",
    placeholder=r"[?]",
    operator=r"<=>|<=|>=|<>|!=|:=|[|][|]|&&|->>?|/[*][+]|.",
)
_POSTGRESQL_GRAMMAR = _Grammar(
    string=rf"[eE]'{_TO_QUOTE}'|(?:[uU]&|[bBxXnN])?+'(?:[^']++|'')*+'",
    number=(
        r"0[xX][0-9a-fA-F_]++|0[oO][0-7_]++|0[bB][01_]++"
        r"|(?:[0-9][0-9_]*+(?:[.][0-9_]*+)?+|[.][0-9]++)(?:[eE][+-]?[0-9]++)?"
    ),
    quoted=r'(?:[uU]&)?+"(?:[^"]++|"")*+"',
    comment=rf"--[^\n]*+|/[*](?![+])(?:[^*/]++|[*](?!/)|/(?![*])|{STAY})*+[*]/",
    executable=r"(?!)",
    opening=(
        r"""(?:[eE]|[uU]&|[bBxXnN])?+'|(?:[uU]&)?+"|/[*](?![+])"""
        r"|\$(?:[A-Za-z_\x80-\U0010ffff][0-9A-Za-z_\x80-\U0010ffff]*+)?+\$"
    ),
    word=rf"[A-Za-z_\x80-\U0010ffff]{_NAME}*+",
    placeholder=r"\$[0-9]++|[?]",
    operator=r"::|<=|>=|<>|!=|:=|[|][|]|->>?|[#]>>?|@>|<@|&&|/[*][+]|.",
)


def _pattern(grammar: _Grammar, *, runs: bool) -> re.Pattern[str]:
    """Compile a dialect; with `runs` a comma list of literals is one token, so that a long list costs one match."""
    literal = f"(?:{grammar.string}|{grammar.number})"
    # not `*+`: see STAY; nothing follows, so nothing is tried again
    more = rf"(?:{_BLANK}*+,{_BLANK}*+(?:[+-]{_BLANK}*+)?+(?:{literal}|{_CONSTANT}))*" if runs else ""
    kinds = (
        literal + more,
        grammar.quoted,
        grammar.comment,
        grammar.executable,
        "[*]/",
        grammar.opening,
        grammar.word,
        grammar.placeholder,
        grammar.operator,
    )
    # The blanks before a token belong to its match: one match a token, and blanks at the end are read once.
    return re.compile(f"{_BLANK}*+(?:" + "|".join(f"({kind})" for kind in kinds) + r"|\Z)", re.DOTALL)


_GRAMMARS: Final = {MYSQL: _MYSQL_GRAMMAR, POSTGRESQL: _POSTGRESQL_GRAMMAR}


@cache
def _pattern_of(dialect: str, *, runs: bool) -> re.Pattern[str]:
    """Compile a dialect when it is first needed: all four patterns would be a quarter of the start-up of `parse`."""
    return _pattern(_GRAMMARS[dialect], runs=runs)


_COMMENT_BORDER: Final = re.compile(r"/[*]|[*]/")


def tokens(text: str, dialect: str, *, start: int = 0, runs: bool = False) -> Iterator[Token]:
    """Yield the tokens of `text` from `start` on, comments included, blanks left out; never raises, linear in time.

    With `runs`, literals that only commas and signs part come as one LITERAL.
    """
    pattern = _pattern_of(dialect, runs=runs)
    position = start
    open_hints: list[bool] = []  # a hint without its end, or an executable comment (its end goes), innermost last
    while True:
        for match in pattern.finditer(text, position):
            kind = match.lastindex
            if kind is None:
                if open_hints:
                    yield OPEN_COMMENT, len(text), len(text)
                return
            begin, end = match.span(kind)
            if kind < _EXECUTABLE or kind > _OPENING:
                yield kind, begin, end
                if kind == OPERATOR and text.startswith("/*+", begin):
                    close = _comment_end(text, end, dialect)
                    if close >= 0:
                        yield from _hinted(pattern, text, end, close)
                        yield OPERATOR, close, close + 2
                        position = close + 2
                        break
                    open_hints.append(True)
            elif kind == _EXECUTABLE:
                open_hints.append(False)
            elif kind == _CLOSE:
                if open_hints:
                    if open_hints.pop():
                        yield OPERATOR, begin, end
                else:  # `2*/* c */3`: the star is an operator, and what follows may begin a comment
                    yield OPERATOR, begin, begin + 1
                    position = begin + 1
                    break
            else:
                token = _opened(text, begin, end, dialect)
                yield token
                position = token[2]
                break
        else:
            return


def _comment_end(text: str, at: int, dialect: str) -> int:
    """Return where the `*/` of the comment stands that `at` lies in, -1 when it stays open; PostgreSQL's may be nested."""
    if dialect == MYSQL:
        return text.find("*/", at)
    depth = 1
    for border in _COMMENT_BORDER.finditer(text, at):
        depth += 1 if border[0] == "/*" else -1
        if depth == 0:
            return border.start()
    return -1


def _hinted(pattern: re.Pattern[str], text: str, start: int, stop: int) -> Iterator[Token]:
    """Yield the tokens of a hint: no quote and no comment in it reaches beyond its end, where the server goes on."""
    for match in pattern.finditer(text, start, stop):
        kind = match.lastindex
        if kind is None:
            return
        begin, end = match.span(kind)
        if kind == _OPENING:
            yield COMMENT if text.startswith("/*", begin) else LITERAL, begin, stop
            return
        if kind not in (_EXECUTABLE, _CLOSE):
            yield kind, begin, end


def _opened(text: str, begin: int, end: int, dialect: str) -> Token:
    """Find the end of a dollar quote or nested comment, or else say what stays open to the end of the text."""
    head = text[begin:end]
    if head.startswith("/*"):
        close = _comment_end(text, end, dialect)
        return (COMMENT, begin, close + 2) if close >= 0 else (OPEN_COMMENT, begin, len(text))
    if head.startswith("$"):
        close = text.find(head, end)
        return (LITERAL, begin, close + len(head)) if close >= 0 else (OPEN_LITERAL, begin, len(text))
    is_name = head.endswith("`") or (dialect == POSTGRESQL and head.endswith('"'))
    return OPEN_NAME if is_name else OPEN_LITERAL, begin, len(text)

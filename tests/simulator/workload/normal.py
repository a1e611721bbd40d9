"""A small normal form of SQL for these tests only: literals, comments, blanks and case go. The product has its own."""

import re

_MYSQL = re.compile(
    r"(?P<comment>/\*(?!\+).*?\*/|--(?=\s|$)[^\n]*)"
    r"|(?P<literal>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|\b\d+(?:\.\d+)?\b|\bNULL\b)"
    r"|(?P<space>\s+)"
    r"|(?P<other>[A-Za-z0-9_$]+|`[^`]+`|.)",
    re.DOTALL | re.IGNORECASE,
)
_POSTGRESQL = re.compile(
    r"(?P<comment>/\*.*?\*/|--[^\n]*)"
    r"|(?P<literal>E'(?:[^'\\]|\\.|'')*'|U&'[^']*'|'(?:[^']|'')*'|\$(\w*)\$.*?\$\3\$|\$\d+|\b\d+(?:\.\d+)?\b|\bNULL\b|\bTRUE\b)"
    r"|(?P<space>\s+)"
    r'|(?P<name>"[^"]+")'
    r"|(?P<other>[A-Za-z0-9_]+|.)",
    re.DOTALL | re.IGNORECASE,
)


def normal(sql, dialect):
    """Tokens joined by one blank, lists of literals and of equal rows cut to one."""
    tokens = []
    for found in (_MYSQL if dialect == "mysql" else _POSTGRESQL).finditer(sql):
        kind = found.lastgroup
        if kind == "literal" or (kind is None and found["literal"]):
            tokens.append("?")
        elif kind in ("other", "name"):
            tokens.append(found[0] if kind == "name" else found[0].lower())
    text = " ".join(tokens)
    text = re.sub(r"\?(?: , \?)+", "?", text)
    return re.sub(r"\( \? \)(?: , \( \? \))+", "( ? )", text)

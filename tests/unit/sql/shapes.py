"""Statements of known shapes: one shape's statements differ in literals, list lengths, comments, blanks and case alone."""

import random
import re
from collections.abc import Iterator
from typing import Final

DIALECTS: Final = ("mysql", "postgresql")

# ~ is a place for blanks and comments, ? a literal, ^ a list of literals, # a list of rows. Everything else is the shape;
# words in capitals are keywords, whose case varies. {t} and {c} are a table and a column.
_FORMS: Final = {
    "both": (
        "SELECT~*~FROM~{t}~WHERE~{c}~=~?",
        "SELECT~{c}~,~COUNT(*)~FROM~{t}~WHERE~{c}~IN~(^)~GROUP~BY~{c}~HAVING~COUNT(*)~>~?",
        "SELECT~a.{c}~,~?~FROM~{t}~a~JOIN~b~USING~(id)~WHERE~a.{c}~BETWEEN~?~AND~?",
        "SELECT~{c}~FROM~{t}~WHERE~{c}~IS~NOT~NULL~AND~NOT~{c}~LIKE~?",
        "SELECT~{c}~-~?~,~{c}~+~?~FROM~{t}~ORDER~BY~{c}~DESC",
        "INSERT~INTO~{t}~(~{c}~,~d)~VALUES~#",
        "INSERT~INTO~{t}~(~{c}~,~d)~SELECT~x~,~?~FROM~u~WHERE~y~<>~?",
        "UPDATE~{t}~SET~{c}~=~?~,~d~=~d~-~?~WHERE~id~=~?",
        "DELETE~FROM~{t}~WHERE~(~{c}~,~d)~IN~(#)~OR~f({c}~,~^)~>=~?",
        "WITH~q~AS~(SELECT~?~)~SELECT~*~FROM~q~,~{t}~WHERE~{c}~=~?",
        "SELECT~CASE~WHEN~{c}~>~?~THEN~?~ELSE~?~END~FROM~{t}",
        "SELECT~(~SELECT~MAX({c})~FROM~{t}~WHERE~x~=~?)~UNION~ALL~SELECT~?",
        "SELECT~{c}~FROM~{t}~WHERE~{c}~=~?~FOR~UPDATE",
        "SELECT~{c}_2~FROM~{t}_2024~WHERE~{c}_3~=~?",
        "SELECT~COALESCE({c}~,~?)~||~?~FROM~{t}~WHERE~EXISTS~(SELECT~?~FROM~u)",
    ),
    "mysql": (
        "REPLACE~INTO~{t}~({c}~,~d)~VALUES~#",
        "SELECT~SQL_NO_CACHE~{c}~FROM~`odd {t}`~WHERE~`{c}`~<=>~?~LIMIT~^",
        "SELECT~/*!40001~SQL_CACHE~*/~{c}~FROM~{t}~WHERE~{c}~RLIKE~?",
        "INSERT~INTO~{t}~(~{c}~,~d)~VALUES~#~ON~DUPLICATE~KEY~UPDATE~{c}~=~{c}~+~?",
        "SELECT~{c}~FROM~{t}~WHERE~d~>~NOW()~-~INTERVAL~?~DAY",
        "CALL~{t}_{c}(^)",
    ),
    "postgresql": (
        "SELECT~{c}~->>~?~FROM~{t}~WHERE~{c}~@>~?::jsonb",
        "SELECT~{c}~FROM~{t}~WHERE~{c}~=~ANY(ARRAY[^])~OFFSET~?",
        'SELECT~"{c} x"~FROM~"odd {t}"~WHERE~"{c}"~ILIKE~?',
        "INSERT~INTO~{t}~(~{c}~,~d)~VALUES~#~ON~CONFLICT~(id)~DO~UPDATE~SET~{c}~=~EXCLUDED.{c}~RETURNING~id",
        "SELECT~{c}::numeric(^)~FROM~{t}~WHERE~{c}~~*~?",
        "DELETE~FROM~ONLY~{t}~USING~u~WHERE~{t}.{c}~=~?~RETURNING~{c}",
    ),
}
_TABLES: Final = ("orders", "price_v2", "price_v3", "t1")
_COLUMNS: Final = ("a", "col_9", "name2")

_LITERALS: Final = {
    "both": (
        *("0", "42", "3.5", "1e5", "3.5e-3", "''", "'x'", "'O''Brien'", "'-- no comment'", "'/* none */'", "'a;b'", "'(1,2)'"),
        *("'# not'", "'ünï €'", "'\n'", "'NULL'", "NULL", "TRUE", "false", "'$$'", "'`'", "'\"'", "'?'", "'0x1'", "' VALUES '"),
    ),
    "mysql": (
        *("'it\\'s'", "'\\\\'", '"dq"', '"q""q"', '"it\'s"', '"/*"', "0xFF", "X'ff'", "b'01'", "0b11", "N'n'", "_utf8mb4'x'", ".5"),
        *("'a' 'b'", "-1", "- 2", "+3"),
    ),
    "postgresql": (
        *("'C:\\'", "E'it\\'s'", "E'\\\\'", "$$it's$$", "$f$ $$ -- $f$", "U&'\\0041'", "B'01'", "X'ff'", "0x1F", "1_000", "$1", "$22"),
        *("'a'\n'b'", "-1", "- 2"),
    ),
}
_GAPS: Final = {
    "both": (" ", "  ", "\n", "\t ", "\r\n", " /* c */ ", "/**/", " /* it's */ ", ' /* " ` $$ */ ', " -- c\n", " -- it's \" ` /*\n"),
    "mysql": (" # c\n", " # it's\n", " /* app=x,trace_id=1 */ "),
    "postgresql": (" --c\n", " /* a /* nested */ b */ "),
}
_PIECE: Final = re.compile(r"([~?^#]|\{[tc]\}|[A-Z][A-Z_]*)")


def shapes(dialect: str) -> Iterator[tuple[str, str, str]]:
    """Yield every shape of a dialect: a form with its table and its column."""
    for form in (*_FORMS["both"], *_FORMS[dialect]):
        for table in _TABLES:
            for column in _COLUMNS:
                yield form, table, column


def statement(shape: tuple[str, str, str], dialect: str, draw: random.Random) -> str:
    """Write one statement of a shape."""
    form, table, column = shape
    text = form.replace("~~*~", "~\0~").replace("{t}", table).replace("{c}", column)
    written = "".join(_written(piece, dialect, draw) for piece in _PIECE.split(text))
    gap = _pick(_GAPS, dialect, draw)
    return f"{draw.choice(('', gap))}{written}{draw.choice(('', gap, ';', f'{gap};'))}".replace("\0", "~*")


def _written(piece: str, dialect: str, draw: random.Random) -> str:
    if piece == "~":
        return _pick(_GAPS, dialect, draw)
    if piece == "?":
        return _pick(_LITERALS, dialect, draw)
    if piece == "^":
        return _list(dialect, draw)
    if piece == "#":
        return f"{draw.choice((',', ', ', ' ,'))}".join(f"({_list(dialect, draw)})" for _ in range(draw.randrange(1, 5)))
    if piece.isupper() and piece.isalpha():
        return draw.choice((piece, piece.lower(), piece.title()))
    return piece


def _list(dialect: str, draw: random.Random) -> str:
    return draw.choice((",", ", ", "\n,")).join(_pick(_LITERALS, dialect, draw) for _ in range(draw.randrange(1, 9)))


def _pick(table: dict[str, tuple[str, ...]], dialect: str, draw: random.Random) -> str:
    return draw.choice((*table["both"], *table[dialect]))

"""What a statement that a person typed says about its answer: that it only reads, and how its columns are called.

OpenObserve answers rows as JSON objects without their nulls and without an order of columns; so each column without a
name of its own gets one before the question, and the answer is laid out by these names.
"""

import re

import msgspec

_TOKEN = re.compile(r"(?P<text>'(?:[^']|'')*')|(?P<name>\"(?:[^\"]|\"\")*\")|(?P<space>\s+|--[^\n]*|/\*.*?\*/)"
                    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>\d+(?:\.\d+)?)|(?P<sign>.)", re.DOTALL)
_ENDS_LIST = ("from", "where", "group", "order", "having", "limit", "union")
GIVEN = "aurora_column_"


class Column(msgspec.Struct, frozen=True):
    """One column of an answer: the key that its values have, and how it is shown. `*`: all columns of the stream."""

    key: str
    shown: str


class Statement(msgspec.Struct, frozen=True):
    """A reading statement as it is sent, and its columns in order."""

    sql: str
    columns: tuple[Column, ...]


class NotReadingError(ValueError):
    """The text is not one statement that reads."""


class _Token(msgspec.Struct, frozen=True):
    kind: str
    text: str
    depth: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.lower() in words


def reading_statement(sql: str) -> Statement:
    """Take one SELECT or WITH … SELECT apart. Raises: NotReadingError."""
    tokens = _tokens(sql.strip().rstrip(";").rstrip())
    said = [token for token in tokens if token.kind != "space"]
    if not said or not said[0].is_word("select", "with") or any(token.text == ";" for token in said):
        raise NotReadingError("one statement that reads is answered: SELECT or WITH … SELECT")
    begin = next((at for at, token in enumerate(tokens) if token.depth == 0 and token.is_word("select")), None)
    if begin is None:
        raise NotReadingError("the statement selects nothing")
    end = next((at for at, token in enumerate(tokens) if at > begin and token.depth == 0 and token.is_word(*_ENDS_LIST)),
               len(tokens))
    written: list[str] = []
    columns: list[Column] = []
    for number, item in enumerate(_items(tokens[begin + 1:end])):
        column = _column(item, number)
        columns.append(column)
        named = f' AS "{column.key}"' if column.key.startswith(GIVEN) else ""
        written.append("".join(token.text for token in item).rstrip() + named)
    before, after = ("".join(token.text for token in part) for part in (tokens[:begin + 1], tokens[end:]))
    return Statement(f"{before}{','.join(written)} {after}".rstrip(), tuple(columns))


def _tokens(sql: str) -> list[_Token]:
    tokens, depth = [], 0
    for match in _TOKEN.finditer(sql):
        depth -= match[0] == ")"
        tokens.append(_Token(str(match.lastgroup), match[0], depth))
        depth += match[0] == "("
    return tokens


def _items(tokens: list[_Token]) -> list[list[_Token]]:
    items: list[list[_Token]] = [[]]
    for token in tokens:
        if token.text == "," and token.depth == 0:
            items.append([])
        else:
            items[-1].append(token)
    return items


def _column(item: list[_Token], number: int) -> Column:
    said = [token for token in item if token.kind != "space"]
    if said and said[0].is_word("distinct"):
        said = said[1:]
    if not said:
        raise NotReadingError("the statement selects nothing")
    last = said[-1]
    name = last.text[1:-1].replace('""', '"') if last.kind == "name" else last.text.lower()
    if last.text == "*" and (len(said) == 1 or said[-2].text == "."):
        return Column("*", "*")
    is_path = all(token.kind in ("word", "name") if at % 2 == 0 else token.text == "." for at, token in enumerate(said))
    has_alias = len(said) > 1 and last.kind in ("word", "name") and last.depth == 0 and (
        said[-2].is_word("as") or said[-2].kind in ("text", "name", "word", "number") or said[-2].text == ")")
    if (is_path or has_alias) and not last.is_word("end", "null", "true", "false"):
        return Column(name, name)
    return Column(f"{GIVEN}{number}", " ".join("".join(token.text for token in item).split()))

"""What the search needs to know of a statement before DuckDB answers it, and the functions that only OpenObserve has.

Tokens are enough for that: the tables it reads, its own outermost LIMIT, whether it sorts or aggregates, `match_all`.
"""

from __future__ import annotations

import re

import msgspec

_TOKEN = re.compile(
    r"""(?P<text>'(?:[^']|'')*')|(?P<quoted>"(?:[^"]|"")*")|(?P<space>\s+|--[^\n]*|/\*.*?\*/)"""
    r"""|(?P<word>[A-Za-z_][A-Za-z0-9_]*)|(?P<number>\d+(?:\.\d+)?)|(?P<sign>.)""",
    re.DOTALL,
)
_AGGREGATES = frozenset(
    "count sum min max avg median approx_distinct approx_percentile_cont array_agg stddev histogram".split()
)
_ENDS_FROM = ("select", "where", "group", "order", "having", "limit", "union")
# Functions of the server that DuckDB has under another name or not at all.
MACROS = (
    "CREATE MACRO str_match(field, text) AS coalesce(contains(field, text), false)",
    "CREATE MACRO str_match_ignore_case(field, text) AS coalesce(contains(lower(field), lower(text)), false)",
    "CREATE MACRO re_match(field, pattern) AS coalesce(regexp_matches(field, pattern), false)",
    "CREATE MACRO re_not_match(field, pattern) AS coalesce(NOT regexp_matches(field, pattern), false)",
    "CREATE MACRO approx_percentile_cont(field, share) AS quantile_cont(field, share)",
    "CREATE MACRO approx_distinct(field) AS count(DISTINCT field)",
    """CREATE MACRO histogram(moment, step) AS strftime(
           time_bucket(CAST(step AS INTERVAL), make_timestamp(moment), TIMESTAMP '2001-01-01'), '%Y-%m-%dT%H:%M:%S')""",
)


class Token(msgspec.Struct, frozen=True):
    """One piece of a statement; `depth`: how many parentheses are open around it."""

    kind: str
    text: str
    depth: int

    def is_word(self, *words: str) -> bool:
        """Tell whether it is one of these keywords or names, in any case."""
        return self.kind == "word" and self.text.lower() in words


class Statement:
    """One statement in tokens."""

    def __init__(self, sql: str) -> None:
        """Take it apart; nothing is checked."""
        self._tokens: list[Token] = []
        depth = 0
        for match in _TOKEN.finditer(sql.strip().rstrip(";")):
            text = match[0]
            depth -= text == ")"
            self._tokens.append(Token(str(match.lastgroup), text, depth))
            depth += text == "("
        self._said = [token for token in self._tokens if token.kind != "space"]

    def tables(self) -> list[str]:
        """Return the names that it reads from, each once, without those it defines itself."""
        return list(dict.fromkeys(self._references()))

    @property
    def sorts(self) -> bool:
        """Whether it has an outermost ORDER BY."""
        return any(token.is_word("order") and token.depth == 0 for token in self._said)

    @property
    def aggregates(self) -> bool:
        """Whether its rows are no rows of the stream."""
        if any(token.is_word("group", "distinct", "union", "with") and token.depth == 0 for token in self._said):
            return True
        return any(token.kind == "word" and token.text.lower() in _AGGREGATES and then.text == "("
                   for token, then in zip(self._said, self._said[1:], strict=False))

    def text(self, full_text_columns: list[str], *, keeps_limit: bool) -> str:
        """Write it for DuckDB, newest first where it does not sort. keeps_limit: the outermost LIMIT and OFFSET stay."""
        order = "" if self.sorts or self.aggregates or len(self._references()) != 1 else ' ORDER BY "_timestamp" DESC '
        kept: list[str] = []
        place = 0
        while place < len(self._tokens):
            token = self._tokens[place]
            if token.depth == 0 and token.is_word("limit", "offset"):
                if not keeps_limit:
                    break
                kept.append(order)
                order = ""
            if token.is_word("match_all", "match_all_ignore_case"):
                close = next(at for at in range(place, len(self._tokens)) if self._tokens[at].text == ")")
                needle = next((one.text for one in self._tokens[place:close] if one.kind == "text"), "''")
                kept.append(_match_all(needle, full_text_columns))
                place = close
            else:
                kept.append(token.text)
            place += 1
        return "".join(kept) + order

    def _references(self) -> list[str]:
        own = {token.text.lower() for token, then, after in zip(self._said, self._said[1:], self._said[2:], strict=False)
               if then.is_word("as") and after.text == "(" and token.kind == "word"}
        found: list[str] = []
        in_from: dict[int, bool] = {}  # by depth: whether a comma leads to the next table
        for place, token in enumerate(self._said):
            if token.is_word("from"):
                in_from[token.depth] = True
            elif token.is_word(*_ENDS_FROM) or token.text == "(":
                in_from[token.depth + (token.text == "(")] = False
            if token.is_word("from", "join") or (token.text == "," and in_from.get(token.depth)):
                name = self._name_at(place + 1)
                if name and name.lower() not in own:
                    found.append(name)
        return found

    def _name_at(self, place: int) -> str:
        if place >= len(self._said):
            return ""
        token = self._said[place]
        if token.kind == "quoted":
            return token.text[1:-1].replace('""', '"')
        following = self._said[place + 1].text if place + 1 < len(self._said) else ""
        return token.text if token.kind == "word" and following != "(" else ""


def _match_all(needle: str, full_text_columns: list[str]) -> str:
    looks = [f"contains(lower(coalesce(\"{name}\", '')), lower({needle}))" for name in full_text_columns]
    return f"({' OR '.join(looks) or 'false'})"

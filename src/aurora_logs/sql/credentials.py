"""Where credentials stand in SQL, by its grammar; text that shows a credential by its look is `marked`'s business."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from aurora_logs.sql import tokens as lexer
from aurora_logs.sql.marked import Span, aws_secrets, is_secret_name, prose_spans, string_spans

_LITERALS: Final = frozenset({lexer.LITERAL, lexer.OPEN_LITERAL})
_NAMES: Final = frozenset({lexer.QUOTED_NAME, lexer.OPEN_NAME})
_OPEN: Final = frozenset({lexer.OPEN_LITERAL, lexer.OPEN_NAME})
_BEFORE_SECRET: Final = frozenset(
    {"by", "as", "using", "replace", "password", "to", "(", "=", ":="}
)  # behind IDENTIFIED
_ASSIGNS: Final = frozenset({"=", ":=", "=>", "<>", "!=", "<=>", "like", ":", "to"})
_JOINS: Final = frozenset({"||", "+"})
# Every literal between the parentheses goes: keys, initialisation vectors, and what was worth encrypting.
_CALLS: Final = frozenset(
    {
        *("aes_encrypt", "aes_decrypt", "des_encrypt", "des_decrypt", "encrypt", "decrypt", "encrypt_iv", "decrypt_iv"),
        *("pgp_sym_encrypt", "pgp_sym_decrypt", "pgp_sym_encrypt_bytea", "pgp_sym_decrypt_bytea", "pgp_pub_encrypt"),
        *("pgp_pub_decrypt", "pgp_pub_decrypt_bytea", "pgp_pub_encrypt_bytea", "crypt", "hmac"),
        *("password", "old_password", "create_aws_credentials", "keyring_key_store"),
    },
)
_MYSQL_CALLS: Final = _CALLS | {"encode", "decode"}
# Behind these words an unclosed quote may hold a credential that no rule sees any more (SEC-14).
_SPEAKS_OF_CREDENTIALS: Final = frozenset(
    {
        "identified",
        "connection",
        "dblink",
        "dblink_connect",
        "dblink_exec",
        "options",
        "mapping",
        "program",
        "conninfo",
    },
)
_ROLE_STATEMENT: Final = frozenset({"user", "role", "group"})
_NO_BARE_SECRET: Final = frozenset(
    {"password", "random", "null", "identified", "with", "via", "by", "encrypted", "valid"}
)
# A statement with a place for a credential, or its beginning: format('ALTER ROLE a PASSWORD %L', …).
_TEMPLATE: Final = re.compile(
    r"passwo?r?d[\s'\"=(]{0,20}[%?]|identified\s+(?:by|as)[\s'\"(]{0,20}(?:[%?]|\Z)", re.IGNORECASE
)
_DEPTH_MAX: Final = 3  # dollar quotes inside dollar quotes; deeper ones are redacted as a whole


class _Piece(NamedTuple):
    """One token of code. word: small letters, without quotes; an operator's text; "" for literals."""

    kind: int
    begin: int
    end: int
    word: str


def sql_spans(text: str, dialect: str, start: int = 0, depth: int = 0) -> Iterator[Span]:
    """Yield the spans of credentials in SQL from `start` on; they may overlap. Total, linear in time, fails closed."""
    code: list[_Piece] = []
    for kind, begin, end in lexer.tokens(text, dialect, start=start):
        if kind in (lexer.COMMENT, lexer.OPEN_COMMENT):
            closed = kind == lexer.COMMENT and text.startswith("/*", begin)
            yield from _block_spans(text, (begin + 1, end - 2 if closed else end), dialect, depth)
        else:
            code.append(_Piece(kind, begin, end, _word(text, kind, begin, end)))
    yield from _Reader(text, dialect, code, depth).spans()
    yield from aws_secrets(text, start, len(text))


def secret_placeholders(sql: str, dialect: str) -> frozenset[int]:
    """Return the numbers of the placeholders `$1` that stand where a credential belongs."""
    code = []
    for kind, begin, end in lexer.tokens(sql, dialect):
        if kind not in (lexer.COMMENT, lexer.OPEN_COMMENT):
            code.append(
                _Piece(lexer.LITERAL if kind == lexer.PLACEHOLDER else kind, begin, end, _word(sql, kind, begin, end))
            )
    reader = _Reader(sql, dialect, code, 0)
    for _ in reader.spans():
        pass
    return frozenset(int(text[1:]) for text in reader.secrets() if text[1:].isdigit() and text[0] == "$")


def _block_spans(text: str, block: Span, dialect: str, depth: int) -> Iterator[Span]:
    """Yield the spans of a comment, a function's body or an anonymous block: prose, or SQL with its own quotes."""
    begin, end = block
    if depth >= _DEPTH_MAX:
        yield block
        return
    yield from prose_spans(text, begin, end)
    for inner_begin, inner_end in sql_spans(text[begin:end], dialect, 0, depth + 1):
        yield begin + inner_begin, begin + inner_end


def _word(text: str, kind: int, begin: int, end: int) -> str:
    if kind in _LITERALS or kind == lexer.PLACEHOLDER:
        return ""
    word = text[begin:end].lower()
    return word.strip('`"') if kind in _NAMES else word


def inside(text: str, kind: int, begin: int, end: int) -> Span:
    """Return the range between the quotes of a string token; a number is its own inside."""
    if text.startswith("$", begin) and (tag_end := text.find("$", begin + 1, end)) >= 0:
        first, begin = begin, tag_end + 1
        return begin, end if kind in _OPEN else end - (begin - first)
    quotes = [at for at in (text.find(quote, begin, end) for quote in "'\"`") if at >= 0]
    if not quotes:
        return begin, end
    return min(quotes) + 1, end if kind in _OPEN else end - 1


def _inside(text: str, piece: _Piece) -> Span:
    return inside(text, piece.kind, piece.begin, piece.end)


class _Reader:
    """Goes through a statement's code once and knows what each literal stands behind."""

    def __init__(self, text: str, dialect: str, code: list[_Piece], depth: int) -> None:
        self.text = text
        self.code = code
        self.dialect = dialect
        self._depth = depth
        self._calls = _MYSQL_CALLS if dialect == lexer.MYSQL else _CALLS
        self._secrets: set[int] = set()  # the literals that were found to be secret
        self._parentheses = 0
        self._call_ends = 0  # inside a call whose literals go, while at least this many parentheses are open
        self._identified = False
        self._sets_password = False  # SET PASSWORD: also in the body of an event or procedure
        self._first_credential: int | None = None
        self._begins = 0  # where the current statement begins

    def spans(self) -> Iterator[Span]:
        """Yield all spans of the code."""
        for index, piece in enumerate(self.code):
            if piece.kind in _LITERALS or piece.kind in _NAMES:
                if self._is_secret(index, piece) or (piece.kind in _OPEN and self._fails_closed(piece)):
                    self._secrets.add(index)
                    yield _inside(self.text, piece)
                else:
                    yield from self._marked(piece)
                    if _TEMPLATE.search(self.text, piece.begin, piece.end):  # what fills it in follows in the same call
                        self._call_ends = self._call_ends or self._parentheses
                if piece.kind in _NAMES:
                    self._note_word(index, piece)
            elif piece.kind == lexer.OPERATOR:
                self._note_operator(index, piece.word)
            elif piece.kind == lexer.WORD:
                if self._is_bare_secret(index, piece):
                    yield piece.begin, self._end_of_bare(piece)
                self._note_word(index, piece)
        yield from self._doubtful_quotes()

    def secrets(self) -> list[str]:
        """Return the literals that were found to be secret, as they are written."""
        return [self.text[self.code[index].begin : self.code[index].end] for index in sorted(self._secrets)]

    def _previous(self, index: int, back: int = 1) -> _Piece | None:
        return self.code[index - back] if index - back >= self._begins else None

    def _note_operator(self, index: int, text: str) -> None:
        if text == "(":
            self._parentheses += 1
            if not self._call_ends and self._opens_call(index):
                self._call_ends = self._parentheses
        elif text == ")":
            self._parentheses -= 1
            if self._parentheses < self._call_ends:
                self._call_ends = 0
        elif text == ";":
            self._begins = index + 1
            self._identified = self._sets_password = False
            self._parentheses = self._call_ends = 0

    def _opens_call(self, index: int) -> bool:
        """Say whether the literals behind this parenthesis go: `aes_encrypt(`, `password = sha2(`, `password in (`."""
        before = self._previous(index)
        if before is None:
            return False
        if before.word in self._calls or before.word.startswith("rds_set_external"):
            self._note_credential(index)
            return True
        if before.word in _ASSIGNS or before.word == "in":
            return self._is_secret_name(self._previous(index, 2))
        assigned = self._previous(index, 2)
        return assigned is not None and assigned.word in _ASSIGNS and self._is_secret_name(self._previous(index, 3))

    def _note_word(self, index: int, piece: _Piece) -> None:
        if piece.word == "identified":
            self._identified = True
        if piece.word == "for" and [one.word for one in self.code[max(index - 2, self._begins) : index]] == [
            "set",
            "password",
        ]:
            self._sets_password = True
        if piece.word in _SPEAKS_OF_CREDENTIALS or self._is_secret_name(piece):
            self._note_credential(index)

    def _note_credential(self, index: int) -> None:
        if self._first_credential is None:
            self._first_credential = index

    @staticmethod
    def _is_secret_name(piece: _Piece | None) -> bool:
        return piece is not None and bool(piece.word) and is_secret_name(piece.word)

    def _is_secret(self, index: int, piece: _Piece) -> bool:
        before = self._previous(index)
        if before is None:
            return False
        if piece.kind in _NAMES and not (self._identified or self._is_role_statement()):
            return False
        if index - 1 in self._secrets or (before.word in _JOINS and index - 2 in self._secrets):
            return True  # a string in pieces
        if piece.kind in _LITERALS and before.word == "program":
            return True
        if self._call_ends and piece.kind in _LITERALS and not self.text[piece.begin : piece.end].isdigit():
            return True  # lengths and ports are no secrets
        if self._identified and before.word in _BEFORE_SECRET:
            return True
        return self._is_value(index, before)

    def _is_value(self, index: int, before: _Piece) -> bool:
        """Say whether a name that stands before makes this literal its secret value."""
        if self._is_secret_name(before):
            return True
        named = self._previous(index, 2)
        if before.word in _ASSIGNS and self._is_secret_name(named):
            return True
        if (self._sets_password or self._is_set_password()) and before.word in _BEFORE_SECRET:
            return True
        # 'password', 'x' and 'host=a password=' || 'x'
        is_pair = before.word in _ASSIGNS or before.word in _JOINS or before.word == ","
        if is_pair and named is not None and named.kind in _LITERALS:
            inside = self.text[slice(*_inside(self.text, named))].rstrip("'\" ")
            return is_secret_name(inside.rstrip("= "))
        return False

    def _starts_with(self, first: frozenset[str], second: frozenset[str]) -> bool:
        words = [piece.word for piece in self.code[self._begins : self._begins + 4]]
        return bool(words) and words[0] in first and not second.isdisjoint(words[1:])

    def _is_set_password(self) -> bool:
        return self._starts_with(frozenset({"set"}), frozenset({"password"}))

    def _is_role_statement(self) -> bool:
        return self._starts_with(frozenset({"create", "alter"}), _ROLE_STATEMENT)

    def _is_bare_secret(self, index: int, piece: _Piece) -> bool:
        """Say whether somebody forgot the quotes: a syntax error, but servers log it."""
        before = self._previous(index)
        if before is None or piece.word in _NO_BARE_SECRET:
            return False
        if before.word in ("by", "as") and self._identified:
            return True
        is_postgresql = self.dialect == lexer.POSTGRESQL
        return is_postgresql and before.word == "password" and self._is_role_statement()

    def _end_of_bare(self, piece: _Piece) -> int:
        end = piece.end
        while end < len(self.text) and not self.text[end].isspace() and self.text[end] not in ";,":
            end += 1
        return end

    def _fails_closed(self, piece: _Piece) -> bool:
        begin, end = _inside(self.text, piece)
        return (
            self._first_credential is not None
            or "://" in self.text[begin:end]
            or next(string_spans(self.text, begin, end), None) is not None
        )

    def _marked(self, piece: _Piece) -> Iterator[Span]:
        begin, end = _inside(self.text, piece)
        if not self.text.startswith("$", piece.begin):
            yield from string_spans(self.text, begin, end)
        else:
            yield from _block_spans(self.text, (begin, end), self.dialect, self._depth)

    def _doubtful_quotes(self) -> Iterator[Span]:
        """Give up on a text whose quotes do not close and whose backslashes may have been no escapes (or escapes).

        With sql_mode NO_BACKSLASH_ESCAPES or standard_conforming_strings=off our quotes are not the server's.
        """
        if not self.code or self.code[-1].kind not in _OPEN or self._first_credential is None:
            return
        for piece in self.code[self._first_credential :]:
            if piece.kind in _LITERALS and "\\" in self.text[piece.begin : piece.end]:
                yield _inside(self.text, piece)[0], len(self.text)
                return

"""Literals of SQL text, drawn from one seeded random source. Which literal stands where is the templates' business."""

from collections.abc import Callable
from random import Random

Maker = Callable[[], str]

MYSQL = "mysql"
POSTGRESQL = "postgresql"

_WORDS = (
    "amber", "birch", "copper", "delta", "ember", "fjord", "garnet", "harbour", "indigo",
    "juniper", "kestrel", "lagoon", "meadow", "nickel", "orchard", "pepper", "quartz", "raven",
    "saffron", "thistle", "umber", "velvet", "willow", "yarrow", "zephyr",
)  # fmt: skip
_ODD_PIECES = (
    "Zürich", "café crème", "naïve", "東京都", "Ærø", "Łódź", "Ελλάδα", "🚲 courier", "ñandú", "semi;colon",
    "dash--dash", "hash # mark", "/* no comment */", "100 %", "a=b&c=d", '{"k": [1, 2]}', "tab\tinside", "<b>bold</b>",
    "C:/temp", "[brackets]", "where 1 = 1", "null",
)  # fmt: skip
# Text that looks like heads of the slow log (FMT-47, FMT-48). None follows a `;`.
FAKE_LINES = (
    "note\n# Time: 2020-01-01T00:00:00.000000Z\n# fake",
    "steps:\n# User@Host: nobody\n# Foo",
    "copied\n# Time flies\n\n-- x",
)
FAKE_ENTRY = (
    "log of another server\n# Time: 2020-01-01T00:00:00.000000Z\n# User@Host: root[root] @ localhost []  Id:     1\n"
    "# Query_time: 9.000000  Lock_time: 0.000000 Rows_sent: 7  Rows_examined: 7\nSET timestamp=1577836791;\nSELECT 7"
)
_FAKE_LINES_SHARE = 0.0006  # of the string literals; rare as in life, often enough for a demo of 50,000 entries
_FAKE_ENTRY_SHARE = 0.0001
_NULL_SHARE = 0.02
_LONG_LIST_SHARE = 0.012
_LONG_LIST_MAX = 400


def _strings(dialect: str) -> tuple[str, ...]:
    """Quoted strings as applications send them, each with the escapes of its dialect."""
    texts = [f"'{word}'" for word in _WORDS]
    texts += [f"'{one} {other}'" for one, other in zip(_WORDS, _WORDS[7:], strict=False)]
    texts += [f"'{piece}'" for piece in _ODD_PIECES]
    texts += ["'O''Brien'", "'it''s'", "''", "'D''Arcy & Sons'", "'say ''hi'''"]
    if dialect == MYSQL:
        texts += [
            r"'it\'s late'",
            r"'C:\\temp\\'",
            '"double quoted"',
            '"it\'s"',
            '"q""q"',
            r'"back \" slash"',
            r"'100\% sure'",
            r"'line\nbreak'",
        ]
    else:
        texts += [r"E'it\'s late'", r"E'a\\b'", r"'C:\temp\'", "$$it's$$", "$f$ $$ $f$", "U&'\\0041bc'"]
    return tuple(texts)


class Literals:
    """Makers of literals by kind, and the odd strings that this seed has drawn.

    Kinds: int, small, dec, str, text, date, ts, ints, strs. `fake_heads` counts strings that
    imitate a head of the log.
    """

    def __init__(self, rnd: Random, dialect: str, *, oddities: bool) -> None:
        """Bind the makers to `rnd`. With `oddities` strings may hold fake heads of the slow log, never otherwise."""
        self._random = rnd.random
        self._bits = rnd.getrandbits
        self._pool = _strings(dialect)
        self._plain = tuple(text for text in self._pool if text[0] == "'" and "\\" not in text)
        self._oddities = oddities
        self.fake_heads = 0
        self.makers: dict[str, Maker] = {
            "int": self._int,
            "small": self._small,
            "dec": self._dec,
            "str": self._str,
            "text": self._text,
            "date": self._date,
            "ts": self._ts,
            "ints": self._ints,
            "strs": self._strs,
        }

    def plain(self, kind: str) -> str:
        """Give a literal that can be shown as a bound parameter: no escape forms, no lists, no typed strings."""
        if kind in ("str", "text"):
            return self._plain[int(self._random() * len(self._plain))]
        return self.makers[kind]()

    def row_count(self) -> int:
        """How many rows an INSERT brings: mostly few, sometimes a bulk load."""
        chance = self._random()
        return 1 + int(chance * 3) if chance < 0.9 else 4 + int((chance - 0.9) * 280)

    def _int(self) -> str:
        return str(int(self._random() * 90_000_000) + 1)

    def _small(self) -> str:
        return str(int(self._random() * 500) + 1)

    def _dec(self) -> str:
        cents = int(self._random() * 10_000_000)
        return f"{cents // 100}.{cents % 100:02d}"

    def _str(self) -> str:
        chance = self._random()
        if chance < _FAKE_LINES_SHARE and self._oddities:
            return self._fake(chance)
        if chance > 1 - _NULL_SHARE:
            return "NULL"
        return self._pool[int(chance * len(self._pool))]

    def _fake(self, chance: float) -> str:
        self.fake_heads += 1
        if chance < _FAKE_ENTRY_SHARE:
            return f"'{FAKE_ENTRY}'"
        return f"'{FAKE_LINES[int(self._random() * len(FAKE_LINES))]}'"

    def _text(self) -> str:
        words = [_WORDS[int(self._random() * len(_WORDS))] for _ in range(6 + int(self._random() * 14))]
        return "'" + " ".join(words) + f" {self._bits(32)}'"

    def _date(self) -> str:
        day = int(self._random() * 336)
        return f"'2026-{day // 28 + 1:02d}-{day % 28 + 1:02d}'"

    def _ts(self) -> str:
        second = int(self._random() * 86_400)
        return f"{self._date()[:-1]} {second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}'"

    def _length(self) -> int:
        chance = self._random()
        return 1 + int(chance * 27) if chance > _LONG_LIST_SHARE else 1 + int(self._random() * _LONG_LIST_MAX)

    def _ints(self) -> str:
        rnd = self._random
        return ", ".join([str(int(rnd() * 90_000_000) + 1) for _ in range(self._length())])

    def _strs(self) -> str:
        pool, rnd = self._plain, self._random
        return ", ".join([pool[int(rnd() * len(pool))] for _ in range(1 + int(rnd() * 8))])

"""Columns of a block of entries: one call for all texts, numbers or lines, where a call for each is what would cost most.

What the fast faces of the formats share. Which column is filled from what is each format's own.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import compress, count, repeat
from operator import not_
from struct import pack
from typing import Generic, TypeVar

import msgspec
from orjson import dumps, loads

try:
    from isal.isal_zlib import crc32
except ImportError:  # same sum, six times slower
    from zlib import crc32

__all__ = [
    "BETWEEN", "Columns", "Remembered", "Template", "crc32", "decimals", "numbers", "read_counts", "read_numbers",
    "record_ids", "slot", "template", "texts",
]  # fmt: skip
_SLOT = b"\0"  # JSON has no raw NUL, so it can't be one of a constant's own bytes
_REMEMBERED = 8192
BETWEEN = b"\x7f"  # stands between texts that are joined to be looked through at once; JSON leaves it as it is

Columns = Mapping[str, Sequence[bytes]]  # by name; all of one block have the same length
_Read = TypeVar("_Read")


class Remembered(dict[bytes, _Read], Generic[_Read]):
    """What a reader made of a text; asked by `[text]`, it reads unknown texts alone. Bounded; for many threads."""

    def __init__(self, read: Callable[[bytes], _Read]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, text: bytes) -> _Read:
        if len(self) >= _REMEMBERED:
            self.clear()
        value = self[text] = self._read(text)
        return value


class Template:
    """A wire line with slots, to be filled for many entries at once."""

    def __init__(self, line: bytes) -> None:
        """Take a line with slots of `slot`: constants and names by turns."""
        self._pieces = line.split(_SLOT)
        self._slots = [(place, name.decode()) for place, name in enumerate(self._pieces) if place % 2]

    def filled(self, columns: Columns, count: int, others: Mapping[int, bytes] | None = None) -> bytes:
        """Return the lines of `count` entries as one text. Slots without a column stay empty.

        others: whole lines that stand in the place of those of some entries.
        """
        width = len(self._pieces)
        pieces = [b"" if place % 2 else constant for place, constant in enumerate(self._pieces)] * count
        for place, name in self._slots:
            if name in columns:
                pieces[place::width] = columns[name]
        for index, line in (others or {}).items():
            pieces[index * width : (index + 1) * width] = [line, *repeat(b"", width - 1)]
        return b"".join(pieces)


def slot(name: str) -> bytes:
    """Return what stands in a template for the column `name`."""
    return _SLOT + name.encode() + _SLOT


def template(kind: type[msgspec.Struct], values: Mapping[str, bytes], optional: Mapping[str, bytes]) -> Template:
    """Make the wire line of a record type in the order of its schema, by wire names; fields in neither are left out.

    values: what stands behind the field's key; optional: what stands in the place of `,"key":value`, as a whole.
    """
    line = b""
    for field in msgspec.structs.fields(kind):
        name = field.encode_name
        if name in optional:
            line += optional[name]
        elif name in values:
            line += b',"%b":%b' % (name.encode(), values[name])
    return Template(b"{" + line[1:] + b"}\n")


def texts(column: Sequence[bytes]) -> list[bytes]:
    """Return each text as JSON shows it, without quotes. Raises: UnicodeDecodeError for the whole column."""
    # one character of four bytes makes a whole string four times as wide: those few go apart
    wide = list(compress(count(), map(not_, map(bytes.isascii, column))))
    narrow = list(column)
    for place in wide:
        narrow[place] = b""
    shown = _texts(narrow)
    for place, text in zip(wide, _texts([column[place] for place in wide]), strict=True):
        shown[place] = text
    return shown


def _texts(column: Sequence[bytes]) -> list[bytes]:
    if not column:
        return []
    quoted = dumps(BETWEEN.join(column).decode()).split(BETWEEN)
    if len(quoted) == len(column):
        quoted[0], quoted[-1] = quoted[0][1:], quoted[-1][:-1] if len(quoted) > 1 else quoted[0][1:-1]
        return quoted
    return [dumps(text.decode())[1:-1] for text in column]  # one of them holds what stands between


def numbers(column: Sequence[float]) -> list[bytes]:
    """Return each number as JSON writes it."""
    return dumps(column)[1:-1].split(b",")


def decimals(column: Sequence[bytes]) -> list[bytes]:
    """Return JSON's decimal fractions as JSON writes them: without zeros at the end."""
    short = list(map(bytes.rstrip, column, repeat(b"0")))
    joined = b",".join(short) + b","
    is_odd = b".," in joined or b"0.00000" in joined  # whole ones keep a zero, tiny ones get an exponent
    return numbers(read_numbers(column)) if is_odd else short


def read_numbers(column: Iterable[bytes], ending: bytes = b"") -> list[float]:
    """Return the numbers of texts that are decimal fractions with this ending. Raises: ValueError for what JSON has not."""
    read: list[float] = loads(b"[%b%b]" % ((ending + b",").join(column), ending))
    return read


def read_counts(column: Iterable[bytes]) -> list[int]:
    """Return the numbers of texts of digits. Raises: ValueError for what JSON has not: zeros in front."""
    read: list[int] = loads(b"[%b]" % b",".join(column))
    return read


def record_ids(file_key: str, offsets: Sequence[int], sums: Sequence[int]) -> list[bytes]:
    """Return the ids of entries at these offsets of a segment (records.log_record.record_id)."""
    key = repeat(f"{file_key}-".encode())
    return list(map(b"".join, zip(key, _hexadecimal(offsets, 10), repeat(b"-"), _hexadecimal(sums, 8), strict=False)))


def _hexadecimal(column: Sequence[int], digits: int) -> list[bytes]:
    zeros = 16 - digits
    return pack(f">{len(column)}Q", *column).hex("-", 8).encode()[zeros:].split(b"-" + b"0" * zeros)

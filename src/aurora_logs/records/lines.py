"""The wire lines of many records as one text: what parsing makes and sinks take, without an object for each line."""

from collections.abc import Iterator, Sequence
from typing import overload


class Lines(Sequence[bytes]):
    """Wire lines, each with its newline, one behind the other in `wire`; taken apart only when single ones are asked for."""

    __slots__ = ("_apart", "_count", "wire")

    def __init__(self, wire: bytes, count: int) -> None:
        """Keep the text of `count` lines."""
        self.wire, self._count = wire, count
        self._apart: list[bytes] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        return self._lines()[index]

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._lines())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self._lines() == list(other)

    __hash__ = None  # type: ignore[assignment]  # compared by content, like a list

    def _lines(self) -> list[bytes]:
        if self._apart is None:
            self._apart = self.wire.splitlines(keepends=True)  # JSON has no raw line ends within a line
        return self._apart


def joined(lines: Sequence[bytes]) -> bytes:
    """Return wire lines as one text."""
    return lines.wire if isinstance(lines, Lines) else b"".join(lines)

"""Turns the wire bytes of a complete file into the file's own bytes: transfer gzip, content gzip, both or none (RDS-98)."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, cast

from aurora_logs.errors import CompleteFileRefused, Unreachable

PIECE_MAX_BYTES = 1_048_576  # the port's promise
RATIO_MAX = 500  # text of logs shrinks 3 to 60 times; a file made to fill memory or disk shrinks 1,000 times (RDS-99)
RATIO_FREE_BYTES = 64 * 1_048_576  # below this much output no ratio does harm
GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib's code for "32 KiB window, gzip header and trailer, CRC checked"


class Decompressor(Protocol):
    """What zlib and isal have in common."""

    eof: bool
    unused_data: bytes
    unconsumed_tail: bytes

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Unpack at most `max_length` bytes."""


def _decompressor() -> tuple[Callable[[int], Decompressor], tuple[type[Exception], ...]]:
    """Return isal's decompressor with its errors; zlib's where isal is missing: the same bytes, half as fast (PERF-30)."""
    try:
        from isal import isal_zlib  # noqa: PLC0415 - may be missing
    except ImportError:
        return cast("Callable[[int], Decompressor]", zlib.decompressobj), (zlib.error,)
    errors = (zlib.error, cast("type[Exception]", isal_zlib.error))
    return cast("Callable[[int], Decompressor]", isal_zlib.decompressobj), errors


_decompressobj, _DECOMPRESS_ERRORS = _decompressor()


def file_bytes(wire: Iterable[bytes], log_file_name: str, *, gzip_transfer: bool) -> Iterator[bytes]:
    """Yield the file's bytes in pieces of at most 1 MiB.

    A `.gz` file whose content is gzip is unpacked, too: portions give its text, and positions must agree (§4.4).
    Raises: Unreachable when a gzip stream breaks off or is damaged; CompleteFileRefused when it unpacks to more than
    RATIO_MAX times its size.
    """
    counted = _Counted(wire)
    pieces: Iterator[bytes] = iter(counted)
    if gzip_transfer:
        pieces = _unpacked(pieces, counted, log_file_name)
    if log_file_name.endswith(".gz"):
        pieces = _unpacked(pieces, counted, log_file_name)
    for piece in pieces:
        for start in range(0, len(piece), PIECE_MAX_BYTES):
            yield piece[start:start + PIECE_MAX_BYTES]


class _Counted:
    """Counts the wire bytes, so that the ratio covers both layers of gzip."""

    def __init__(self, wire: Iterable[bytes]) -> None:
        self._wire = wire
        self.total_bytes = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._wire:
            self.total_bytes += len(piece)
            yield piece


def _unpacked(packed: Iterator[bytes], wire: _Counted, log_file_name: str) -> Iterator[bytes]:
    first = b""
    while len(first) < len(GZIP_MAGIC):
        piece = next(packed, None)
        if piece is None:
            break
        first += piece
    if not first.startswith(GZIP_MAGIC):  # a proxy unpacked it already, or RDS sends the text of a `.gz` file
        if first:
            yield first
        yield from packed
        return
    yield from _members(first, packed, wire, log_file_name)


def _members(data: bytes, packed: Iterator[bytes], wire: _Counted, log_file_name: str) -> Iterator[bytes]:
    """Unpack one gzip member after the other; zero bytes behind the last one are padding."""
    stream: Decompressor = _decompressobj(_GZIP_WINDOW)
    unpacked_bytes = 0
    while True:
        if stream.eof:
            data = data.lstrip(b"\0")
            if data:
                stream = _decompressobj(_GZIP_WINDOW)
        if not data:  # what waits inside the stream comes with the next input: the trailer at the latest
            piece = next(packed, None)
            if piece is None:
                break
            data = piece
            continue
        try:
            text = stream.decompress(data, PIECE_MAX_BYTES)
        except _DECOMPRESS_ERRORS as exc:
            raise Unreachable(f"The gzip stream of {log_file_name} is damaged: {exc}.") from exc
        data = stream.unused_data if stream.eof else stream.unconsumed_tail
        unpacked_bytes += len(text)
        if unpacked_bytes > max(RATIO_FREE_BYTES, RATIO_MAX * wire.total_bytes):
            raise CompleteFileRefused(f"{log_file_name} unpacks to more than {RATIO_MAX} times its size.",
                                      hint="portions are used; the file is unusual, look at it on the instance")
        if text:
            yield text
    if not stream.eof:
        raise Unreachable(f"The gzip stream of {log_file_name} broke off after {unpacked_bytes} bytes of text.")

"""Files that `parse` and `top --file` read: folders walked, gzip unpacked, standard input; nothing is parsed here."""

import io
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from aurora_logs.errors import NotFound, Unreachable
from aurora_logs.ops.reading import plain_stream

STDIN = "-"


class Opened(NamedTuple):
    """An input that was opened. first: its first piece, unpacked; size_bytes: on disk, None when nobody knows.

    position: bytes taken from the disk so far, for progress.
    """

    name: str
    first: bytes
    read: Callable[[int], bytes]
    size_bytes: int | None
    position: Callable[[], int]


def inputs_of(names: Sequence[str]) -> Iterator[str]:
    """Yield each file to read: files as given, folders with all that lies in them, by name."""
    for name in names:
        path = Path(name)
        if name == STDIN or not path.is_dir():
            yield name
            continue
        for parent, folders, files in os.walk(path, onerror=_raise):
            folders.sort()
            yield from (str(Path(parent, one)) for one in sorted(files) if not one.startswith("."))


@contextmanager
def opened(name: str) -> Iterator[Opened]:
    """Open one input. Raises: NotFound, OSError; Unreachable for damaged gzip data, also while it is read."""
    import gzip  # noqa: PLC0415
    import zlib  # noqa: PLC0415

    try:
        with _stream(name) as stream:
            first, plain = plain_stream(cast("BinaryIO", stream))
            size_bytes = os.fstat(stream.fileno()).st_size if name != STDIN else None
            yield Opened("standard input" if name == STDIN else name, first, plain.read, size_bytes,
                         stream.tell if name != STDIN else lambda: 0)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Unreachable(f"{name}: the compressed file is damaged or not complete: {error}",
                          hint="what was read until there is shown; get the file again") from error


@contextmanager
def _stream(name: str) -> Iterator[io.BufferedReader | io.FileIO]:
    if name == STDIN:
        yield cast("io.BufferedReader", sys.stdin.buffer)
        return
    try:
        # unbuffered: pieces are read whole, and a buffer would only copy them once more
        with Path(name).open("rb", buffering=0) as stream:
            yield stream
    except FileNotFoundError as error:
        raise NotFound(f"no file {name}", hint=_nearest(name)) from error


def _nearest(name: str) -> str:
    from aurora_logs.cli.nearest import did_you_mean  # noqa: PLC0415

    folder = Path(name).parent
    try:
        meant = did_you_mean(Path(name).name, [one.name for one in folder.iterdir()])
    except OSError:
        meant = ""
    return f"check the name{meant}"


def _raise(error: OSError) -> None:
    raise error

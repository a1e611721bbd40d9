"""Read a log that lies somewhere as bytes: find its format, cut it into whole entries, parse them by the stages.

The stages are the pipeline's own; the position is one in memory, since nothing is delivered.
"""

from collections.abc import Callable, Iterator
from typing import BinaryIO

import msgspec
from msgspec.structs import replace

from aurora_logs.errors import ConfigError
from aurora_logs.formats import Format, all_formats, format_of
from aurora_logs.records.fleet import LogFile
from aurora_logs.records.flow import Checkpoint, Piece, Portion, Segment
from aurora_logs.settings import Settings
from aurora_logs.stages.parse import parse
from aurora_logs.stages.split import Tail, split

READ_BYTES = 1 << 20  # as much as one portion of RDS: memory stays bounded whatever the file's size is
SAMPLE_BYTES = 65_536
SURE = 0.5  # what `looks_like` must reach for a file without a telling name
GZIP_MAGIC = b"\x1f\x8b"
# Base names by which a log is known when the folder that RDS lists it in is not given.
TELLING_NAMES = (
    ("mysql-slowquery", "slowquery"), ("mysql-general", "general"), ("mysql-error", "error"),
    ("mariadb-error", "error"), ("postgresql.log", "error"), ("postgresql-", "error"), ("postgres.log", "error"),
    ("server_audit.log", "audit"), ("audit.log", "audit"),
)


class Chance(msgspec.Struct, frozen=True, kw_only=True):
    """One format's claim on a file. by_content: 0 to 1."""

    format: str
    log_type: str
    by_name: bool
    by_content: float
    chosen: bool


class Found(msgspec.Struct, frozen=True):
    """The format that was found, why, and every format's chance."""

    log_format: Format
    why: str
    chances: list[Chance]


class Held:
    """A position in a file that is only read; the stages take offset and context from it."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint

    def pass_piece(self, piece: Piece) -> None:
        """Move behind a piece that was taken."""
        context = piece.parsed.context if piece.parsed else b""
        self.checkpoint = replace(self.checkpoint, byte_offset=piece.to_offset, tail=context)


def find_format(sample: bytes, path: str, *, engine: str = "", named: str = "") -> Found:
    """Find a log's format: the one that is named, else by file name, else by content (first 64 KiB).

    A telling name that the content contradicts loses. Raises: ConfigError for a name nobody has, and for a binary or
    unknown file.
    """
    if named:
        chosen = next((one for one in all_formats() if one.name == named), None)
        if chosen is None:
            raise ConfigError(f"there is no format {named!r}", hint=f"formats: {', '.join(one.name for one in all_formats())}")
        return Found(chosen, "named", _chances(sample, None, chosen))
    by_name = _by_name(path, engine)
    surest = max(all_formats(), key=lambda one: one.looks_like(sample))
    likeness = surest.looks_like(sample)
    if by_name is not None and (by_name.looks_like(sample) >= SURE or likeness < SURE) and not _is_binary(sample):
        return Found(by_name, "by its name", _chances(sample, by_name, by_name))
    if likeness >= SURE:
        return Found(surest, f"by its content, {likeness:.0%} sure", _chances(sample, by_name, surest))
    kind = "is a binary file" if _is_binary(sample) else "is in no format that is known here"
    raise ConfigError(f"{path} {kind}", hint="name its format with --format: "
                      f"{', '.join(one.name for one in all_formats())}; or see --explain")


def pieces(read: Callable[[int], bytes], first: bytes, file: LogFile, log_format: Format, settings: Settings) -> Iterator[Piece]:
    """Yield the parsed pieces of a whole log in file order. `first` was read already; `read` gives b"" at the end.

    Giant entries, truncated ends and bytes that no rule understands are told by their records, as in the pipeline.
    """
    held = Held(Checkpoint(instance_id=file.instance_id, log_file_name=file.log_file_name, resource_id=file.resource_id,
                           segment_id=file.log_file_name))
    tail = Tail()
    segment = Segment(segment_id=file.log_file_name, log_file_name=file.log_file_name, ordinal=None, size_bytes=0,
                      last_written_ms=0, closed=True)
    content, offset, is_last = first, 0, False
    while not is_last:
        following = read(READ_BYTES)
        is_last = not following
        portion = Portion(segment=segment, offset=offset, content=content, closes=is_last)
        for piece in parse(split(portion, tail, held, log_format), portion, file, held, log_format, settings):
            yield piece
            held.pass_piece(piece)
        offset += len(content)
        content = following


def plain_stream(stream: BinaryIO) -> tuple[bytes, BinaryIO]:
    """Return the first piece of a stream and the stream behind it, decompressed when it is gzip.

    Raises: OSError and EOFError as gzip does.
    """
    first = stream.read(READ_BYTES)
    if not first.startswith(GZIP_MAGIC):
        return first, stream
    unpacked = _gunzip(_Joined(first, stream))
    return unpacked.read(READ_BYTES), unpacked


def _gunzip(stream: "_Joined") -> BinaryIO:
    import gzip  # noqa: PLC0415
    from typing import cast  # noqa: PLC0415

    return cast("BinaryIO", gzip.GzipFile(fileobj=cast("BinaryIO", stream)))


class _Joined:
    """A stream with its first piece put back, for gzip."""

    def __init__(self, first: bytes, rest: BinaryIO) -> None:
        self._first, self._rest = first, rest

    def read(self, size: int = -1) -> bytes:
        if self._first:
            given = self._first if size < 0 else self._first[:size]
            self._first = self._first[len(given):]
            return given if given and size >= 0 else given + self._rest.read()
        return self._rest.read(size)


def _by_name(path: str, engine: str) -> Format | None:
    parts = path.removesuffix(".gz").replace("\\", "/").split("/")
    base = parts[-1]
    names = ["/".join(parts[-2:])] if len(parts) > 1 else []
    names += [f"{folder}/{base}" for begin, folder in TELLING_NAMES if base.startswith(begin)]
    return next((found for name in names if (found := format_of(engine, name)) is not None), None)


def _is_binary(sample: bytes) -> bool:
    """NUL bytes alone don't make a log binary (log-formats.md: servers write them); many odd bytes do."""
    if not sample:
        return False
    odd = sum(sample.count(bytes([byte])) for byte in (*range(9), 14, 15, *range(16, 27), *range(28, 32), 127))
    return odd > len(sample) / 20


def _chances(sample: bytes, by_name: Format | None, chosen: Format) -> list[Chance]:
    found = [Chance(format=one.name, log_type=one.log_type, by_name=one is by_name, by_content=one.looks_like(sample),
                    chosen=one is chosen) for one in all_formats()]
    return sorted(found, key=lambda one: (not one.chosen, -one.by_content))


def chances(sample: bytes, path: str, engine: str = "") -> list[Chance]:
    """Return every format's chance for a file that none was found for."""
    by_name = _by_name(path, engine)
    return [Chance(format=one.name, log_type=one.log_type, by_name=one is by_name, by_content=one.looks_like(sample),
                   chosen=False) for one in all_formats()]

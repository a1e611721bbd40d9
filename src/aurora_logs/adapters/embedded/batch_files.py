"""Which files hold a stream's records now: names of batch files, manifests of Parquet files, and how both are listed.

The rule that makes compaction invisible: a batch file that any manifest names as a source is not read. Readers list
the batch files first and the manifests second, so a commit in between hides files and never shows records twice.
"""

import re
from itertools import pairwise
from pathlib import Path

import msgspec

from aurora_logs.adapters.embedded.directory import DataDirectory
from aurora_logs.errors import ConfigError, Unreachable
from aurora_logs.records.flow import Batch

BATCH_SUFFIX = ".ndjson"
MANIFEST_SUFFIX = ".manifest.json"
_BATCH_NAME = re.compile(r"(?P<key>[a-z2-7]{13})-(?P<start>[0-9a-f]{10,16})-(?P<end>[0-9a-f]{10,16})-[\w.-]*\.ndjson")
_UNSAFE = re.compile(r"[^\w.-]")


class BatchName(msgspec.Struct, frozen=True, kw_only=True):
    """What a batch file's name tells: entries of this file key with offsets in [from_offset, to_offset)."""

    name: str
    file_key: str
    from_offset: int
    to_offset: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """The commit of one compaction run: `parquet` holds exactly the records of `sources`.

    parquet, ids: file names beside the manifest; ids: all record ids of the Parquet file, sorted, one a line.
    """

    parquet: str
    ids: str
    sources: list[str]
    records: int
    schema_version: int = 1


class StreamFiles(msgspec.Struct, frozen=True, kw_only=True):
    """A consistent look at one stream: batch files to read, and Parquet files with their manifests."""

    batches: list[Path]
    manifests: dict[Path, Manifest]

    def may_repeat(self) -> bool:
        """Tell whether a record id can stand in two files: when two batches cover a common range, by their names."""
        names = [path.name for path in self.batches]
        for manifest in self.manifests.values():
            names += manifest.sources
        spans = [parse_name(name) for name in names]
        known = sorted((span.file_key, span.from_offset, span.to_offset) for span in spans if span)
        overlap = any(one[0] == two[0] and two[1] < one[2] for one, two in pairwise(known))
        return overlap or len(known) < len(spans)


def build_name(batch: Batch, nonce: str) -> str:
    """Name a batch file. The batch id is data from elsewhere: only letters, digits, `_`, `.` and `-` of it are used."""
    return (f"{batch.file_key}-{batch.from_offset:010x}-{batch.to_offset:010x}-{_UNSAFE.sub('_', batch.batch_id)[:64]}"
            f"-{nonce}{BATCH_SUFFIX}")


def parse_name(name: str) -> BatchName | None:
    """Take a batch file's name apart; None for a name that is not ours."""
    match = _BATCH_NAME.fullmatch(name)
    if not match:
        return None
    return BatchName(name=name, file_key=match["key"], from_offset=int(match["start"], 16),
                     to_offset=int(match["end"], 16))


def stream_files(directory: DataDirectory, stream: str) -> StreamFiles:
    """List a stream consistently; a stream without files is empty. Batch files come in name order: by file, by offset."""
    names = sorted(name for name in _names(directory.batches / stream) if name.endswith(BATCH_SUFFIX))
    manifests = {path: read_manifest(path) for path in manifest_paths(directory, stream)}
    compacted = {source for manifest in manifests.values() for source in manifest.sources}
    return StreamFiles(
        batches=[directory.batches / stream / name for name in names if name not in compacted],
        manifests={path.parent / manifest.parquet: manifest for path, manifest in manifests.items()})


def manifest_paths(directory: DataDirectory, stream: str) -> list[Path]:
    """Return the paths of a stream's manifests, oldest first."""
    folder = directory.parquet / stream
    return [folder / name for name in sorted(_names(folder)) if name.endswith(MANIFEST_SUFFIX)]


def read_manifest(path: Path) -> Manifest:
    """Read a manifest. Raises: ConfigError for a damaged one, since what it hides is unknown."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except msgspec.DecodeError as exc:
        raise ConfigError(f"{path} is damaged: {exc}", hint=f"restore it from a copy; its data is in "
                          f"{path.name.removesuffix(MANIFEST_SUFFIX)}.parquet") from exc


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except OSError as exc:  # a collector made every folder at its start: one that is gone is no empty one
        raise Unreachable(f"{folder}: {exc.strerror}") from exc

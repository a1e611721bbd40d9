"""Chapter "direct": look at the source itself, without state and sink: its instances, and whole files."""

import re
from collections.abc import Iterator

import msgspec

from aurora_logs.errors import AuroraLogsError, BinaryRefused, CompleteFileRefused, ConfigError, LogFileGone, NotFound
from aurora_logs.formats import Format, Origin, format_of
from aurora_logs.formats.redacted import mark_of
from aurora_logs.ops.files import nearest
from aurora_logs.ops.reading import Held
from aurora_logs.ports import LogSource
from aurora_logs.records.fleet import Instance, LogFile
from aurora_logs.records.flow import Checkpoint, Chunk, Portion, Segment
from aurora_logs.segments import START, family_of
from aurora_logs.settings import Settings
from aurora_logs.sql.marks import Mark
from aurora_logs.sql.redaction import mask_raw, redact_message, redact_sql
from aurora_logs.stages.parse import origin_of
from aurora_logs.stages.split import Tail, split

ALL_RECORDS, ALL_BYTES = 1_000_000, 1 << 30  # of one call of a format: a chunk is bounded already
_QUOTING = ("postgresql_csvlog", "postgresql_jsonlog")  # statements stand in quotes there: a credential's place can't be told


class _Where(msgspec.Struct, frozen=True, kw_only=True):
    """What redaction needs of a wire line."""

    log_file_offset: int
    log_record_bytes: int
    parse_status: str
    redactions: int | None = None


_decode = msgspec.json.Decoder(_Where).decode


def find_instance(source: LogSource, instance_id: str) -> Instance:
    """Return an instance as the source lists it. Raises: NotFound with the nearest name; as LogSource.instances."""
    instances, trouble = listed_instances(source)
    found = next((one for one in instances if one.instance_id == instance_id), None)
    if found is None:
        raise trouble or _no_such_instance(instance_id, instances)
    return found


def listed_instances(source: LogSource) -> tuple[list[Instance], AuroraLogsError | None]:
    """Return the instances of all accounts and regions that can be listed, and why the first of the others can't."""
    found, trouble = list[Instance](), None
    for place in source.places():
        try:
            found += source.instances(place)
        except AuroraLogsError as error:
            trouble = trouble or error
    return found, trouble


def find_instances(source: LogSource, target: str) -> list[Instance]:
    """Return the instance of that id, the members of that cluster, or all instances whose id the expression fits.

    Raises: NotFound with the nearest name; ConfigError for what is no regular expression; as LogSource.instances.
    """
    instances, trouble = listed_instances(source)
    named = [one for one in instances if one.instance_id == target] or [one for one in instances if one.cluster_id == target]
    if named:
        return named
    try:
        pattern = re.compile(target)
    except re.error as error:
        raise ConfigError(f"{target!r} is no instance, and no regular expression: {error}") from error
    fitting = [one for one in instances if pattern.search(one.instance_id)]
    if not fitting:
        raise trouble or _no_such_instance(target, instances)
    return fitting


def _no_such_instance(instance_id: str, instances: list[Instance]) -> NotFound:
    names = [one.instance_id for one in instances]
    shown = ", ".join(names[:20]) or "none; check AWS_REGION and the account"
    return NotFound(f"the source has no instance {instance_id!r}{nearest(instance_id, names)}", hint=f"instances: {shown}")


def whole_file(source: LogSource, instance: Instance, log_file_name: str) -> Iterator[bytes]:
    """Yield a file's bytes: the complete file, or portions where RDS does not hand it out.

    Raises: NotFound with the nearest names; BinaryRefused when portions can't carry its bytes; as LogSource.
    """
    try:
        with source.complete_file(instance.instance_id, log_file_name) as pieces:
            yield from pieces
            return
    except CompleteFileRefused:
        pass
    except LogFileGone as error:
        names = [one.log_file_name for one in source.log_files(instance.instance_id)]
        raise NotFound(f"{instance.instance_id} has no log file {log_file_name!r}{nearest(log_file_name, names)}",
                       hint=f"files: {', '.join(sorted(names)[:20])}") from error
    marker, more = START, True
    while more:
        try:
            answer = source.read(instance.instance_id, log_file_name, marker)
        except BinaryRefused as error:
            raise BinaryRefused(f"{instance.instance_id} {log_file_name}",
                                hint="allow rds:DownloadCompleteDBLogFile: complete files carry any byte") from error
        yield answer.content
        more = answer.more and answer.marker not in (None, marker)
        marker = answer.marker or marker


def redacted(pieces: Iterator[bytes], instance: Instance, log_file_name: str, settings: Settings) -> Iterator[bytes]:
    """Yield a log's text with its credentials taken out, entry by entry; text that no rule understands is masked.

    Raises: ConfigError for a file without a known format: nobody can tell what to take out of it.
    """
    log_format = format_of(instance.engine, log_file_name)
    if log_format is None:
        next(pieces, b"")  # a file that is not there is told as such
        raise ConfigError(f"the format of {log_file_name} is not known, so its secrets can't be taken out",
                          hint="-o raw gives the bytes as they are")
    if settings.redaction in ("strict", "all"):
        raise ConfigError(f"REDACTION={settings.redaction} takes values out of records, not out of a file's text",
                          hint="aurora-logs parse FILE -o ndjson gives its records; -o raw the bytes as they are")
    file = log_file_of(instance, log_file_name, log_format)
    held = Held(Checkpoint(instance_id=instance.instance_id, log_file_name=log_file_name, resource_id=instance.resource_id,
                           segment_id=log_file_name))
    segment = Segment(segment_id=log_file_name, log_file_name=log_file_name, ordinal=None, size_bytes=0,
                      last_written_ms=0, closed=True)
    tail, offset, content = Tail(), 0, next(pieces, b"")
    while content:
        following = next(pieces, b"")
        portion = Portion(segment=segment, offset=offset, content=content, closes=not following)
        for chunk in split(portion, tail, held, log_format):
            origin = msgspec.structs.replace(origin_of(file, segment, settings), redaction=settings.redaction)
            yield _chunk_redacted(chunk, held, origin, log_format, mark_of(settings))
        offset += len(content)
        content = following


def _chunk_redacted(chunk: Chunk, held: Held, origin: Origin, log_format: Format, mark: Mark) -> bytes:
    parsed = log_format.ndjson(chunk, origin, held.checkpoint.tail, max_records=ALL_RECORDS, max_bytes=ALL_BYTES)
    held.checkpoint = msgspec.structs.replace(held.checkpoint, byte_offset=parsed.end_offset, tail=parsed.context)
    written, position = [], 0
    for line in parsed.lines:
        where = _decode(line)
        begin = where.log_file_offset - chunk.offset
        end = min(begin + where.log_record_bytes, len(chunk.content))
        written.append(chunk.content[position:begin])
        entry = chunk.content[begin:end]
        written.append(entry if origin.redaction == "off" else _entry_redacted(entry, where, log_format, mark))
        position = end
    written.append(chunk.content[position:])
    return b"".join(written)


def _entry_redacted(entry: bytes, where: _Where, log_format: Format, mark: Mark) -> bytes:
    if where.parse_status == "raw" or (where.redactions and log_format.name in _QUOTING):
        return mask_raw(entry) + b"\n"
    if where.redactions:
        dialect = "postgresql" if log_format.log_type == "postgresql" else "mysql"
        return redact_message(redact_sql(entry, dialect, mark)[0], dialect, mark)[0]
    return entry


def log_file_of(instance: Instance, log_file_name: str, log_format: Format) -> LogFile:
    """Return a listed file as the stages know it: by its family's name."""
    return LogFile(instance_id=instance.instance_id, resource_id=instance.resource_id, cluster_id=instance.cluster_id,
                   engine=instance.engine, log_type=log_format.log_type, log_file_name=family_of(log_file_name),
                   aws_region=instance.aws_region, account_id=instance.account_id)

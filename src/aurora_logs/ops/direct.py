"""Chapter "direct": look at the source itself, without state and sink: the live end of a log, or a whole file."""

from collections.abc import Iterator

import msgspec

from aurora_logs.errors import BinaryRefused, CompleteFileRefused, ConfigError, LogFileGone, MarkerRefused, NotFound
from aurora_logs.formats import Format, Origin, format_of
from aurora_logs.ops.files import nearest
from aurora_logs.ops.reading import Held
from aurora_logs.ports import LogSource
from aurora_logs.records.fleet import Instance, ListedFile, LogFile
from aurora_logs.records.flow import Checkpoint, Chunk, Portion, Segment
from aurora_logs.segments import START, family_of
from aurora_logs.settings import Settings
from aurora_logs.sql.redaction import mask_raw, redact_message, redact_sql
from aurora_logs.stages.parse import origin_of, parse
from aurora_logs.stages.split import Tail, split

LINES_AN_ENTRY = 10  # of a slow log: five head lines and a statement
LINES_MOST = 10_000  # RDS gives no more a call
ALL_RECORDS, ALL_BYTES = 1_000_000, 1 << 30  # of one call of a format: a chunk is bounded already


class LiveFile(msgspec.Struct, frozen=True):
    """The newest log file of a type, and its format."""

    listed: ListedFile
    log_format: Format


class _Where(msgspec.Struct, frozen=True, kw_only=True):
    """What redaction needs of a wire line."""

    log_file_offset: int
    log_record_bytes: int
    parse_status: str
    redactions: int | None = None


_decode = msgspec.json.Decoder(_Where).decode


def find_instance(source: LogSource, instance_id: str) -> Instance:
    """Return an instance as the source lists it. Raises: NotFound with the nearest name; as LogSource.instances."""
    instances = source.instances()
    found = next((one for one in instances if one.instance_id == instance_id), None)
    if found is None:
        names = [one.instance_id for one in instances]
        shown = ", ".join(names[:20]) or "none; check AWS_REGION and the account"
        raise NotFound(f"the source has no instance {instance_id!r}{nearest(instance_id, names)}", hint=f"instances: {shown}")
    return found


def live_files(source: LogSource, instance: Instance, log_type: str = "") -> list[LiveFile]:
    """Return the newest file of each log type. Raises: NotFound when there is none; as LogSource.log_files."""
    newest: dict[str, LiveFile] = {}
    for listed in source.log_files(instance.instance_id):
        log_format = format_of(instance.engine, listed.log_file_name)
        if log_format is None or log_type not in ("", log_format.log_type):
            continue
        known = newest.get(log_format.log_type)
        if known is None or _age(listed) > _age(known.listed):
            newest[log_format.log_type] = LiveFile(listed, log_format)
    if not newest:
        kind = f"{log_type} log" if log_type else "log that can be read"
        raise NotFound(f"{instance.instance_id} has no {kind}", hint=f"aurora-logs files list --instance {instance.instance_id}")
    return [newest[name] for name in sorted(newest)]


def _age(listed: ListedFile) -> tuple[bool, int, int]:
    # A rotated hour is never live, whatever its time; of two other names with one time the shorter is.
    is_live_name = family_of(listed.log_file_name) == listed.log_file_name
    return is_live_name, listed.last_written_ms, -len(listed.log_file_name)


class LiveEnd:
    """The end of one live file: its last lines, then what is appended, as the wire lines of whole entries."""

    def __init__(self, source: LogSource, instance: Instance, live: LiveFile, settings: Settings) -> None:
        self._source, self._instance, self._live, self._settings = source, instance, live, settings
        self._file = _log_file(instance, live.listed.log_file_name, live.log_format)
        self._marker = ""
        self._begin()

    def last(self, count: int, *, is_end: bool) -> tuple[bytes, list[bytes]]:
        """Read the end: the bytes of its last `count` lines, and its last `count` whole entries.

        is_end: nothing is awaited after it, so that an open entry is shown as it is.
        """
        answer = self._source.read(self._instance.instance_id, self._live.listed.log_file_name, "",
                                   max_lines=min(LINES_MOST, count * LINES_AN_ENTRY))
        self._marker = answer.marker or ""
        head = self._live.log_format.next_head(answer.content, 0)
        entries = self._taken(answer.content[max(head, 0):], closes=is_end)
        while head < 0 and len(entries) > 1 and _decode(entries[0]).parse_status == "raw":
            entries.pop(0)  # the end of an entry whose beginning was not read
        return b"".join(answer.content.splitlines(keepends=True)[-count:]), entries[-count:]

    def more(self) -> tuple[bytes, list[bytes]]:
        """Read what came since; an open entry is shown when nothing more comes. Raises as LogSource.read.

        A live name that was rotated refuses its marker: the new file is read from its start.
        """
        try:
            answer = self._source.read(self._instance.instance_id, self._live.listed.log_file_name, self._marker or START)
        except MarkerRefused:
            self._begin()
            answer = self._source.read(self._instance.instance_id, self._live.listed.log_file_name, START)
        self._marker = answer.marker or self._marker
        return answer.content, self._taken(answer.content, quiet=not answer.content)

    def _begin(self) -> None:
        name = self._live.listed.log_file_name
        self._held = Held(Checkpoint(instance_id=self._instance.instance_id, log_file_name=name,
                                     resource_id=self._instance.resource_id, segment_id=name))
        self._tail, self._offset = Tail(), 0

    def _taken(self, content: bytes, *, closes: bool = False, quiet: bool = False) -> list[bytes]:
        name = self._live.listed.log_file_name
        segment = Segment(segment_id=name, log_file_name=name, ordinal=None, size_bytes=0, last_written_ms=0, closed=closes)
        portion = Portion(segment=segment, offset=self._offset, content=content, closes=closes, quiet=quiet)
        self._offset += len(content)
        log_format, held = self._live.log_format, self._held
        lines: list[bytes] = []
        for piece in parse(split(portion, self._tail, held, log_format), portion, self._file, held, log_format, self._settings):
            lines += piece.parsed.lines if piece.parsed else []
            held.pass_piece(piece)
        return lines


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
    file = _log_file(instance, log_file_name, log_format)
    held = Held(Checkpoint(instance_id=instance.instance_id, log_file_name=log_file_name, resource_id=instance.resource_id,
                           segment_id=log_file_name))
    segment = Segment(segment_id=log_file_name, log_file_name=log_file_name, ordinal=None, size_bytes=0,
                      last_written_ms=0, closed=True)
    tail, offset, content = Tail(), 0, next(pieces, b"")
    while content:
        following = next(pieces, b"")
        portion = Portion(segment=segment, offset=offset, content=content, closes=not following)
        for chunk in split(portion, tail, held, log_format):
            yield _chunk_redacted(chunk, held, origin_of(file, segment, settings), log_format)
        offset += len(content)
        content = following


def _chunk_redacted(chunk: Chunk, held: Held, origin: Origin, log_format: Format) -> bytes:
    parsed = log_format.ndjson(chunk, origin, held.checkpoint.tail, max_records=ALL_RECORDS, max_bytes=ALL_BYTES)
    held.checkpoint = msgspec.structs.replace(held.checkpoint, byte_offset=parsed.end_offset, tail=parsed.context)
    dialect = "postgresql" if log_format.log_type == "postgresql" else "mysql"
    written, position = [], 0
    for line in parsed.lines:
        where = _decode(line)
        begin = where.log_file_offset - chunk.offset
        end = min(begin + where.log_record_bytes, len(chunk.content))
        written.append(chunk.content[position:begin])
        written.append(_entry_redacted(chunk.content[begin:end], where, dialect, origin.redaction))
        position = end
    written.append(chunk.content[position:])
    return b"".join(written)


def _entry_redacted(entry: bytes, where: _Where, dialect: str, redaction: str) -> bytes:
    if redaction == "off":
        return entry
    if where.parse_status == "raw":
        return mask_raw(entry) + b"\n"
    if where.redactions:
        return redact_message(redact_sql(entry, dialect)[0], dialect)[0]
    return entry


def _log_file(instance: Instance, log_file_name: str, log_format: Format) -> LogFile:
    return LogFile(instance_id=instance.instance_id, resource_id=instance.resource_id, cluster_id=instance.cluster_id,
                   engine=instance.engine, log_type=log_format.log_type, log_file_name=log_file_name,
                   aws_region=instance.aws_region, account_id=instance.account_id)

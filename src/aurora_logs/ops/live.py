"""Chapter "tail": the live end of an instance's logs, straight from the source, entry by entry.

Segment and offset come from the markers, so that a record has the id that it is delivered with.
"""

import msgspec

from aurora_logs.errors import BinaryRefused, MarkerRefused, NotFound
from aurora_logs.formats import Format, format_of
from aurora_logs.ops.direct import log_file_of
from aurora_logs.ops.reading import Held
from aurora_logs.ops.steps import step
from aurora_logs.ports import LogSource
from aurora_logs.records.fleet import Instance, ListedFile
from aurora_logs.records.flow import Answer, Checkpoint, Portion, Segment
from aurora_logs.segments import (
    START,
    family_of,
    is_hourly,
    normal_ordinal,
    ordinal_of,
    parse_marker,
    segment_id,
    told_twice,
)
from aurora_logs.settings import Settings
from aurora_logs.stages.parse import parse
from aurora_logs.stages.split import Tail, split

LINES_AN_ENTRY = 10  # of a slow log: five head lines and a statement
LINES_MOST = 10_000  # RDS gives no more a call
QUIET_LOOKS = 6  # looks in a row without a byte, after which the file may have a successor of another name


class _Status(msgspec.Struct, frozen=True):
    """What tells whether the beginning of an entry was read."""

    parse_status: str


_decode = msgspec.json.Decoder(_Status).decode


class LiveFile(msgspec.Struct, frozen=True):
    """The newest log file of a type, its format, and the file before it."""

    listed: ListedFile
    log_format: Format
    before: ListedFile | None = None


def live_files(source: LogSource, instance: Instance, log_type: str = "") -> list[LiveFile]:
    """Return the newest file of each log type. Raises: NotFound when there is none; as LogSource.log_files."""
    found: dict[str, list[ListedFile]] = {}
    formats: dict[str, Format] = {}
    files = source.log_files(instance.instance_id)
    twins = told_twice(one.log_file_name for one in files)
    for listed in files:
        log_format = format_of(instance.engine, listed.log_file_name)
        if log_format is None or listed.log_file_name in twins or log_type not in ("", log_format.log_type):
            continue
        found.setdefault(log_format.log_type, []).append(listed)
        formats[log_format.log_type] = log_format
    if not found:
        kind = f"{log_type} log" if log_type else "log that can be read"
        raise NotFound(f"{instance.instance_id} has no {kind}", hint=step("files", "list", "--instance", instance.instance_id))
    newest = {name: [*sorted(files, key=_age, reverse=True)[:2], None] for name, files in sorted(found.items())}
    return [LiveFile(live, formats[name], before) for name, (live, before, *_) in newest.items() if live]


def _age(listed: ListedFile) -> tuple[bool, int, int]:
    # A rotated hour is never live, whatever its time; of two other names with one time the shorter is.
    is_live_name = family_of(listed.log_file_name) == listed.log_file_name
    return is_live_name, listed.last_written_ms, -len(listed.log_file_name)


class LiveEnd:
    """The end of one live file: its last lines, then what is appended, as the wire lines of whole entries.

    name: instance and file, for people. is_cut: the file is longer than what `last` gave.
    """

    def __init__(self, source: LogSource, instance: Instance, live: LiveFile, settings: Settings) -> None:
        self._source, self._instance, self._live, self._settings = source, instance, live, settings
        self.is_cut = False
        self._marker, self._offset, self._quiet_looks = "", 0, 0
        self._begin()

    def last(self, count: int, *, is_end: bool) -> tuple[bytes, list[bytes]]:
        """Read the end: the bytes of its last `count` lines, and its last `count` whole entries.

        A live file that was only just rotated has few: the end of the one before it makes up for them.
        is_end: nothing is awaited after it, so that an open entry is shown as it is.
        """
        content, entries = self._last(count, is_end=is_end)
        if len(entries) < count and self._live.before is not None:
            before = LiveFile(self._live.before, self._live.log_format)
            earlier, earlier_entries = LiveEnd(self._source, self._instance, before, self._settings).last(
                count - len(entries), is_end=True)
            return earlier + content, earlier_entries + entries
        return content, entries

    def _last(self, count: int, *, is_end: bool) -> tuple[bytes, list[bytes]]:
        answer = self._read("", max_lines=min(LINES_MOST, count * LINES_AN_ENTRY))
        self.is_cut = len(answer.content) < self._live.listed.size_bytes
        head = max(0, self._live.log_format.next_head(answer.content, 0))
        self._place(answer, head)
        entries = self._taken(answer.content[head:], closes=is_end)
        while not head and self._offset > len(answer.content) and len(entries) > 1 and _is_raw(entries[0]):
            entries.pop(0)  # the end of an entry whose beginning was not read
        return b"".join(answer.content.splitlines(keepends=True)[-count:]), entries[-count:]

    def more(self) -> tuple[bytes, list[bytes]]:
        """Read what came since; an open entry is shown when nothing more comes. Raises as LogSource.read.

        A live name that was rotated refuses its marker: the new file is read from its start. A file that is silent for
        some looks may have a successor of another name: then that one is read.
        """
        try:
            answer = self._read(self._marker or START)
        except MarkerRefused:
            self._begin()
            answer = self._read(START)
        self._quiet_looks = 0 if answer.content else self._quiet_looks + 1
        entries = self._taken(answer.content, quiet=not answer.content)
        if self._quiet_looks >= QUIET_LOOKS:
            self._move_on()
        return answer.content, entries

    def _read(self, marker: str, *, max_lines: int = 0) -> Answer:
        name = self._live.listed.log_file_name
        try:
            answer = self._source.read(self._instance.instance_id, name, marker, max_lines=max_lines)
        except BinaryRefused as error:
            raise BinaryRefused(self.name, hint=f"{step('dump', self._instance.instance_id, name)} reads the complete file, which "
                                "carries any byte") from error
        self._marker = answer.marker or self._marker
        return answer

    def _move_on(self) -> None:
        self._quiet_looks = 0
        newest = live_files(self._source, self._instance, self._live.log_format.log_type)[0]
        if newest.listed.log_file_name != self._live.listed.log_file_name:
            self._live = newest
            self._begin()

    def _begin(self) -> None:
        """Begin a file: nothing of it is read, and its segment is what the name alone tells."""
        name = self._live.listed.log_file_name
        self.name = f"{self._instance.instance_id} {name}"
        self._file = log_file_of(self._instance, name, self._live.log_format)
        self._marker, self._offset, self._quiet_looks = "", 0, 0
        self._segment_id = segment_id(family_of(name), ordinal_of(name))
        self._tail = Tail()
        self._held = Held(Checkpoint(instance_id=self._instance.instance_id, log_file_name=self._file.log_file_name,
                                     resource_id=self._instance.resource_id, segment_id=self._segment_id))

    def _place(self, answer: Answer, head: int) -> None:
        """Say where the bytes behind `head` of an answer lie: its marker tells the end, and of live names the hour."""
        marker, name = parse_marker(answer.marker or ""), self._live.listed.log_file_name
        if marker is None or marker.offset < len(answer.content):
            return
        self._offset = marker.offset - len(answer.content) + head
        if is_hourly(name) and ordinal_of(name) is None:
            self._segment_id = segment_id(family_of(name), normal_ordinal(marker.ordinal))
        self._held.checkpoint = msgspec.structs.replace(self._held.checkpoint, segment_id=self._segment_id,
                                                        byte_offset=self._offset)

    def _taken(self, content: bytes, *, closes: bool = False, quiet: bool = False) -> list[bytes]:
        ordinal = self._segment_id.partition("@")[2] or None
        segment = Segment(segment_id=self._segment_id, log_file_name=self._live.listed.log_file_name, ordinal=ordinal,
                          size_bytes=0, last_written_ms=self._live.listed.last_written_ms, closed=closes)
        portion = Portion(segment=segment, offset=self._offset, content=content, closes=closes, quiet=quiet)
        self._offset += len(content)
        log_format, held = self._live.log_format, self._held
        lines: list[bytes] = []
        for piece in parse(split(portion, self._tail, held, log_format), portion, self._file, held, log_format, self._settings):
            lines += piece.parsed.lines if piece.parsed else []
            held.pass_piece(piece)
        return lines


def _is_raw(line: bytes) -> bool:
    return _decode(line).parse_status == "raw"

"""The simulated RDS: instances, files and portions with the quirks of rds-log-api.md, in tiny sizes, with the truth.

Own and small, since a schedule has a few milliseconds; the simulator over HTTP has the full behaviour. Faults that
spoil single answers are in switch_points.py.
"""

from dataclasses import dataclass, field

from msgspec.structs import replace
from tests.simulation.log_text import HEADER, NUL, Entry, crc_of

from aurora_logs.errors import BinaryRefused, InstanceGone, LogFileGone, MarkerRefused
from aurora_logs.records.fleet import ListedFile
from aurora_logs.records.flow import Answer
from aurora_logs.records.log_record import file_key_of

NOTICE = b"\n [Your log message was truncated]\n"


@dataclass
class File:
    """One physical file from its first byte to its deletion: a segment."""

    instance_id: str
    resource_id: str
    log_type: str
    family: str
    segment_id: str
    name: str
    ordinal: str
    content: bytearray = field(default_factory=bytearray)
    entries: list = field(default_factory=list)
    cut_off: list = field(default_factory=list)  # entries that a restart took away
    last_written_us: int = 0
    listed_bytes: int = 0  # the most that a tracking row ever said
    cut_bytes_at_most: int = 0
    listed_names: set = field(default_factory=set)  # the names under which a tracking row knew it
    was_met: bool = False  # a row of the state names it
    purged: bool = False
    troubled: list = field(default_factory=list)  # (from, to, cause): what some call could not give

    @property
    def file_key(self):
        return file_key_of(self.resource_id, self.log_type, self.segment_id)


class Family:
    """The files of one log: hourly (a live name that is renamed) or dated (a name of its own each)."""

    def __init__(self, instance, base, log_type, *, hourly, header, two_digits):
        self.instance, self.base, self.log_type, self.hourly = instance, base, log_type, hourly
        self._header, self._two_digits = header, two_digits
        self._hours = 21 if header else 5  # some runs pass midnight
        self.files = []
        self.half = b""  # rest of an entry whose first half is written
        self._begin()

    @property
    def live(self):
        return self.files[-1]

    def _begin(self):
        day, hour = 24 + self._hours // 24, self._hours % 24
        ordinal = f"2026-11-{day}.{hour}"
        if self.hourly:
            name, segment_id = self.base, f"{self.base}@{ordinal}"
        else:
            name = segment_id = f"{self.base}.2026-11-{day}-{hour:02}00"
        file = File(self.instance.instance_id, self.instance.resource_id, self.log_type,
                    self.base if self.hourly else name, segment_id, name, ordinal if self.hourly else str(hour))
        if self.hourly and self._header:
            file.content += HEADER
        self.files.append(file)

    def rotate(self, now_us):
        """Close the live file and begin another; returns the closed one."""
        closed = self.live
        if self.half:
            self._finish_half(now_us)
        if self.hourly:
            day, _, hour = closed.ordinal.rpartition(".")
            closed.name = f"{self.base}.{day}.{int(hour):02}" if self._two_digits else f"{self.base}.{day}.{hour}"
        self._hours += 1
        self._begin()
        self.live.last_written_us = now_us
        return closed

    def append(self, content, token, now_us, *, poison=False, half=False):
        """Write an entry to the live file; `half`: only its first part, the rest comes with the next write."""
        if self.half:
            self._finish_half(now_us)
        file = self.live
        start = len(file.content)
        file.entries.append(Entry(start, start + len(content), token, crc_of(content), poison, [], now_us))
        cut = len(content) // 2 if half else len(content)
        file.content += content[:cut]
        self.half = content[cut:]
        file.last_written_us = now_us

    def _finish_half(self, now_us):
        self.live.content += self.half
        self.live.last_written_us = now_us
        self.half = b""

    def shrink(self, entries, now_us):
        """A restart takes the last entries away (rds-log-api.md §8.1); returns how many went."""
        file = self.live
        self.half = b""
        gone = file.entries[len(file.entries) - entries:] if entries else []
        if not gone:
            return 0
        file.cut_bytes_at_most = max(file.cut_bytes_at_most, len(file.content))
        del file.content[gone[0].start:]
        del file.entries[len(file.entries) - len(gone):]
        file.cut_off += gone
        file.listed_bytes = min(file.listed_bytes, len(file.content))
        file.last_written_us = now_us
        return len(gone)


class SourceWorld:
    """LogSource without faults of single answers."""

    def __init__(self, instances, families, caps, clock_us):
        self.instance_rows = {one.instance_id: one for one in instances}
        self.gone = set()
        self.told = {}  # (instance, name, size, last written) of a listing -> file
        self.families = families
        self._caps = caps
        self._clock_us = clock_us  # epoch of the database's clock

    def files(self):
        return [file for family in self.families for file in family.files]

    def present(self, instance_id):
        if instance_id in self.gone or instance_id not in self.instance_rows:
            raise InstanceGone(instance_id)
        return [file for file in self.files() if file.instance_id == instance_id and not file.purged]

    def instances(self):
        return [row for name, row in self.instance_rows.items() if name not in self.gone]

    def log_files(self, instance_id, name_contains=""):
        found = []
        for file in self.present(instance_id):
            if name_contains in file.name:
                last_written_ms = self._last_written_ms(file)
                self.told[instance_id, file.name, len(file.content), last_written_ms] = file
                found.append(ListedFile(log_file_name=file.name, size_bytes=len(file.content), last_written_ms=last_written_ms))
        return found

    def is_known(self, row):
        """Tell whether a tracking row holds what a listing would tell now."""
        file = self.file(row.instance_id, row.log_file_name)
        return (row.file_size, row.last_written) == (len(file.content), self._last_written_ms(file))

    def _last_written_ms(self, file):
        return (self._clock_us + file.last_written_us) // 1000

    def note_met(self, instance_id, segment_id):
        """A row names the segment now."""
        for file in self.files():
            if (file.instance_id, file.segment_id) == (instance_id, segment_id):
                file.was_met = True

    def note_known(self, row):
        """A tracking row holds now what a listing told."""
        file = self.told.get((row.instance_id, row.log_file_name, row.file_size, row.last_written))
        if file is not None:
            file.listed_bytes = max(file.listed_bytes, min(row.file_size, len(file.content)))
            file.listed_names.add(row.log_file_name)

    def file(self, instance_id, name):
        for file in self.present(instance_id):
            if file.name == name:
                return file
        raise LogFileGone(f"{instance_id} {name}")

    def family_of(self, file):
        return next(family for family in self.families if file in family.files)

    def read(self, instance_id, name, marker, max_lines):
        file = self.file(instance_id, name)
        family = self.family_of(file)
        if marker == "":
            lines = bytes(file.content).splitlines(keepends=True)
            return Answer(content=b"".join(lines[-max(1, max_lines):]), marker=f"{file.ordinal}:{len(file.content)}", more=False)
        ordinal, _, digits = marker.rpartition(":")
        if not digits.isdigit() or (not ordinal and digits != "0"):
            raise MarkerRefused(marker)
        offset = int(digits)
        if family.hourly and file is family.live and ordinal and ordinal != file.ordinal:
            older = next((one for one in family.files if one.ordinal == ordinal and not one.purged), None)
            if older is not None and older is not family.files[-2]:  # sticks for ever (rds-log-api.md §3.3)
                return Answer(content=b"", marker=marker, more=False)
            if older is not None and offset < len(older.content):
                file = older
        return self._portion(file, offset, max_lines)

    def _portion(self, file, offset, max_lines):
        size = len(file.content)
        if offset >= size:
            return Answer(content=b"", marker=f"{file.ordinal}:{offset}", more=False)
        lines_max = min(max_lines or self._caps.lines, self._caps.lines)
        window = bytes(file.content[offset:offset + self._caps.size_bytes])
        parts = window.split(b"\n", lines_max)
        end, notice = offset + len(window), False
        if len(parts) > lines_max:
            end -= len(parts[lines_max])
        elif end < size and not window.endswith(b"\n") and self._caps.cut != "bytes":
            whole = window.rfind(b"\n") + 1
            line_end = file.content.find(b"\n", end) + 1 or size
            if whole and self._caps.cut == "waits" and line_end - offset - whole <= self._caps.size_bytes // 4:
                end = offset + whole
            else:
                notice = True
        content = bytes(file.content[offset:end])
        self._refuse_binary(file, offset, end)
        if notice:
            line_end = (file.content.find(b"\n", end) + 1 or size) if self._caps.behind_line else end
            file.troubled.append((offset, line_end, "truncated"))
            return Answer(content=content + NOTICE, marker=f"{file.ordinal}:{line_end}", more=line_end < size)
        return Answer(content=content, marker=f"{file.ordinal}:{end}", more=end < size)

    def _refuse_binary(self, file, start, end):
        if NUL not in file.content[start:end]:
            return
        file.troubled += [(entry.start, entry.end, "unreadable") for entry in file.entries
                          if entry.start < end and entry.end > start]
        raise BinaryRefused(f"{file.instance_id} {file.name}")

    # what happens to instances and files

    def purge(self, family, entry_count=0):
        """Delete the oldest closed file; returns it."""
        for file in family.files[:-1]:
            if not file.purged:
                file.purged = True
                return file
        return None

    def swap_roles(self):
        for name, row in self.instance_rows.items():
            self.instance_rows[name] = replace(row, is_cluster_writer=not row.is_cluster_writer)

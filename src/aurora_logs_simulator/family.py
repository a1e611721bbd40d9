"""How the files of one log are named, rotate and vanish: hourly names, dated names, rename chains, audit stripes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from aurora_logs_simulator.clock import DAY_US, HOUR_US
from aurora_logs_simulator.ledger import Book, Entry, Fields, Ledger, Span
from aurora_logs_simulator.logfile import LogFile, Segment, hour_ordinal, next_hour_us, utc

Header = Callable[[int], bytes]

EARLY_ROTATIONS_US = 2 * HOUR_US  # a planted rotation may run this far ahead of the clock, no further


class Owner(NamedTuple):
    """Whose files these are, for the ledger."""

    instance_id: str
    resource_id: str
    engine: str


class Aim(NamedTuple):
    """Where a marker leads: the bytes to read, and what comes at their end.

    chains: the answer goes on in the live file at the next call, so more is pending even at the end.
    sticks: nothing ever follows, and the flag says that nothing is pending.
    """

    file: LogFile
    offset: int
    chains: bool = False
    sticks: bool = False


class Family(ABC):
    """What all kinds share: births, writes, purges. A kind adds names and rotation."""

    def __init__(
        self, *, base: str, log_type: str, owner: Owner, ledger: Ledger, header: Header, retention_us: int
    ) -> None:
        """Begin without a file; the kind makes the first one."""
        self.base = base
        self.log_type = log_type
        self.retention_us = retention_us
        self.closed: list[Segment] = []
        self._owner = owner
        self._ledger = ledger
        self._header = header
        self._books: dict[str, Book] = {}
        self._births = 0

    def segments(self) -> list[Segment]:
        """Return all files, oldest first."""
        return [*self.closed, *self.live_segments()]

    @abstractmethod
    def live_segments(self) -> list[Segment]:
        """Return the files that are written now."""

    @abstractmethod
    def advance(self, now_us: int) -> None:
        """Do what is due until `now_us`: rotations in order, then deletion by age."""

    @abstractmethod
    def rotate_early(self, now_us: int) -> bool:
        """Rotate at once, as a planted fault asks; False when this kind cannot do so now."""

    def aim(self, file: LogFile, ordinal: str | None, offset: int) -> Aim:
        """Return where a marker leads that was sent for the present name of `file`."""
        del ordinal
        return Aim(file, offset)

    def book(self, segment: Segment) -> Book:
        """Return the ledger's page of one of these files."""
        return self._books[segment.segment_id]

    def append(self, content: bytes, *, token: str, fields: Fields, now_us: int) -> tuple[Segment, Entry]:
        """Write one entry to the live file and into the ledger."""
        segment = self._target()
        start, end = segment.append(content, now_us)
        entry = Entry(start=start, end=end, token=token, fields=fields, time_us=now_us)
        self.book(segment).wrote(entry)
        return segment, entry

    def append_furniture(self, content: bytes, now_us: int) -> Segment:
        """Write bytes that belong to no entry."""
        segment = self._target()
        segment.append(content, now_us)
        self.book(segment).wrote_furniture(len(content))
        return segment

    def served(self, segment: Segment, start: int, end: int) -> None:
        """Note that the bytes [start, end) went out exactly."""
        self.book(segment).served(start, end)

    def unreadable(self, segment: Segment, start: int, end: int, cause: str) -> None:
        """Note that no portion gives [start, end)."""
        book = self._books.get(segment.segment_id)
        if book is not None:
            book.unreadable_spans.append(Span(start=start, end=end, cause=cause))

    def flush(self, now_us: int) -> None:  # noqa: B027 - only one kind has anything to flush
        """Bring every written byte to the place that the ledger names, before something moves the files."""

    def purge(self, segment: Segment, cause: str = "purged") -> None:
        """Delete a file for good."""
        self.book(segment).gone(len(segment.content), cause)
        self.closed = [other for other in self.closed if other is not segment]

    def purge_aged(self, now_us: int) -> None:
        """Delete closed files that are older than the retention."""
        while self.closed and self.closed[0].last_written_us + self.retention_us <= now_us:
            self.purge(self.closed[0])

    def rename(self, segment: Segment, name: str) -> None:
        """Give a file another name; its segment stays the same."""
        segment.name = name
        names = self.book(segment).names
        if name not in names:
            names.append(name)

    def _target(self) -> Segment:
        return self.live_segments()[0]

    def _birth(self, *, name: str, segment_id: str, now_us: int, ordinal: str | None = None) -> Segment:
        segment = Segment(segment_id=segment_id, name=name, created_us=now_us, ordinal=ordinal)
        self._births += 1
        self._books[segment_id] = self._ledger.open(
            Book(
                instance_id=self._owner.instance_id,
                resource_id=self._owner.resource_id,
                engine=self._owner.engine,
                log_type=self.log_type,
                segment_id=segment_id,
                base_name=self.base,
                names=[name],
            )
        )
        header = self._header(now_us)
        if header:
            segment.append(header, now_us)
            self.book(segment).wrote_furniture(len(header))
        return segment


class HourlyFamily(Family):
    """MySQL and MariaDB: a live name, and each hour a rotated one that carries the ordinal of the live markers.

    The ordinal is the hour of the coming rotation (RDS log API sheet, 3.2 and 5.1): what is written from 06:00 to
    07:00 has markers `….7:offset` and becomes `….log.….07`.
    """

    def __init__(
        self,
        *,
        base: str,
        log_type: str,
        owner: Owner,
        ledger: Ledger,
        header: Header,
        now_us: int,
        retention_us: int = DAY_US,
        hour_digits: int = 2,
        reuses_names: bool = False,
        midnight_24: bool = False,
    ) -> None:
        """Begin with an empty live file at `now_us`; `reuses_names` gives the old `.0` to `.23` suffixes (RDS-50)."""
        super().__init__(
            base=base, log_type=log_type, owner=owner, ledger=ledger, header=header, retention_us=retention_us
        )
        self._hour_digits = hour_digits
        self._reuses_names = reuses_names
        self._midnight_24 = midnight_24
        self.next_rotation_us = next_hour_us(now_us)
        self.live = self._new_live(now_us)

    def live_segments(self) -> list[Segment]:
        """Return the one live file."""
        return [self.live]

    def advance(self, now_us: int) -> None:
        """Rotate at each full hour until `now_us`, then delete by age."""
        while self.next_rotation_us <= now_us:
            self._rotate(self.next_rotation_us)
        self.purge_aged(now_us)

    def rotate_early(self, now_us: int) -> bool:
        """Do the coming rotation now; the one after it stays where it was."""
        if self.next_rotation_us - now_us > EARLY_ROTATIONS_US:
            return False
        self._rotate(now_us)
        return True

    def aim(self, file: LogFile, ordinal: str | None, offset: int) -> Aim:
        """Follow a marker as RDS does (sheet 3.3): rotated names ignore the hour, the live name follows one rotation."""
        if file is not self.live or ordinal is None or ordinal == self.live.ordinal:
            return Aim(file, offset)
        if self.closed and ordinal == self.closed[-1].ordinal:
            previous = self.closed[-1]
            return Aim(previous, offset, chains=True) if offset < len(previous.content) else Aim(self.live, 0)
        for older in self.closed[:-1]:
            if ordinal == older.ordinal:
                return Aim(older, offset, sticks=True)
        # The hour was purged: RDS reads the live file from that byte without a word.
        return Aim(self.live, offset)

    def _rotate(self, now_us: int) -> None:
        day, _, hour = hour_ordinal(self.next_rotation_us, midnight_24=self._midnight_24).partition(".")
        name = f"{self.base}.{hour}" if self._reuses_names else f"{self.base}.{day}.{int(hour):0{self._hour_digits}d}"
        for namesake in [s for s in self.closed if s.name == name]:
            self.purge(namesake)
        self.rename(self.live, name)
        self.closed.append(self.live)
        self.next_rotation_us += HOUR_US
        self.live = self._new_live(now_us)

    def _new_live(self, now_us: int) -> Segment:
        dated = hour_ordinal(self.next_rotation_us, midnight_24=self._midnight_24)
        ordinal = dated.rpartition(".")[2] if self._reuses_names else dated
        return self._birth(name=self.base, segment_id=f"{self.base}@{dated}", now_us=now_us, ordinal=ordinal)


class DatedFamily(Family):
    """PostgreSQL: each file has one name for life, made from the time of its birth."""

    def __init__(
        self,
        *,
        base: str,
        log_type: str,
        owner: Owner,
        ledger: Ledger,
        header: Header,
        now_us: int,
        retention_us: int = 3 * DAY_US,
        with_minutes: bool = False,
        rotation_us: int = HOUR_US,
        rotation_bytes: int = 100_000_000,
    ) -> None:
        """Begin with the file of the present hour; `with_minutes` is the `-%H%M` pattern of Aurora."""
        super().__init__(
            base=base, log_type=log_type, owner=owner, ledger=ledger, header=header, retention_us=retention_us
        )
        self._pattern = "%Y-%m-%d-%H%M" if with_minutes else "%Y-%m-%d-%H"
        self._rotation_us = rotation_us
        self._rotation_bytes = rotation_bytes
        self.next_rotation_us = now_us - now_us % rotation_us + rotation_us
        name = self._name(now_us - now_us % rotation_us)
        self.live = self._birth(name=name, segment_id=name, now_us=now_us)

    def live_segments(self) -> list[Segment]:
        """Return the one live file."""
        return [self.live]

    def advance(self, now_us: int) -> None:
        """Begin a new file at each rotation time, or when the live one is large enough, then delete by age."""
        while self.next_rotation_us <= now_us:
            self._begin(self.next_rotation_us)
            self.next_rotation_us += self._rotation_us
        if len(self.live.content) >= self._rotation_bytes:
            self._begin(now_us)
        self.purge_aged(now_us)

    def rotate_early(self, now_us: int) -> bool:
        """Begin a new file now; False while the pattern gives the same name."""
        return self._begin(now_us)

    def compress(self, segment: Segment) -> bool:
        """Turn a closed file into `.gz`: Size becomes the compressed one, portions still give text (RDS-54)."""
        if segment is self.live or segment.is_compressed:
            return False
        segment.is_compressed = True
        self.rename(segment, f"{segment.name}.gz")
        return True

    def _begin(self, now_us: int) -> bool:
        name = self._name(now_us)
        if name == self.live.name or name in self._books:
            return False
        self.closed.append(self.live)
        self.live = self._birth(name=name, segment_id=name, now_us=now_us)
        return True

    def _name(self, at_us: int) -> str:
        return f"{self.base}.{utc(at_us):{self._pattern}}"


class ChainFamily(Family):
    """The audit plugin: at a size the live file becomes `.1`, `.1` becomes `.2`, and the last one falls off."""

    def __init__(
        self,
        *,
        base: str,
        log_type: str,
        owner: Owner,
        ledger: Ledger,
        header: Header,
        now_us: int,
        rotation_bytes: int = 1_000_000,
        keeps_files: int = 9,
    ) -> None:
        """Begin with an empty live file; documented defaults: rotate at 1,000,000 bytes, keep 9."""
        super().__init__(
            base=base, log_type=log_type, owner=owner, ledger=ledger, header=header, retention_us=10**6 * DAY_US
        )
        self._rotation_bytes = rotation_bytes
        self._keeps_files = keeps_files
        self.live = self._new_live(now_us)

    def live_segments(self) -> list[Segment]:
        """Return the one live file."""
        return [self.live]

    def advance(self, now_us: int) -> None:
        """Rotate when the live file is large enough."""
        if len(self.live.content) >= self._rotation_bytes:
            self.rotate_early(now_us)

    def rotate_early(self, now_us: int) -> bool:
        """Move every file one name on."""
        self.closed.append(self.live)
        if len(self.closed) > self._keeps_files:
            self.purge(self.closed[0])
        for step, segment in enumerate(reversed(self.closed), start=1):
            self.rename(segment, f"{self.base}.{step}")
        self.live = self._new_live(now_us)
        return True

    def _new_live(self, now_us: int) -> Segment:
        return self._birth(name=self.base, segment_id=f"{self.base}#{self._births}", now_us=now_us)


class StripedFamily(Family):
    """Aurora MySQL audit: four files at once, rows spread over them, a new set each hour or at a size (RDS-53)."""

    STRIPES = 4

    def __init__(
        self,
        *,
        base: str,
        log_type: str,
        owner: Owner,
        ledger: Ledger,
        header: Header,
        now_us: int,
        retention_us: int = DAY_US,
        rotation_bytes: int = 100_000_000,
    ) -> None:
        """Begin with one set of four; `rotation_bytes` counts the set in aggregate, as the manual says."""
        super().__init__(
            base=base, log_type=log_type, owner=owner, ledger=ledger, header=header, retention_us=retention_us
        )
        self._rotation_bytes = rotation_bytes
        self._rows = 0
        self._sets = 0
        self.next_rotation_us = next_hour_us(now_us)
        self.stripes = self._new_set(now_us)

    def live_segments(self) -> list[Segment]:
        """Return the four live files."""
        return self.stripes

    def advance(self, now_us: int) -> None:
        """Begin a new set at each full hour or at the size, then delete by age."""
        while self.next_rotation_us <= now_us:
            self.closed += self.stripes
            self.stripes = self._new_set(self.next_rotation_us)
            self.next_rotation_us += HOUR_US
        if sum(len(stripe.content) for stripe in self.stripes) >= self._rotation_bytes:
            self.rotate_early(now_us)
        self.purge_aged(now_us)

    def rotate_early(self, now_us: int) -> bool:
        """Begin a new set now."""
        self.closed += self.stripes
        self.stripes = self._new_set(now_us)
        return True

    def _target(self) -> Segment:
        self._rows += 1
        return self.stripes[self._rows % self.STRIPES]

    def _new_set(self, now_us: int) -> list[Segment]:
        sequence, self._sets = self._sets, self._sets + 1
        names = [f"{self.base}.{n}.{utc(now_us):%Y-%m-%d-%H-%M}.{sequence}" for n in range(self.STRIPES)]
        return [self._birth(name=name, segment_id=name, now_us=now_us) for name in names]

"""The pump: writes true entries into the live files as log time passes, and each of them into the ledger."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Callable
from random import Random
from typing import NamedTuple

import msgspec

from aurora_logs_simulator.account import Account
from aurora_logs_simulator.clock import SECOND_US
from aurora_logs_simulator.family import DatedFamily, Family, HourlyFamily
from aurora_logs_simulator.faults import Faults
from aurora_logs_simulator.instance import Instance
from aurora_logs_simulator.ledger import Entry, Fields
from aurora_logs_simulator.load_faults import hardened
from aurora_logs_simulator.logfile import Segment, utc
from aurora_logs_simulator.portions import CAP_BYTES
from aurora_logs_simulator.workload import Writer, writer

SHARES = {"slowquery": 0.8, "error": 0.2, "postgresql": 1.0}  # of an instance's entries, by log type


class Stream(msgspec.Struct, kw_only=True):
    """One log that is written: whose, by which writer, how often in log time, and what is still owed to it."""

    instance: Instance
    log_type: str
    writer: Writer
    interval_us: float
    due_us: float
    random: Random
    rest: bytes = b""
    begun: Entry | None = None
    begun_in: Segment | None = None


class _Due(NamedTuple):
    at_us: float
    order: int


class Load:
    """All streams of an account. The same seed, rates and times give the same bytes."""

    def __init__(self, account: Account, faults: Faults, *, seed: str, most_entries: int | None = None) -> None:
        """Begin without a stream; stop by itself after `most_entries`."""
        self._account = account
        self._faults = faults
        self._seed = seed
        self._most_entries = most_entries
        self._writers: dict[tuple[str, str], Writer] = {}
        self._streams: list[Stream] = []
        self._queue: list[_Due] = []
        self._marks = 0
        self.entries = 0
        self.is_writing = True
        account.after_restart.append(self._restarted)

    def header_of(self, log_type: str, engine: str, identifier: str) -> Callable[[int], bytes]:
        """Return what a fresh file of this log begins with; for the account, before its instances are added."""
        if log_type not in SHARES or engine == "mariadb":
            return lambda _now_us: b""
        made = writer(log_type, engine, f"{self._seed}/{identifier}")
        self._writers[identifier, log_type] = made
        return made.file_header

    def write_to(self, instance: Instance, *, entries_per_log_sec: float, now_us: int) -> None:
        """Open the streams of an instance, `entries_per_log_sec` in a second of log time over all of them."""
        logs = [log_type for log_type in instance.families if (instance.spec.identifier, log_type) in self._writers]
        whole = sum(SHARES[log_type] for log_type in logs)
        for log_type in logs if entries_per_log_sec > 0 else []:
            interval_us = SECOND_US * whole / (entries_per_log_sec * SHARES[log_type])
            stream = Stream(
                instance=instance,
                log_type=log_type,
                writer=self._writers[instance.spec.identifier, log_type],
                interval_us=interval_us,
                due_us=now_us + interval_us,
                random=Random(f"{self._seed}/pace/{instance.spec.identifier}/{log_type}"),
            )
            heapq.heappush(self._queue, _Due(stream.due_us, len(self._streams)))
            self._streams.append(stream)

    def run_until(self, now_us: int, *, most: int | None = None) -> bool:
        """Write what is due until `now_us`, at most `most` entries; True when some is left."""
        written = 0
        while self.is_writing and self._queue and self._queue[0].at_us <= now_us:
            if most is not None and written >= most:
                return True
            due = heapq.heappop(self._queue)
            stream = self._streams[due.order]
            if self._write_due(stream):
                heapq.heappush(self._queue, _Due(stream.due_us, due.order))
            written += 1
            if self._most_entries is not None and self.entries >= self._most_entries:
                self.stop()
        return False

    def write_now(self, identifier: str, log_type: str, count: int, now_us: int) -> None:
        """Write `count` entries at once, whatever the pace: for tests and the control surface."""
        instance = self._account.instance(identifier)
        made = self._writers[instance.spec.identifier, log_type]  # as it was born, whatever it is called now
        for _ in range(count):
            written = made.entry(now_us)
            self._append(instance, log_type, written.content, written.token, dict(written.fields), now_us)

    def stop(self) -> None:
        """Write no more; entries that were begun are ended."""
        self.is_writing = False
        for stream in self._streams:
            self._end_begun(stream, int(stream.due_us - stream.interval_us))

    def _write_due(self, stream: Stream) -> bool:
        """Write one entry of a stream; False when its instance is gone."""
        now_us = int(stream.due_us)
        stream.due_us += stream.interval_us * stream.random.uniform(0.5, 1.5)
        stream.instance.advance(now_us)  # the others when they are asked
        family = stream.instance.families.get(stream.log_type)
        if family is None:
            return False
        if stream.instance.status in ("paused", "stopped"):
            return True  # a database that does not run writes nothing
        self._end_begun(stream, now_us)
        place = {"operation": "", "instance": stream.instance.identifier, "file": family.base}
        if self._faults.strike("repeated_header", **place):
            family.append_furniture(stream.writer.file_header(now_us), now_us)
        written = stream.writer.entry(now_us)
        content, token, fields = written.content, written.token, dict(written.fields)
        if self._straddles(family, content, token, fields, place, now_us) or self._begins(
            stream, family, content, token, fields, place, now_us
        ):
            return True
        self._append(stream.instance, stream.log_type, content, token, fields, now_us)
        if self._faults.strike("equal_entries", **place):
            self._append(stream.instance, stream.log_type, content, token, fields, now_us)
        return True

    def _append(
        self, instance: Instance, log_type: str, content: bytes, token: str, fields: Fields, now_us: int
    ) -> None:
        family = instance.families[log_type]
        harder = hardened(
            content, log_type=log_type, faults=self._faults, instance=instance.identifier, base=family.base
        )
        segment, entry = family.append(harder, token=token, fields=fields, now_us=now_us)
        entry.altered = len(harder) != len(content)
        if len(harder) > CAP_BYTES:
            _note_long_lines(family, segment, entry, harder)
        self.entries += 1

    def _begins(
        self, stream: Stream, family: Family, content: bytes, token: str, fields: Fields, place: dict[str, str], now_us: int
    ) -> bool:
        """Write only the first half of an entry when that is planted; the rest follows with the next one."""
        if not self._faults.is_on("half_entry") or family.log_type == "error":
            return False
        rotation_us = family.next_rotation_us if isinstance(family, HourlyFamily | DatedFamily) else None
        if rotation_us is not None and stream.due_us >= rotation_us:
            return False
        if not self._faults.strike("half_entry", **place):
            return False
        half = len(content) // 2
        stream.begun_in, stream.begun = family.append(content[:half], token=token, fields=fields, now_us=now_us)
        stream.rest = content[half:]
        self.entries += 1
        return True

    def _end_begun(self, stream: Stream, now_us: int) -> None:
        if stream.begun is None:
            return
        family = stream.instance.families.get(stream.log_type)
        if family is not None and stream.begun.lost is None:
            # Behind a rotation or a restart's header the rest stands apart.
            if stream.begun_in is family.live_segments()[0] and stream.begun.end == len(stream.begun_in.content):
                stream.begun_in.append(stream.rest, now_us)
                family.book(stream.begun_in).grew(stream.begun, len(stream.rest))
            else:
                _, entry = family.append(stream.rest, token="", fields={}, now_us=now_us)
                entry.part = True
        stream.begun, stream.begun_in, stream.rest = None, None, b""

    def _straddles(
        self, family: Family, content: bytes, token: str, fields: Fields, place: dict[str, str], now_us: int
    ) -> bool:
        """Write an entry over a rotation when that is planted: cut behind its first line."""
        if not self._faults.is_on("straddle_rotation") or content.count(b"\n") < 2:
            return False
        if not self._faults.strike("straddle_rotation", **place):
            return False
        family.flush(now_us)
        border = content.index(b"\n") + 1
        family.append(content[:border], token=token, fields=fields, now_us=now_us)
        family.flush(now_us)
        family.rotate_early(now_us)
        _, entry = family.append(content[border:], token="", fields={}, now_us=now_us)
        entry.part = True
        self.entries += 1
        return True

    def _restarted(self, instance: Instance, now_us: int) -> None:
        """Write what a server writes when it starts: headers into the slow log, the banner into the error log."""
        for log_type, family in instance.families.items():
            made = self._writers.get((instance.spec.identifier, log_type))
            if made is None:
                continue
            if log_type == "slowquery":
                family.append_furniture(made.file_header(now_us), now_us)
                continue
            self._marks += 1
            digest = hashlib.blake2b(f"{self._seed}/start/{self._marks}".encode(), digest_size=8).hexdigest()
            token = f"tok_{digest}"
            family.append(start_banner(log_type, token, now_us), token=token, fields={}, now_us=now_us)
            self.entries += 1


def start_banner(log_type: str, token: str, now_us: int) -> bytes:
    """Return the line that says that the server takes connections again."""
    at = utc(now_us)
    if log_type == "postgresql":
        text = f"{at:%Y-%m-%d %H:%M:%S} UTC::@:[512]:LOG:  database system is ready to accept connections {token}\n"
    else:
        text = (
            f"{at:%Y-%m-%dT%H:%M:%S}.{now_us % SECOND_US:06d}Z 0 [System] [MY-010931] [Server] "
            "/rdsdbbin/mysql/bin/mysqld: ready for connections. Version: '8.0.40'  socket: '/tmp/mysql.sock'  "
            f"port: 3306  Source distribution {token}.\n"
        )
    return text.encode()


def _note_long_lines(family: Family, segment: Segment, entry: Entry, content: bytes) -> None:
    """Tell the ledger which bytes no portion carries: what lies behind the cap in one line."""
    start = entry.start
    for line in content.split(b"\n"):
        if len(line) > CAP_BYTES:
            family.unreadable(segment, start + CAP_BYTES, start + len(line) + 1, "line_over_cap")
        start += len(line) + 1

"""What unit tests of the stages stand on: embedded adapters whose answers a test can script, and small values."""

import contextlib
import math
import threading

from tests.contracts.samples import CountedRandom, SteppedClock

from aurora_logs.adapters.embedded.directory import open_for_collecting
from aurora_logs.adapters.embedded.queue import SqliteQueue
from aurora_logs.adapters.embedded.sink import FileSink
from aurora_logs.adapters.embedded.state_store import SqliteStateStore
from aurora_logs.adapters.embedded.system import Threads
from aurora_logs.formats import format_of
from aurora_logs.ports import Ports
from aurora_logs.records.fleet import Instance, ListedFile, LogFile, TrackedFile
from aurora_logs.records.flow import Answer, Checkpoint, Segment
from aurora_logs.settings import Settings
from aurora_logs.stages.claim import claim

FAMILY = "slowquery/mysql-slowquery.log"
FORMAT = format_of("aurora-mysql", FAMILY)
FILE = LogFile(instance_id="db-1", resource_id="db-R", cluster_id="", engine="aurora-mysql", log_type="slowquery",
               log_file_name=FAMILY)
INSTANCE = Instance(instance_id="db-1", resource_id="db-R", engine="aurora-mysql")


def hour(number):
    return f"{FAMILY}@2026-10-10.{number}"


def rotated(number):
    return f"{FAMILY}.2026-10-10.{number:02d}"


def entry(number, text="SELECT 1"):
    return (f"# Time: 2026-10-10T06:10:00.{number:06d}Z\n# User@Host: a[a] @  [10.0.0.1]  Id:     7\n"
            "# Query_time: 1.5  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 1\nSET timestamp=1791612600;\n"
            f"{text} AS n{number};\n").encode()


def row(name=FAMILY, **changes):
    values = {"instance_id": "db-1", "log_file_name": name, "status": "discovered", "log_type": "slowquery",
              "cluster_id": "", "resource_id": "db-R", "family": FAMILY, "last_written": 1000, "file_size": 100,
              "discovered_at": 1, "updated_at": 1}
    return TrackedFile(**values | changes)


def checkpoint(**changes):
    return Checkpoint(**{"instance_id": "db-1", "log_file_name": FAMILY, "resource_id": "db-R"} | changes)


def segment(size=10**9, *, closed=False, name=FAMILY, identity=None):
    return Segment(segment_id=identity or hour(7), log_file_name=name, ordinal="2026-10-10.7", size_bytes=size,
                   last_written_ms=1, closed=closed)


class FineClock(SteppedClock):
    """Never sleeps less than it was asked to, however short: a loop over the rest of a wait ends."""

    def sleep(self, sec):
        if sec > 0:
            self._now_us += math.ceil(sec * 1e6)


class After(Exception):
    """Wraps an error that comes although the call took effect."""

    def __init__(self, error):
        super().__init__(str(error))
        self.error = error


class Scripted:
    """A port in front of a real one. script[method]: for each call None (pass), an error (no effect), After (effect)."""

    def __init__(self, real):
        self.real, self.script, self.calls = real, {}, []

    def __getattr__(self, name):
        found = getattr(self.real, name)
        if not callable(found):
            return found

        def call(*arguments, **named):
            self.calls.append(name)
            steps = self.script.get(name)
            step = steps.pop(0) if steps else None
            if callable(step) and not isinstance(step, type):
                return step(*arguments, **named)
            if isinstance(step, After):
                found(*arguments, **named)
                raise step.error
            if step is not None:
                raise step
            return found(*arguments, **named)

        return call


class MemorySource:
    """LogSource over texts in memory: {name: bytes}; the live name's ordinal is `ordinal`."""

    def __init__(self, **files):
        self.files, self.ordinal, self.portion_bytes, self.reads = dict(files), "2026-10-10.7", 1 << 20, []
        self.listed = None

    def places(self):
        return [""]

    def instances(self, place=""):
        return [INSTANCE]

    def log_files(self, instance_id, *, written_since_ms=0, name_contains=""):
        if self.listed is not None:
            return self.listed
        return [ListedFile(log_file_name=name, size_bytes=len(content), last_written_ms=1000 + len(content))
                for name, content in self.files.items()]

    def read(self, instance_id, log_file_name, marker, *, max_lines=0):
        self.reads.append((log_file_name, marker, max_lines))
        content = self.files[log_file_name]
        offset = int(marker.rpartition(":")[2] or len(content))
        part = content[offset:offset + self.portion_bytes]
        if max_lines and marker:
            part = b"".join(part.splitlines(keepends=True)[:max_lines])
        end = offset + len(part)
        return Answer(content=part, marker=f"{self.ordinal}:{end}", more=end < len(content))

    @contextlib.contextmanager
    def complete_file(self, instance_id, log_file_name):
        content = self.files[log_file_name]
        yield iter([content[at:at + 100_000] for at in range(0, len(content), 100_000)])


class Bench:
    """Embedded ports in a folder, each scripted; a clock moved by hand."""

    def __init__(self, folder, source=None, **settings):
        self.held = open_for_collecting(folder)
        self.clock, self.random = FineClock(), CountedRandom()
        self.settings = Settings(**{"data_dir": str(folder), "lease_sec": 60.0, "skew_sec": 5.0, "retry_backoff_sec": 1.0,
                                    "batch_timeout_sec": 0.0, "audit_delay_sec": 0.0, "discovery_interval_sec": 30.0}
                                 | settings)
        self.real_state = SqliteStateStore(self.held.database, "run-1")
        self.state = Scripted(self.real_state)
        self.sink = Scripted(FileSink(self.held.directory, self.random))
        self.queue = SqliteQueue(self.held.database, self.clock, "run-1")
        self.source = source or MemorySource()
        self.ports = Ports(source=self.source, queue=self.queue, state=self.state, sink=self.sink, clock=self.clock,
                           random=self.random, workers=Threads(threading.Event()))

    def claim(self, initial=None, worker="run-1"):
        return claim(self.state, self.clock, self.random, self.settings, initial or checkpoint(), worker)

    def row(self):
        return self.real_state.checkpoint("db-1", FAMILY)

    def stored_lines(self):
        return [line for path in sorted(self.held.directory.batches.glob("*/*.ndjson"))
                for line in path.read_bytes().splitlines(keepends=True)]

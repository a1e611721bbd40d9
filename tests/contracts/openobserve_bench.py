"""The OpenObserve adapters under contract: against the simulator's stand-in, or a real server that the environment names.

CONTRACT_OPENOBSERVE_URL, _USER and _PASS name a throw-away server and its root user, which makes an organisation for
each test; ZO_INGEST_ALLOWED_UPTO and ZO_INGEST_ALLOWED_IN_FUTURE must span the samples' time (docs/openobserve.md).
"""

import contextlib
import json
import os
import threading
import uuid

import msgspec

from aurora_logs.adapters.embedded.system import SystemClock, SystemRandom
from aurora_logs.adapters.openobserve.columns import stream_columns
from aurora_logs.adapters.openobserve.opening import open_insights, open_sink, open_streams
from aurora_logs.records.log_record import STREAMS
from aurora_logs.secret import Secret
from aurora_logs.settings import Settings
from aurora_logs_simulator.clock import SetClock
from aurora_logs_simulator.faults import Rule
from aurora_logs_simulator.openobserve.profile import PROFILES, Setup
from aurora_logs_simulator.openobserve.server import OpenObserveServer
from aurora_logs_simulator.openobserve.world import World

SAMPLES_US = 1_795_342_317_000_000
REAL_URL = os.environ.get("CONTRACT_OPENOBSERVE_URL", "")
VERSIONS = [f"openobserve {name}" for name in PROFILES] + (["openobserve at CONTRACT_OPENOBSERVE_URL"] if REAL_URL else [])


class SamplesClock(SystemClock):
    """Durations are real; the wall clock stands a minute behind the samples' first record."""

    def __init__(self):
        super().__init__(threading.Event())

    def now_us(self):
        return SAMPLES_US + 60_000_000


class Place:
    """One organisation for one test. world: None for a real server."""

    def __init__(self, settings, world=None):
        self.settings, self.world, self.clock = settings, world, SamplesClock()
        self.streams = open_streams(settings, self.clock)
        self._opened = [self.streams._api]

    def sink(self):
        sink = open_sink(self.settings, self.clock, SystemRandom())
        self._opened.append(sink._api)
        return sink

    def insights(self):
        insights = open_insights(self.settings, self.clock)
        self._opened.append(insights._streams._api)
        return insights

    def provision(self):
        for log_type in STREAMS:
            self.streams.make(log_type)

    def physical(self, log_type):
        """Every stored line as it was sent, copies included, oldest first."""
        if self.world is not None:
            return [line + b"\n" for line in self.world.lines(STREAMS[log_type], self.settings.openobserve_org)]
        with contextlib.closing(self.streams._api) as api:
            query = {"sql": f'SELECT * FROM "{STREAMS[log_type]}" ORDER BY _timestamp', "start_time": 1, "end_time": 1 << 52,
                     "from": 0, "size": 10_000}
            reply = api.ask("POST", "_search?type=logs&use_cache=false", json.dumps({"query": query}).encode(), limit_sec=60)
        hits = msgspec.json.decode(reply.body)["hits"]
        return [msgspec.json.encode({name: hit[name] for name in stream_columns(log_type) if name in hit}) + b"\n" for hit in hits]

    def make_slow(self):
        """Let every search take a second."""
        if self.world is not None:
            self.world.faults.add(Rule(fault="slow", probability=1.0, value=1.0, operation="search"))

    def close(self):
        for api in self._opened:
            api.close()


@contextlib.contextmanager
def place(folder, version, **changes):
    """An organisation on the stand-in of a version, or on the real server."""
    with contextlib.ExitStack() as stack:
        world = None
        if version == "openobserve at CONTRACT_OPENOBSERVE_URL":
            given = {name: os.environ[f"CONTRACT_OPENOBSERVE_{name}"] for name in ("USER", "PASS")}
            url, user, password = REAL_URL, given["USER"], given["PASS"]
        else:
            world = stack.enter_context(running(folder, profile=version.removeprefix("openobserve "), **changes.pop("setup", {})))
            url, user, password = world.endpoint, world.setup.root_user, world.setup.root_password
        settings = Settings(**{
            "sink_backend": "openobserve", "openobserve_url": url, "openobserve_user": user, "openobserve_pass": Secret(password),
            "openobserve_org": f"contract_{uuid.uuid4().hex[:12]}", "post_timeout_sec": 10.0, "max_concurrency": 8} | changes)
        found = Place(settings, world)
        stack.callback(found.close)
        yield found


@contextlib.contextmanager
def running(folder, *, clock=None, tls=None, **setup):
    """The stand-in behind HTTP, in a thread of this process; yields its world, with `endpoint` and `server`."""
    world = World(Setup(**setup), clock or SetClock(SAMPLES_US + 60_000_000), folder)
    server = OpenObserveServer(world, tls=tls)
    world.endpoint, world.server = server.endpoint, server
    thread = threading.Thread(target=server.serve)
    thread.start()
    try:
        yield world
    finally:
        server.stop()
        thread.join()
        world.close()

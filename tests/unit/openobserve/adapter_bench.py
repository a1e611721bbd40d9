"""The OpenObserve adapter in front of the simulator's stand-in, on one virtual clock for both, with scripted faults."""

import contextlib
import json

from tests.contracts.openobserve_bench import SAMPLES_US, SamplesClock, running
from tests.contracts.samples import CountedRandom, a_batch
from tests.unit.stages.stage_bench import FineClock

from aurora_logs import telemetry
from aurora_logs.adapters.openobserve.opening import open_insights, open_sink, open_streams
from aurora_logs.secret import Secret
from aurora_logs.settings import Settings
from aurora_logs_simulator.clock import SetClock
from aurora_logs_simulator.faults import Rule

NOW_US = SAMPLES_US + 60_000_000
HOUR_US = 3_600_000_000
SLOW = "aurora_slowquery_logs"
SERVICE = "logs@example.com"


class SharedClock(FineClock):
    """Our clock; the server's goes along with it."""

    def __init__(self):
        super().__init__(NOW_US)
        self.server = SetClock(NOW_US)

    def sleep(self, sec):
        before_us = self.now_us()
        super().sleep(sec)
        self.server.advance_us(self.now_us() - before_us)


class Adapter:
    """sink, insights, streams of the product; world of the stand-in."""

    def __init__(self, world, settings, clock):
        self.world, self.settings, self.clock = world, settings, clock
        self.sink = open_sink(settings, clock, CountedRandom())
        self.insights, self.streams = open_insights(settings, clock), open_streams(settings, clock)

    def plant(self, fault, probability=1.0, **more):
        self.world.faults.add(Rule(fault=fault, probability=probability, **more))

    def heal(self, *faults):
        for fault in faults:
            self.world.faults.remove(fault)

    def posts(self, stream=SLOW):
        return self.world.journal.ingests(stream)

    def stored(self, stream=SLOW):
        return [json.loads(line) for line in self.world.lines(stream)]

    def ship(self, batch):
        return self.sink.ship(batch, batch.lines)

    def close(self):
        for api in (self.sink._api, self.insights._streams._api, self.streams._api):
            api.close()


def settings_for(world, **changes):
    account = world.access.accounts.get(SERVICE) or world.access.add(SERVICE, is_service=True)
    return Settings(**{
        "sink_backend": "openobserve", "openobserve_url": world.endpoint, "openobserve_user": SERVICE,
        "openobserve_pass": Secret(account.password), "post_timeout_sec": 2.0, "settle_sec": 45.0} | changes)


class RealTime(SamplesClock):
    """Durations are real, for what many threads or sockets wait for; the wall clocks stand still."""

    server = property(lambda self: SetClock(self.now_us()))


@contextlib.contextmanager
def adapter(folder, *, settings=None, tls=None, clock=None, **setup):
    """The adapter with fresh settings, in front of a fresh server."""
    clock = clock or SharedClock()
    with running(folder, clock=clock.server, tls=tls, **setup) as world:
        found = Adapter(world, settings_for(world, **(settings or {})), clock)
        try:
            yield found
        finally:
            found.close()


@contextlib.contextmanager
def events():
    """What telemetry reports meanwhile: (level, message, fields)."""
    seen = []
    before = telemetry._emit
    telemetry.configure(lambda level, message, fields: seen.append((level, message, fields)))
    try:
        yield seen
    finally:
        telemetry.configure(before)


def batch_of(count=4, **changes):
    return a_batch(range(0, 10 * count, 10), **changes)

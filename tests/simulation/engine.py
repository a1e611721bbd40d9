"""The scheduler: processes, their jobs as greenlets, the virtual clock and the trace. It knows no port and no fault.

A job runs until it reaches a switch point; then the scheduler decides who goes on. A killed process gets `Killed` from
the call it is in and from every later one, so that no clean-up of a dead process reaches the world (reliability.md §6.3).
"""

import contextlib
from collections import Counter
from hashlib import blake2b
from heapq import heappop, heappush

from greenlet import getcurrent, greenlet

CALLS_MAX = 300_000  # a run with more never ends: a livelock (I7); clocks that are an hour off cost up to 150,000
ZOMBIE_CALLS_MAX = 1_000  # a dead job that goes on calling swallowed its death
LATENCIES_US = (500, 500, 500, 500, 2_000, 20_000, 150_000)


class Killed(BaseException):
    """kill -9 of the process that the running job belongs to."""


class Livelock(BaseException):
    """The run makes calls for ever."""


class Process:
    """One process of the product: its jobs live, pause and die together; its wall clock is its own."""

    def __init__(self, name, run_id, wall_offset_us):
        self.name, self.run_id = name, run_id
        self.wall_offset_us = wall_offset_us
        self.actors = []
        self.dead = False
        self.stopping = False
        self.paused_until_us = 0

    def is_over(self):
        return all(actor.greenlet.dead for actor in self.actors)


class Actor:
    """One job of a process."""

    def __init__(self, name, process):
        self.name, self.process = name, process
        self.greenlet = None
        self.turn = 0  # a wake-up for an earlier turn is stale
        self.in_flight = None  # the effect of the call that it is in
        self.can_be_woken = False
        self.calls_when_dead = 0


class Engine:
    """Runs jobs in virtual time. `chance` decides who goes next and how long a call takes."""

    def __init__(self, chance, schedule):
        self.chance, self._schedule = chance, schedule
        self.now_us = 0
        self.current = None
        self.calls = 0
        self.calls_of = Counter()
        self.steps = 0
        self.crashes = []
        self.lines = []
        self._hash = blake2b(digest_size=16)
        self._due, self._order = [], 0
        self._ready = []
        self._main = getcurrent()

    # trace

    def note(self, who, what):
        """Write one event down and chain it."""
        line = f"{len(self.lines)} {self.now_us} {who} {what}"
        self._hash.update(line.encode())
        self.lines.append(line)

    def trace_hash(self):
        return self._hash.hexdigest()

    # events and jobs

    def at(self, time_us, callback):
        """Let the world do something at `time_us`."""
        self._push(max(time_us, self.now_us), callback, None, 0)

    def start(self, process, job_name, job):
        """Begin a job of a process at the next step."""
        actor = Actor(f"{process.name}.{job_name}", process)

        def body():
            try:
                job()
            except Killed:
                pass
            except Livelock:
                raise
            except Exception as error:  # noqa: BLE001 - whatever leaves a job is a defect of the product
                self.crashes.append((actor.name, error))
                self.note(actor.name, f"crashed {error!r}")

        actor.greenlet = greenlet(body, parent=self._main)
        process.actors.append(actor)
        self._push(self.now_us, None, actor, actor.turn)
        return actor

    def run(self, until):
        """Go on until `until()` says so or nobody can ever run again."""
        while not until():
            if not self._step():
                return

    def _step(self):
        while self._due and self._due[0][0] <= self.now_us:
            _, _, callback, actor, turn = heappop(self._due)
            if callback is not None:
                callback()
            elif turn == actor.turn and not actor.greenlet.dead:
                self._ready_or_paused(actor)
        if not self._ready:
            if not self._due:
                return False
            self.now_us = max(self.now_us, self._due[0][0])
            return True
        self.steps += 1
        many = len(self._ready)
        index = 0
        if many > 1:
            index = self.chance.pick(("next", self.steps), 0, lambda: self._schedule.choose(self._ready)) % many
        self._switch_to(self._ready.pop(index))
        return True

    def _ready_or_paused(self, actor):
        process = actor.process
        if process.paused_until_us > self.now_us and not process.dead:
            self._push(process.paused_until_us, None, actor, actor.turn)
        else:
            actor.turn += 1
            self._ready.append(actor)

    def _switch_to(self, actor):
        self.current = actor
        actor.greenlet.switch()
        self.current = None

    def _push(self, time_us, callback, actor, turn):
        self._order += 1
        heappush(self._due, (time_us, self._order, callback, actor, turn))

    # what a switch point does

    def pass_time(self, time_us, *, can_be_woken=False):
        """Let the others run until `time_us`. Raises: Killed."""
        actor = self.current
        self.stay_dead()
        actor.can_be_woken = can_be_woken
        self._push(max(time_us, self.now_us), None, actor, actor.turn)
        self._main.switch()
        actor.can_be_woken = False
        self.stay_dead()

    def stay_dead(self):
        """Raise Killed in a job whose process is dead. A job that swallows it is a defect."""
        actor = self.current
        if not actor.process.dead:
            return
        actor.calls_when_dead += 1
        if actor.calls_when_dead > ZOMBIE_CALLS_MAX:
            raise Livelock(f"{actor.name} swallows its death")
        raise Killed

    def count(self, name):
        """Count a port call of the running job."""
        self.stay_dead()
        self.calls += 1
        self.calls_of[name] += 1
        if self.calls > CALLS_MAX:
            raise Livelock(f"{self.calls} port calls: {self.calls_of.most_common(4)}")

    def latency_us(self, key):
        """Draw how long a call takes until it has its effect."""
        return self.chance.pick(("latency", *key), LATENCIES_US[0],
                                lambda: self.chance.stream("latency").choice(LATENCIES_US))

    def wake(self, actor):
        """End the wait of a job that waits for something to come."""
        if actor.can_be_woken:
            actor.can_be_woken = False
            self._push(self.now_us, None, actor, actor.turn)

    # what happens to processes

    def kill(self, process):
        """Kill a process: each of its jobs dies at its switch point; calls in flight may still land."""
        process.dead = True
        self.note(process.name, "killed")
        for actor in process.actors:
            if actor is not self.current and not actor.greenlet.dead:
                in_flight, actor.in_flight = actor.in_flight, None
                if in_flight is not None and self.chance.pick(("lands", actor.name, self.calls), 0, lambda: self.chance.stream("faults").randrange(2)):
                    with contextlib.suppress(Exception):  # nobody is there to hear the answer
                        in_flight()
                self._push(self.now_us, None, actor, actor.turn)

    def pause(self, process, sec):
        """Stop a process, not the world (SIGSTOP, a frozen machine)."""
        process.paused_until_us = max(process.paused_until_us, self.now_us + int(sec * 1e6))
        self.note(process.name, f"paused {sec:.3f}")

    def stop(self, process):
        """SIGTERM: waits end early, long loops look at it."""
        process.stopping = True
        self.note(process.name, "stopping")
        for actor in process.actors:
            self.wake(actor)

    def bury_all(self, processes):
        """End every job at the end of a run, so that no greenlet is left to the garbage collector."""
        for process in processes:
            process.dead = True
            for actor in process.actors:
                while not actor.greenlet.dead:
                    self._switch_to(actor)


class RandomOrder:
    """Anybody who can run may be next: finds most bugs."""

    def __init__(self, stream):
        self._stream = stream

    def choose(self, ready):
        return self._stream.randrange(len(ready))


class FewChanges:
    """Priorities that change at a few points (PCT scheduling): finds bugs of small depth with known probability."""

    def __init__(self, stream, changes=3, within=600):
        self._stream = stream
        self._rank = {}
        self._left = sorted(stream.sample(range(1, within), changes))
        self._step = 0

    def choose(self, ready):
        self._step += 1
        for actor in ready:
            self._rank.setdefault(actor.name, self._stream.random())
        best = max(range(len(ready)), key=lambda index: self._rank[ready[index].name])
        if self._left and self._step >= self._left[0]:
            self._left.pop(0)
            self._rank[ready[best].name] = -self._stream.random()
        return best

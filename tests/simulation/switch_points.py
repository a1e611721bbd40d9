"""The ports of one simulated process: every call is a switch point, where a fault may strike and the process may die.

Effect and answer are two things: an effect may come late, land after the caller's death, or stay without an answer.
"""

import contextlib
from contextlib import contextmanager

from tests.simulation.engine import Killed
from tests.simulation.faults import WRITES
from tests.simulation.spoilt import READ_SPOILERS, SHIP_SPOILERS, refuse

from aurora_logs.errors import EpochMoved, StateAnswerLost
from aurora_logs.records.flow import Receipt

TAKE_MAX_US = 20_000_000  # an idle broker answers late, so that idle processors cost few calls


class Calls:
    """Makes port calls of a run: counts, lets others run, strikes, traces."""

    def __init__(self, run):
        self.run, self.engine = run, run.engine
        self._numbers = {}
        self.strikes_on = True
        self.away = {}  # call -> until when its port is away
        weights = {}
        for name, rate in run.plan.faults.items():
            for call in run.faults[name].calls:
                weights.setdefault(call, []).append((name, rate))
        self._weights = weights

    def make(self, call, about, effect, spoil=None):
        """Let `effect` happen some time later and return its answer, or do what the fault says."""
        engine, run = self.engine, self.run
        actor = engine.current
        engine.count(call)
        number = self._numbers[actor.name] = self._numbers.get(actor.name, 0) + 1
        strike = self._strike(call, actor.name, number)
        outcome = "ok"
        try:
            if strike is not None and strike[0] in ("kill_before", "kill_after", "pause"):
                self._strike_process(strike, actor, call, effect)
                strike = None
            if call in WRITES:
                actor.in_flight = effect
            engine.pass_time(engine.now_us + engine.latency_us((actor.name, number)))
            actor.in_flight = None
            if self.away.get(call, 0) > engine.now_us:
                run.reached(run.away_row(call))
                refuse(call)
            if strike is None:
                return effect()
            outcome = strike[0]
            return self._spoilt(strike, call, effect, spoil)
        except BaseException as error:
            outcome = type(error).__name__ if outcome == "ok" else f"{outcome} {type(error).__name__}"
            if isinstance(error, EpochMoved):
                run.reached("REL-42")
            raise
        finally:
            engine.note(actor.name, f"{call} {about} {outcome}")

    def _strike(self, call, name, number):
        weights = self._weights.get(call)
        if weights is None or not self.strikes_on:
            return None

        def draw():
            stream = self.run.chance.stream("faults")
            left = stream.random()
            for fault, rate in weights:
                left -= rate
                if left < 0:
                    return fault, round(stream.random(), 6)
            return None

        return self.run.chance.pick(("fault", name, number), None, draw)

    def _strike_process(self, strike, actor, call, effect):
        fault, amount = strike
        process, run = actor.process, self.run
        run.reached("REL-67" if fault != "pause" else "REL-69")
        if fault == "pause":
            self.engine.pause(process, amount * amount * 3 * run.plan.settings["lease_sec"])
            return
        for row, job in (("REL-76", ".discovery"), ("REL-78", ".auditor")):
            if actor.name.endswith(job):
                run.reached(row)
        if fault == "kill_after":
            self.engine.pass_time(self.engine.now_us + 1000)
            with contextlib.suppress(Exception):  # nobody is there to hear the answer
                effect()
        run.kill(process)
        raise Killed

    def _spoilt(self, strike, call, effect, spoil):
        fault, amount = strike
        if spoil is not None and fault in spoil:
            return spoil[fault](amount)
        self.run.reached(self.run.faults[fault].row)
        if fault == "state_answer_lost":
            effect()
            raise StateAnswerLost(call)
        if fault == "state_answer_lost_unapplied":
            raise StateAnswerLost(call)
        if fault == "commit_lost":
            return None
        refuse(call, fault)
        raise AssertionError(f"{fault} does not refuse {call}")


class ProcessClock:
    """Clock of one process: its wall clock may be wrong, its monotonic clock is not."""

    def __init__(self, calls, process, epoch_us):
        self._calls, self._process, self._epoch_us = calls, process, epoch_us

    def now_us(self):
        self._calls.engine.stay_dead()
        return self._epoch_us + self._calls.engine.now_us + self._process.wall_offset_us

    def monotonic_sec(self):
        self._calls.engine.stay_dead()
        return self._calls.engine.now_us / 1e6

    def sleep(self, sec):
        engine, process = self._calls.engine, self._process

        def doze():
            if not process.stopping and sec > 0:
                engine.pass_time(engine.now_us + int(sec * 1e6), can_be_woken=True)

        self._calls.make("clock.sleep", f"{sec:.3f}", doze)


class ProcessRandom:
    """Random of one process."""

    def __init__(self, stream):
        self._stream = stream

    def uniform(self):
        return self._stream.random()

    def nonce(self):
        return f"{self._stream.getrandbits(64):016x}"


class ProcessWorkers:
    """Workers: only asked whether the service stops; the run starts the jobs itself."""

    def __init__(self, calls, process):
        self._calls, self._process = calls, process

    def stopping(self):
        self._calls.engine.stay_dead()
        return self._process.stopping


class SourcePort:
    """LogSource."""

    def __init__(self, calls, world):
        self._calls, self._world = calls, world

    def places(self):
        return [""]

    def instances(self, place=""):
        return self._calls.make("source.instances", "", self._world.instances)

    def log_files(self, instance_id, *, written_since_ms=0, name_contains=""):
        run = self._calls.run

        def listing():
            return self._world.log_files(instance_id, name_contains)

        def empty(amount):
            listing()
            run.reached("REL-20")
            return []

        def stale(amount):
            run.reached("REL-18")
            key = instance_id, name_contains
            return run.old_listings.get(key) or listing()

        answer = self._calls.make("source.log_files", instance_id, listing, {"listing_empty": empty, "listing_stale": stale})
        if answer:
            run.old_listings.setdefault((instance_id, name_contains), answer)
            if self._calls.engine.calls % 3 == 0:
                run.old_listings[instance_id, name_contains] = answer
        return [one for one in answer if one.last_written_ms >= written_since_ms]

    def read(self, instance_id, log_file_name, marker, *, max_lines=0):
        def give():
            return self._world.read(instance_id, log_file_name, marker, max_lines)

        spoil = {name: (lambda amount, change=change: change(self._calls.run, give, instance_id, log_file_name, marker, amount))
                 for name, change in READ_SPOILERS.items()} if self._calls.strikes_on else None
        answer = self._calls.make("source.read", f"{instance_id} {log_file_name} {marker} {max_lines}", give, spoil)
        self._calls.run.heard(answer)
        return answer

    @contextmanager
    def complete_file(self, instance_id, log_file_name):
        """The file as it is when it is opened; each piece is a call of its own."""
        def opened():
            return bytes(self._world.file(instance_id, log_file_name).content)

        content = self._calls.make("source.complete_file", f"{instance_id} {log_file_name}", opened)
        size = max(100, self._calls.run.plan.caps.size_bytes)
        yield (self._calls.make("source.piece", f"{log_file_name} {at}", lambda at=at: content[at:at + size])
               for at in range(0, len(content), size))


class Hint:
    """Delivery."""

    def __init__(self, port, number, task):
        self._port, self._number, self._task = port, number, task

    @property
    def task(self):
        return self._task

    def ack(self):
        self._port.ack(self._number)

    def retry_later(self, delay_sec):
        self._port.retry_later(self._number, delay_sec)


class QueuePort:
    """Queue."""

    def __init__(self, calls, world):
        self._calls, self._world = calls, world

    def put(self, task, *, deadline_ms=0):
        run, engine = self._calls.run, self._calls.engine

        def put():
            self._world.put(task, deadline_ms, engine.now_us)
            run.wake_takers()

        def lost(amount):
            run.reached("REL-32")

        def doubled(amount):
            run.reached("REL-33")
            self._world.put(task, deadline_ms, engine.now_us, kept_apart=True)
            put()

        self._calls.make("queue.put", f"{task.instance_id} {task.log_file_name}", put, {"hint_lost": lost, "hint_doubled": doubled})

    def take(self, wait_sec):
        run, engine = self._calls.run, self._calls.engine
        process = engine.current.process

        def wait():
            ends_us = engine.now_us + TAKE_MAX_US
            while (taken := self._world.take_now(engine.now_us)) is None and engine.now_us < ends_us and not process.stopping:
                again_us = self._world.next_visible_us()
                run.takers.append(engine.current)
                engine.pass_time(min(ends_us, max(again_us, engine.now_us + 1000)) if again_us is not None else ends_us,
                                 can_be_woken=True)
            return taken

        taken = self._calls.make("queue.take", "", wait)
        return Hint(self, *taken) if taken is not None else None

    def ack(self, number):
        self._calls.make("queue.ack", str(number), lambda: self._world.ack(number))

    def retry_later(self, number, delay_sec):
        engine = self._calls.engine
        self._calls.make("queue.retry_later", f"{number} {delay_sec:.3f}", lambda: self._world.retry_later(
            number, engine.now_us + int(delay_sec * 1e6)))


class StatePort:
    """StateStore: the world's methods, each behind a switch point. `run_id`: of an embedded process, else ""."""

    def __init__(self, calls, world, run_id):
        self._calls, self._world, self._run_id = calls, world, run_id

    def __getattr__(self, name):
        method = getattr(self._world, name)
        by_run = {"run_id": self._run_id} if name in ("take_claim", "lease_listing") else {}
        call = f"state.{name}"

        def switch(*arguments, **named):
            about = _about(arguments)
            actor = self._calls.engine.current

            def effect():
                before, self._calls.run.writer = self._calls.run.writer, actor
                try:
                    return method(*arguments, **named, **by_run)
                finally:
                    self._calls.run.writer = before

            return self._calls.make(call, about, effect)

        self.__dict__[name] = switch
        return switch


def _about(arguments):
    first = arguments[0] if arguments else ""
    if isinstance(first, str):
        return " ".join(str(one) for one in arguments[:2])
    name = getattr(first, "log_file_name", "") or getattr(first, "message_id", "")
    return f"{getattr(first, 'instance_id', '')} {name} {getattr(arguments[-1], 'byte_offset', '')}"


class SinkPort:
    """Sink."""

    def __init__(self, calls, world, settle_sec):
        self._calls, self._world = calls, world
        self.settle_sec = settle_sec

    def ship(self, batch, lines):
        return Shipment(self._calls, self._world, batch, tuple(lines)).send()

    def oldest_us(self):
        return 0

    def stored(self, log_type, file_key, from_offset, to_offset, *, span_us=None):
        engine = self._calls.engine
        return self._calls.make("sink.stored", f"{file_key} {from_offset} {to_offset}", lambda: self._world.search(
            log_type, file_key, from_offset, to_offset, engine.now_us))


class Shipment:
    """One request to the sink."""

    def __init__(self, calls, world, batch, lines):
        self.calls, self.world, self.batch, self.lines = calls, world, batch, lines
        self.run, self.engine = calls.run, calls.engine
        self.claim = self.run.claim_of(self.engine.current)
        self._by_zombie = None

    def send(self):
        about = f"{self.batch.file_key} {self.batch.from_offset} {self.batch.to_offset} {len(self.lines)}"
        spoil = {name: (lambda amount, change=change: change(self, amount)) for name, change in SHIP_SPOILERS.items()}
        return self.calls.make("sink.ship", about, self.accept, spoil)

    def accept(self):
        """What an honest sink does. Raises: SinkRejected."""
        self.store(self.lines)
        return self.receipt()

    def store(self, lines):
        self.sent()
        self.world.store(self.batch, lines, self.engine.now_us, by_zombie=self._by_zombie)

    def sent(self):
        """The request is on its way; whether a zombie sent it is judged now. Raises: SinkRejected."""
        self.run.refuse_poison(self.batch, self.lines)
        if self._by_zombie is None:
            self._by_zombie = not self.run.is_claim_live(self.claim)

    def receipt(self):
        self.world.confirm(self.batch, self.lines)
        return Receipt(stored=len(self.lines))


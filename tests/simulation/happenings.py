"""What happens in the world at the plan's times: writers, rotations, restarts of databases, operators, sick hosts."""

from msgspec.structs import replace
from tests.simulation.faults import EVENTS, PERIODS
from tests.simulation.log_text import INVALID, NUL, TOKEN, slow_entry, toy_entry

GRACE_US = 60_000_000  # terminationGracePeriodSeconds
JUMPS_SEC = (-3600, -30, 30, 3600)


def happen(run, event, number):
    """Do what an event says."""
    if event.what in PERIODS:
        run.periods(event.what, 1 + event.amount * 60)
    elif event.what not in OF_A_LOG or _family(run, event).instance.instance_id not in run.source.gone:
        ACTIONS[event.what](run, event, number)
    run.engine.note("world", f"{event.what} {event.target}")


def last_words(run):
    """At the end of the faults some entries more; in most runs every file is closed, so that all of it is audited."""
    for number, family in enumerate(run.source.families):
        if family.instance.instance_id in run.source.gone:
            continue
        if run.plan.closes_all:
            family.rotate(run.engine.now_us)
        _entry(run, family, 900_000 + number)


def jumped_sec(run):
    return sum(3600 for event in run.plan.events if event.what == "clock_jump")


def _family(run, event):
    return run.source.families[event.target % len(run.source.families)]


def _entry(run, family, token_number, *, extra=b"", unknown=False, **kinds):
    token = TOKEN.format(token_number)
    second = int(run.engine.now_us / 1e6) - (7200 if token_number % 11 == 3 else 0)
    if token_number % 11 == 3:
        run.reached("REL-30")
    content = (slow_entry if family.hourly else toy_entry)(token, second, extra)
    if unknown:
        content = b"?? %b nobody knows this line\n" % token.encode()
    family.append(content, token, run.engine.now_us, **kinds)


def _write(run, event, number):
    family = _family(run, event)
    many = 12 if event.target % 3 == 0 and event.amount > 0.9 else 1 + int(event.amount * 5)
    for index in range(many):
        _entry(run, family, number * 100 + index, extra=b" x" * 20 if index % 4 == 3 else b"")


def _write_half(run, event, number):
    run.reached("REL-27")
    _entry(run, _family(run, event), number * 100, half=True)


def _rotate(run, event, number):
    family = _family(run, event)
    if family.live.entries:
        run.reached("REL-11")
        family.rotate(run.engine.now_us)


def _purge(run, event, number):
    file = run.source.purge(_family(run, event))
    if file is not None:
        run.reached("REL-14")


def _shrink(run, event, number):
    if _family(run, event).shrink(1 + int(event.amount * 3), run.engine.now_us):
        run.reached("REL-13")


def _failover(run, event, number):
    run.reached("REL-16")
    run.source.swap_roles()


def _instance_gone(run, event, number):
    names = sorted(set(run.source.instance_rows) - run.source.gone)
    if len(names) > 1:
        run.reached("REL-17")
        run.source.gone.add(names[-1])


def _old_hints(run, event, number):
    if run.queue.old:
        run.reached("REL-36")
        run.reached("REL-34")
        run.queue.start_over(run.engine.now_us)
        run.wake_takers()


def _rebalance(run, event, number):
    """Members come and go; an embedded queue has none."""
    if not run.plan.embedded and run.queue.hand_over(run.engine.now_us):
        run.reached("REL-39")
        run.wake_takers()


def _hints_forgotten(run, event, number):
    run.reached("REL-37")
    run.queue.forget_all()


def _checkpoint_deleted(run, event, number):
    keys = sorted(run.state.rows)
    if keys:
        run.reached("REL-47")
        run.oracle.forget_claim(keys[event.target % len(keys)])
        del run.state.rows[keys[event.target % len(keys)]]


def _row_reset(run, event, number):
    keys = sorted(run.state.tracking)
    if keys:
        run.reached("REL-48")
        key = keys[event.target % len(keys)]
        run.state.tracking[key] = replace(run.state.tracking[key], status="discovered")


def _sink_loses_wal(run, event, number):
    """The sink is killed: what it stored within its WAL's life (shorter than AUDIT_DELAY_SEC) is lost."""
    wrong_clocks = any(abs(one.wall_offset_sec) > 60 for one in run.plan.processes)  # they audit too early (fact 9)
    if run.plan.embedded or wrong_clocks or jumped_sec(run):
        return
    since_us = run.engine.now_us - int(run.plan.settings["audit_delay_sec"] * 0.7e6)
    if run.sink.lose(since_us):
        run.reached("REL-62")


def _sigterm(run, event, number):
    living = run.living()
    if not living:
        return
    process = living[event.target % len(living)]
    if process.stopping:
        return
    run.reached("REL-68")
    run.engine.stop(process)
    _restart_when_over(run, process, run.engine.now_us + GRACE_US)


def _restart_when_over(run, process, killed_us):
    """Kubernetes kills what did not end within its grace time; a frozen process gets it after its thaw."""
    if process.dead:
        return
    killed_us = max(killed_us, process.paused_until_us + GRACE_US)
    if process.is_over():
        run.restart(process)
        process.dead = True
    elif run.engine.now_us >= killed_us:
        run.oracle.violated("drain", f"{process.name} did not end within its grace time")
        run.kill(process)
    else:
        run.engine.at(run.engine.now_us + 1_000_000, lambda: _restart_when_over(run, process, killed_us))


def _clock_jump(run, event, number):
    living = run.living()
    if living:
        run.reached("REL-70")
        process = living[event.target % len(living)]
        process.wall_offset_us += JUMPS_SEC[int(event.amount * len(JUMPS_SEC))] * 1_000_000


def _noisy(run, event, number):
    run.reached("REL-75")
    for index in range(40):
        _entry(run, _family(run, event), number * 100 + index)


def _binary(run, event, number):
    run.reached("REL-21")
    _entry(run, _family(run, event), number * 100, extra=NUL + (b"\nAND more lines" if event.amount > 0.4 else b""))
    _entry(run, _family(run, event), number * 100 + 1)


def _poison(run, event, number):
    _entry(run, _family(run, event), number * 100, poison=True)
    _entry(run, _family(run, event), number * 100 + 1)


def _giant(run, event, number):
    run.reached("REL-26")
    _entry(run, _family(run, event), number * 100, extra=b" g" * int(400 + event.amount * 2_000))
    _entry(run, _family(run, event), number * 100 + 1)


def _invalid_text(run, event, number):
    run.reached("REL-25")
    _entry(run, _family(run, event), number * 100, extra=INVALID)


def _unknown_text(run, event, number):
    """A text that no rule knows, at the start of a file, where it is an entry of its own."""
    family = _family(run, event)
    if not family.live.content:
        run.reached("REL-28")
        _entry(run, family, number * 100, unknown=True)
        _entry(run, family, number * 100 + 1)


ACTIONS = {
    "write": _write, "write_half": _write_half, "rotate": _rotate, "purge": _purge, "shrink": _shrink,
    "failover": _failover, "instance_gone": _instance_gone, "old_hints": _old_hints, "hints_forgotten": _hints_forgotten,
    "checkpoint_deleted": _checkpoint_deleted, "row_reset": _row_reset, "sink_loses_wal": _sink_loses_wal,
    "sigterm": _sigterm, "clock_jump": _clock_jump, "noisy": _noisy, "binary": _binary, "poison": _poison,
    "giant": _giant, "invalid_text": _invalid_text, "unknown_text": _unknown_text,
    "rebalance": _rebalance,
}
OF_A_LOG = {"write", "write_half", "rotate", "purge", "shrink", "noisy", "binary", "poison", "giant", "invalid_text",
            "unknown_text"}
assert set(EVENTS) <= set(ACTIONS)

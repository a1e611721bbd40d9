"""What a fault makes of one call: refusals, spoilt portions, sinks that lie. Whether it strikes is decided elsewhere."""

from msgspec.structs import replace
from tests.simulation.world_source import NOTICE

from aurora_logs.errors import (
    AccessDenied,
    BreakerOpen,
    CompleteFileRefused,
    DiskFull,
    LogFileGone,
    MarkerRefused,
    ReceiptMissing,
    ReceiptPartial,
    SinkBusy,
    Throttled,
    TimedOut,
    Transient,
    Unreachable,
)
from aurora_logs.records.flow import Receipt

REFUSALS = {
    "rds_throttled": lambda call: Throttled(call), "rds_5xx": lambda call: Unreachable(call),
    "rds_timeout": lambda call: TimedOut(call), "rds_reset_mid_body": lambda call: Unreachable(call),
    "marker_invalid": lambda call: MarkerRefused(call), "listing_partial": lambda call: Unreachable(call),
    "credentials_expired": lambda call: AccessDenied(call), "complete_file_refused": lambda call: CompleteFileRefused(call),
    "queue_down": lambda call: Transient(call), "state_throttled": lambda call: Transient(call),
    "bury_refused": lambda call: Transient(call), "disk_full": lambda call: DiskFull(call),
    "sink_down": lambda call: Unreachable(call), "search_down": lambda call: TimedOut(call),
    "sink_denied": lambda call: AccessDenied(call),
}
AWAY = {"sink.ship": BreakerOpen, "sink.stored": Unreachable}


def refuse(call, fault=""):
    """Raise what an adapter raises when the other side does not answer, or what the fault says."""
    if fault:
        raise REFUSALS[fault](call)
    raise AWAY.get(call, Unreachable if call.startswith("source.") else Transient)(call)


# portions: change(run, give, instance_id, name, marker, amount) -> Answer


def _ends_early(run, give, instance_id, name, marker, amount):
    answer = give()
    if answer.more:
        run.reached("REL-06")
    return replace(answer, more=False)


def _overlap(run, give, instance_id, name, marker, amount):
    answer = give()
    ordinal, _, digits = marker.rpartition(":")
    offset = int(digits) if digits.isdigit() else 0
    file = run.source.file(instance_id, name)
    if not ordinal or not answer.content or file.ordinal != ordinal:
        return answer
    run.reached("REL-07")
    again = bytes(file.content[max(0, offset - 1 - int(amount * 400)):offset])
    return replace(answer, content=again + answer.content)


def _hole(run, give, instance_id, name, marker, amount):
    answer = give()
    lines = answer.content.splitlines(keepends=True)
    if len(lines) < 3 or answer.content.endswith(NOTICE):  # one fault an answer: two could make up for each other's length
        return answer
    run.reached("REL-08")
    first = 1 + int(amount * (len(lines) - 2))
    _trouble(run, instance_id, name, answer, "truncated")
    return replace(answer, content=b"".join(lines[:first] + lines[first + 1:]))


def _empty(run, give, instance_id, name, marker, amount):
    answer = give()
    run.reached("REL-09")
    kept = (answer.marker, None, "0", marker or "0")[int(amount * 4)]
    _trouble(run, instance_id, name, answer, "not_served")
    return replace(answer, content=b"", marker=kept, more=amount > 0.5)


def _without_marker(run, give, instance_id, name, marker, amount):
    answer = give()
    run.reached("REL-09")
    return replace(answer, marker=None if amount < 0.5 else "0")


def _not_found(run, give, instance_id, name, marker, amount):
    run.reached("REL-11")
    raise LogFileGone(f"{instance_id} {name}")


def _changed(run, give, instance_id, name, marker, amount):
    """The same range read now differs: a byte of a statement arrives as `?`."""
    answer = give()
    file = run.source.file(instance_id, name)
    for entry in file.entries:
        token = entry.token.encode()
        if token in answer.content:
            run.reached("REL-23")
            run.changed.add(entry.token)
            return replace(answer, content=answer.content.replace(token, b"?" + token[1:], 1))
    return answer


def _trouble(run, instance_id, name, answer, cause):
    file = run.source.file(instance_id, name)
    file.troubled.append((0, len(file.content), cause))


READ_SPOILERS = {
    "portion_ends_early": _ends_early, "portion_overlap": _overlap, "portion_gap": _hole, "portion_empty": _empty,
    "portion_without_marker": _without_marker, "not_found_once": _not_found, "bytes_changed": _changed,
}


# the sink: change(shipment, amount) -> Receipt


def _busy(shipment, amount):
    shipment.run.reached("REL-53")
    raise SinkBusy("503", retry_after_sec=amount * 10 if amount > 0.5 else None)


def _partial(shipment, amount):
    """200, failed > 0: a part is stored, which one is not told."""
    shipment.run.reached("REL-56")
    kept = shipment.lines[:int(amount * len(shipment.lines))]
    shipment.store(kept)
    _note_refusal(shipment, kept)
    raise ReceiptPartial(f"{len(kept)} of {len(shipment.lines)}")


def _note_refusal(shipment, kept):
    if not kept:
        shipment.world.refuse(shipment.batch, shipment.lines)


def _short(shipment, amount):
    """200, but the numbers do not add up; perhaps all of it is stored."""
    shipment.run.reached("REL-57")
    kept = shipment.lines if amount < 0.3 else shipment.lines[:int(amount * len(shipment.lines))]
    shipment.store(kept)
    _note_refusal(shipment, kept)
    return Receipt(stored=len(shipment.lines) - 1 if amount < 0.7 else 0)


def _lies(shipment, amount):
    """200, successful == sent, and nothing or a part is stored."""
    shipment.run.reached("REL-58")
    kept = shipment.lines[:int(amount * amount * len(shipment.lines))]
    shipment.store(kept)
    shipment.world.lie(shipment.batch, shipment.lines[len(kept):])
    return shipment.receipt()


def _hangs(shipment, amount):
    """No answer within POST_TIMEOUT_SEC; stored at once, or never."""
    shipment.run.reached("REL-59")
    if amount < 0.6:
        shipment.store(shipment.lines)
    _wait(shipment, 1.0)
    raise ReceiptMissing("no answer in time")


def _late(shipment, amount):
    """No answer in time, and the request is applied long after we gave up."""
    plan, engine = shipment.run.plan, shipment.engine
    shipment.run.reached("REL-60")
    timeout_us = int(plan.settings["post_timeout_sec"] * 1e6)
    lands_us = engine.now_us + int(amount * timeout_us) + int(amount * plan.late_us)
    shipment.sent()
    if not plan.embedded:
        engine.at(lands_us, lambda: shipment.store(shipment.lines))
    _wait(shipment, amount)
    raise ReceiptMissing("connection lost")


def _wait(shipment, share):
    if not shipment.run.plan.embedded:
        shipment.engine.pass_time(shipment.engine.now_us + int(share * shipment.run.plan.settings["post_timeout_sec"] * 1e6))


SHIP_SPOILERS = {"sink_busy": _busy, "sink_partial": _partial, "sink_short": _short, "sink_lies": _lies,
                 "sink_hangs": _hangs, "sink_applies_late": _late}

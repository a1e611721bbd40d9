"""Settle what a dead worker left: an intent says that its range may be stored, in whole, in part, or not at all.

After the settle time its request can't land any more. From then on the range is *careful*: it is read again, and each
batch below `resend_until` is searched for before only the missing records are sent (reliability.md §5.4).
"""

from aurora_logs import telemetry
from aurora_logs.ports import Sink
from aurora_logs.seams import Claim


def settle(held: Claim, sink: Sink) -> None:
    """Wait out the intent in the claimed row, if there is one. Raises: EpochMoved."""
    if held.checkpoint.intent is not None:
        held.wait(sink.settle_sec)
        held.settled()
        telemetry.outcome_settled("intent", sink.settle_sec)
        telemetry.file_settled(held.checkpoint)

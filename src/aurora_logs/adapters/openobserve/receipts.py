"""The strict receipt: when an answer with status 200 counts as delivered, and what every other one means (§6.1)."""

import msgspec

from aurora_logs.adapters.openobserve.connection import Reply
from aurora_logs.adapters.openobserve.refusals import clean
from aurora_logs.errors import ReceiptMissing, ReceiptPartial, RecordTooOld, SinkRejected
from aurora_logs.records.flow import Receipt

TOO_OLD = "too old"


class Entry(msgspec.Struct):
    """What OpenObserve says of one stream. failed: left out means 0."""

    name: str
    successful: int
    failed: int = 0
    error: str = ""


class Body(msgspec.Struct):
    """The body of an ingest answer."""

    code: int
    status: list[Entry]


def receipt_of(reply: Reply, stream: str, sent: int) -> Receipt:
    """Return the receipt when all of `sent` records are said to be stored.

    Raises: ReceiptMissing (no receipt at all), ReceiptPartial (some may be missing, which is not told), SinkRejected and
    RecordTooOld (each record was dropped; nothing is stored).
    """
    entry = _entry(reply, stream)
    successful, failed = entry.successful, entry.failed
    if successful < 0 or failed < 0 or successful > sent:
        raise ReceiptMissing(f"{successful} successful and {failed} failed of {sent} is no receipt")
    text = clean(entry.error)
    if (successful, failed) == (sent, 0):
        return Receipt(stored=sent)
    if (successful, failed) == (0, sent):
        raise (RecordTooOld if TOO_OLD in text.lower() else SinkRejected)(text)
    raise ReceiptPartial(f"{successful} successful and {failed} failed of {sent}. {text}".strip())


def _entry(reply: Reply, stream: str) -> Entry:
    if not reply.is_whole:
        raise ReceiptMissing("the answer is too long for a receipt")
    try:
        body = msgspec.json.decode(reply.body, type=Body)  # strict: a text or a float is no count (OO-10)
    except msgspec.MsgspecError:
        raise ReceiptMissing("the answer is no receipt") from None
    if body.code != 200:
        raise ReceiptMissing(f"the body's code is {body.code}")
    if [entry.name for entry in body.status] != [stream]:
        raise ReceiptMissing(f"the receipt is not for the one stream {stream}")
    return body.status[0]

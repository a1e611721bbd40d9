"""Searches that are complete or fail: an answer counts only when nothing in it says that it is a part (§6.3)."""

from collections.abc import Iterator
from typing import Any

import msgspec

from aurora_logs.adapters.openobserve.api import Api, Guard
from aurora_logs.adapters.openobserve.connection import Reply
from aurora_logs.adapters.openobserve.refusals import clean, said, search_error
from aurora_logs.errors import Unreachable

PATH = "_search?type=logs&use_cache=false"  # counts in the URL only; in the body it is overwritten
FIELD_CODES = (20004, 20008)
UNKNOWN_STREAM = "Stream not found"
STREAM_CODE = 20002


class StreamUnknown(Exception):  # translated by whoever asked; never leaves this adapter
    """The search knows no such stream."""


class Refused(Exception):  # as above
    """The statement does not fit. `is_field`: because of a column that is not there."""

    def __init__(self, message: str, *, is_field: bool) -> None:
        super().__init__(message)
        self.is_field = is_field


class Shortened(Exception):  # as above
    """The stream allows a shorter range than was asked for."""

    def __init__(self, range_us: int) -> None:
        super().__init__(f"ranges of {range_us / 3_600_000_000:g} hours at most are answered (max_query_range)")
        self.range_us = range_us


class Answer(msgspec.Struct):
    """The answer to a search, as far as it is read."""

    hits: list[dict[str, Any]]
    is_partial: bool = False
    function_error: list[str] | str = msgspec.field(default_factory=list)
    new_start_time: int | None = None
    new_end_time: int | None = None


class Searcher:
    """Asks an organisation. Called from many threads at once."""

    def __init__(self, api: Api, guard: Guard) -> None:
        self._api, self._guard = api, guard

    def hits(self, sql: str, start_us: int, end_us: int, *, size: int, limit_sec: float, offset: int = 0) -> list[dict[str, Any]]:
        """Return the rows of [start, end), at most `size`: fewer are all there are.

        Raises: StreamUnknown, Refused, Shortened; Unreachable, TimedOut, SinkBusy, BreakerOpen, AccessDenied, ConfigError.
        """
        query = {"sql": sql, "start_time": start_us, "end_time": end_us, "from": offset, "size": size}
        body = msgspec.json.encode({"query": query, "timeout": int(limit_sec) + 1})
        with self._guard.guarding():
            reply = self._api.ask("POST", PATH, body, limit_sec=limit_sec)
            error = search_error(reply, self._api.where("search")) if reply.status != 200 else None
            if error is not None:
                raise error
        if reply.status != 200:
            raise _refused(reply)
        return _complete(reply, end_us)

    def pages(self, sql: str, start_us: int, end_us: int, *, size: int, limit_sec: float) -> Iterator[dict[str, Any]]:
        """Give all rows that a statement sorted by record_id finds; it holds `{after}` where the last id goes. Raises as `hits`."""
        after = ""
        while True:
            hits = self.hits(sql.replace("{after}", after), start_us, end_us, size=size, limit_sec=limit_sec)
            yield from hits
            if len(hits) < size:
                return
            after = f" AND record_id > {quoted(str(hits[-1]['record_id']))}"


def quoted(text: str) -> str:
    """Write a text as SQL, the only way for values of data and people into a statement (OO-111)."""
    return "'" + "".join(one for one in text if one >= " " or one in "\t\n\r").replace("'", "''") + "'"


def _refused(reply: Reply) -> Exception:
    try:
        code = msgspec.json.decode(reply.body).get("code")
    except (msgspec.DecodeError, AttributeError):
        code = None
    if code == STREAM_CODE:
        return StreamUnknown(said(reply))
    return Refused(said(reply), is_field=reply.status == 400 and code in FIELD_CODES)


def _complete(reply: Reply, end_us: int) -> list[dict[str, Any]]:
    if not reply.is_whole:
        raise Unreachable("search: the answer is longer than we take", hint="ask for less")
    try:
        answer = msgspec.json.decode(reply.body, type=Answer)
    except msgspec.MsgspecError:
        raise Unreachable("search: the answer is no answer of a search") from None
    texts = [answer.function_error] if isinstance(answer.function_error, str) else answer.function_error
    if any(UNKNOWN_STREAM in text for text in texts):
        raise StreamUnknown(clean(" ".join(texts)))
    if answer.new_start_time is not None:
        range_us = (answer.new_end_time or end_us) - answer.new_start_time
        if range_us > 0:
            raise Shortened(range_us)
    if answer.is_partial or any(texts) or answer.new_end_time is not None or answer.new_start_time is not None:
        raise Unreachable(f"search: the answer is not complete. {clean(' '.join(texts))}".strip())
    return answer.hits

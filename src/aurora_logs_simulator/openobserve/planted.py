"""The faults of the catalogue at the places where a request passes; those of the store itself are in `ingestion`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from itertools import pairwise

import msgspec

from aurora_logs_simulator.clock import SECOND_US
from aurora_logs_simulator.faults import Rule
from aurora_logs_simulator.openobserve.capacity import Capacity
from aurora_logs_simulator.openobserve.ingestion import SilenceError
from aurora_logs_simulator.openobserve.journal import Entry
from aurora_logs_simulator.openobserve.replies import (
    RefusalError,
    Reply,
    error_reply,
    html_reply,
    json_reply,
    text_reply,
)
from aurora_logs_simulator.openobserve.search import Found, Query, SearchError
from aurora_logs_simulator.openobserve.world import World
from aurora_logs_simulator.signing import Request
from aurora_logs_simulator.sockets import Answer

ELSEWHERE = "http://127.0.0.1:9/elsewhere"


def _strikes(world: World, entry: Entry, fault: str, operation: str = "") -> Rule | None:
    rule = world.faults.strike(fault, operation=operation, stream=entry.stream)
    if rule is not None:
        entry.faults.append(fault)
    return rule


def login(world: World, entry: Entry, operation: str) -> None:
    """F2 and the login that may not search. Raises: RefusalError."""
    if _strikes(world, entry, "login_refused", operation):
        raise world.access.unauthorized()
    if _strikes(world, entry, "not_allowed", operation):
        raise RefusalError(text_reply("Not allowed", 403), "not allowed")
    if operation == "search" and _strikes(world, entry, "search_denied", operation):
        raise RefusalError(text_reply("Unauthorized Access", 403), "not allowed")
    if _strikes(world, entry, "organization_gone", operation):
        raise RefusalError(text_reply("Organization not found", 404), "no organization")


def overloaded(world: World, error: str = "MemoryTableOverflowError") -> RefusalError:
    """Make the overload answer of the version."""
    status = world.setup.version.overload_status if error.startswith("MemoryTable") else 503
    return RefusalError(error_reply(f"Error# {error}", status), "overload")


def check_capacity(world: World, capacity: Capacity, size_bytes: int) -> None:
    """Refuse what is beyond the server's capacity. Raises: RefusalError."""
    if not capacity.admits(size_bytes):
        raise overloaded(world)


def instead(world: World, entry: Entry, operation: str, request: Request) -> None:
    """Answer something else in place of what was asked. Raises: RefusalError, SilenceError."""
    for fault, reply in _REPLIES.items():
        if _strikes(world, entry, fault, operation):
            raise RefusalError(msgspec.structs.replace(reply), fault)
    for fault, error in _OVERLOADS.items():
        if _strikes(world, entry, fault, operation):
            raise overloaded(world, error)
    if rule := _strikes(world, entry, "throttled", operation):
        raise RefusalError(_throttled(f"{rule.amount():g}" if rule.amount() else ""), "throttled")
    if rule := _strikes(world, entry, "throttled_until_date", operation):
        raise RefusalError(_throttled(formatdate(world.now_us() / SECOND_US + rule.amount(), usegmt=True)), "throttled")
    large = world.faults.is_on("too_large_html") and max(
        (rule.amount() for rule in world.faults.rules() if rule.fault == "too_large_html"), default=0.0)
    if large and entry.raw_bytes > large and _strikes(world, entry, "too_large_html", operation):
        raise RefusalError(html_reply(413), "too large")
    if request.headers.get("content-encoding") and _strikes(world, entry, "encoding_refused", operation):
        raise RefusalError(text_reply("Unsupported Media Type", 415), "encoding")
    if _strikes(world, entry, "reset_before_store", operation):
        raise SilenceError("reset")
    if rule := _strikes(world, entry, "hang", operation):
        raise SilenceError("silent", rule.amount())


def _throttled(retry_after: str) -> Reply:
    reply = error_reply("Too many requests", 429)
    if retry_after:
        reply.headers["Retry-After"] = retry_after
    return reply


_REPLIES = {
    "overload_in_receipt": json_reply({"code": 503, "status": [], "error": "MemoryTableOverflowError"}, 503),
    "error_500": html_reply(500), "error_502": html_reply(502), "error_504": html_reply(504), "error_408": html_reply(408),
    "error_503_text": text_reply("Service Unavailable: no ingester", 503),
    "refused_not_ingester": error_reply("not an ingester", 400),
    "refused_quota": error_reply("Quota exceeded for this organization [default]", 400),
    "redirected": Reply(status=301, body=b"", headers={"Location": ELSEWHERE}),
}  # fmt: skip
_OVERLOADS = {
    "overload": "MemoryTableOverflowError", "overload_disk": "DiskCircuitBreakerError",
    "overload_breaker": "MemoryCircuitBreakerError",
}  # fmt: skip


def receipt(world: World, entry: Entry, reply: Reply) -> Reply:
    """F7: another answer than the right one, after the records were stored."""
    changes: dict[str, object] = {
        "answer_no_json": b"stored, thank you", "answer_html": html_reply(200).body, "answer_empty": b"",
    }  # fmt: skip
    for fault, body in changes.items():
        if _strikes(world, entry, fault, "ingest"):
            assert isinstance(body, bytes)
            return Reply(status=200, body=body, headers=reply.headers)
    if rule := _strikes(world, entry, "answer_huge", "ingest"):
        return Reply(status=200, body=b" " * int(rule.amount()), headers=reply.headers)
    value = msgspec.json.decode(reply.body)
    status = value["status"]
    for fault, change in _RECEIPTS.items():
        if _strikes(world, entry, fault, "ingest"):
            value["status"] = change(status)
    if _strikes(world, entry, "answer_code_503", "ingest"):
        value["code"] = 503
    return Reply(status=reply.status, body=msgspec.json.encode(value), headers=reply.headers)




Status = list[dict[str, object]]


def _with_count(change: Callable[[int], object]) -> Callable[[Status], Status]:
    return lambda status: [{**one, "successful": change(int(str(one["successful"])))} for one in status]


_RECEIPTS: dict[str, Callable[[Status], Status]] = {
    "answer_other_stream": lambda status: [{**one, "name": "another_stream"} for one in status],
    "answer_two_entries": lambda status: status * 2,
    "answer_no_entry": lambda _status: [],
    "answer_one_more": _with_count(lambda count: count + 1),
    "answer_text_count": _with_count(str),
    "answer_float_count": _with_count(float),
    "answer_negative_count": _with_count(lambda count: -count),
    "answer_without_failed": lambda status: [{k: v for k, v in one.items() if k != "failed"} for one in status],
}  # fmt: skip


def after_ingest(world: World, entry: Entry) -> None:
    """F10, F15: what had been acknowledged vanishes behind the answer."""
    if entry.outcome != "receipt" or not entry.stream:
        return
    streams = [one.streams[entry.stream] for one in world.organizations.values() if entry.stream in one.streams]
    if rule := _strikes(world, entry, "tail_lost", "ingest"):
        for stream in streams:
            stream.rows.lose_tail(int(rule.amount()))
    if rule := _strikes(world, entry, "keeps_newest", "ingest"):
        for stream in streams:
            stream.rows.lose_all_but_newest(rule.amount())
    if _strikes(world, entry, "killed", "ingest"):
        world.kill()


def search_lag_sec(world: World, entry: Entry) -> float:
    """Return how old a row must be to be found. Raises: SearchError when the search fails altogether."""
    for fault, error in _SEARCH_ERRORS.items():
        if _strikes(world, entry, fault, "search"):
            raise SearchError(*error)
    rule = _strikes(world, entry, "search_lags", "search")
    return rule.amount() if rule else world.setup.search_lag_sec


_SEARCH_ERRORS = {
    "search_408": (408, 20010, "Search query timed out"),
    "search_503": (503, 20013, "Search resource error: no querier is available"),
    "search_500": (500, 20008, "Search SQL execute error: internal"),
}  # fmt: skip


def found(world: World, entry: Entry, query: Query, result: Found) -> None:
    """F11: change what a search found."""
    if _strikes(world, entry, "search_partial", "search"):
        result.hits, result.is_partial = [], True
        result.function_error.append("partial: some files could not be read")
    if _strikes(world, entry, "search_warns", "search"):
        result.function_error.append("results are capped to meet default limit")
    if _strikes(world, entry, "search_shortened", "search"):
        result.new_start_time, result.new_end_time = query.start_time + 1, query.end_time
    if rule := _strikes(world, entry, "search_cut", "search"):
        del result.hits[int(rule.amount()):]
    narrow = [rule for rule in world.faults.rules() if rule.fault == "search_narrow_empty"]
    span_sec = (query.end_time - query.start_time) / SECOND_US
    if narrow and span_sec < max(rule.amount() for rule in narrow) and _strikes(world, entry, "search_narrow_empty", "search"):
        result.hits = []


def in_time(world: World, entry: Entry, answer: Answer) -> Answer:
    """F3 and the broken transfers of F7 and F14: the right answer, late or in pieces."""
    operation = "ingest" if entry.stream else ("search" if entry.path.endswith("_search") else "other")
    if rule := _strikes(world, entry, "slow", operation):
        answer.delay_sec = rule.amount()
    body = answer.body
    assert isinstance(body, bytes)
    if rule := _strikes(world, entry, "slow_body", operation):
        answer.body = _paused([body[: len(body) // 2], body[len(body) // 2 :]], rule.amount())
    if rule := _strikes(world, entry, "trickle", operation):
        answer.body = _paused([body[at : at + 1] for at in range(len(body))], rule.amount())
    if _strikes(world, entry, "answer_cut", operation):
        answer.body = body[: len(body) // 2]
        answer.length_bytes = len(body) // 2
    if _strikes(world, entry, "answer_shorter_than_said", operation):
        answer.keeps_bytes = len(body) // 2
    if _strikes(world, entry, "answer_chunked", operation):
        answer.chunked = True
    if _strikes(world, entry, "keep_alive_closed", operation):
        answer.ends = True
    return answer


def _paused(pieces: list[bytes], pause_sec: float) -> Iterator[bytes]:
    """Give the pieces with a pause between each two."""
    yield pieces[0]
    for _, piece in pairwise(pieces):
        time.sleep(pause_sec)
        yield piece

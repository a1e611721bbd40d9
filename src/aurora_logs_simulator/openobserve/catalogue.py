"""Every fault of the OpenObserve stand-in by name: F1 to F15 of the sheet, the cases it serves, and where it strikes."""

from __future__ import annotations

from aurora_logs_simulator.catalogue import Fault


def _fault(where: str, name: str, cases: str, about: str, value: float | None = None) -> Fault:
    return Fault(name=name, where=where, cases=cases, about=about, value=value)


ALL: tuple[Fault, ...] = (
    # The connection, before a request is looked at
    _fault("socket", "close_on_accept", "F4, OO-16", "the connection is closed as soon as it is there"),
    _fault("socket", "reset_mid_request", "F4, OO-16", "a reset after half of the request's body was read"),
    _fault("socket", "backlog_full", "F14", "no new connection is accepted for `value` seconds", 0.5),
    _fault("socket", "keep_alive_closed", "F14, OO-36", "the connection is closed, unannounced, behind the answer"),
    # Any request, in place of its answer; nothing is stored
    _fault("request", "overload", "F1, OO-19, OO-22", "MemoryTableOverflowError, with the version's status"),
    _fault("request", "overload_disk", "F1, OO-20", "503 DiskCircuitBreakerError"),
    _fault("request", "overload_breaker", "F1, OO-20", "503 MemoryCircuitBreakerError"),
    _fault("request", "overload_in_receipt", "F1, OO-22", "503 in the shape of a receipt, as v0.8 to v0.10 sent it"),
    _fault("request", "throttled", "F1, OO-24", "429; with `Retry-After: value` when it is above 0", 0.0),
    _fault("request", "throttled_until_date", "F1, OO-24", "429 with a date as Retry-After, `value` seconds ahead", 7.0),
    _fault("request", "error_500", "F1, OO-25", "500 with a proxy's HTML"),
    _fault("request", "error_502", "F1, OO-25", "502 with a proxy's HTML"),
    _fault("request", "error_504", "F1, OO-25", "504 with a proxy's HTML"),
    _fault("request", "error_503_text", "F1, OO-21", "503 with plain text, as a router sends it"),
    _fault("request", "error_408", "F1, OO-25", "408 with a proxy's HTML"),
    _fault("request", "refused_not_ingester", "OO-23", "400 not an ingester"),
    _fault("request", "refused_quota", "OO-23", "400 Quota exceeded for this organization"),
    _fault("request", "login_refused", "F2, OO-26", "401, whatever the login"),
    _fault("request", "not_allowed", "F2, OO-27", "403, whatever the login"),
    _fault("request", "organization_gone", "OO-29", "404 Organization not found"),
    _fault("request", "too_large_html", "OO-33", "413 with a proxy's HTML for bodies above `value` bytes", 1_048_576.0),
    _fault("request", "encoding_refused", "OO-34", "415 for a compressed body, whatever the version"),
    _fault("request", "redirected", "F14, OO-30", "301 to another host"),
    _fault("request", "reset_before_store", "F4, OO-16", "a reset once the request was read; nothing is stored"),
    # Time; the request is carried out as ever
    _fault("time", "slow", "F3", "the answer waits for `value` seconds of real time", 2.0),
    _fault("time", "slow_body", "F3", "the answer waits for `value` seconds in the middle of its body", 2.0),
    _fault("time", "trickle", "F3, OO-37", "one byte of the answer every `value` seconds", 1.0),
    _fault("time", "hang", "F3", "no answer for `value` seconds, then the connection ends", 60.0),
    # Ingest: what is stored, and what is said about it
    _fault("ingest", "store_then_reset", "F5, OO-16", "all is stored, then a reset in place of the answer"),
    _fault("ingest", "store_then_close", "F5, OO-16", "all is stored, then the connection ends without an answer"),
    _fault("ingest", "store_part_then_reset", "F5, OO-77", "the share `value` is stored, then a reset", 0.5),
    _fault("ingest", "store_late", "F6, OO-17", "no answer; all is stored `value` seconds later", 2.0),
    _fault("ingest", "lies", "F8, OO-12", "200 and `successful` = n, nothing is stored"),
    _fault("ingest", "lies_part", "F8, OO-13", "200 and `successful` = n, only the share `value` is stored", 0.5),
    _fault("ingest", "counts_nothing", "F9, OO-04", "200 with 0/0, nothing is stored"),
    _fault("ingest", "counts_failed", "F9, OO-03", "the last `value` records are dropped and counted as failed", 1.0),
    _fault("ingest", "pipeline_drops", "F13", "a pipeline drops the share `value` of the records, counted as stored", 0.01),
    _fault("ingest", "stream_deleted", "F13", "somebody deletes the stream before the request"),
    _fault("ingest", "column_widened", "F13, OO-69", "a stranger has made every number column text"),
    _fault("ingest", "window_shrinks", "F12, OO-56", "the window is `value` hours back for this request", 1.0),
    _fault("ingest", "clock_off", "F12, OO-60", "the server's clock is `value` seconds ahead for this request", 600.0),
    # The answer of an ingest that was carried out
    _fault("answer", "answer_cut", "F7, OO-09", "the body ends in the middle, its length says so"),
    _fault("answer", "answer_shorter_than_said", "F7, OO-38", "the connection ends in the middle of the announced body"),
    _fault("answer", "answer_no_json", "F7, OO-09", "200 with text that is no JSON"),
    _fault("answer", "answer_html", "F7, OO-09", "200 with a proxy's HTML"),
    _fault("answer", "answer_empty", "F7, OO-09", "200 with no body"),
    _fault("answer", "answer_huge", "F7, OO-09", "200 with `value` bytes", 50_000_000.0),
    _fault("answer", "answer_chunked", "F7, OO-38", "the right answer in chunks"),
    _fault("answer", "answer_other_stream", "F7, OO-07", "the receipt names another stream"),
    _fault("answer", "answer_two_entries", "F7, OO-07", "the receipt has its entry twice"),
    _fault("answer", "answer_no_entry", "F7, OO-07", "the receipt has no entry"),
    _fault("answer", "answer_code_503", "F7, OO-06", "HTTP 200 with 503 as the code of the body"),
    _fault("answer", "answer_one_more", "F7, OO-05", "`successful` is n + 1"),
    _fault("answer", "answer_text_count", "F7, OO-10", "`successful` is a text"),
    _fault("answer", "answer_float_count", "F7, OO-10", "`successful` is a float"),
    _fault("answer", "answer_negative_count", "F7, OO-10", "`successful` is negative"),
    _fault("answer", "answer_without_failed", "F7, OO-02", "the receipt has no `failed`"),
    # What was acknowledged vanishes; drawn behind each ingest
    _fault("life", "tail_lost", "F10, OO-93", "the last `value` bytes of the stream's newest file vanish", 16_384.0),
    _fault("life", "keeps_newest", "F10, OO-93", "of the stream's newest file only the newest share `value` stays", 0.2),
    _fault("life", "killed", "F15, OO-94", "the server is killed behind the answer and is there again at once"),
    # Searches
    _fault("search", "search_lags", "F11, OO-85", "what was stored in the last `value` seconds is not found", 5.0),
    _fault("search", "search_partial", "F11, OO-82", "no hits, is_partial and a function_error"),
    _fault("search", "search_warns", "F11, OO-82", "all hits, but a function_error beside them"),
    _fault("search", "search_shortened", "F11, OO-82", "the range begins later, new_start_time and a text say so"),
    _fault("search", "search_408", "F11", "408 search timeout"),
    _fault("search", "search_503", "F11, OO-86", "503 resource error"),
    _fault("search", "search_500", "F11", "500 execute error"),
    _fault("search", "search_narrow_empty", "F11, OO-84", "a range of less than `value` seconds finds nothing", 3600.0),
    _fault("search", "search_cut", "F11", "only the first `value` hits come, without a word", 1.0),
    _fault("search", "search_denied", "OO-89", "403 for searches: the login may only ingest"),
)  # fmt: skip

BY_NAME: dict[str, Fault] = {fault.name: fault for fault in ALL}

"""What every call meets first: the count, the shared budget, and the faults that strike any operation."""

from __future__ import annotations

import hashlib
import zlib
from collections import Counter, deque
from typing import NamedTuple

from aurora_logs_simulator.account import Account
from aurora_logs_simulator.answers import ApiError, Broken, Page, Portion, not_ready
from aurora_logs_simulator.clock import SECOND_US, Clock
from aurora_logs_simulator.faults import Faults
from aurora_logs_simulator.signing import expired_token
from aurora_logs_simulator.throttle import Throttle

COMPLETE = "DownloadCompleteDBLogFile"
LOG_CALLS = ("DescribeDBLogFiles", "DownloadDBLogFilePortion", COMPLETE)
JOURNAL_CALLS = 500_000  # the newest ones
_LOST_BEFORE = {"reset": "reset", "html_answer": "html", "empty_body": "empty"}
_LOST_AFTER = ("reset_mid_body", "cut_xml")


class Call(NamedTuple):
    """One call as it came in. real_us: on the clock that never runs fast."""

    real_us: int
    operation: str
    instance: str
    file: str


class Gate:
    """Counts calls, keeps the account's budget, and lets planted faults strike before and after an operation."""

    def __init__(self, account: Account, clock: Clock, faults: Faults, throttle: Throttle) -> None:
        """Guard one account."""
        self._account = account
        self._clock = clock
        self._faults = faults
        self._throttle = throttle
        self.calls: Counter[str] = Counter()
        self.throttled: Counter[str] = Counter()
        self.calls_by_second: Counter[tuple[int, str]] = Counter()
        self.answer_bytes: Counter[str] = Counter()
        self.journal: deque[Call] = deque(maxlen=JOURNAL_CALLS)
        self._trace = hashlib.blake2b(digest_size=16)

    def enter(self, operation: str, instance: str = "", file: str = "") -> int:
        """Let a call in and return the log time of it; everything due until then has been done.

        Raises: ApiError for throttling, planted refusals, an instance that is not ready; Broken for lost answers.
        """
        now_us = self._clock.now_us()
        self._account.advance(now_us)
        self.calls[operation] += 1
        self.calls_by_second[self._clock.real_us() // SECOND_US, operation] += 1
        self.journal.append(Call(self._clock.real_us(), operation, instance, file))
        place = {"operation": operation, "instance": instance, "file": file}
        self.traced(f"{operation} {instance} {file}".encode())
        if not self._throttle.admits(self._clock.real_us()) or self._faults.strike("throttle", **place):
            self.throttled[operation] += 1
            raise ApiError("Throttling", 400, "Rate exceeded")
        if self._faults.strike("error_500", **place):
            raise ApiError("InternalFailure", 500, "An internal error has occurred")
        if self._faults.strike("error_503", **place):
            raise ApiError("ServiceUnavailable", 503, "Service Unavailable")
        for fault, how in _LOST_BEFORE.items():
            if self._faults.strike(fault, **place):
                raise Broken(how)
        self._check_rights(operation, place)
        self._check_readiness(operation, instance, place)
        return now_us

    def leave(self, operation: str, instance: str, file: str, answer: Page | Portion) -> None:
        """Let an answer out.

        Raises: Broken with the answer when its transfer breaks.
        """
        if isinstance(answer, Portion):
            self.traced(f"{answer.marker} {answer.pending} {answer.spelling}".encode())
            # The checksum stands for the content: a hash of every byte would cost a third of a portion's answer.
            self.traced(zlib.crc32(answer.content or b"").to_bytes(4, "big"))
        else:
            self.traced(repr(answer).encode())
        for how in _LOST_AFTER:
            if self._faults.strike(how, operation=operation, instance=instance, file=file):
                raise Broken(how, answer)

    def latency_sec(self, operation: str, instance: str, file: str) -> float:
        """Return how long a planted fault delays this call, in real seconds."""
        rule = self._faults.strike("slow", operation=operation, instance=instance, file=file)
        return 0.0 if rule is None else rule.amount()

    def traced(self, what: bytes) -> None:
        """Mix a happening into the trace."""
        self._trace.update(what)

    def trace_hash(self) -> str:
        """Return the hash over all calls and answers so far: equal runs have equal hashes (RDS-116)."""
        return self._trace.hexdigest()

    def report(self) -> dict[str, object]:
        """Return the counts as plain values: per operation, throttled, bytes, and calls in each real second."""
        seconds: dict[str, dict[str, int]] = {}
        for (second, operation), count in sorted(self.calls_by_second.items()):
            seconds.setdefault(str(second), {})[operation] = count
        return {
            "calls": dict(self.calls),
            "throttled": dict(self.throttled),
            "bytes": dict(self.answer_bytes),
            "by_second": seconds,
            "trace": self.trace_hash(),
        }

    def _check_rights(self, operation: str, place: dict[str, str]) -> None:
        if self._faults.strike("credentials_expired", **place):
            raise expired_token()
        if self._faults.strike("access_denied", **place):
            raise denied(operation, self._account.account_id, self._arn(place["instance"]))

    def _check_readiness(self, operation: str, instance: str, place: dict[str, str]) -> None:
        if operation not in LOG_CALLS:
            return
        found = self._account.instances.get(instance)
        if found is not None and (not found.answers_log_calls or self._faults.strike("instance_not_ready", **place)):
            raise not_ready(instance)

    def _arn(self, instance: str) -> str:
        found = self._account.instances.get(instance)
        return found.arn if found is not None else "*"


def denied(operation: str, account_id: str, resource: str) -> ApiError:
    """Return AWS's refusal of an action that the policy does not allow."""
    return ApiError(
        "AccessDenied",
        403,
        f"User: arn:aws:iam::{account_id}:user/reader is not authorized to perform: rds:{operation} "
        f"on resource: {resource} because no identity-based policy allows the rds:{operation} action",
    )

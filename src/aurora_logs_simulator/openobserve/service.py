"""From an HTTP request to an answer: the server's order of checks, the faults, and the journal (sheet 4.1, 9.2, 9.3)."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from urllib.parse import parse_qs, unquote

import msgspec

from aurora_logs_simulator.clock import SECOND_US
from aurora_logs_simulator.openobserve import planted, routes
from aurora_logs_simulator.openobserve.body import decode
from aurora_logs_simulator.openobserve.capacity import Capacity
from aurora_logs_simulator.openobserve.ingestion import Ingestion, SilenceError
from aurora_logs_simulator.openobserve.journal import Entry, shown
from aurora_logs_simulator.openobserve.naming import format_stream
from aurora_logs_simulator.openobserve.organization import Organization
from aurora_logs_simulator.openobserve.replies import RefusalError, Reply, json_reply, refused
from aurora_logs_simulator.openobserve.routes import Context
from aurora_logs_simulator.openobserve.search import Found, Search, SearchError, SearchRequest
from aurora_logs_simulator.openobserve.world import World
from aurora_logs_simulator.signing import Request
from aurora_logs_simulator.sockets import Answer

_API = re.compile(r"/api/(?P<v2>v2/)?(?P<org>[^/]+)/(?P<rest>.+)")
_INGEST = re.compile(r"(?:(?P<stream>[^/]+)/)?(?P<kind>_json|_multi|_bulk)")
ANSWERS_KEPT = 200


class Service:
    """One server behind HTTP. Called from many threads at once."""

    def __init__(self, world: World) -> None:
        """Serve a world."""
        self.world = world
        self.capacity = Capacity(world.setup)
        self._numbers = 0
        self._cached: OrderedDict[tuple[object, ...], tuple[int, Found]] = OrderedDict()

    def answer(self, request: Request) -> Answer:
        """Answer one request; what a fault makes of the answer is part of it."""
        world = self.world
        with world.lock:
            self.capacity.entered()
            world.catch_up()
            self._numbers += 1
            entry = Entry(number=self._numbers, at_us=world.now_us(), method=request.method, path=request.path,
                          query=request.query, user="", headers=shown(request.headers), raw_bytes=len(request.body))  # fmt: skip
        try:
            reply = self._reply(request, entry)
        except RefusalError as exc:
            reply, entry.outcome = exc.reply, exc.outcome
        except SilenceError as exc:
            entry.outcome = f"no answer: {exc.how}"
            return self._end(entry, _silent(exc))
        entry.status = reply.status
        with world.lock:
            planted.after_ingest(world, entry)
            answer = planted.in_time(world, entry, _plain(reply))
            answer.ends_all = "killed" in entry.faults
            return self._end(entry, answer)

    def _end(self, entry: Entry, answer: Answer) -> Answer:
        with self.world.lock:
            self.capacity.left()
            self.world.journal.add(entry)
        return answer

    def _reply(self, request: Request, entry: Entry) -> Reply:
        path = request.path.removeprefix(self.world.setup.base_uri)
        if path == "/healthz":
            return json_reply({"status": "ok"})
        if path == "/config":
            return json_reply({"version": self.world.setup.version.version, "query_default_limit": self.world.setup.default_size,
                               "data_retention_days": 3650})  # fmt: skip
        match = _API.fullmatch(path)
        if match is None or not request.path.startswith(self.world.setup.base_uri):
            raise RefusalError(Reply(status=404, body=b""), "no such path")
        rest = (match["v2"] or "") + match["rest"]
        ingest = _INGEST.fullmatch(rest) if request.method == "POST" else None
        operation = "ingest" if ingest else ("search" if rest == "_search" else rest.split("/")[0])
        if ingest and ingest["stream"]:
            entry.stream = format_stream(unquote(ingest["stream"]))
        with self.world.lock:
            organization = self._let_in(request, entry, operation, unquote(match["org"]))
            planted.instead(self.world, entry, operation, request)
            context = (organization, entry)
        body = decode(request.body, request.headers.get("content-encoding", ""), self.world.setup)
        entry.decoded_bytes = len(body)
        if ingest is not None:
            return self._ingest(ingest, body, *context)
        if operation == "search" and request.method == "POST":
            return self._search(request, body, *context)
        with self.world.lock:
            return routes.answer(request.method, rest, request.query,
                                 lambda names, query: self._context(organization, entry, names, query, body))  # fmt: skip

    def _let_in(self, request: Request, entry: Entry, operation: str, name: str) -> Organization:
        planted.login(self.world, entry, operation)
        account = self.world.access.check(request.headers.get("authorization", ""), is_ingest=operation == "ingest")
        entry.user = account.email
        return self.world.organization(name, account)

    def _context(self, organization: Organization, entry: Entry, names: tuple[str, ...], query: dict[str, str],
                 body: bytes) -> Context:  # fmt: skip
        return Context(self.world, organization, self.world.access.accounts[entry.user], names, query, body)

    def _ingest(self, match: re.Match[str], body: bytes, organization: Organization, entry: Entry) -> Reply:
        with self.world.lock:
            planted.check_capacity(self.world, self.capacity, len(body))
            ingestion = Ingestion(self.world, organization, entry)
            if match["kind"] == "_bulk":
                return ingestion.bulk(body)
            stream = unquote(match["stream"] or "")
            reply = ingestion.json(stream, body) if match["kind"] == "_json" else ingestion.multi(stream, body)
            return planted.receipt(self.world, entry, reply)

    def _search(self, request: Request, body: bytes, organization: Organization, entry: Entry) -> Reply:
        started = time.monotonic()
        try:
            asked = msgspec.json.decode(body, type=SearchRequest)
        except msgspec.MsgspecError as exc:
            raise refused(f"Error# {exc}", 400, "bad request") from exc
        wants_fresh = parse_qs(request.query).get("use_cache") == ["false"]
        key = (organization.name, asked.query.sql, asked.query.start_time, asked.query.end_time, asked.query.offset,
               asked.query.size)  # fmt: skip
        try:
            found = (None if wants_fresh else self._known(key)) or self._found(asked, organization, entry)
        except SearchError as exc:
            entry.outcome = f"search error {exc.code}"
            error = {"code": exc.code, "message": str(exc), "error_detail": str(exc), "trace_id": ""}
            return json_reply(error, exc.status)
        self._remember(key, found)
        entry.records, entry.outcome = len(found.hits), "search"
        size = self.world.setup.default_size if asked.query.size is None else asked.query.size
        took_ms = int((time.monotonic() - started) * 1000)
        answer: dict[str, object] = {
            "took": took_ms, "hits": found.hits, "total": len(found.hits), "from": asked.query.offset, "size": size,
            "cached_ratio": 0, "scan_size": 0, "scan_records": len(found.hits), "is_partial": found.is_partial,
            "trace_id": f"{entry.number:032x}"}  # fmt: skip
        more = {"function_error": found.function_error or None, "new_start_time": found.new_start_time,
                "new_end_time": found.new_end_time}  # fmt: skip
        return json_reply(answer | {name: value for name, value in more.items() if value is not None})

    def _found(self, asked: SearchRequest, organization: Organization, entry: Entry) -> Found:
        with self.world.lock:
            lag_sec = planted.search_lag_sec(self.world, entry)
            now_us = self.world.now_us()
            search = Search(organization.visible(now_us), asked.query, default_size=self.world.setup.default_size,
                            until_us=now_us - int(lag_sec * SECOND_US))  # fmt: skip
        try:
            found = search.run()
        finally:
            search.close()
        with self.world.lock:
            planted.found(self.world, entry, asked.query, found)
        return found

    def _known(self, key: tuple[object, ...]) -> Found | None:
        with self.world.lock:
            at_us, found = self._cached.get(key, (0, None))
            is_fresh = self.world.now_us() - at_us <= self.world.setup.cache_sec * SECOND_US
            return found if is_fresh else None

    def _remember(self, key: tuple[object, ...], found: Found) -> None:
        with self.world.lock:
            if key not in self._cached or self._known(key) is None:
                self._cached[key] = self.world.now_us(), found
            while len(self._cached) > ANSWERS_KEPT:
                self._cached.popitem(last=False)


def _plain(reply: Reply) -> Answer:
    return Answer(status=reply.status, body=reply.body, length_bytes=len(reply.body), headers=dict(reply.headers))


def _silent(silence: SilenceError) -> Answer:
    """No answer: the connection is reset or closed, or stays silent until the client gives up."""
    return Answer(status=0, body=b"", length_bytes=0, headers={}, resets=silence.how == "reset", delay_sec=silence.sec)



"""`_json`, `_multi` and `_bulk`: what is stored of a request and what is said about it, with the faults between the two."""

from __future__ import annotations

from typing import NoReturn

import msgspec
import orjson

from aurora_logs_simulator.clock import SECOND_US
from aurora_logs_simulator.faults import Rule
from aurora_logs_simulator.openobserve import columns, ingest
from aurora_logs_simulator.openobserve.ingest import DroppedConnectionError, Elements, Failure, Prepared, RefusedError
from aurora_logs_simulator.openobserve.journal import Entry
from aurora_logs_simulator.openobserve.naming import format_stream
from aurora_logs_simulator.openobserve.organization import Organization
from aurora_logs_simulator.openobserve.profile import Setup
from aurora_logs_simulator.openobserve.replies import Reply, json_reply, refused
from aurora_logs_simulator.openobserve.stream import Stream
from aurora_logs_simulator.openobserve.world import World

WIRE_SHARE = 3  # a log's lines compress to about a third


class SilenceError(Exception):
    """The request was carried out, or will be, and gets no answer: the connection is reset, closed, or stays silent."""

    def __init__(self, how: str, sec: float = 0.0) -> None:
        """`how`: reset, close, or silent for `sec` seconds."""
        super().__init__(how)
        self.how, self.sec = how, sec


class Ingestion:
    """One request that brings records to one organisation."""

    def __init__(self, world: World, organization: Organization, entry: Entry) -> None:
        """`entry` is what the journal will hold."""
        self._world, self._organization, self._entry = world, organization, entry

    def json(self, stream: str, body: bytes) -> Reply:
        """Answer POST {stream}/_json."""
        return self._one_stream(stream, lambda: ingest.read_array(body))

    def multi(self, stream: str, body: bytes) -> Reply:
        """Answer POST {stream}/_multi."""
        return self._one_stream(stream, lambda: ingest.read_lines(body))

    def bulk(self, body: bytes) -> Reply:
        """Answer POST _bulk: one status a record, failures first."""
        started_us = self._world.now_us()
        items: list[dict[str, object]] = []
        documents, names = _bulk_documents(body)
        self._entry.records = sum(map(len, documents.values()))
        for stream, rows in documents.items():
            elements = Elements(values=list(rows), texts=[orjson.dumps(row) for row in rows], has_long_numbers=True)
            prepared = self._stored(stream, elements)
            failed = {one.index: one for one in prepared.failures}
            items += [_bulk_item(stream, names[stream][at], rows[at], one) for at, one in sorted(failed.items())]
            items += [_bulk_item(stream, names[stream][at], rows[at], None) for at in range(len(rows)) if at not in failed]
        failures = any(one["index"]["status"] != 200 for one in items)  # type: ignore[index]  # made right above
        self._entry.outcome = "receipt"
        self._entry.acknowledged = sum(one["index"]["status"] == 200 for one in items)  # type: ignore[index]  # as above
        took_ms = (self._world.now_us() - started_us) // 1000
        return json_reply({"took": took_ms, "errors": failures, "items": items})

    def _one_stream(self, stream: str, read: object) -> Reply:
        name = format_stream(stream)
        self._entry.stream = name
        if not name:
            raise refused("Stream name is empty", 400, "no name")
        assert callable(read)
        try:
            elements: Elements = read()
            self._entry.records = len(elements.values)
            prepared = self._stored(name, elements)
        except RefusedError as exc:
            raise refused(str(exc), 400, "bad request") from exc
        return self._receipt(name, elements, prepared)

    def _stored(self, name: str, elements: Elements) -> Prepared:
        """Prepare and store a batch, as far as the faults let it. Raises: RefusedError, SilenceError."""
        now_us, setup = self._setting(name)
        stream = self._found(name)
        if not elements.values:
            return Prepared(lines=[], places=[])
        try:
            prepared = ingest.prepare(stream, elements, setup, now_us)
        except DroppedConnectionError as exc:
            raise SilenceError("close") from exc
        if self._strikes("counts_nothing", name):
            return Prepared(lines=[], places=[], all_dropped=True)
        if failed := self._strikes("counts_failed", name):
            _drop_last(prepared, int(failed.amount()))
        self._keep(stream, prepared)
        return prepared

    def _setting(self, name: str) -> tuple[int, Setup]:
        """Return the clock and the settings that count for this request."""
        now_us, setup = self._world.now_us(), self._world.setup
        if off := self._strikes("clock_off", name):
            now_us += int(off.amount() * SECOND_US)
        if narrow := self._strikes("window_shrinks", name):
            setup = msgspec.structs.replace(setup, window_back_hours=narrow.amount())
        return now_us, setup

    def _found(self, name: str) -> Stream:
        now_us = self._world.now_us()
        if self._strikes("stream_deleted", name) and name in self._organization.visible(now_us):
            self._organization.delete(name, now_us)
        stream = self._organization.for_ingest(name, now_us)
        if self._strikes("column_widened", name):
            own = stream.schema.columns
            own.update({column: columns.UTF8 for column, kind in own.items()
                        if kind in (columns.INT64, columns.FLOAT64) and column != "_timestamp"})
            stream.save()
        return stream

    def _keep(self, stream: Stream, prepared: Prepared) -> None:
        name, everything = stream.name, len(prepared.lines)
        if late := self._strikes("store_late", name):
            self._world.later(late.amount(), lambda: self._append_late(stream, prepared))
            raise SilenceError("silent", late.amount())
        for fault in ("lies_part", "store_part_then_reset"):
            if part := self._strikes(fault, name):
                everything = int(len(prepared.lines) * part.amount())
                self._append(stream, prepared, everything)
                if fault == "store_part_then_reset":
                    raise SilenceError("reset")
                return
        if not self._strikes("lies", name):
            self._append(stream, prepared, everything)
        for fault, how in (("store_then_reset", "reset"), ("store_then_close", "close")):
            if self._strikes(fault, name):
                raise SilenceError(how)

    def _append_late(self, stream: Stream, prepared: Prepared) -> None:
        self._append(stream, prepared, len(prepared.lines))
        self._world.journal.counts["stored"] += self._entry.stored  # its entry was written long ago

    def _append(self, stream: Stream, prepared: Prepared, count: int) -> None:
        lines = [_on_one_line(bytes(line)) for line in prepared.lines[:count]]
        dropped = self._strikes("pipeline_drops", stream.name)
        if dropped is not None:
            share = self._world.faults.share
            lines = [line for at, line in enumerate(lines)
                     if share("pipeline", str(self._entry.number), str(at)) >= dropped.amount()]
        if not lines:
            return
        wal_bytes = self._entry.raw_bytes if self._entry.raw_bytes < self._entry.decoded_bytes else (
            self._entry.decoded_bytes // WIRE_SHARE)
        stream.rows.append(lines, prepared.first_us, prepared.last_us, wal_bytes=wal_bytes,
                           now_us=self._world.now_us(), fsync=self._world.setup.fsync)  # fmt: skip
        self._entry.stored += len(lines)

    def _receipt(self, name: str, elements: Elements, prepared: Prepared) -> Reply:
        successful = 0 if prepared.all_dropped else len(prepared.lines)
        status: dict[str, object] = {"name": name, "successful": successful, "failed": len(prepared.failures)}
        if prepared.failures:
            status["error"] = prepared.failures[-1].text
        self._entry.acknowledged, self._entry.outcome = successful, "receipt"
        entries = [status] if elements.values else [{"name": name, "successful": 0, "failed": 0}]
        return json_reply({"code": 200, "status": entries})

    def _strikes(self, fault: str, stream: str) -> Rule | None:
        rule = self._world.faults.strike(fault, operation="ingest", stream=stream)
        if rule is not None:
            self._entry.faults.append(fault)
        return rule


def _on_one_line(text: bytes) -> bytes:
    """Return an object's JSON without the line ends that a pretty writer puts between its parts."""
    return orjson.dumps(orjson.loads(text)) if b"\n" in text else text


def _drop_last(prepared: Prepared, count: int) -> None:
    """Count the last records as failed; nothing of them is stored."""
    for place in prepared.places[len(prepared.places) - count:]:
        prepared.failures.append(Failure(index=place, reason="document_failed_transform", text="record was dropped"))
    del prepared.lines[len(prepared.lines) - count:]


def _bulk_documents(body: bytes) -> tuple[dict[str, list[dict[str, object]]], dict[str, list[object]]]:
    """Pair action lines with documents, by stream. Raises: RefusalError for a malformed line."""
    documents: dict[str, list[dict[str, object]]] = {}
    names: dict[str, list[object]] = {}
    target: tuple[str, object] | None = None
    for line in body.split(b"\n"):
        if not line.strip():
            continue
        row = _bulk_row(line)
        if target is None:
            action = next((row[verb] for verb in ("create", "index", "update") if isinstance(row.get(verb), dict)), None)
            if isinstance(action, dict) and action.get("_index"):
                target = format_stream(str(action["_index"])), action.get("_id")
            continue  # an action that can't be read is skipped
        stream, identity = target
        documents.setdefault(stream, []).append(row if identity is None else {**row, "_id": identity})
        names.setdefault(stream, []).append(identity)
        target = None
    return documents, names


def _bulk_row(line: bytes) -> dict[str, object]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError as exc:
        _refuse(exc)
    if not isinstance(row, dict):
        _refuse(ValueError("not an object"))
    return row


def _refuse(exc: Exception) -> NoReturn:
    raise refused(f"Error# {exc}", 400, "bad request") from exc


def _bulk_item(stream: str, identity: object, row: dict[str, object], failure: Failure | None) -> dict[str, object]:
    item: dict[str, object] = {"_index": stream, "_id": identity or "", "status": 422 if failure else 200}
    if failure:
        item["error"] = {"type": failure.reason, "reason": failure.text, "index_uuid": stream, "shard": "1", "index": stream}
        item["originalRecord"] = row
    return {"index": item}

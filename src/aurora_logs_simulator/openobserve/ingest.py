"""From a decoded body to stored lines and counts: the order of the sheet's section 5, and the receipts of 4.1.

Nothing here knows HTTP. Records that need no change are recognised by their shape (names and value types) and stored
as they came: that is the quick way; every other batch goes through all steps.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import orjson

from aurora_logs_simulator.openobserve import columns, naming, stamp
from aurora_logs_simulator.openobserve.columns import CastError
from aurora_logs_simulator.openobserve.naming import NotAnObjectError
from aurora_logs_simulator.openobserve.profile import HOUR_US, Setup
from aurora_logs_simulator.openobserve.stamp import ABSENT, BadTimeError
from aurora_logs_simulator.openobserve.stream import SchemaKeptError, Stream

_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_PLAIN_TYPES = {str: columns.UTF8, int: columns.INT64, float: columns.FLOAT64, bool: columns.BOOLEAN}
_raw_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_raw_element = msgspec.json.Decoder(msgspec.Raw).decode


class RefusedError(Exception):
    """400 for the whole request; nothing is stored."""


class DroppedConnectionError(Exception):
    """The server's thread panics: the connection ends without an answer."""


class Elements(msgspec.Struct, frozen=True, kw_only=True):
    """What a body holds: each element as a value and as the bytes that it was written with."""

    values: list[object]
    texts: list[msgspec.Raw | bytes]
    has_long_numbers: bool = False


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """One record that was dropped, by its place in the request."""

    index: int
    reason: str
    text: str


class Prepared(msgspec.Struct, kw_only=True):
    """A batch on its way: lines that will be stored, the places they had in the request, and what was dropped."""

    lines: list[msgspec.Raw | bytes]
    places: list[int]
    first_us: int = 2**63 - 1
    last_us: int = -(2**63)
    failures: list[Failure] = []
    all_dropped: bool = False  # 200 with 0/0: nothing is stored, nothing counted beyond the failures


def read_array(body: bytes) -> Elements:
    """Read the body of `_json`: an array, or one object. Raises: RefusedError."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise RefusedError(f"SerdeJsonError# {exc}") from exc
    if isinstance(value, list):
        return Elements(values=value, texts=list(_raw_elements(body)), has_long_numbers=_has_long_numbers(body))
    return Elements(values=[value], texts=[_raw_element(body)], has_long_numbers=_has_long_numbers(body))


def read_lines(body: bytes) -> Elements:
    """Read the body of `_multi`: one object a line, blank lines skipped. Raises: RefusedError."""
    texts: list[msgspec.Raw | bytes] = [line for line in body.split(b"\n") if line.strip()]
    try:
        values = [orjson.loads(bytes(text)) for text in texts]
    except orjson.JSONDecodeError as exc:
        raise RefusedError(f"Error# Failed processing: JsonError({exc})") from exc
    return Elements(values=values, texts=texts, has_long_numbers=_has_long_numbers(body))


def prepare(stream: Stream, elements: Elements, setup: Setup, now_us: int) -> Prepared:
    """Let a batch pass flattening, time, schema and casts; the stream's schema may change.

    Raises: RefusedError, DroppedConnectionError.
    """
    if not elements.has_long_numbers and stream.plain_shapes:
        plain = _all_plain(stream, elements, setup, now_us)
        if plain is not None:
            return plain
    return _Batch(stream, setup, now_us).prepare(elements)


def _has_long_numbers(body: bytes) -> bool:
    """Tell whether a number may be beyond Int64: 19 digits in a row anywhere."""
    return body.translate(_ZEROS).find(b"0" * 19) >= 0


def _all_plain(stream: Stream, elements: Elements, setup: Setup, now_us: int) -> Prepared | None:
    """Return the batch as it came when each record has a known shape and a time in µs within the window; else None."""
    oldest_us = max(now_us - int(setup.window_back_hours * HOUR_US), stamp.MICROSECONDS_FROM + 1)
    newest_us = min(now_us + int(setup.window_ahead_hours * HOUR_US), stamp.NANOSECONDS_FROM)
    shapes = stream.plain_shapes
    first_us, last_us = 2**63 - 1, -(2**63)
    for record in elements.values:
        if type(record) is not dict or (*record, *map(type, record.values())) not in shapes:
            return None
        at_us = record["_timestamp"]
        first_us = min(first_us, at_us)
        last_us = max(last_us, at_us)
    if first_us < oldest_us or last_us > newest_us:
        return None
    return Prepared(lines=elements.texts, places=list(range(len(elements.texts))), first_us=first_us, last_us=last_us)


class _Batch:
    """One request on the slow way."""

    def __init__(self, stream: Stream, setup: Setup, now_us: int) -> None:
        self._stream, self._setup, self._now_us = stream, setup, now_us
        self._failures: list[Failure] = []
        self._plain_shapes: list[tuple[object, ...]] = []

    def prepare(self, elements: Elements) -> Prepared:
        timed = self._flat_and_timed(elements)
        prepared = Prepared(lines=[], places=[], failures=self._failures)
        if not timed:
            return prepared
        incoming = _types(record for _, record in timed)
        if len(incoming) > self._setup.columns_limit:
            prepared.all_dropped = True
            return prepared
        oldest_us = min(_at(record) for _, record in timed)
        try:
            self._stream.take_types(incoming, oldest_us)
        except SchemaKeptError:
            prepared.all_dropped = True
            return prepared
        if incoming.get("_id", columns.UTF8) != columns.UTF8:
            raise DroppedConnectionError  # the column stays (sheet 1.1)
        self._store(timed, elements, prepared)
        return prepared

    def _flat_and_timed(self, elements: Elements) -> list[tuple[int, dict[str, object]]]:
        timed: list[tuple[int, dict[str, object]]] = []
        level = self._stream.schema.settings.flatten_level
        level = self._setup.flatten_level if level is None else level
        version = self._setup.version
        for index, value in enumerate(elements.values):
            try:
                record = naming.flatten(value, level)
                at_us = stamp.read(record.get("_timestamp", ABSENT), self._now_us, null_is_now=version.null_time_is_now)
                stamp.check_window(at_us, self._now_us, back_hours=self._setup.window_back_hours,
                                   ahead_hours=self._setup.window_ahead_hours)
            except NotAnObjectError as exc:
                if not version.counts_bad_elements:
                    raise RefusedError(str(exc)) from exc
                self._failures.append(Failure(index=index, reason="schema_conformance_failed", text=str(exc)))
            except BadTimeError as exc:
                self._failures.append(Failure(index=index, reason="timestamp_parsing_failed", text=str(exc)))
            else:
                record["_timestamp"] = at_us
                timed.append((index, record))
        return timed

    def _store(self, timed: list[tuple[int, dict[str, object]]], elements: Elements, prepared: Prepared) -> None:
        for index, record in timed:
            try:
                stored = {name: self._stored(name, value) for name, value in record.items() if value is not None}
            except CastError as exc:
                self._failures.append(Failure(index=index, reason="schema_conformance_failed", text=str(exc)))
                continue
            at_us = _at(stored)
            prepared.first_us, prepared.last_us = min(prepared.first_us, at_us), max(prepared.last_us, at_us)
            as_it_came = _same(stored, elements.values[index])
            prepared.lines.append(elements.texts[index] if as_it_came else orjson.dumps(stored))
            prepared.places.append(index)
            self._note_shape(elements.values[index])

    def _stored(self, name: str, value: object) -> object:
        kind = columns.type_of(value) or columns.UTF8
        if self._stream.is_widened_late(name, kind):
            return value  # older than the schema: from now on the column can't be read (sheet 1.1)
        return columns.cast(value, self._stream.schema.columns[name])

    def _note_shape(self, value: object) -> None:
        """Remember shapes whose records are stored as they come."""
        if not isinstance(value, dict):
            return
        own = self._stream.schema.columns
        for name, one in value.items():
            kind = _PLAIN_TYPES.get(type(one))
            if kind is None or own.get(name) != kind or name == "_id":
                return
        if "_timestamp" in value:
            self._stream.note_shape((*value, *map(type, value.values())))


def _at(record: dict[str, object]) -> int:
    at_us = record["_timestamp"]
    assert isinstance(at_us, int)
    return at_us


def _same(stored: dict[str, object], value: object) -> bool:
    """Tell whether nothing was changed: 1, 1.0 and true are three different values here."""
    return (isinstance(value, dict) and len(stored) == len(value)
            and all(name in value and type(one) is type(value[name]) and one == value[name]
                    for name, one in stored.items()))  # fmt: skip


def _types(records: Iterable[dict[str, object]]) -> dict[str, str]:
    found: dict[str, str] = {}
    for record in records:
        for name, value in record.items():
            kind = columns.type_of(value)
            if kind is not None:
                found[name] = columns.merged(found[name], kind) if name in found else kind
    return found

"""One organisation: its streams and documents, and what is done to streams (sheet 8.2, 8.3)."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec

from aurora_logs_simulator.clock import SECOND_US
from aurora_logs_simulator.openobserve.columns import INT64, TYPES
from aurora_logs_simulator.openobserve.documents import Documents
from aurora_logs_simulator.openobserve.naming import format_stream
from aurora_logs_simulator.openobserve.profile import Setup
from aurora_logs_simulator.openobserve.replies import refused
from aurora_logs_simulator.openobserve.stream import Schema, Stream, StreamSettings


class Field(msgspec.Struct, frozen=True):
    """One column of a stream that is created."""

    name: str
    type: str


class Creation(msgspec.Struct, frozen=True):
    """The body of POST streams/{s}: both keys are needed."""

    fields: list[Field]
    settings: dict[str, object]


class Organization:
    """Used by one thread at a time."""

    def __init__(self, name: str, folder: Path, setup: Setup, *, seed: str) -> None:
        """Open what is in the folder."""
        self.name = name
        self._folder, self._setup = folder, setup
        self.streams: dict[str, Stream] = {}
        self.documents = Documents(dashboard_versions=setup.version.dashboard_versions,
                                   has_stream=lambda stream: stream in self.streams, seed=seed)  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.iterdir()):
            self._open(path.name, -1)

    def stream(self, name: str, now_us: int) -> Stream | None:
        """Return a stream that exists; one whose deletion has ended does not."""
        stream = self.streams.get(name)
        if stream is not None and stream.deleted_us is not None:
            if now_us - stream.deleted_us < self._setup.delete_sec * SECOND_US:
                return stream
            stream.rows.remove()
            del self.streams[name]
            return None
        return stream

    def visible(self, now_us: int) -> dict[str, Stream]:
        """Return the streams that a search or a listing knows."""
        known = {name: self.stream(name, now_us) for name in list(self.streams)}
        return {name: one for name, one in known.items() if one is not None and one.deleted_us is None}

    def for_ingest(self, name: str, now_us: int, *, start_us: int = -1) -> Stream:
        """Return the stream, made now when there is none. Raises: RefusalError while it is being deleted."""
        stream = self.stream(name, now_us)
        if stream is None:
            return self._open(name, start_us)
        if stream.deleted_us is not None:
            raise refused(f"stream [{name}] is being deleted", 400, "being deleted")
        return stream

    def create(self, name: str, creation: Creation, now_us: int) -> None:
        """Create a stream with its columns. Raises: RefusalError, once after the stream was created (sheet 1.1)."""
        name = format_stream(name)
        if name in self.visible(now_us):
            raise refused("stream already exists", 400, "exists")
        if unknown := [field.type for field in creation.fields if field.type not in TYPES]:
            raise refused(f"unknown type {unknown[0]}", 400, "type")
        stream = self.for_ingest(name, now_us, start_us=now_us)
        stream.schema.columns.update({field.name: field.type for field in creation.fields})
        stream.save()
        settings = msgspec.convert(creation.settings, StreamSettings)
        for key in settings.full_text_search_keys:
            if key not in stream.schema.columns:
                raise refused(f"field [{key}] not found in schema", 400, "no such field")
        stream.schema.settings = settings
        stream.save()

    def change_settings(self, name: str, changes: dict[str, object], now_us: int) -> None:
        """Apply the wrapper form {"add", "remove"}; `add` appends without a look for doubles. Raises: RefusalError."""
        stream = self.visible(now_us).get(name)
        if stream is None:
            raise refused("stream not found", 404, "no stream")
        settings = msgspec.to_builtins(stream.schema.settings)
        for key, change in changes.items():
            if key == "fields":
                added = change.get("add", []) if isinstance(change, dict) else []
                fields = msgspec.convert(added, list[Field])
                stream.schema.columns.update({one.name: one.type for one in fields if one.name not in stream.schema.columns})
            elif isinstance(change, dict):
                kept = [one for one in settings.get(key, []) if one not in change.get("remove", [])]
                settings[key] = [*kept, *change.get("add", [])]
            else:
                settings[key] = change
        if settings.get("index_all_values") and settings.get("index_original_data"):
            raise refused("index_all_values can't be used with index_original_data", 400, "settings")
        stream.schema.settings = msgspec.convert(settings, StreamSettings)
        stream.save()

    def delete(self, name: str, now_us: int) -> None:
        """Begin to delete a stream. Raises: RefusalError."""
        if name not in self.visible(now_us):
            raise refused("stream not found", 404, "no stream")
        self.streams[name].deleted_us = now_us

    def described(self, stream: Stream, *, with_schema: bool) -> dict[str, object]:
        """Return one stream as the listing shows it; the statistics lag in the real server and are 0 here."""
        schema = [{"name": name, "type": kind} for name, kind in sorted(stream.schema.columns.items())]
        return {"name": stream.name, "storage_type": "disk", "stream_type": "logs",
                "stats": {"doc_time_min": 0, "doc_time_max": 0, "doc_num": 0, "file_num": 0, "storage_size": 0.0,
                          "compressed_size": 0.0}, "schema": schema if with_schema else [],
                "settings": msgspec.to_builtins(stream.schema.settings)}  # fmt: skip

    def close(self) -> None:
        """End in good order."""
        for stream in self.streams.values():
            stream.rows.close()

    def forget(self, name: str) -> None:
        """Take a stream out of the world without a deletion that lasts."""
        stream = self.streams.pop(name)
        stream.rows.close()
        shutil.rmtree(self._folder / name)

    def _open(self, name: str, start_us: int) -> Stream:
        schema = Schema(start_us=start_us, columns={"_timestamp": INT64}, settings=StreamSettings())
        stream = Stream(name, self._folder / name, schema=schema, keeps_all=not self._setup.version.buffers_wal)
        self.streams[name] = stream
        return stream

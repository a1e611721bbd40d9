"""One stream: its columns with their types, its settings, and its rows."""

from __future__ import annotations

from pathlib import Path

import msgspec

from aurora_logs_simulator.openobserve.columns import UTF8, widened
from aurora_logs_simulator.openobserve.lines import Lines

FULL_TEXT = ("log", "message", "msg", "content", "data", "body", "json", "error", "errors")
SHAPES_KEPT = 10_000


class StreamSettings(msgspec.Struct, kw_only=True):
    """What PUT settings changes. data_retention in days, max_query_range in hours; 0: none."""

    full_text_search_keys: list[str] = []
    index_fields: list[str] = []
    bloom_filter_fields: list[str] = []
    partition_keys: list[object] = []
    data_retention: int = 0
    max_query_range: int = 0
    flatten_level: int | None = None
    store_original_data: bool = False
    index_all_values: bool = False


class Schema(msgspec.Struct, kw_only=True):
    """The newest version of the columns; it counts from `start_us`: the creation, or a batch's oldest record (-1: none yet)."""

    start_us: int
    columns: dict[str, str]
    settings: StreamSettings


class SchemaKeptError(Exception):
    """A change of type fell on the start of the newest version: the whole batch is dropped (sheet 1.1)."""


class Stream:
    """Used by one thread at a time."""

    def __init__(self, name: str, folder: Path, *, schema: Schema, keeps_all: bool) -> None:
        """Open or create the stream in its folder."""
        self.name = name
        self._file = folder / "schema.json"
        self.rows = Lines(folder, keeps_all=keeps_all)
        self.schema = msgspec.json.decode(self._file.read_bytes(), type=Schema) if self._file.exists() else schema
        self.save()
        # (names, value types) of records that need no change: the quick way of the ingest
        self.plain_shapes: set[tuple[object, ...]] = set()
        self.deleted_us: int | None = None

    def save(self) -> None:
        """Keep schema and settings."""
        self._file.write_bytes(msgspec.json.encode(self.schema))
        self.plain_shapes = set()

    def take_types(self, incoming: dict[str, str], oldest_us: int) -> None:
        """Let a batch with these column types change the schema.

        Columns are added always. A type changes only for records that are younger than the newest version: older ones
        are stored as they come, and the column stays as it was (sheet 1.1).
        Raises: SchemaKeptError.
        """
        columns = self.schema.columns
        if self.schema.start_us < 0:
            self.schema.start_us = oldest_us
        changed = {name: wide for name, kind in incoming.items()
                   if name in columns and (wide := widened(columns[name], kind)) != columns[name]}
        if changed and oldest_us == self.schema.start_us:
            raise SchemaKeptError
        added = {name: kind for name, kind in incoming.items() if name not in columns}
        if changed and oldest_us > self.schema.start_us:
            columns.update(changed)
            self.schema.start_us = oldest_us
        elif not added:
            return
        columns.update(added)
        self.save()

    def is_widened_late(self, name: str, kind: str) -> bool:
        """Tell whether a value of this type goes into its column as it is, although it does not fit."""
        return widened(self.schema.columns[name], kind) == UTF8 != self.schema.columns[name]

    def note_shape(self, shape: tuple[object, ...]) -> None:
        """Remember that records of this shape need no change, until the schema changes."""
        if len(self.plain_shapes) >= SHAPES_KEPT:
            self.plain_shapes.clear()
        self.plain_shapes.add(shape)

    def full_text_columns(self) -> list[str]:
        """Return the text columns in which `match_all` looks."""
        keys = dict.fromkeys([*FULL_TEXT, *self.schema.settings.full_text_search_keys])
        return [key for key in keys if self.schema.columns.get(key) == UTF8]

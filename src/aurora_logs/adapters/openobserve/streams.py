"""What streams there are and what their columns are; and the making of ours, before the first record (§8.2, 8.3)."""

from typing import Any
from urllib.parse import quote

import msgspec

from aurora_logs.adapters.openobserve.api import Api
from aurora_logs.adapters.openobserve.columns import BLOOM, FULL_TEXT, INDEX, stream_columns
from aurora_logs.adapters.openobserve.connection import Reply
from aurora_logs.adapters.openobserve.refusals import said, search_error
from aurora_logs.errors import ConfigError, Unreachable
from aurora_logs.records.log_record import STREAMS

CALL_SEC = 30.0


class Column(msgspec.Struct, frozen=True):
    """One column: its name and Utf8, Int64, UInt64, Float64 or Boolean."""

    name: str
    type: str


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """A stream as it is. settings: as the server shows them."""

    name: str
    columns: dict[str, str]
    settings: dict[str, Any]


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """A column that has another type than ours: nothing is changed, an operator decides (OO-69, OO-103)."""

    stream: str
    column: str
    type: str
    wanted: str


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """What making a stream came to. created: it was not there; columns, settings: what was added to one that was."""

    stream: str
    created: bool
    columns: list[str]
    settings: list[str]
    differences: list[Difference]


class Streams:
    """The streams of an organisation. Called from many threads at once."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def is_listed(self, name: str) -> bool:
        """Tell whether the server lists a stream of this name. Raises: Unreachable, TimedOut, AccessDenied, ConfigError."""
        listed = self._get(f"streams?type=logs&fetchSchema=false&keyword={quote(name)}")
        return any(one.get("name") == name for one in listed.get("list") or [])

    def state(self, name: str) -> StreamState | None:
        """Return a stream's columns and settings; None when there is none. Raises as `is_listed`."""
        if not self.is_listed(name):
            return None
        found = self._get(f"streams/{quote(name)}/schema?type=logs")
        columns = msgspec.convert(found.get("schema") or [], list[Column])
        return StreamState(name=name, columns={one.name: one.type for one in columns}, settings=found.get("settings") or {})

    def make(self, log_type: str) -> Made:
        """Make the stream of a log type with all its columns, or add what it lacks; nothing is destroyed (OO-101..104, 133).

        Raises: Unreachable, TimedOut, AccessDenied, ConfigError (the server refuses a part; what it did is looked at anew
        by the next call).
        """
        name, columns = STREAMS[log_type], stream_columns(log_type)
        before = self.state(name)
        if before is None:
            fields = [{"name": column, "type": kind} for column, kind in columns.items() if column != "_timestamp"]
            # Settings in a second call: a name that is refused there leaves a stream without settings (§1.1).
            self._send("POST", f"streams/{quote(name)}?type=logs", {"fields": fields, "settings": {}})
        now = self.state(name)
        if now is None:
            raise Unreachable(f"{self._api.url}: the stream {name} is not there although it was created")
        missing = [column for column in columns if column not in now.columns]
        settings = {key: {"add": lacking, "remove": []} for key, lacking in lacking_of(now).items() if lacking}
        if missing or settings:
            added = {"fields": {"add": [{"name": column, "type": columns[column]} for column in missing]}} if missing else {}
            self._send("PUT", f"streams/{quote(name)}/settings?type=logs", {**settings, **added})
        return Made(stream=name, created=before is None, columns=missing, settings=sorted(settings),
                    differences=differences_of(now, columns))

    def _get(self, path: str) -> dict[str, Any]:
        return self._checked(self._api.ask("GET", path, limit_sec=CALL_SEC), path)

    def _send(self, method: str, path: str, value: object) -> None:
        self._checked(self._api.ask(method, path, msgspec.json.encode(value), limit_sec=CALL_SEC), path)

    def _checked(self, reply: Reply, path: str) -> dict[str, Any]:
        if reply.status != 200:
            raise search_error(reply, self._api.where("manage streams")) or ConfigError(
                f"{self._api.url} refuses {path.partition('?')[0]}: {said(reply)}")
        try:
            return msgspec.json.decode(reply.body, type=dict[str, Any])
        except msgspec.MsgspecError:
            raise Unreachable(f"{self._api.url} {path.partition('?')[0]}: the answer is not JSON") from None


def lacking_of(stream: StreamState) -> dict[str, list[str]]:
    """Return what each list of settings lacks: `add` on the server appends what is there already (§8.3)."""
    wanted = {"full_text_search_keys": FULL_TEXT, "index_fields": INDEX, "bloom_filter_fields": BLOOM}
    return {key: [name for name in names if name not in (stream.settings.get(key) or [])] for key, names in wanted.items()}


def differences_of(stream: StreamState, columns: dict[str, str]) -> list[Difference]:
    """Return the columns that have another type than ours."""
    return [Difference(stream=stream.name, column=name, type=stream.columns[name], wanted=kind)
            for name, kind in columns.items() if stream.columns.get(name, kind) != kind]

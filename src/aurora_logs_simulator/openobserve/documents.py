"""Folders, dashboards, templates, destinations and alerts: documents that are kept after a check of their keys (8.4, 8.5)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import msgspec

from aurora_logs_simulator.openobserve.replies import refused

Document = dict[str, object]
OPERATORS = frozenset({"=", "!=", ">", ">=", "<", "<=", "Contains", "NotContains"})

_PANEL = ("id", "type", "title", "description", "config", "queries")
_AXES = ("stream", "stream_type", "x", "y", "filter")
_ALERT = ("name", "stream_type", "stream_name", "is_real_time", "query_condition", "trigger_condition", "destinations")
_NEEDED = {
    "folders": ("name",), "templates": ("name", "body"), "destinations": ("name", "template"), "alerts": _ALERT,
    "dashboards": ("title", "tabs"),
}  # fmt: skip


class Documents:
    """The documents of one organisation, by kind and id."""

    def __init__(self, *, dashboard_versions: tuple[int, ...], has_stream: Callable[[str], bool], seed: str) -> None:
        """`has_stream(name)`: alerts need theirs."""
        self._versions, self._has_stream, self._seed, self._drawn = dashboard_versions, has_stream, seed, 0
        self.kept: dict[str, dict[str, Document]] = {kind: {} for kind in _NEEDED}

    def create(self, kind: str, document: Document, folder: str = "default") -> tuple[str, Document]:
        """Keep a new document; return its id and what is kept. Raises: RefusalError."""
        self._check(kind, document)
        named = kind in ("templates", "destinations")
        if named and document["name"] in self.kept[kind]:
            raise refused(f"{kind} {document['name']} already exists", 400, "exists")
        identity = str(document["name"]) if named else self._identity(kind)
        kept = {**document, "folder": folder}
        self.kept[kind][identity] = kept
        return identity, kept

    def replace(self, kind: str, identity: str, document: Document, given_hash: str | None = None) -> Document:
        """Put another document in its place; of a dashboard only with its last hash. Raises: RefusalError."""
        before = self.one(kind, identity)
        if kind == "dashboards" and given_hash != hash_of(before):
            raise refused("Conflict: Failed to save due to concurrent changes", 409, "conflict")
        self._check(kind, document)
        self.kept[kind][identity] = {**document, "folder": before["folder"]}
        return self.kept[kind][identity]

    def one(self, kind: str, identity: str) -> Document:
        """Return one. Raises: RefusalError 404."""
        if identity not in self.kept[kind]:
            raise refused(f"{kind[:-1]} not found", 404, "not found")
        return self.kept[kind][identity]

    def delete(self, kind: str, identity: str) -> None:
        """Forget one. Raises: RefusalError 404."""
        self.one(kind, identity)
        del self.kept[kind][identity]

    def listed(self, kind: str, folder: str = "") -> dict[str, Document]:
        """Return all of a kind, or of one folder."""
        return {identity: one for identity, one in self.kept[kind].items() if folder in ("", one["folder"])}

    def shown(self, identity: str) -> Document:
        """Return a dashboard as the server does: under the key of its version, with its hash."""
        kept = {name: value for name, value in self.one("dashboards", identity).items() if name != "folder"}
        version = kept.get("version", 1)
        return {f"v{version}": {**kept, "dashboardId": identity}, "version": version,
                "hash": hash_of(self.one("dashboards", identity)), "updatedAt": 0}  # fmt: skip

    def _identity(self, kind: str) -> str:
        self._drawn += 1
        return hashlib.blake2b(f"{self._seed}\0{kind}\0{self._drawn}".encode(), digest_size=10).hexdigest()

    def _check(self, kind: str, document: Document) -> None:
        need(document, _NEEDED[kind], kind[:-1])
        if kind == "dashboards":
            self._check_dashboard(document)
        if kind == "destinations" and document["template"] not in self.kept["templates"]:
            raise refused(f"template {document['template']} not found", 404, "no template")
        if kind == "alerts":
            self._check_alert(document)

    def _check_dashboard(self, document: Document) -> None:
        version = document.get("version", 1)
        if version not in self._versions:
            raise refused(f"unknown dashboard version {version}", 400, "version")
        for tab in objects(document["tabs"]):
            need(tab, ("tabId", "name", "panels"), "tab")
            for panel in objects(tab["panels"]):
                need(panel, (*_PANEL, "layout") if version == 5 else _PANEL, "panel")
                for query in objects(panel["queries"]):
                    need(query, ("customQuery", "fields", "config"), "query")
                    fields = objects([query["fields"]])[0]
                    need(fields, _AXES, "fields")
                    for axis in [*objects(fields["x"]), *objects(fields["y"])]:
                        need(axis, ("label", "alias", "column") if version == 5 else (), "axis")

    def _check_alert(self, document: Document) -> None:
        if not self._has_stream(str(document["stream_name"])):
            raise refused(f"Stream {document['stream_name']} not found", 404, "no stream")
        given = document["destinations"]
        for name in given if isinstance(given, list) else []:
            if name not in self.kept["destinations"]:
                raise refused(f"Alert destination {name} not found", 404, "no destination")
        trigger = objects([document["trigger_condition"]])[0]
        need(trigger, ("period", "operator", "threshold", "frequency"), "trigger_condition")
        if trigger["operator"] not in OPERATORS:
            raise refused(f"unknown operator {trigger['operator']}", 400, "operator")


def hash_of(document: Document) -> str:
    """Return the hash that the next change must give."""
    encoded = msgspec.json.encode(document, order="deterministic")
    return str(int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest(), "big"))


def need(document: Document, names: tuple[str, ...], what: str) -> None:
    """Refuse a document that lacks a key, as the real parser does. Raises: RefusalError."""
    missing = [name for name in names if name not in document]
    if missing:
        raise refused(f"Error# {what}: missing field `{missing[0]}`", 400, "missing key")


def objects(value: object) -> list[Document]:
    """Return a list's objects. Raises: RefusalError when it is none."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise refused("Error# invalid type: expected a sequence of objects", 400, "type")
    return value

"""Every path but ingest and search: streams, documents, accounts (sheet 3.3, 8). What is not here is 404."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs, unquote

import msgspec

from aurora_logs_simulator.openobserve.access import Account
from aurora_logs_simulator.openobserve.organization import Creation, Organization
from aurora_logs_simulator.openobserve.replies import RefusalError, Reply, json_reply, refused
from aurora_logs_simulator.openobserve.world import World


class Context(msgspec.Struct, frozen=True):
    """What a route works with. names: what the path's groups matched."""

    world: World
    organization: Organization
    account: Account
    names: tuple[str, ...]
    query: dict[str, str]
    body: bytes

    def document(self) -> dict[str, object]:
        """Return the body as a JSON object. Raises: RefusalError."""
        try:
            return msgspec.json.decode(self.body, type=dict[str, object])
        except msgspec.MsgspecError as exc:
            raise refused(f"Error# {exc}", 400, "bad request") from exc


Act = Callable[[Context], object]


def answer(method: str, path: str, query: str, make: Callable[[tuple[str, ...], dict[str, str]], Context]) -> Reply:
    """Answer a request below /api/{org}/. Raises: RefusalError, 404 for a path that is not known."""
    for known_method, pattern, act in ROUTES:
        match = pattern.fullmatch(path)
        if match is None or method != known_method:
            continue
        names = tuple(unquote(name) for name in match.groups())
        value = act(make(names, {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}))
        return value if isinstance(value, Reply) else json_reply(value)
    raise RefusalError(Reply(status=404, body=b""), "no such path")


def _list_streams(context: Context) -> object:
    keyword = context.query.get("keyword", "")
    streams = context.organization.visible(context.world.now_us())
    with_schema = context.query.get("fetchSchema") == "true"
    offset, limit = int(context.query.get("offset", 0)), int(context.query.get("limit", 0))
    names = [name for name in sorted(streams) if keyword in name]
    page = names[offset:offset + limit] if limit else names[offset:]
    return {"list": [context.organization.described(streams[name], with_schema=with_schema) for name in page],
            "total": len(names)}  # fmt: skip


def _stream_schema(context: Context) -> object:
    stream = context.organization.visible(context.world.now_us()).get(context.names[0])
    if stream is None:
        raise refused("stream not found", 404, "no stream")
    return context.organization.described(stream, with_schema=True)


def _create_stream(context: Context) -> object:
    try:
        creation = msgspec.json.decode(context.body, type=Creation)
    except msgspec.MsgspecError as exc:
        raise refused(f"Error# {exc}", 400, "bad request") from exc
    context.organization.create(context.names[0], creation, context.world.now_us())
    return {"code": 200, "message": "stream created"}


def _change_stream(context: Context) -> object:
    context.organization.change_settings(context.names[0], context.document(), context.world.now_us())
    return {"code": 200, "message": "stream settings updated"}


def _delete_stream(context: Context) -> object:
    context.organization.delete(context.names[0], context.world.now_us())
    return {"code": 200, "message": "stream deleted"}


def _create(kind: str) -> Act:
    def act(context: Context) -> object:
        identity, kept = context.organization.documents.create(kind, context.document(), context.query.get("folder", "default"))
        if kind == "dashboards":
            return context.organization.documents.shown(identity)
        return {"code": 200, "message": f"{kind[:-1]} saved", "id": identity, "name": kept.get("name", "")}

    return act


def _list(kind: str) -> Act:
    def act(context: Context) -> object:
        documents = context.organization.documents
        listed = documents.listed(kind, context.query.get("folder", ""))
        if kind == "dashboards":
            title = context.query.get("title", "").lower()
            return {"dashboards": [documents.shown(one) for one, kept in listed.items() if title in str(kept["title"]).lower()]}
        rows = [{**kept, "id": one} for one, kept in listed.items()]
        return {"list": rows} if kind in ("alerts", "folders") else rows

    return act


def _one(kind: str) -> Act:
    def act(context: Context) -> object:
        documents = context.organization.documents
        return documents.shown(context.names[-1]) if kind == "dashboards" else documents.one(kind, context.names[-1])

    return act


def _replace(kind: str) -> Act:
    def act(context: Context) -> object:
        documents = context.organization.documents
        documents.replace(kind, context.names[-1], context.document(), context.query.get("hash"))
        return documents.shown(context.names[-1]) if kind == "dashboards" else {"code": 200, "message": f"{kind[:-1]} updated"}

    return act


def _delete(kind: str) -> Act:
    def act(context: Context) -> object:
        context.organization.documents.delete(kind, context.names[-1])
        return {"code": 200, "message": f"{kind[:-1]} deleted"}

    return act


def _enable_alert(context: Context) -> object:
    context.organization.documents.one("alerts", context.names[0])["enabled"] = context.query.get("value") == "true"
    return {"code": 200, "message": "alert updated"}


def _passcode(context: Context) -> object:
    return {"data": {"passcode": context.account.token, "user": context.account.email}}


def _new_passcode(context: Context) -> object:
    context.world.access.rotate(context.account.email)
    return _passcode(context)


def _add_service_account(context: Context) -> object:
    account = context.world.access.add(str(context.document()["email"]), is_service=True, role="service_account")
    return {"token": account.password, "user": account.email}


def _list_service_accounts(context: Context) -> object:
    return {"data": [{"email": one.email, "role": one.role} for one in context.world.access.accounts.values() if one.is_service]}


def _add_user(context: Context) -> object:
    document = context.document()
    context.world.access.add(str(document["email"]), str(document["password"]), role=str(document.get("role", "admin")))
    return {"code": 200, "message": "User saved successfully"}


def _list_users(context: Context) -> object:
    return {"data": [{"email": one.email, "role": one.role} for one in context.world.access.accounts.values()]}


def _delete_user(context: Context) -> object:
    if context.world.access.accounts.pop(context.names[0], None) is None:
        raise refused("User not found", 404, "no user")
    return {"code": 200, "message": "User deleted"}


def _list_organizations(context: Context) -> object:
    return {"data": [{"identifier": name, "name": name} for name in context.world.organizations]}


def _settings(context: Context) -> object:
    del context
    return {"data": {"scrape_interval": 15}}


def _routes() -> list[tuple[str, re.Pattern[str], Act]]:
    name = "([^/]+)"
    plain: list[tuple[str, str, Act]] = [
        ("GET", "streams", _list_streams), ("GET", f"streams/{name}/schema", _stream_schema),
        ("POST", f"streams/{name}", _create_stream), ("PUT", f"streams/{name}/settings", _change_stream),
        ("DELETE", f"streams/{name}", _delete_stream),
        ("GET", "passcode", _passcode), ("PUT", "passcode", _new_passcode),
        ("POST", "service_accounts", _add_service_account), ("GET", "service_accounts", _list_service_accounts),
        ("POST", "users", _add_user), ("GET", "users", _list_users), ("DELETE", f"users/{name}", _delete_user),
        ("GET", "organizations", _list_organizations), ("GET", "settings", _settings),
        ("PATCH", f"v2/alerts/{name}/enable", _enable_alert), ("GET", f"dashboards/{name}/export", _one("dashboards")),
    ]  # fmt: skip
    places = {"dashboards": "dashboards", "alerts/templates": "templates", "alerts/destinations": "destinations",
              "v2/alerts": "alerts", "v2/folders/(?:dashboards|alerts)": "folders"}  # fmt: skip
    for place, kind in places.items():
        plain += [("POST", place, _create(kind)), ("GET", place, _list(kind)), ("GET", f"{place}/{name}", _one(kind)),
                  ("PUT", f"{place}/{name}", _replace(kind)), ("DELETE", f"{place}/{name}", _delete(kind))]  # fmt: skip
    return [(method, re.compile(pattern), act) for method, pattern, act in plain]


ROUTES = _routes()

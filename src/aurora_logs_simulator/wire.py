"""The AWS Query protocol: parameters in, XML out, as RDS 2014-10-31 speaks it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aurora_logs_simulator.answers import ApiError, Item, Page, Portion

NAMESPACE = "http://rds.amazonaws.com/doc/2014-10-31/"
VERSION = "2014-10-31"
XML_TYPE = "text/xml;charset=utf-8"

# The element of a list and the name of its rows, as the service model has them; `member` is the protocol's default.
ROW_NAMES = {
    "DBInstances": "DBInstance",
    "DBClusters": "DBCluster",
    "DBClusterMembers": "DBClusterMember",
    "DBParameterGroups": "DBParameterGroup",
    "Parameters": "Parameter",
    "DescribeDBLogFiles": "DescribeDBLogFilesDetails",
    "Events": "Event",
    "EventCategories": "EventCategory",
    "TagList": "Tag",
}
LIST_OF = {
    "DescribeDBInstances": "DBInstances",
    "DescribeDBClusters": "DBClusters",
    "DescribeDBLogFiles": "DescribeDBLogFiles",
    "DescribeDBParameters": "Parameters",
    "DescribeDBClusterParameters": "Parameters",
    "DescribeEvents": "Events",
    "ListTagsForResource": "TagList",
}
_NUMBERED = re.compile(r"(?P<name>.+)\.(?:member|[A-Za-z]+)\.(?P<index>\d+)(?P<rest>\..+)?")
NAMED = {b"&": b"&amp;", b"<": b"&lt;", b">": b"&gt;", b'"': b"&quot;", b"'": b"&apos;"}


def parameters(body: bytes) -> dict[str, str]:
    """Return the parameters of a form body."""
    return dict(parse_qsl(body.decode("utf-8"), keep_blank_values=True))


def numbered(params: dict[str, str], name: str) -> list[str]:
    """Return the values of a list such as `EventCategories.EventCategory.1`, in order."""
    found = []
    for key, value in params.items():
        match = _NUMBERED.fullmatch(key)
        if match is not None and match["name"] == name and match["rest"] is None:
            found.append((int(match["index"]), value))
    return [value for _, value in sorted(found)]


def filters(params: dict[str, str]) -> dict[str, list[str]]:
    """Return `Filters.Filter.N.Name` with the values of each."""
    found: dict[str, list[str]] = {}
    index = 1
    while (name := params.get(f"Filters.Filter.{index}.Name")) is not None:
        found[name] = numbered(params, f"Filters.Filter.{index}.Values")
        index += 1
    return found


def page_answer(operation: str, page: Page, request_id: str) -> bytes:
    """Return a describe operation's XML."""
    listed: Item = list(page.items)
    members: dict[str, Item] = {LIST_OF[operation]: listed}
    if page.marker is not None:
        members["Marker"] = page.marker
    return _wrapped(operation, _element_members(members).encode(), request_id)


def portion_answer(portion: Portion, request_id: str) -> bytes:
    """Return DownloadDBLogFilePortion's XML; bytes that XML cannot hold stand in it raw, as they were seen."""
    parts = []
    if portion.spelling == "empty_element":
        parts.append(b"<LogFileData/>")
    elif portion.content is not None:
        parts += [b"<LogFileData>", spelled(portion.content, portion.spelling), b"</LogFileData>"]
    if portion.marker is not None:
        parts.append(f"<Marker>{escape(portion.marker)}</Marker>".encode())
    if portion.pending is not None:
        parts.append(f"<AdditionalDataPending>{_text(portion.pending)}</AdditionalDataPending>".encode())
    return _wrapped("DownloadDBLogFilePortion", b"".join(parts), request_id)


def spelled(content: bytes, spelling: str) -> bytes:
    """Write the bytes as XML text: `escaped` (& < >), `named`, `decimal`, `hex` (quotes and CR too), or `cdata`."""
    if spelling == "cdata":
        return b"<![CDATA[" + content.replace(b"]]>", b"]]]]><![CDATA[>") + b"]]>"
    if spelling == "escaped":
        return content.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    if spelling == "named":
        for plain, reference in NAMED.items():
            content = content.replace(plain, reference)
        return content.replace(b"\r", b"&#13;")
    form = b"&#%d;" if spelling == "decimal" else b"&#x%X;"
    return re.sub(rb"[&<>\"'\r]", lambda found: form % found[0][0], content)


def members_answer(operation: str, members: dict[str, Item], request_id: str, *, namespace: str = NAMESPACE) -> bytes:
    """Return the XML of an answer that is no list."""
    return _wrapped(operation, _element_members(members).encode(), request_id, namespace)


def error_answer(error: ApiError, request_id: str, *, namespace: str = NAMESPACE) -> bytes:
    """Return the XML of a refusal."""
    sender = "Sender" if error.status < 500 else "Receiver"
    return (
        f'<ErrorResponse xmlns="{namespace}">\n  <Error>\n    <Type>{sender}</Type>\n'
        f"    <Code>{escape(error.code)}</Code>\n    <Message>{escape(error.message)}</Message>\n  </Error>\n"
        f"  <RequestId>{request_id}</RequestId>\n</ErrorResponse>\n"
    ).encode()


def _wrapped(operation: str, inner: bytes, request_id: str, namespace: str = NAMESPACE) -> bytes:
    head = f'<{operation}Response xmlns="{namespace}">\n  <{operation}Result>'
    foot = (
        f"</{operation}Result>\n  <ResponseMetadata>\n    <RequestId>{request_id}</RequestId>\n"
        f"  </ResponseMetadata>\n</{operation}Response>\n"
    )
    return head.encode() + inner + foot.encode()


def _element_members(members: dict[str, Item]) -> str:
    return "".join(_element(name, value) for name, value in members.items() if value is not None)


def _element(name: str, value: Item) -> str:
    if isinstance(value, dict):
        return f"<{name}>{_element_members(value)}</{name}>"
    if isinstance(value, list):
        row = ROW_NAMES.get(name, "member")
        return f"<{name}>{''.join(_element(row, item) for item in value)}</{name}>"
    return f"<{name}>{escape(_text(value))}</{name}>"


def _text(value: str | int | bool | None) -> str:  # noqa: FBT001 - a scalar of the answer
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)

"""Answers in the server's own shapes, and the errors that become one."""

from __future__ import annotations

import msgspec

HTML = b"<html><head><title>%d Proxy</title></head><body><center><h1>%d</h1></center><hr>proxy</body></html>\n"


class Reply(msgspec.Struct, kw_only=True):
    """One answer before a fault gets at it."""

    status: int
    body: bytes
    headers: dict[str, str] = {}


class RefusalError(Exception):
    """The request ends here, with this answer."""

    def __init__(self, reply: Reply, outcome: str) -> None:
        """`outcome` is for the journal."""
        super().__init__(outcome)
        self.reply, self.outcome = reply, outcome


def json_reply(value: object, status: int = 200) -> Reply:
    """Answer with JSON."""
    return Reply(status=status, body=msgspec.json.encode(value), headers={"Content-Type": "application/json"})


def text_reply(text: str, status: int) -> Reply:
    """Answer with plain text."""
    return Reply(status=status, body=text.encode(), headers={"Content-Type": "text/plain; charset=utf-8"})


def html_reply(status: int) -> Reply:
    """Answer as a proxy in front of the server would."""
    return Reply(status=status, body=HTML % (status, status), headers={"Content-Type": "text/html"})


def error_reply(message: str, status: int) -> Reply:
    """Answer with the server's JSON error."""
    return json_reply({"code": status, "message": message}, status)


def refused(message: str, status: int, outcome: str) -> RefusalError:
    """Make the error that answers with the server's JSON."""
    return RefusalError(error_reply(message, status), outcome)

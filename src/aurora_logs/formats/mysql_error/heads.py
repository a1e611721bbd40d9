"""What begins a line of an error log: clock, thread, label, code, subsystem, in the forms of all servers; no messages here.

Forms: log-formats.md §4.1. A line of any other form continues the entry before it.
"""

import re
from typing import Annotated, NamedTuple

import msgspec

from aurora_logs.text import Printed, read_rfc3339, read_short, readable

_LONG = rb"\d{4}-\d\d-\d\d(?:T| +)\d{1,2}:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?"
_SHORT = rb"\d{6} +\d{1,2}:\d\d:\d\d"
_HEX = rb"(?=[0-9a-f]{0,16}[a-f])(?=[a-f]{0,16}\d)[0-9a-f]{8,16}(?=[ \tI\r\n])"  # InnoDB 5.6 prints threads without 0x
_THREAD = rb"\d{1,20}(?=[ \t])|0x[0-9a-f]{1,16}?(?=[ \tI\r\n]|\d{4}-\d\d-\d\d )|" + _HEX
_PLAIN = re.compile(
    rb"(?P<time>%b|%b)(?=[ \t\r\n]|0x[0-9a-f]|InnoDB:)[ \t]*(?:(?P<thread>%b))?[ \t]*"
    rb"(?:\[(?P<label>[A-Za-z]{1,20})\] ?)?(?:\[(?P<code>MY-\d{1,9})\] ?(?:\[(?P<subsystem>[^\]\n]{0,60})\] ?)?)?"
    rb"(?:(?:UTC )?- (?=\S{1,400} got (?:signal|exception)))?" % (_LONG, _SHORT, _THREAD)
)
_SIGNAL = re.compile(rb"(?P<time>\d\d:\d\d:\d\d) UTC - (?=\S{1,400} got (?:signal|exception))")
_JSON = re.compile(rb'\{ ?"(?:log_type|prio|err_code|err_symbol|SQL_state|subsystem|label|msg|time|ts|thread|source_file)" ?: ?')
_CUT = re.compile(rb'(?:\d[\dT:.+ -]{0,40}Z?|\{(?: ?"[a-zA-Z_]{0,12}(?:" ?)?)?)\Z')
_Count = Annotated[int, msgspec.Meta(ge=0, le=(1 << 53))]
_LABELS = ("System", "Error", "Warning", "Note")  # by prio, for sinks that print no label


class Head(NamedTuple):
    """The head of a line.

    time: its clock as printed; clock: read, None for a signal's line, which has no date, and for what is no time.
    message: the text of a JSON line; None: what stands from `end` on. source: file, function and line of a JSON line.
    """

    end: int
    time: bytes
    clock: Printed | None
    thread: int | None = None
    label: str | None = None
    code: str | None = None
    subsystem: bytes | None = None
    message: bytes | None = None
    source: tuple[str | None, str | None, int | None] = (None, None, None)
    is_signal: bool = False
    is_spoilt: bool = False  # a JSON line that is none
    is_lossy: bool = False  # a JSON line with invalid UTF-8


def is_head(content: bytes, at: int) -> bool:
    """Tell whether the line at `at` begins an entry by itself."""
    first = content[at : at + 1]
    if first == b"{":
        return _JSON.match(content, at) is not None
    return first.isdigit() and (_PLAIN.match(content, at) or _SIGNAL.match(content, at)) is not None


def is_cut_head(content: bytes, at: int) -> bool:
    """Tell whether the end of the bytes may cut a head at `at` (FMT-121)."""
    return _CUT.match(content, at) is not None


def head_at(content: bytes, at: int) -> Head | None:
    """Read the head of the line at `at`; None when it has none."""
    if content.startswith(b"{", at):
        return _json_head(content, at) if _JSON.match(content, at) else None
    if found := _PLAIN.match(content, at):
        return _plain_head(found)
    found = _SIGNAL.match(content, at)
    return Head(end=found.end(), time=found["time"], clock=None, is_signal=True) if found else None


def _plain_head(found: re.Match[bytes]) -> Head:
    time, thread = found["time"], found["thread"]
    is_number = thread is not None and thread.isdigit()
    return Head(
        end=found.end(),
        time=time,
        clock=read_rfc3339(time) or read_short(time),
        thread=None if thread is None else int(thread, 10 if is_number else 16),
        label=_text(found["label"]),
        code=_text(found["code"]),
        subsystem=found["subsystem"],
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode()


def _json_head(content: bytes, at: int) -> Head:
    """Read a line of the JSON sink (log_sink_json); its end is that of the line."""
    end = content.find(b"\n", at)
    end = len(content) if end < 0 else end
    text, is_valid = readable(content[at:end])
    try:
        said = msgspec.json.decode(text, type=_Said)
    except (msgspec.DecodeError, RecursionError):
        return Head(end=at, time=b"", clock=None, is_spoilt=True)
    time = said.time.encode()
    clock = read_rfc3339(time)
    if clock is None and said.ts is not None:
        time, clock = str(said.ts).encode(), Printed(said.ts * 1000, "Z", 0)
    return Head(
        end=end,
        time=time,
        clock=clock,
        thread=said.thread,
        label=said.label or (_LABELS[said.prio] if said.prio in range(len(_LABELS)) else None),
        code=None if said.err_code is None else f"MY-{said.err_code:06d}",
        subsystem=said.subsystem.encode(),
        message=said.msg.encode(),
        source=(said.source_file or None, said.function or None, said.source_line),
        is_lossy=not is_valid,
    )


class _Said(msgspec.Struct):
    """What a line of the JSON sink may say; keys that are not here are passed over."""

    prio: int = -1
    err_code: _Count | None = None
    subsystem: str = ""
    source_file: str = ""
    function: str = ""
    source_line: _Count | None = None
    msg: str = ""
    time: str = ""
    ts: _Count | None = None
    thread: _Count | None = None
    label: str = ""

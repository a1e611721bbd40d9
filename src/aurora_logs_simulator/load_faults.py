"""Planted text: lines that make an entry hard to carry, added behind it before it is written."""

from __future__ import annotations

from aurora_logs_simulator.faults import Faults
from aurora_logs_simulator.portions import NOTICE

CONTROL_BYTES = b"nul \x00 esc \x1b soh \x01 nonchar \xef\xbf\xbe latin-1 caf\xe9 cut \xe2\x82"
MULTI_BYTE = "àéîõü €uro 漢字 \U0001f600 ".encode() * 8
CARRIAGE_RETURNS = b"lone \r crlf \r\n-- reference &#13; end"
SCALING = b"[Note] [MY-013360] [InnoDB] Resizing buffer pool from 402653184 to 805306368 (unit=134217728)."

TEXTS = {
    "carriage_returns": CARRIAGE_RETURNS,
    "control_bytes": CONTROL_BYTES,
    "multi_byte": MULTI_BYTE,
    "notice_in_text": b"quoted:" + NOTICE.rstrip(b"\n"),
    "scaling_lines": SCALING,
}
LONG = ("long_line", "huge_line")


def hardened(content: bytes, *, log_type: str, faults: Faults, instance: str, base: str) -> bytes:
    """Return the entry with the lines that strike behind it, each a comment or continuation of the entry."""
    place = {"operation": "", "instance": instance, "file": base}
    lead = b"\t-- " if log_type == "postgresql" else b"-- "
    for name, text in TEXTS.items():
        if name == "scaling_lines" and log_type != "error":
            continue
        if faults.strike(name, **place):
            content += lead + text + b"\n"
    for name in LONG:
        rule = faults.strike(name, **place)
        if rule is not None:
            content += lead + b"x" * int(rule.amount()) + b"\n"
    return content

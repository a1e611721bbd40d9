"""How servers print a message of the error log: head, deadlock in one piece or in parts, JSON. The messages are not here."""

import json
import re
from typing import NamedTuple

from aurora_logs_simulator.workload.stamps import US_PER_SEC, Stamps
from aurora_logs_simulator.workload.written import Truth

MYSQL_8, MYSQL_8_PARTS, MYSQL_8_JSON = "mysql-8", "mysql-8-parts", "mysql-8-json"
AURORA_57, MARIADB = "aurora-5.7", "mariadb"
STYLES = (MYSQL_8, MYSQL_8_PARTS, MYSQL_8_JSON, AURORA_57, MARIADB)
# What a reader can name without code and subsystem; a message of another event is not written in these styles.
_NAMED_BY_TEXT = ("auth_failed", "connection_aborted", "server_ready", "server_start", "table_crashed", "innodb",
                  "certificate", "deprecation")  # fmt: skip
_PART = re.compile(r"\n+(?=\*\*\* )")
_PRIORITIES = {"System": 0, "ERROR": 1, "Warning": 2, "Note": 3}


class Line(NamedTuple):
    """One message: its thread, label, code and subsystem, and its text."""

    thread: int
    label: str
    code: str
    subsystem: str
    text: str

    @property
    def is_deadlock(self) -> bool:
        """Tell whether the text is a deadlock's dump."""
        return "deadlock detected" in self.text[:60]


class Style:
    """One way of printing, for one file."""

    def __init__(self, name: str) -> None:
        """`name` is one of STYLES."""
        self.name = name
        self._stamps = Stamps()
        self._has_code = name not in (AURORA_57, MARIADB)

    def writes(self, event: str) -> bool:
        """Tell whether messages of this event are written."""
        return self._has_code or event in _NAMED_BY_TEXT

    def printed(self, now_us: int, line: Line, body: str, fields: Truth) -> bytes:
        """Print a message and add to `fields` what is true of it. `body`: what a reader keeps of its text."""
        fields["thread_id"], fields["severity_text"], fields["body"] = line.thread, line.label, body
        if self._has_code:
            fields["error_code"], fields["error_subsystem"] = line.code, line.subsystem
        elif line.subsystem == "InnoDB":
            fields["error_subsystem"], fields["body"] = "InnoDB", f"InnoDB: {body}"
            line = line._replace(text=f"InnoDB: {line.text}")
        if self.name == MYSQL_8_JSON:
            return self._json(now_us, line)
        if self.name == MARIADB:
            fields["_timestamp"] = now_us - now_us % US_PER_SEC
        if not line.is_deadlock or self.name == MYSQL_8:
            return f"{self._head(now_us, line)}{line.text}\n".encode()
        fields["body"] = _PART.sub("\n", str(fields["body"]))
        if self.name == AURORA_57:
            return self._doubled(now_us, line, fields)
        first, *parts = _PART.split(line.text)
        word = "InnoDB: " if self.name == MARIADB else ""
        text = f"{self._head(now_us, line)}{first}\n"
        for number, part in enumerate(parts):
            blank = "\n" if "TRANSACTION:" in part else ""
            text += f"{self._head(now_us + number, line)}{word}{blank}{part}\n\n"
        return text.encode()

    def _head(self, now_us: int, line: Line) -> str:
        if self.name == MARIADB:
            return f"{self._stamps.seconds(now_us)} {line.thread} [{line.label}] "
        codes = f"[{line.code}] [{line.subsystem}] " if self._has_code else ""
        return f"{self._stamps.rfc3339(now_us)} {line.thread} [{line.label}] {codes}"

    def _doubled(self, now_us: int, line: Line, fields: Truth) -> bytes:
        """Print a dump as Aurora MySQL 2 does: another clock, and the head twice before the first part."""
        head = f"{self._stamps.seconds(now_us)} {hex(line.thread)}"
        fields["_timestamp"] = now_us - now_us % US_PER_SEC
        fields["severity_text"] = None
        first, *parts = _PART.split(line.text)
        return "\n".join([f"{head}{first}", f"{head}{head}", *parts, ""]).encode()

    def _json(self, now_us: int, line: Line) -> bytes:
        said = {
            "prio": _PRIORITIES[line.label], "err_code": int(line.code.removeprefix("MY-")), "msg": line.text,
            "time": self._stamps.rfc3339(now_us), "ts": now_us // 1000, "thread": line.thread, "SQL_state": "HY000",
            "subsystem": line.subsystem, "buffered": now_us, "label": line.label,
        }  # fmt: skip
        return ("{ " + json.dumps(said, ensure_ascii=False, separators=(", ", " : "))[1:-1] + " }\n").encode()

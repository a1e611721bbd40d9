"""The error log of MySQL, Aurora MySQL and MariaDB. The messages are in `error_messages`, how they look in `error_styles`."""

import re
from random import Random

from aurora_logs_simulator.workload.comments import token_of
from aurora_logs_simulator.workload.error_messages import MESSAGES, Message, deadlock_dump
from aurora_logs_simulator.workload.error_styles import MYSQL_8, Line, Style
from aurora_logs_simulator.workload.written import Truth, Written

_DEADLOCK_SHARE = 0.03
_SLOT = re.compile(r"\{(\w+)\}")
_USERS = ("app", "checkout", "reporting", "etl_nightly", "svc-billing")
_TABLES = ("orders", "carts", "stock_moves", "ledger_entries", "user_devices")
_STEPS = 1 << 10  # of the drawn number that picks a message


class ErrorLogWriter:
    """Writes error-log entries of one instance. The token stands in the message, once."""

    def __init__(self, seed: str, *, engine: str, style: str = MYSQL_8) -> None:
        """Fix everything by `seed`; `style` is one of STYLES. Aurora's own messages and its `(file.cc:123)` ends come with its engine only."""
        rnd = Random(f"{seed}/error/{engine}")
        self._rnd = rnd
        self._aurora = engine.startswith("aurora")
        self._style = Style(style)
        usable = [
            message
            for message in MESSAGES
            if message.where in ("both", "aurora" if self._aurora else "mysql") and self._style.writes(message.event)
        ]
        scale = _STEPS / sum(message.weight for message in usable)
        self._table = [message for message in usable for _ in range(max(1, round(message.weight * scale)))]

    def file_header(self, now_us: int) -> bytes:  # noqa: ARG002 - the error log has no furniture
        """Nothing: MySQL writes no header into the error log."""
        return b""

    def entry(self, now_us: int) -> Written:
        """One message; in 3 % the dump of a deadlock, over many lines."""
        rnd = self._rnd.random
        token = token_of(self._rnd)
        fields: Truth = {"_timestamp": now_us}
        if rnd() < _DEADLOCK_SHARE:
            thread, label, code, subsystem = 100 + int(rnd() * 9000), "Note", "MY-012468", "InnoDB"
            victim, text, body = deadlock_dump(self._rnd, token)
            fields["event_name"], fields["deadlock_victim"] = "deadlock", victim
        else:
            message = self._table[int(rnd() * len(self._table))]
            thread = 0 if message.background else 8 + int(rnd() * 90_000)
            label, code, subsystem = message.head
            text, body = self._printed(message, token, fields)
        line = Line(thread, label, code, subsystem, text)
        return Written(self._style.printed(now_us, line, body, fields), token, fields, now_us)

    def _printed(self, message: Message, token: str, fields: Truth) -> tuple[str, str]:
        """Give the message as printed and as a reader should keep it: Aurora's source place is taken off the body."""
        rnd = self._rnd.random
        values = {
            "token": token,
            "user": _USERS[int(rnd() * len(_USERS))],
            "address": f"10.{int(rnd() * 4)}.{int(rnd() * 250)}.{1 + int(rnd() * 250)}",
            "table": _TABLES[int(rnd() * len(_TABLES))],
            "n": str(1 + int(rnd() * 90_000)),
        }
        body = _SLOT.sub(lambda found: values[found[1]], message.text)
        fields["event_name"] = message.event
        for name, template in message.fields:
            fields[name] = _SLOT.sub(lambda found: values[found[1]], template)
        if not message.source:
            return body, body
        number = 100 + int(rnd() * 4000)
        path = _SLOT.sub(lambda found: values[found[1]], message.source)
        fields["code_file_path"], fields["code_line_number"] = path, number
        return f"{body} ({path}:{number})", body

"""The general query log of MySQL and MariaDB: every command of a few connections, in both styles of time."""

from random import Random
from typing import NamedTuple

from aurora_logs_simulator.workload.comments import token_of
from aurora_logs_simulator.workload.stamps import US_PER_SEC, Stamps
from aurora_logs_simulator.workload.statements import Statements
from aurora_logs_simulator.workload.written import Truth, Written

_CONNECTIONS_MAX = 24  # so few that a reader can carry the database of each
_USERS = ("app", "checkout", "svc-billing", "etl_nightly", "o'brien")
_DATABASES = ("shop", "billing", "crm-live", "analytics")
_WAYS = ("TCP/IP", "SSL/TLS", "Socket")
_SHARES = (("Query", 0.74), ("Execute", 0.80), ("Prepare", 0.84), ("Init DB", 0.88), ("Connect", 0.93), ("Quit", 0.96),
           ("Field List", 0.98), ("Ping", 0.99), ("Statistics", 1.0))  # fmt: skip
_EVENTS = {"Query": "query", "Execute": "execute", "Prepare": "prepare", "Init DB": "init_db", "Connect": "connect",
           "Quit": "disconnect", "Field List": "command", "Ping": "ping", "Statistics": "statistics"}  # fmt: skip


class _Line(NamedTuple):
    """One command: who says it, its argument, and its token, "" for a command without text of its own."""

    thread: int
    command: str
    argument: str
    token: str


class GeneralLogWriter:
    """Writes general-log lines of one instance. A command without free text carries no token."""

    def __init__(self, seed: str, *, engine: str) -> None:
        """Fix everything by `seed`. MariaDB prints a short time, and only when the second changed."""
        rnd = Random(f"{seed}/general/{engine}")
        self._rnd = rnd
        self._short = engine == "mariadb"
        self._binary = "mariadbd, Version: 10.11.9-MariaDB-log (Source)" if self._short else "mysqld, Version: 8.0.35 (Source)"
        self._statements = Statements(rnd)
        self._stamps = Stamps()
        self._next_id = 8 + int(rnd.random() * 9000)
        self._databases: dict[int, str | None] = {}  # of the open connections; None: not to be known from this file
        self._told_second = -1

    def file_header(self, now_us: int) -> bytes:  # noqa: ARG002 - the header shows no time
        """Give the three lines of an opened or flushed file; what was told of connections before does not count."""
        self._databases = dict.fromkeys(self._databases)
        self._told_second = -1
        columns = "Time\t\t    Id Command\tArgument" if self._short else "Time                 Id Command    Argument"
        return f"{self._binary}. started with:\nTcp port: 3306  Unix socket: /tmp/mysql.sock\n{columns}\n".encode()

    def entry(self, now_us: int) -> Written:
        """One command of one connection."""
        fields: Truth = {"severity_number": 9}
        line = self._line(fields)
        fields["thread_id"], fields["db_command"] = line.thread, line.command
        fields.setdefault("event_name", _EVENTS[line.command])
        head = self._head(now_us, fields)
        return Written(f"{head}{line.thread:5d} {line.command}\t{line.argument}\n".encode(), line.token, fields, now_us)

    def _head(self, now_us: int, fields: Truth) -> str:
        if not self._short:
            fields["_timestamp"] = now_us
            return f"{self._stamps.rfc3339(now_us)}\t"
        second = now_us // US_PER_SEC
        fields["_timestamp"] = second * US_PER_SEC
        if second == self._told_second:
            return "\t\t"
        self._told_second = second
        return f"{self._stamps.short(now_us)}\t"

    def _line(self, fields: Truth) -> _Line:
        chance = self._rnd.random()
        command = next(name for name, up_to in _SHARES if chance < up_to)
        if command == "Connect" or not self._databases:
            return self._connect(fields)
        thread = list(self._databases)[int(self._rnd.random() * len(self._databases))]
        if command == "Init DB":
            database = self._database()
            self._databases[thread] = fields["db_namespace"] = fields["body"] = database
            return _Line(thread, command, database, "")
        if known := self._databases[thread]:
            fields["db_namespace"], fields["db_namespace_carried"] = known, 1
        if command == "Quit" or len(self._databases) > _CONNECTIONS_MAX:
            del self._databases[thread]
            return _Line(thread, "Quit", "", "")
        token = token_of(self._rnd)
        if command in ("Query", "Execute", "Prepare"):
            return _Line(thread, command, self._statements.sql(token, fields), token)
        if command == "Field List":
            fields["body"] = token
            return _Line(thread, command, token, token)
        return _Line(thread, command, "", "")

    def _connect(self, fields: Truth) -> _Line:
        rnd = self._rnd.random
        self._next_id += 1 + int(rnd() * 3)
        user, address = _USERS[int(rnd() * len(_USERS))], f"10.0.{int(rnd() * 4)}.{1 + int(rnd() * 250)}"
        fields["user_name"], fields["client_address"] = user, address
        if rnd() < 0.1:
            fields["event_name"] = "auth_failed"
            fields["body"] = argument = f"Access denied for user '{user}'@'{address}' (using password: YES)"
            return _Line(self._next_id, "Connect", argument, "")
        database = self._database() if rnd() < 0.8 else ""
        way = _WAYS[int(rnd() * len(_WAYS))]
        argument = f"{user}@{address}" + (" as proxied" if rnd() < 0.05 else "") + f" on {database} using {way}"
        if " as proxied" in argument:
            fields["db_user_effective"] = "proxied"
        if database:
            fields["db_namespace"] = database
        fields["db_connection_type"], fields["body"] = way, argument
        self._databases[self._next_id] = database or None
        return _Line(self._next_id, "Connect", argument, "")

    def _database(self) -> str:
        return _DATABASES[int(self._rnd.random() * len(_DATABASES))]

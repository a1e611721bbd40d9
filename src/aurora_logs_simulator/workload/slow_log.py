"""The slow query log of MySQL 8 and Aurora MySQL 3, with and without log_slow_extra. The SQL comes from `statements`."""

from random import Random

from aurora_logs_simulator.workload.comments import token_of
from aurora_logs_simulator.workload.people import People, Session
from aurora_logs_simulator.workload.stamps import US_PER_SEC, Stamps
from aurora_logs_simulator.workload.statements import Statements
from aurora_logs_simulator.workload.written import Truth, Written

EXTRA_NEVER, EXTRA_ALWAYS, EXTRA_MIXED = "never", "always", "mixed"

_ADMIN_SHARE = 0.01
_KILLED_SHARE = 0.01
_SWITCH_SHARE = 0.02  # of the entries, in a mixed file
_STAY_SHARE = 0.90  # another database is drawn in 10 % of the entries, so `use` is printed in about 8 %
_ADMIN_COMMANDS = ("Quit", "Ping", "Prepare", "Statistics", "Reset stmt", "Close stmt", "Init DB", "Refresh")
_COUNTERS = (
    "Read_first", "Read_last", "Read_key", "Read_next", "Read_prev", "Read_rnd", "Read_rnd_next", "Sort_merge_passes",
    "Sort_range_count", "Sort_rows", "Sort_scan_count", "Created_tmp_disk_tables", "Created_tmp_tables",
)  # fmt: skip
_COUNTER_FIELDS = tuple(f"metrics_{name.lower()}" for name in _COUNTERS)
_COUNTER_TEXT = " ".join(f"{name}: %d" for name in _COUNTERS)


class SlowLogWriter:
    """Writes slow-log entries of one instance.

    The token stands in a comment of the SQL; an administrator command has no text, so there it is the account's name.
    """

    def __init__(self, seed: str, *, engine: str, extra: str, oddities: bool = True) -> None:
        """Fix everything by `seed`. `extra` is one of the EXTRA_ values; `oddities` adds fake heads and credentials."""
        rnd = Random(f"{seed}/slowquery/{engine}")
        self._rnd = rnd
        self._extra = extra
        self._aurora = engine.startswith("aurora")
        self._people = People(rnd, stay_share=_STAY_SHARE)
        self._statements = Statements(rnd, oddities=oddities)
        self._stamps = Stamps()
        self._with_extra = extra == EXTRA_ALWAYS
        self._newest_counter = bool(rnd.getrandbits(1))  # later 8.0 servers print Count_hit_tmp_table_size
        self._told_database = ""

    def file_header(self, now_us: int) -> bytes:  # noqa: ARG002 - MySQL's header shows no time
        """Give the three lines that the server writes at each opening and flush of the file."""
        self._told_database = ""
        binary, version = (
            ("/rdsdbbin/oscar/bin/mysqld", "8.0.28") if self._aurora else ("/rdsdbbin/mysql/bin/mysqld", "8.0.35")
        )
        return (
            f"{binary}, Version: {version} (Source distribution). started with:\n"
            "Tcp port: 3306  Unix socket: /tmp/mysql.sock\n"
            "Time                 Id Command    Argument\n"
        ).encode()

    def entry(self, now_us: int) -> Written:
        """One statement, or in 1 % an administrator command."""
        rnd = self._rnd.random
        session = self._people.speaker()
        token = token_of(self._rnd)
        query_us = int(10_000 / (rnd() + 0.002)) + int(rnd() * 1_000_000)
        lock_us = int(rnd() * 400)
        fields: Truth = {
            "_timestamp": now_us,
            "duration_sec": query_us / US_PER_SEC,
            "lock_time_sec": lock_us / US_PER_SEC,
            "start_time": now_us - query_us,
            "thread_id": session.connection_id,
        }
        body = self._admin(token, fields) if rnd() < _ADMIN_SHARE else self._statement(token, fields)
        head = self._head(now_us, session, fields)
        counts = self._counts(now_us, query_us, lock_us, session, fields)
        use = self._use(session, fields)
        start = f"SET timestamp={(now_us - query_us) // US_PER_SEC};\n"  # since 8.0.14 the second of the start
        return Written(f"{head}{counts}{use}{start}{body}".encode(), token, fields, now_us)

    def _head(self, now_us: int, session: Session, fields: Truth) -> str:
        user = str(fields.setdefault("user_name", session.user))
        effective = session.effective if user == session.user else user
        if effective != user:
            fields["db_user_effective"] = effective
        if client := session.host or session.address:
            fields["client_address"] = client
        if session.host and session.address:
            fields["network_peer_address"] = session.address
        return (
            f"# Time: {self._stamps.rfc3339(now_us)}\n"
            f"# User@Host: {user}[{effective}] @ {session.host} [{session.address}]  Id: {session.connection_id:5d}\n"
        )

    def _counts(self, now_us: int, query_us: int, lock_us: int, session: Session, fields: Truth) -> str:
        rnd = self._rnd.random
        sent, examined = int(rnd() * rnd() * 2000), int(1 / (rnd() + 0.0000003))
        fields["db_response_returned_rows"], fields["db_rows_examined"] = sent, examined
        line = (
            f"# Query_time: {query_us // US_PER_SEC}.{query_us % US_PER_SEC:06d}  Lock_time: 0.{lock_us:06d}"
            f" Rows_sent: {sent}  Rows_examined: {examined}"
        )
        # the switch is dynamic: a DBA turns it on and off while the file grows
        if self._extra == EXTRA_MIXED and rnd() < _SWITCH_SHARE:
            self._with_extra = not self._with_extra
        return line + (self._extras(now_us, query_us, session, fields) if self._with_extra else "") + "\n"

    def _extras(self, now_us: int, query_us: int, session: Session, fields: Truth) -> str:
        rnd = self._rnd.random
        received, sent_bytes = 60 + int(rnd() * 900), 11 + int(rnd() * 60_000)
        errno = 1317 if rnd() < _KILLED_SHARE else 0
        bits = self._rnd.getrandbits(52)
        counters = tuple((bits >> shift & 15) ** 3 for shift in range(0, 52, 4))
        fields.update(zip(_COUNTER_FIELDS, counters, strict=True))
        fields["db_response_status_code"], fields["db_killed"] = str(errno), errno
        fields["db_bytes_received"], fields["db_bytes_sent"] = received, sent_bytes
        newest = ""
        if self._newest_counter:
            fields["metrics_count_hit_tmp_table_size"] = hits = int(rnd() < _KILLED_SHARE)
            newest = f" Count_hit_tmp_table_size: {hits} "
        return (
            f" Thread_id: {session.connection_id} Errno: {errno} Killed: {errno}"
            f" Bytes_received: {received} Bytes_sent: {sent_bytes} {_COUNTER_TEXT % counters}{newest}"
            f" Start: {self._stamps.rfc3339(now_us - query_us)} End: {self._stamps.rfc3339(now_us)}"
        )

    def _use(self, session: Session, fields: Truth) -> str:
        fields["db_namespace"] = session.database
        if session.database == self._told_database:
            return ""
        self._told_database = session.database
        return f"use {session.database};\n"

    def _admin(self, token: str, fields: Truth) -> str:
        command = _ADMIN_COMMANDS[int(self._rnd.random() * len(_ADMIN_COMMANDS))]
        fields["event_name"], fields["db_command"] = "admin_command", command
        fields["user_name"] = token
        return f"# administrator command: {command};\n"

    def _statement(self, token: str, fields: Truth) -> str:
        fields["event_name"] = "slow_query"
        return f"{self._statements.sql(token, fields)};\n"

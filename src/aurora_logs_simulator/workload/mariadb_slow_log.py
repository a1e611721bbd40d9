"""The slow query log of MariaDB with log_slow_verbosity=query_plan,explain: both clocks tell the start of the statement."""

from random import Random

from aurora_logs_simulator.workload.comments import token_of
from aurora_logs_simulator.workload.people import People
from aurora_logs_simulator.workload.stamps import US_PER_SEC, Stamps
from aurora_logs_simulator.workload.statements import Statements
from aurora_logs_simulator.workload.written import Truth, Written

_PLAN_SHARE = 0.3
_ADMIN_SHARE = 0.01
_FLAGS = ("Full_scan", "Full_join", "Tmp_table", "Tmp_table_on_disk", "Filesort", "Filesort_on_disk")
_PLAN_HEAD = "id\tselect_type\ttable\ttype\tpossible_keys\tkey\tkey_len\tref\trows\tr_rows\tfiltered\tr_filtered\tExtra"


class MariadbSlowLogWriter:
    """Writes slow-log entries of one instance. The token stands in the SQL, or is the account of a command."""

    def __init__(self, seed: str) -> None:
        """Fix everything by `seed`."""
        rnd = Random(f"{seed}/slowquery/mariadb")
        self._rnd = rnd
        self._people = People(rnd, stay_share=0.9)
        self._statements = Statements(rnd)
        self._stamps = Stamps()
        self._told_second, self._told_database = -1, ""

    def file_header(self, now_us: int) -> bytes:  # noqa: ARG002 - the header shows no time
        """Give the three lines of an opened or flushed file."""
        self._told_second, self._told_database = -1, ""
        return (
            b"/rdsdbbin/mariadb/bin/mariadbd, Version: 10.11.9-MariaDB-log (managed by RDS). started with:\n"
            b"Tcp port: 3306  Unix socket: /tmp/mysql.sock\nTime\t\t    Id Command\tArgument\n"
        )

    def entry(self, now_us: int) -> Written:
        """One statement, sometimes with its plan, or in 1 % an administrator command."""
        rnd = self._rnd.random
        session, token = self._people.speaker(), token_of(self._rnd)
        query_us = int(10_000 / (rnd() + 0.002))
        second = (now_us - query_us) // US_PER_SEC
        fields: Truth = {
            "_timestamp": second * US_PER_SEC + query_us, "start_time": second * US_PER_SEC, "duration_sec": query_us / US_PER_SEC,
            "thread_id": session.connection_id, "user_name": session.user, "db_namespace": session.database, "lock_time_sec": 0.000041,
        }  # fmt: skip
        if rnd() < _ADMIN_SHARE:
            fields["event_name"], fields["db_command"], fields["user_name"] = "admin_command", "Quit", token
            body = "# administrator command: Quit;\n"
        else:
            fields["event_name"] = "slow_query"
            body = f"{self._statements.sql(token, fields)};\n"
        client = fields["client_address"] = session.host or session.address
        if session.host and session.address:
            fields["network_peer_address"] = session.address
        time = "" if second == self._told_second else f"# Time: {self._stamps.short(second * US_PER_SEC)}\n"
        use = "" if session.database == self._told_database else f"use `{session.database}`;\n"
        self._told_second, self._told_database = second, session.database
        user = fields["user_name"]
        host = f"{session.host} [{session.address}]" if session.host else f" [{client}]"
        head = f"{time}# User@Host: {user}[{user}] @ {host}\n{self._pairs(query_us, fields)}{self._plan(fields)}"
        return Written(f"{head}{use}SET timestamp={second};\n{body}".encode(), token, fields, now_us)

    def _pairs(self, query_us: int, fields: Truth) -> str:
        rnd = self._rnd.random
        sent, examined, sent_bytes = int(rnd() * 200), int(1 / (rnd() + 0.00001)), 56 + int(rnd() * 9000)
        flags = {name: rnd() < 0.3 for name in _FLAGS}
        fields["db_response_returned_rows"], fields["db_rows_examined"] = sent, examined
        fields["db_rows_affected"], fields["db_bytes_sent"], fields["metrics_qc_hit"] = 0, sent_bytes, 0
        fields["metrics_merge_passes"], fields["metrics_priority_queue"] = 0, 0
        fields |= {f"metrics_{name.lower()}": int(value) for name, value in flags.items()}
        said = [f"{name}: {'Yes' if value else 'No'}" for name, value in flags.items()]
        return (
            f"# Thread_id: {fields['thread_id']}  Schema: {fields['db_namespace']}  QC_hit: No\n"
            f"# Query_time: {query_us // US_PER_SEC}.{query_us % US_PER_SEC:06d}  Lock_time: 0.000041  Rows_sent: {sent}"
            f"  Rows_examined: {examined}\n# Rows_affected: 0  Bytes_sent: {sent_bytes}\n"
            f"# {'  '.join(said[:4])}\n# {'  '.join(said[4:])}  Merge_passes: 0  Priority_queue: No\n"
        )

    def _plan(self, fields: Truth) -> str:
        if self._rnd.random() >= _PLAN_SHARE:
            return ""
        rows = int(self._rnd.random() * 60_000)
        plan = f"{_PLAN_HEAD}\n1\tSIMPLE\torders\tALL\tNULL\tNULL\tNULL\tNULL\t{rows}\t{rows}.00\t100.00\t0.00\tUsing where"
        fields["db_plan"], fields["db_plan_format"] = plan, "tabular"
        return "#\n" + "".join(f"# explain: {line}\n" for line in plan.split("\n")) + "#\n"

"""The audit log in its three dialects: MariaDB's server_audit, its fork on RDS for MySQL, Aurora's Advanced Auditing."""

from random import Random

from aurora_logs_simulator.workload.comments import token_of
from aurora_logs_simulator.workload.people import People, Session
from aurora_logs_simulator.workload.stamps import US_PER_SEC, Stamps
from aurora_logs_simulator.workload.statements import Statements
from aurora_logs_simulator.workload.written import Truth, Written

LIMIT_BYTES = 1024  # server_audit_query_log_limit: of a statement as it is printed
_ESCAPES = str.maketrans({"'": "\\'", "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"})
_QUERY_SHARE = 0.70
_ERROR_SHARE = 0.05
_TABLE_ROWS = (("READ", "table_read"), ("WRITE", "table_write"), ("CREATE", "table_ddl"), ("DROP", "table_ddl"))
_CONNECTIONS = (("CONNECT", "connect", "0"), ("DISCONNECT", "disconnect", "0"), ("FAILED_CONNECT", "auth_failed", "1045"))
_MASKED = "identified by *****"  # the plugin of MariaDB takes passwords out by itself


class AuditLogWriter:
    """Writes audit rows of one instance. The token stands in the statement, the table's name, or the account."""

    def __init__(self, seed: str, *, engine: str) -> None:
        """Fix everything by `seed`; the engine is the dialect."""
        rnd = Random(f"{seed}/audit/{engine}")
        self._rnd = rnd
        self._engine = engine
        self._host = {"mariadb": "db1.shop.internal", "mysql": "ip-10-0-0-1"}.get(engine, "shop-1")
        self._people = People(rnd, stay_share=0.9)
        self._statements = Statements(rnd)
        self._stamps = Stamps()
        self._query = 100

    def file_header(self, now_us: int) -> bytes:  # noqa: ARG002 - the audit log has no furniture
        """Nothing: no dialect writes a header."""
        return b""

    def entry(self, now_us: int) -> Written:
        """One row."""
        session, token, chance = self._people.speaker(), token_of(self._rnd), self._rnd.random()
        is_fine = self._engine == "aurora-mysql"
        fields: Truth = {"_timestamp": now_us if is_fine else now_us - now_us % US_PER_SEC, "severity_number": 9}
        fields["thread_id"], fields["user_name"] = session.connection_id, session.user
        fields["audit_server_host"], fields["db_namespace"] = self._host, session.database
        host = self._client(session, fields)
        if chance < _QUERY_SHARE:
            columns = self._statement(token, fields)
        elif chance < 0.9:
            columns = self._table(token, fields)
        else:
            columns = self._connection(token, fields)
        time = str(now_us) if is_fine else self._stamps.compact(now_us)
        account = f"{time},{self._host},{fields['user_name']},{host},{session.connection_id}"
        return Written(f"{account},{fields['audit_query_id']},{columns}\n".encode(), token, fields, now_us)

    def _client(self, session: Session, fields: Truth) -> str:
        client = fields["client_address"] = session.host or session.address or "localhost"
        if self._engine != "mariadb" or session.port % 2:  # since MariaDB 12 rows tell the port
            return client
        fields["client_port"] = session.port
        return f"[{client}]:{session.port}" if ":" in client else f"{client}:{session.port}"

    def _statement(self, token: str, fields: Truth) -> str:
        self._query += 1
        code = "1064" if self._rnd.random() < _ERROR_SHARE else "0"
        operation = "QUERY" if self._engine == "aurora-mysql" or self._rnd.random() < 0.5 else "QUERY_DML"
        sql = f"/* {token} */ {self._statements.sql('no_token', fields)}"
        if self._engine == "mariadb" and "secret" in fields:
            sql = f"/* {token} */ create user masked {_MASKED}"
            del fields["secret"]
        printed, fields["db_query_text"] = self._printed(sql)
        if len(printed.encode()) == LIMIT_BYTES:
            fields["truncated"] = 1
        if "traceparent" not in str(fields["db_query_text"]):  # the limit took it
            fields.pop("trace_id", None)
            fields.pop("span_id", None)
        fields["event_name"], fields["audit_operation"], fields["audit_query_id"] = "query", operation, self._query
        fields["db_response_status_code"], fields["severity_number"] = code, 9 if code == "0" else 13
        tail = ",," if self._engine == "mysql" else ""
        return f"{operation},{fields['db_namespace']},'{printed}',{code}{tail}"

    def _printed(self, sql: str) -> tuple[str, str]:
        """Escape a statement up to the server's limit; give it as printed and as a reader should have it."""
        printed: list[str] = []
        size_bytes = 0
        for place, letter in enumerate(sql):
            escaped = letter.translate(_ESCAPES)
            size_bytes += len(escaped.encode())
            if size_bytes > LIMIT_BYTES:
                return "".join(printed), sql[:place]
            printed.append(escaped)
        return "".join(printed), sql

    def _table(self, token: str, fields: Truth) -> str:
        operation, event = _TABLE_ROWS[int(self._rnd.random() * len(_TABLE_ROWS))]
        table = f"{token}|archive.orders" if self._rnd.random() < 0.1 else token
        operation = "RENAME" if table != token else operation
        fields["event_name"] = "table_ddl" if operation == "RENAME" else event
        fields["audit_operation"], fields["audit_query_id"] = operation, self._query + 1
        fields["db_collection_name"] = table
        return f"{operation},{fields['db_namespace']},{table},"

    def _connection(self, token: str, fields: Truth) -> str:
        operation, event, code = _CONNECTIONS[int(self._rnd.random() * len(_CONNECTIONS))]
        fields["user_name"], fields["audit_query_id"] = token, 0
        fields["event_name"], fields["audit_operation"], fields["db_response_status_code"] = event, operation, code
        fields["severity_number"] = 9 if code == "0" else 13
        way = ""
        if self._engine == "mysql":
            fields["audit_connection_type"], way = "SSL/TLS", ",SSL/TLS"
        return f"{operation},{fields['db_namespace']},,{code}{way}"

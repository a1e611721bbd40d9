"""Which event a PostgreSQL message tells of: by SQLSTATE, then by how the message begins (record-schema.md §8)."""

import re

_BY_STATE = {
    b"42501": "permission_denied", b"40001": "serialization_failure", b"40P01": "deadlock", b"25P02": "transaction_aborted",
    b"25P03": "idle_timeout", b"25P04": "idle_timeout", b"57P05": "idle_timeout", b"55P03": "lock_timeout",
    b"53300": "too_many_connections", b"53100": "disk_full", b"53200": "out_of_memory", b"28P01": "auth_failed",
    b"28000": "auth_failed", b"08P01": "protocol_error", b"XX001": "corruption", b"XX002": "corruption",
    b"57P01": "connection_terminated",
}  # fmt: skip
# Beginnings in order: the more special one first.
_BEGINNINGS: tuple[tuple[str, tuple[bytes, ...]], ...] = (
    ("audit", (b"AUDIT: ",)),
    ("temp_file", (b"temporary file: path ",)),
    ("checkpoint_start", (b"checkpoint starting:",)),
    ("checkpoint", (b"checkpoint complete:",)),
    ("restartpoint_start", (b"restartpoint starting:",)),
    ("restartpoint", (b"restartpoint complete:",)),
    ("autovacuum", (b"automatic vacuum of table", b"automatic aggressive vacuum")),
    ("autoanalyze", (b"automatic analyze of table",)),
    ("autovacuum_canceled", (b"canceling autovacuum task",)),
    ("vacuum_skipped", (b"skipping vacuum of", b"skipping analyze of", b"skipping missing")),
    ("connection_received", (b"connection received:",)),
    ("connection_authenticated", (b"connection authenticated:",)),
    ("connect", (b"connection authorized:", b"replication connection authorized:")),
    ("disconnect", (b"disconnection: session time",)),
    ("connection_lost", (b"could not receive data from client", b"could not send data to client",
                         b"unexpected EOF on client connection", b"connection to client lost")),
    ("connection_terminated", (b"terminating connection due to administrator command",)),
    ("idle_timeout", (b"terminating connection due to idle",)),
    ("too_many_connections", (b"sorry, too many clients already", b"remaining connection slots are reserved",
                              b"too many connections for")),
    ("auth_failed", (b"password authentication failed", b"no pg_hba.conf entry", b"pg_hba.conf rejects",
                     b"PAM authentication failed", b"Peer authentication failed", b"LDAP authentication failed")),
    ("protocol_error", (b"invalid length of startup packet", b"unsupported frontend protocol",
                        b"incomplete startup packet", b"invalid startup packet")),
    ("statement_timeout", (b"canceling statement due to statement timeout",)),
    ("query_canceled", (b"canceling statement due to user request",)),
    ("lock_timeout", (b"canceling statement due to lock timeout", b"could not obtain lock on")),
    ("serialization_failure", (b"could not serialize access",)),
    ("transaction_aborted", (b"current transaction is aborted",)),
    ("deadlock", (b"deadlock detected",)),
    ("permission_denied", (b"permission denied for", b"must be owner of")),
    ("constraint_violation", (b"duplicate key value violates", b"null value in column", b"conflicting key value violates")),
    ("server_start", (b"starting PostgreSQL",)),
    ("server_ready", (b"database system is ready to accept",)),
    ("server_shutdown", (b"database system is shut down", b"received fast shutdown request", b"shutting down",
                         b"received smart shutdown request", b"received immediate shutdown request")),
    ("recovery", (b"database system was", b"database system is starting up", b"redo starts at", b"redo done at",
                  b"redo is not required", b"entering standby mode", b"consistent recovery state reached",
                  b"invalid record length at", b"archive recovery complete", b"selected new timeline",
                  b"starting archive recovery", b"starting point-in-time recovery", b"last completed transaction was")),
    ("replication", (b"started streaming WAL", b"replication terminated", b"received replication command",
                     b"terminating walsender", b"starting logical decoding", b"logical decoding found",
                     b"logical replication", b"could not receive data from WAL stream", b"could not start WAL streaming")),
    ("wal_archive_failed", (b"archive command failed", b"archiving write-ahead log file")),
    ("wal_error", (b'could not open file "pg_wal', b"requested WAL segment", b"unexpected pageaddr")),
    ("corruption", (b"invalid page in block", b"page verification failed", b"could not read block")),
    ("wraparound", (b'database "', b"database is not accepting commands to avoid wraparound")),
    ("config_changed", (b"received SIGHUP, reloading", b'parameter "')),
    ("log_files_deleted", (b"The oldest PostgreSQL log files were deleted",)),
    ("statement_stats", (b"QUERY STATISTICS", b"EXECUTOR STATISTICS", b"PARSER STATISTICS", b"PLANNER STATISTICS")),
    ("out_of_memory", (b"out of memory",)),
    ("disk_full", (b"could not extend file", b"could not write to file", b"No space left on device")),
)  # fmt: skip
_BEGINS = re.compile(
    b"|".join(b"(%b)" % b"|".join(re.escape(text) for text in beginnings) for _, beginnings in _BEGINNINGS)
)
_PROCESS_LOCK = re.compile(rb"process \d+ (still waiting for|acquired|avoided deadlock for|detected deadlock while)")
_PROCESS_END = re.compile(rb".{1,120} \(PID \d+\) (?:was terminated by signal \d+|exited with exit code \d+)", re.DOTALL)
_SIGNAL = re.compile(rb"\(PID \d+\) was terminated by signal (\d{1,3})")
_EXIT = re.compile(rb"\(PID \d+\) exited with exit code (\d{1,3})")
_VIOLATES = re.compile(
    rb"(?:insert or update on table|update or delete on table|new row for relation|value for domain|column) "
    rb"[^\n]{1,300}? (?:violates|contains null)"
)


def event_of(message: bytes, state: bytes, level: str, *, has_statement: bool) -> str:
    """Name the event of a message without a duration or statement of its own.

    message: its text behind level and SQLSTATE; level: the English name; has_statement: a STATEMENT line follows.
    """
    if state in _BY_STATE:
        return _BY_STATE[state]
    if state.startswith(b"23"):
        return "constraint_violation"
    if lock := _PROCESS_LOCK.match(message):
        return "lock_acquired" if lock[1] == b"acquired" else "lock_wait"
    begins = _BEGINS.match(message)
    if begins is not None and begins.lastindex is not None:
        for event, beginnings in _BEGINNINGS[begins.lastindex - 1 :]:
            if message.startswith(beginnings) and _fits(event, message):
                return event
    if _PROCESS_END.match(message[:400]):
        return "crash" if b"terminated by signal" in message[:400] else "process_exited"
    if _VIOLATES.match(message[:1000]):
        return "constraint_violation"
    return "query_error" if level == "ERROR" and has_statement else "server"


def _fits(event: str, message: bytes) -> bool:
    """Look at the rest of messages whose beginning alone is not enough."""
    if event == "wraparound":
        return b"must be vacuumed within" in message[:400] or b"wraparound" in message[:400]
    if event == "config_changed":
        return b"changed to" in message[:400] or b"removed from configuration" in message[:400] or b"SIGHUP" in message[:40]
    return True


def crash_of(message: bytes) -> tuple[int | None, int | None]:
    """Return the signal and the exit code by which a server process ended."""
    signal, code = _SIGNAL.search(message[:400]), _EXIT.search(message[:400])
    return (int(signal[1]) if signal else None, int(code[1]) if code else None)

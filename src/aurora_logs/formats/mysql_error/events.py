"""Which event a message of the error log tells of: by how it begins, then by its subsystem (record-schema.md §8).

Every rule is anchored at the message's start; nothing is searched in text that clients may have written.
"""

import re

_LINE = 2000  # bytes of the first line that are looked at
_PROGRAM = rb"[^\s:]{1,400}"
# In the order in which they are tried. The subsystem's word (`InnoDB:`) was taken off.
_RULES = tuple((event, re.compile(pattern)) for event, pattern in (
    ("auth_failed", rb"Access denied for user"),
    ("connection_aborted", rb"Aborted connection"),
    ("too_many_connections", rb"Too many connections"),
    ("deadlock", rb"[Tt]ransactions deadlock detected"),
    ("assertion", rb"Assertion failure"),
    ("crash", rb"\S{1,400} got (?:signal|exception) "),
    ("server_ready", _PROGRAM + rb": ready for connections"),
    ("server_start", _PROGRAM + rb" \([^()\n]{1,200}\) (?:starting as process|initializing of server) "),
    ("server_start", rb"(?:mysqld_safe|mariadbd-safe) (?:Starting|(?:mysqld|mariadbd) restarted)|mysqld (?:re)?started"),
    ("server_start", rb"Starting MariaDB |MySQL Server (?:Initialization )?- start"),
    ("server_shutdown", rb"Received SHUTDOWN|Normal shutdown|Starting shutdown|Shutdown completed|mysqld ended"),
    ("server_shutdown", rb"MySQL Server - end|(?:mysqld_safe|mariadbd-safe) (?:mysqld|mariadbd) from pid file"),
    ("server_shutdown", _PROGRAM + rb"(?: \(initiated by: [^\n]{0,400}?\))?: (?:Shutdown complete|Normal shutdown|Forcing close of thread)"),
    ("certificate", rb"CA certificate|Failed to set up SSL|SSL error|SSL certificate"),
    ("disk_full", rb"Disk is full|(?:[^\s:]{1,400}: )?The table '[^'\n]{0,400}' is full|[^\n]{0,400}No space left on device"),
    ("out_of_memory", rb"(?:[^\s:]{1,400}: )?Out of memory|(?:Error: |Fatal error: )?[Cc]annot allocate (?:\d+ bytes|(?:the )?memory)"),
    ("table_crashed", rb"(?:[^\s:]{1,400}: )?Table '[^'\n]{0,400}' is marked as crashed|Incorrect key file for table"),
    ("plugin", rb"(?:X )?Plugin (?:'|\S+ reported: 'Plugin|ready for)|Loaded '[^'\n]{0,400}' with offset"),
    ("deprecation", rb"(?!Event Scheduler)[^\n]{0,400}\b(?:is|are|were) (?:deprecated|DEPRECATED)"),
    ("replication", rb"(?:Slave|Replica|Semi-sync|Start binlog_dump|Error reading packet from server|relay log)\b"),
    ("innodb_monitor", rb"={20,200}[ \r]*\n[^\n]{0,140} INNODB MONITOR OUTPUT|INNODB MONITOR OUTPUT"),
))  # fmt: skip
_BY_CODE = {
    "MY-010116": "server_start", "MY-013169": "server_start", "MY-010931": "server_ready", "MY-010910": "server_shutdown",
    "MY-013172": "server_shutdown", "MY-010926": "auth_failed", "MY-010914": "connection_aborted", "MY-013183": "assertion",
    "MY-010068": "certificate", "MY-013360": "deprecation",
}  # fmt: skip
_BY_SUBSYSTEM = {
    "InnoDB": "innodb", "Repl": "replication", "Slave": "replication", "Plugin": "plugin", "server_audit": "audit_plugin",
}  # fmt: skip


def event_of(message: bytes, code: str | None, subsystem: str) -> str:
    """Name the event of a message whose subsystem's word was taken off; `server` when it is none of the known ones."""
    looked = message[:_LINE]
    for event, rule in _RULES:
        if rule.match(looked):
            return event
    return _BY_CODE.get(code or "") or _BY_SUBSYSTEM.get(subsystem, "server")


def severity_of(label: str | None, message: bytes, event: str) -> int:
    """Return the severity number (record-schema.md §9): by the printed label, else by the message."""
    if label:
        return {"system": 9, "note": 9, "warning": 13, "error": 17}.get(label.lower(), 9)
    if event in ("crash", "assertion"):
        return 21
    return 17 if message.startswith(b"InnoDB: Error") else 13 if message.startswith(b"InnoDB: Warning") else 9

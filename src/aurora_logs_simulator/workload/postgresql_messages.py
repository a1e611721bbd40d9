"""Messages of PostgreSQL without a duration: failures, connections, background work. No statement is made here."""

from typing import NamedTuple


class Notice(NamedTuple):
    """One kind of message.

    event:        the record's event_name.
    lines:        (level, text) of the main line and its sub-lines; {token} at most once in all, and in no failure:
                  there it is in STATEMENT.
    body_is_kept: False where the default redaction changes the body (a quoted piece of a syntax error).
    before_login: the prefix shows [unknown]@[unknown].
    fields:       further true fields.
    """

    event: str
    lines: tuple[tuple[str, str], ...]
    body_is_kept: bool = True
    before_login: bool = False
    fields: tuple[tuple[str, str], ...] = ()


_DEADLOCK_GRAPH = (
    "Process {pid} waits for ShareLock on transaction {n}; blocked by process {other}.\n"
    "Process {other} waits for ShareLock on transaction {m}; blocked by process {pid}.\n"
    "Process {pid}: UPDATE stock_moves SET delta_qty = 1 WHERE move_id = {n}\n"
    "Process {other}: DELETE FROM stock_moves WHERE move_id = {m}"
)
_VACUUM = (
    'automatic vacuum of table "shop.public.carts": index scans: 1\n'
    "pages: 0 removed, {n} remain, 0 skipped due to pins, {m} skipped frozen\n"
    "tuples: {m} removed, {n} remain, 0 are dead but not yet removable, oldest xmin: 7{n}\n"
    'index "{token}": pages: {m} in total, 0 newly deleted, 0 currently deleted, 0 reusable\n'
    "avg read rate: 1.044 MB/s, avg write rate: 0.522 MB/s\n"
    "buffer usage: {n} hits, {m} misses, 2 dirtied\n"
    "WAL usage: {m} records, 1 full page images, {n} bytes\n"
    "system usage: CPU: user: 0.02 s, system: 0.00 s, elapsed: 1.49 s"
)

FAILURES: tuple[Notice, ...] = (
    Notice(
        "constraint_violation",
        (
            ("ERROR", 'duplicate key value violates unique constraint "orders_pkey"'),
            ("DETAIL", "Key (order_id)=({n}) already exists."),
        ),
    ),
    Notice(
        "constraint_violation",
        (
            ("ERROR", 'insert or update on table "carts" violates foreign key constraint "carts_customer_id_fkey"'),
            ("DETAIL", 'Key (customer_id)=({n}) is not present in table "customers".'),
        ),
    ),
    Notice("query_error", (("ERROR", 'relation "orders_{n}" does not exist at character {m}'),)),
    Notice(
        "query_error",
        (
            ("ERROR", "operator does not exist: character varying = integer at character {m}"),
            (
                "HINT",
                "No operator matches the given name and argument types. You might need to add explicit type casts.",
            ),
        ),
    ),
    Notice("query_error", (("ERROR", 'syntax error at or near "FORM" at character {m}'),), body_is_kept=False),
    Notice(
        "query_error",
        (
            ("ERROR", "division by zero"),
            ("CONTEXT", 'SQL function "share_of" statement 1\nPL/pgSQL function report({m}) line 7 at RETURN'),
        ),
    ),
    Notice("statement_timeout", (("ERROR", "canceling statement due to statement timeout"),)),
    Notice("query_canceled", (("ERROR", "canceling statement due to user request"),)),
    Notice("permission_denied", (("ERROR", "permission denied for table ledger_entries"),)),
    Notice("serialization_failure", (("ERROR", "could not serialize access due to concurrent update"),)),
    Notice(
        "transaction_aborted",
        (("ERROR", "current transaction is aborted, commands ignored until end of transaction block"),),
    ),
    Notice(
        "deadlock",
        (
            ("ERROR", "deadlock detected"),
            ("DETAIL", _DEADLOCK_GRAPH),
            ("HINT", "See server log for query details."),
            ("CONTEXT", 'while updating tuple (0,{m}) in relation "stock_moves"'),
        ),
    ),
    Notice(
        "lock_wait",
        (
            ("LOG", "process {pid} still waiting for ShareLock on transaction {n} after 1000.{m} ms"),
            ("DETAIL", "Process holding the lock: {other}. Wait queue: {pid}."),
            ("CONTEXT", 'while updating tuple (0,{m}) in relation "accounts"'),
        ),
    ),
    Notice("temp_file", (("LOG", 'temporary file: path "base/pgsql_tmp/pgsql_tmp{pid}.{m}", size {n}000'),)),
)

# Where a line has no free text of its own the token stands in a DETAIL.
CONNECTIONS: tuple[Notice, ...] = (
    Notice(
        "connection_received",
        (
            ("LOG", "connection received: host={host} port={port}"),
            ("DETAIL", 'Client IP address resolved to "{token}.compute.internal", forward lookup not checked.'),
        ),
        before_login=True,
    ),
    Notice(
        "connection_authenticated",
        (
            (
                "LOG",
                (
                    'connection authenticated: identity="{token}" method=scram-sha-256 '
                    "(/rdsdbdata/config/pg_hba.conf:16)"
                ),
            ),
        ),
    ),
    Notice(
        "auth_failed",
        (
            ("FATAL", 'password authentication failed for user "{user}"'),
            ("DETAIL", 'Connection matched pg_hba.conf line 13: "host {token} all 0.0.0.0/0 md5"'),
        ),
    ),
    Notice(
        "disconnect",
        (
            ("LOG", "disconnection: session time: 0:00:07.074 user={user} database={db} host={host} port={port}"),
            ("DETAIL", "Session of {token} ended."),
        ),
    ),
)

BACKGROUND: tuple[Notice, ...] = (
    Notice(
        "checkpoint",
        (
            (
                "LOG",
                (
                    "checkpoint complete: wrote {n} buffers (0.3%); 0 WAL file(s) added, 1 removed, 4 "
                    "recycled; write=269.551 s, sync=0.004 s, "
                    "total=269.571 s; sync files={m}, longest=0.003 s, average=0.001 s; distance=67{m} "
                    "kB, estimate=67{m} kB"
                ),
            ),
            ("DETAIL", "Volume {token} is in sync."),
        ),
    ),
    Notice("checkpoint_start", (("LOG", "checkpoint starting: time"), ("DETAIL", "Volume {token} was in sync."))),
    Notice(
        "autovacuum",
        (("LOG", _VACUUM),),
        fields=(("db_namespace", "shop"), ("db_collection_name", "public.carts")),
    ),
    Notice(
        "server",
        (
            ("LOG", "cache of {token} was rebuilt"),
            ("CONTEXT", "rebuilding after a reload\n\n\tthird line after an empty one"),
        ),
    ),
)

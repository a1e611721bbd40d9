"""The messages that the error log writer prints, and the dump of a deadlock. Heads and times are not here."""

from random import Random
from typing import NamedTuple


class Message(NamedTuple):
    """One kind of message.

    weight:     how often it comes, relative to the others.
    where:      both, aurora or mysql.
    event:      the record's event_name.
    head:       label, error code and subsystem.
    text:       with {token}, {user}, {address}, {table}, {n}; the token once, here or in `source`, and never where a
                reader takes the value out of the text into a field of its own, so that a record holds it once.
    source:     Aurora's source file at the end of the line, "" for none.
    fields:     further true fields.
    background: printed by thread 0.
    """

    weight: int
    where: str
    event: str
    head: tuple[str, str, str]
    text: str
    source: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    background: bool = False


_DENIED = ("Note", "MY-010926", "Server")
_CLIENT = (("user_name", "{user}"), ("client_address", "{address}"))
_ABORTED_FIELDS = (*_CLIENT, ("db_namespace", "{table}"))
_REFUSED = "Access denied for user '{user}'@'{address}'"
_ABORTED = "Aborted connection {n} to db: '{table}' user: '{user}' host: '{address}'"
_VERSION = "Version: '8.0.35'  socket: '/tmp/{token}.sock'  port: 3306  Source distribution"

MESSAGES: tuple[Message, ...] = (
    Message(18, "aurora", "auth_failed", _DENIED, f"{_REFUSED} (using password: YES)", "auth_{token}.cc", _CLIENT),
    Message(6, "aurora", "auth_failed", _DENIED, f"{_REFUSED} (using password: NO)", "auth_{token}.cc", _CLIENT),
    Message(18, "mysql", "auth_failed", _DENIED, f"{_REFUSED} to database '{{token}}'", "", _CLIENT),
    Message(
        24,
        "aurora",
        "connection_aborted",
        ("Note", "MY-010914", "Server"),
        f"{_ABORTED} (Got an error reading communication packets).",
        "conn_{token}.cc",
        _ABORTED_FIELDS,
    ),
    Message(
        24,
        "mysql",
        "connection_aborted",
        ("Note", "MY-010914", "Server"),
        f"{_ABORTED} (init_connect command failed, see {{token}}).",
        "",
        _ABORTED_FIELDS,
    ),
    Message(
        2,
        "both",
        "server_ready",
        ("System", "MY-010931", "Server"),
        f"/rdsdbbin/mysql/bin/mysqld: ready for connections. {_VERSION}.",
        background=True,
    ),
    Message(
        2,
        "mysql",
        "server_ready",
        ("System", "MY-010931", "Server"),
        f"/rdsdbbin/mysql/bin/mysqld: ready for connections.\n{_VERSION}",
        background=True,
    ),
    Message(
        1,
        "both",
        "server_start",
        ("System", "MY-010116", "Server"),
        "/rdsdbbin/{token}/bin/mysqld (mysqld 8.0.35) starting as process {n}",
        background=True,
    ),
    Message(
        14,
        "both",
        "deprecation",
        ("Warning", "MY-013360", "Server"),
        "Plugin mysql_native_password reported: ''mysql_native_password' is deprecated and will be removed in a future "
        "release ({token}).'",
    ),
    Message(
        9,
        "both",
        "table_crashed",
        ("ERROR", "MY-010207", "Server"),
        "Table './{table}/{token}' is marked as crashed and should be repaired",
    ),
    Message(
        10,
        "both",
        "innodb",
        ("Warning", "MY-012111", "InnoDB"),
        "Trying to access missing tablespace {n} of {table}/{token}",
        background=True,
    ),
    Message(
        8,
        "both",
        "innodb",
        ("ERROR", "MY-012592", "InnoDB"),
        "Operating system error number 2 in a file operation on ./{table}/{token}.ibd.",
        background=True,
    ),
    Message(
        8,
        "both",
        "innodb",
        ("Note", "MY-012551", "InnoDB"),
        "Rolled back the trx {n} that was left in prepared state\n# by coordinator {token}\n\n"
        "INSERT INTO {table} VALUES ({n})",
        background=True,
    ),
    Message(
        10,
        "both",
        "replication",
        ("Warning", "MY-010897", "Repl"),
        "Storing user name for channel '{token}' in the source info repository is not secure.",
    ),
    Message(
        8,
        "both",
        "replication",
        ("ERROR", "MY-013146", "Repl"),
        "Replica SQL for channel '{token}': Worker {n} failed executing transaction; Could not execute Write_rows "
        "event on table shop.{table};\nhandler error HA_ERR_FOUND_DUPP_KEY, Error_code: MY-001062",
    ),
    Message(
        6,
        "aurora",
        "server",
        ("Note", "MY-000000", "Server"),
        "Reader lag recovered after {n} ms for volume {token}",
        "oscar_stats.cc",
        background=True,
    ),
    Message(
        5,
        "both",
        "server",
        ("Warning", "MY-010055", "Server"),
        "IP address '{address}' could not be resolved: no name for {token}",
    ),
    Message(
        4,
        "both",
        "certificate",
        ("Warning", "MY-010068", "Server"),
        "CA certificate /rdsdbdata/rds-metadata/{token}.pem is self signed.",
        background=True,
    ),
)

_DUMP = """Transactions deadlock detected, dumping detailed information.
*** (1) TRANSACTION:

TRANSACTION {trx}, ACTIVE {active} sec starting index read
mysql tables in use 1, locked 1
LOCK WAIT 3 lock struct(s), heap size 1128, 2 row lock(s), undo log entries 1
MySQL thread id {thread}, OS thread handle 70369015, query id {query} 10.0.3.{host} app updating
UPDATE stock_moves SET delta_qty = delta_qty - 1 WHERE move_id = {n}

*** (1) WAITING FOR THIS LOCK TO BE GRANTED:

RECORD LOCKS space id {space} page no 4 n bits 80 {lock}
Record lock, heap no 3 PHYSICAL RECORD: n_fields 4; compact format; info bits 0
 0: len 4;{row_one}
 1: len 6;{row_two}

*** (2) TRANSACTION:

TRANSACTION {other_trx}, ACTIVE {active} sec inserting
mysql tables in use 1, locked 1
4 lock struct(s), heap size 1128, 3 row lock(s), undo log entries 2
MySQL thread id {other_thread}, OS thread handle 70369016, query id {other_query} 10.0.3.{host} checkout update
INSERT INTO stock_moves (warehouse_id, batch_no) VALUES ({n}, 'B-{space}')

*** (2) HOLDS THE LOCK(S):

RECORD LOCKS space id {space} page no 4 n bits 80 {held}
Record lock, heap no 3 PHYSICAL RECORD: n_fields 4; compact format; info bits 0

*** WE ROLL BACK TRANSACTION ({victim})"""


class Dump(NamedTuple):
    """A deadlock's dump. body: what a reader should keep of it, without the bytes of rows."""

    victim: int
    text: str
    body: str


def deadlock_dump(rnd: Random, token: str) -> Dump:
    """Give a dump as innodb_print_all_deadlocks writes it.

    The token is a partition's name: a reader that takes index, table and lock mode out of the dump does not copy it.
    """
    victim, trx, thread = 1 + rnd.getrandbits(1), rnd.getrandbits(32), 1 + rnd.getrandbits(14)
    space = rnd.getrandbits(12)
    values = {
        "held": f"index PRIMARY of table `shop`.`stock_moves` trx id {trx + 3} lock_mode X",
        "lock": f"index PRIMARY of table `shop`.`stock_moves` /* Partition `{token}` */ trx id {trx} lock_mode X waiting",
        "trx": trx,
        "other_trx": trx + 3,
        "thread": thread,
        "other_thread": thread + 7,
        "query": trx // 7,
        "other_query": trx // 7 + 2,
        "active": rnd.getrandbits(4),
        "host": 1 + rnd.getrandbits(7),
        "n": rnd.getrandbits(24),
        "space": space,
        "victim": victim,
    }
    rows = {"row_one": " hex 80000002; asc     ;;", "row_two": f" hex 00000000{space:04x}; asc       ;;"}
    return Dump(victim, _DUMP.format(**values, **rows), _DUMP.format(**values, **dict.fromkeys(rows, " ***")))

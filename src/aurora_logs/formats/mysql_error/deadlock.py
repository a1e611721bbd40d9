"""The transactions of a deadlock's dump: who ran what, which lock each waited for and which it held; and the victim."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import msgspec

from aurora_logs.sql.redaction import redact_sql
from aurora_logs.text import cut_text, integer, readable

TRANSACTIONS_MAX = 64  # of one dump; InnoDB gives up its search after 200
_DIALECT = "mysql"
_SECTION = re.compile(
    rb"^[ \t]*\*\*\* ?(?:\((?P<number>\d{1,9})\) )?(?P<kind>TRANSACTION|WAITING FOR|HOLDS THE LOCK|CONFLICTING WITH"
    rb"|WE ROLL BACK TRANSACTION \((?P<victim>\d{1,9})\))",
    re.MULTILINE,
)
_TRX = re.compile(rb"TRANSACTION ([0-9A-F]{1,20})(?: |,)")
_THREAD = re.compile(rb"(?:MySQL|MariaDB) thread id (\d{1,19}), [^\n]{0,200}?query id (\d{1,19})([^\n]{0,1000})(?:\n|\Z)")
_QUERY_END = re.compile(rb"\n(?:\*\*\* |-{5,} TRX HAS BEEN WAITING|(?:RECORD|TABLE) LOCKS? )")
_LOCK = re.compile(
    rb"(?:RECORD LOCKS [^\n]{0,200}?index (?P<index>[^\n]{1,200}?) of table|TABLE LOCK table) (?P<table>[^\n]{1,500}?)"
    rb"(?: /\* Partition [^\n]{0,300}? \*/)? trx id (?P<trx>[0-9A-F]{1,20}) lock[ _]mode (?P<mode>[^\n]{1,100})"
)


class Found(msgspec.Struct):
    """What a dump tells. `text`: its transactions as JSON, None when there is none; redactions: of their statements."""

    text: str | None = None
    victim: int | None = None
    redactions: int = 0


def read_deadlock(body: bytes, *, is_redacting: bool, statement_max_bytes: int) -> Found:
    """Read a dump whose heads were taken off; partitions, hex dumps and what is not understood stay out."""
    found = Found()
    transactions: list[dict[str, Any]] = []
    locks: list[tuple[bool, bytes, dict[str, Any]]] = []  # is waited for, text, transaction that is told of
    for kind, victim, text in _sections(body):
        if victim:
            found.victim = int(victim)
        elif kind == b"TRANSACTION" and len(transactions) < TRANSACTIONS_MAX:
            transactions.append(_transaction(text, found, is_redacting=is_redacting, statement_max_bytes=statement_max_bytes))
        elif kind != b"TRANSACTION" and transactions:
            locks.append((kind == b"WAITING FOR", text, transactions[-1]))
    for is_waiting, text, told_of in locks:
        _add_lock(text, transactions, told_of, is_waiting=is_waiting)
    if transactions:
        found.text = msgspec.json.encode(transactions).decode()
    return found


def _sections(body: bytes) -> Iterator[tuple[bytes, bytes | None, bytes]]:
    """Yield kind, victim's number and text of each section of the dump."""
    sections = list(_SECTION.finditer(body))
    for section, stop in zip(sections, [*(one.start() for one in sections[1:]), len(body)], strict=False):
        yield section["kind"], section["victim"], body[section.end() : stop]


def _transaction(text: bytes, found: Found, *, is_redacting: bool, statement_max_bytes: int) -> dict[str, Any]:
    one: dict[str, Any] = {}
    if trx := _TRX.search(text):
        one["trx_id"] = trx[1].decode()
    thread = _THREAD.search(text)
    if thread is None:
        return one
    one["thread_id"], one["query_id"] = integer(thread[1]), integer(thread[2])
    one |= _account(thread[3].split())
    end = _QUERY_END.search(text, thread.end() - 1)
    statement = text[thread.end() : end.start() if end else len(text)].strip(b"\r\n")
    statement = cut_text(statement, statement_max_bytes)
    if statement and is_redacting:
        statement, replaced = redact_sql(statement, _DIALECT)
        found.redactions += replaced
    if statement:
        one["query_text"] = readable(statement)[0]
    return {name: value for name, value in one.items() if value is not None}


def _account(words: list[bytes]) -> dict[str, str]:
    """Read `[host] [address] [user] [state]`; every part may be missing, the state is several words."""
    texts = [readable(word)[0] for word in words]
    if len(texts) > 1 and _is_address(texts[1]) and not _is_address(texts[0]):
        texts.pop(1)
    return dict(zip(("client_address", "user_name"), texts, strict=False))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _add_lock(text: bytes, transactions: list[dict[str, Any]], told_of: dict[str, Any], *, is_waiting: bool) -> None:
    """Give the lock to the transaction that its line names: MariaDB tells behind a wait who holds the lock."""
    lock = _LOCK.search(text)
    if lock is None:
        return
    trx = lock["trx"].decode()
    owner = told_of if told_of.get("trx_id") == trx else next((one for one in transactions if one.get("trx_id") == trx), None)
    if owner is None:
        return
    said = {"index": lock["index"], "table": lock["table"].replace(b"`", b""), "lock_mode": lock["mode"].strip()}
    texts = {name: readable(value.removesuffix(b" waiting"))[0].strip("`") for name, value in said.items() if value}
    owner.setdefault("waiting" if is_waiting else "holding", texts)

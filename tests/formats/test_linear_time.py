"""Twice the size takes at most 2.2 times as long, for input made to be slow (FMT-115 to FMT-123, PERF-20)."""

import pytest
from reading import NAMES, fast, origin, typed
from tests.growth import is_linear

from aurora_logs.formats import all_formats

FORMATS = {form.name: form for form in all_formats()}
SIZE = 150_000  # four times as much is read too; far more than RAW_RUN_BYTES, at which raw text is cut
HEAD = "# Time: 2026-11-22T10:11:57.811234Z\n# User@Host: app[app] @  [10.0.0.1]  Id:    14\n# Query_time: 2.475469  Lock_time: 0.000287 Rows_sent: 10  Rows_examined: 3145718\nSET timestamp=1795342315;\n"
PIECES = {
    "blanks": " ", "brackets": "[", "digits": "7", "letters": "x", "quotes": "'", "opened": "(", "comments": "/*",
    "newlines": "\n", "borders": "\n# Time: ", "users": ";\n# User@Host: a[a] @ [", "bare": ";\n# Query_time: ;",
    "versions": ", Version: ", "headers": "x, Version: started with:\n", "marks": "[Your log message was truncated]\n",
    "levels": ":[1]:LOG", "stamps": "\n2026-11-22 10:13:36 UTC:", "dates": "\n2026-11-22T10:11:57.0Z 1 [",
    "keys": "a: ", "denied": "Access denied for user '", "wide": "\U0001f6b2", "escapes": "\\",
    "deadlocks": "\n2026-11-22T10:11:57.0Z 1 [Note] InnoDB: Transactions deadlock detected\n", "rules": "\n====================\n",
    "parts": "\n2026-11-22T10:11:57.0Z 1 [Note] *** (1) TRANSACTION:\n", "objects": '\n{ "prio" : 3, "msg" : "',
    "commands": "\n\t\t 7 Query\t", "rows": "\n1795342317811234,s,a,h,1,2,QUERY,d,'", "commas": ",", "columns": ",'",
    "cells": '\n2026-11-22 10:13:36.000 UTC,"', "pairs": '\n2026-11-22 10:13:36.000 UTC,""', "doubled": '""', "double": '"',
    "empty rows": "\n2026-11-22 10:13:36.000 UTC" + "," * 22, "json": '\n{"timestamp":"', "nested": '{"a":[',
    "sub-lines": "\n2026-11-22 10:13:36 UTC:::@:[1]:DETAIL:  x",
}  # fmt: skip
STARTS = {
    "mysql_slow": HEAD, "mysql_error": "2026-11-22T10:11:57.0Z 1 [Note] ", "mysql_general": "2026-11-22T10:11:57.0Z\t   14 Query\t",
    "mysql_audit": "1795342317811234,s,app,h,14,901,QUERY,shop,'", "postgresql_stderr": "2026-11-22 10:13:36 UTC::@:[1]:LOG:  ",
    "postgresql_csvlog": '2026-11-22 10:13:36.000 UTC,"', "postgresql_jsonlog": '{"timestamp":"2026-11-22 10:13:36.000 UTC","message":"',
}  # fmt: skip
ENDS = {"postgresql_csvlog": '"' + "," * 22, "postgresql_jsonlog": '"}'}  # without them it is no entry


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize("where", ["in the text", "in the head", "alone"])
def test_twice_the_size_takes_twice_as_long(name, piece, where):
    start = {"in the text": STARTS[name], "in the head": STARTS[name][: len(STARTS[name]) // 2], "alone": ""}[where]
    form, unit, here = FORMATS[name], PIECES[piece], origin(name)

    def text_of(size: int) -> bytes:
        return (start + unit * (size // len(unit.encode()))).encode()

    def read(text: bytes) -> None:
        fast(form, text, here)
        form.cut(text, final=False)
        form.next_head(text, 1)

    assert is_linear(read, text_of, SIZE)


@pytest.mark.parametrize("name", NAMES)
def test_a_million_tiny_lines_are_one_walk(name):
    """FMT-116, PERF-22."""
    line = "x\\n\\t" if name == "postgresql_jsonlog" else "x\n\t"  # which escapes them
    text = (STARTS[name] + line * 300_000 + ENDS.get(name, "")).encode()
    records = typed(FORMATS[name], text, origin(name))
    assert sum(record.parse_status != "raw" for record in records) == 1
    assert len(records) == 1 or name == "mysql_audit"  # a row is one line, what follows is no part of it

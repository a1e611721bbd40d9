"""Log files in which every entry holds a planted credential, in each place where servers write clients' text."""

from collections.abc import Callable, Iterator
from pathlib import Path

from planted import SECRET, planted
from tests.formats.rows import csv_row, json_line

SECOND_US = 1_000_000
START_SEC = 1_795_338_000  # 2026-11-22 09:00:00 UTC


def stamp(number: int) -> str:
    """A time of day for an entry; a thousand entries share a second."""
    second = number // 1000
    return f"2026-11-22T{9 + second // 3600:02d}:{second // 60 % 60:02d}:{second % 60:02d}"


def slow_log(count: int) -> Iterator[str]:
    """Statements, and at the file's start text that no rule understands."""
    yield f"{planted(0, 'mysql').sql.replace(chr(10), ' ')}\n"
    for seed in range(count):
        sql = planted(seed, "mysql").sql
        yield (
            f"# Time: {stamp(seed)}.{seed % 1_000_000:06d}Z\n# User@Host: app[app] @  [10.0.0.1]  Id:    14\n"
            "# Query_time: 2.475469  Lock_time: 0.000287 Rows_sent: 10  Rows_examined: 31457\n"
            f"SET timestamp={START_SEC + seed // 1000};\n{sql};\n"
        )


def error_log(count: int) -> Iterator[str]:
    """Syntax errors that quote a statement, statements in messages, deadlocks."""
    said = (
        "You have an error in your SQL syntax; check the manual for the right syntax to use near '{}' at line 1",
        "Unsafe statement written to the binary log. Statement: {}",
        "Error 'Access denied' on query. Default database: 'd'. Query: '{}'",
    )
    for seed in range(count):
        case = planted(seed, "mysql")
        # behind a whole statement alone the server closes its quote
        text = said[seed % 2 if case.is_cut else seed % 3].format(case.sql)
        yield f"{stamp(seed)}.000000Z {seed} [ERROR] [MY-010584] [Repl] {text}\n"


def postgresql_messages(count: int) -> Iterator[list[tuple[str, str]]]:
    """Statements, and DETAIL, CONTEXT, QUERY and STATEMENT behind errors: the level and the text of each."""
    shapes = (
        (("LOG", "duration: 12.437 ms  statement: {}"),),
        (("ERROR", 'syntax error at or near "{}" at character 8'), ("STATEMENT", "{}")),
        (("ERROR", "permission denied"), ("CONTEXT", 'SQL statement "{}"\nPL/pgSQL function f() line 3'), ("STATEMENT", "select 1")),
        (("ERROR", "division by zero"), ("QUERY", "{}"), ("STATEMENT", "{}")),
        (("LOG", "duration: 1.000 ms  execute s1: {}"), ("DETAIL", "prepare: PREPARE s1 AS {}")),
        (("LOG", "duration: 1.000 ms  execute s1: UPDATE users SET password = $2 WHERE id = $1"),
         ("DETAIL", f"parameters: $1 = '5', $2 = '{SECRET}'")),
        (("LOG", "duration: 9.000 ms  plan:\nQuery Text: {}\nSeq Scan on t  (cost=0.00..1.00 rows=1 width=4)"),),
    )
    for seed in range(count):
        sql = planted(seed, "postgresql").sql
        yield [(level, text.replace("{}", sql)) for level, text in shapes[seed % len(shapes)]]


def postgresql_log(count: int) -> Iterator[str]:
    """Messages under the prefix of RDS, TABs in front of their further lines; at the file's start text that no rule understands."""
    yield f"{planted(0, 'postgresql').sql.replace(chr(10), ' ')}\n"
    for seed, lines in enumerate(postgresql_messages(count)):
        for level, text in lines:
            message = text.replace("\r", "").replace("\n", "\n\t")
            yield f"{stamp(seed).replace('T', ' ')} UTC:10.0.0.1(40000):app@shop:[{seed % 30_000}]:{level}:  {message}\n"


def in_columns(shape: Callable[..., str]) -> Callable[[int], Iterator[str]]:
    """The messages as rows or objects, a tenth as many; at the file's start one of them without its end."""
    columns = {"DETAIL": "detail", "CONTEXT": "context", "QUERY": "internal_query", "STATEMENT": "statement"}

    def lines(count: int) -> Iterator[str]:
        yield shape(message=planted(0, "postgresql").sql)[:-60] + "\n"
        for seed, ((level, message), *folded) in enumerate(postgresql_messages(count // 10)):
            told = {columns[name]: text for name, text in folded}
            at = f"{stamp(seed).replace('T', ' ')}.000 UTC"
            yield shape(timestamp=at, session_start=at, error_severity=level, message=message, **told)

    return lines


FILES = (
    ("mysql-1", "slowquery/mysql-slowquery.log.2026-11-22.10", slow_log),
    ("mysql-1", "error/mysql-error-running.log.2026-11-22.10", error_log),
    ("pg-1", "error/postgresql.log.2026-11-22-09", postgresql_log),
    ("pg-2", "error/postgresql.log.2026-11-22-09.csv", in_columns(csv_row)),
    ("pg-3", "error/postgresql.log.2026-11-22-09.json", in_columns(json_line)),
)


def write(folder: Path, count: int) -> None:
    """Write the files as a folder of instances; `count` entries in each."""
    for instance, name, lines in FILES:
        path = folder / instance / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines(count)), encoding="utf-8", newline="")

"""`query`: one reading SQL statement over the streams as tables."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from aurora_logs.cli.options import DataDir, DataOutput, add

if TYPE_CHECKING:
    from aurora_logs.cli.forms import Kind

TABLE_ROWS, DATA_ROWS = 1_000, 1_000_000  # of a table that people read, and of data that programs read


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, query, "query", 'aurora-logs query "SHOW TABLES"',
        'aurora-logs query "SELECT instance_id, count(*) AS n FROM aurora_slowquery_logs GROUP BY ALL" -o ndjson')


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="one statement that reads; - takes it from standard input")],
    *,
    output: DataOutput = "table",
    limit: Annotated[int, typer.Option("--limit", min=0, max=10_000_000, help="rows at most; 0: 1,000 in a table, "
                                       "1,000,000 else")] = 0,
    timeout_sec: Annotated[float, typer.Option("--timeout", min=0.1, max=3600, help="seconds (exit 7)")] = 60.0,
    data_dir: DataDir = None,
) -> None:
    """Ask the delivered records in SQL.

    The streams are tables, each record stands once; nothing else can be read.
    """
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.errors import ConfigError, Permanent  # noqa: PLC0415

    most = limit or (TABLE_ROWS if output == "table" else DATA_ROWS)
    with desk(data_dir) as (_, beside):
        try:
            answer = beside.insights.query(sys.stdin.read() if sql == "-" else sql, limit_sec=timeout_sec, max_rows=most)
        except Permanent as error:  # the statement does not fit: usage, not a thing that was not found
            raise ConfigError(error.detail, hint=error.hint) from error
    if output == "csv":
        forms.write_csv(answer.columns, answer.rows)
    else:
        columns = [forms.Column(name, name, _kind(sql_type))
                   for name, sql_type in zip(answer.columns, answer.types, strict=True)]
        forms.show("rows", answer.objects(), columns, output, nothing="no rows")
    if answer.cut:
        forms.say(f"there are more than {len(answer.rows):,} rows; --limit shows more")


def _kind(sql_type: str) -> "Kind":
    if sql_type.startswith(("DOUBLE", "FLOAT", "DECIMAL", "BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "UINTEGER", "SMALLINT")):
        return "number"
    return "log" if sql_type == "VARCHAR" else "text"

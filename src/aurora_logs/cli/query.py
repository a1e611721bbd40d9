"""`query`: one reading SQL statement over the streams as tables."""

import sys
from typing import Annotated

import typer

from aurora_logs.cli.options import DataDir, add
from aurora_logs.cli.views import View

TABLE_ROWS, DATA_ROWS = 1_000, 1_000_000  # of a table that people read, and of data that programs read


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, query, "query", 'aurora-logs query "SHOW TABLES"',
        'aurora-logs query "SELECT instance_id, count(*) AS n FROM aurora_slowquery_logs GROUP BY ALL" -o ndjson',
        exits=(0, 2, 4, 7))


def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="one statement that reads; - takes it from standard input")],
    *,
    limit: Annotated[int, typer.Option("--limit", metavar="N", min=0, max=10_000_000, help="rows at most; 0: 1,000 in a table, "
                                       "1,000,000 else")] = 0,
    timeout_sec: Annotated[float, typer.Option("--timeout", metavar="SEC", min=0.1, max=3600, help="seconds (exit 7)")] = 60.0,
    view: View = View(), data_dir: DataDir = None,
) -> None:
    """Ask the delivered records in SQL.

    The streams are tables, each record stands once; nothing else can be read.
    """
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.desk import desk  # noqa: PLC0415
    from aurora_logs.cli.rows import items_of, kind_of  # noqa: PLC0415
    from aurora_logs.errors import ConfigError, Permanent  # noqa: PLC0415

    most = limit or (TABLE_ROWS if view.form in ("table", "wide") else DATA_ROWS)
    with desk(data_dir) as (_, beside):
        try:
            answer = beside.insights.query(_from_input() if sql == "-" else sql, limit_sec=timeout_sec, max_rows=most)
        except Permanent as error:  # the statement does not fit: usage, not a thing that was not found
            raise ConfigError(error.detail, hint=error.hint) from error
    forms.show(kind_of(answer), items_of(answer), view, nothing="no rows")
    if answer.cut:
        forms.say(f"there are more than {len(answer.rows):,} rows; --limit shows more")


def _from_input() -> str:
    return sys.stdin.buffer.read().decode("utf-8", "replace")

"""The Typer app: which module holds which command."""

import typer

from aurora_logs.cli.groups import group


def build() -> typer.Typer:
    """Make the app with all commands."""
    from aurora_logs.cli import (  # noqa: PLC0415
        audit,
        breaker,
        checkpoints,
        config,
        demo,
        direct,
        dlq,
        doctor,
        export,
        files,
        health,
        instances,
        lag,
        parse,
        provision,
        query,
        run,
        search,
        top,
        version,
    )

    app = group("aurora-logs", "Reads RDS and Aurora logs, delivers every record once, and proves it.")
    app.callback()(_everywhere)
    for module in (demo, parse, run, doctor, health, lag, instances, files, checkpoints, dlq, audit, top, query, search, direct, breaker, provision,
                   export, config, version):
        module.register(app)
    return app


def _everywhere(
    *,
    config: str = typer.Option("", "--config", metavar="FILE", help="configuration file  [env var: AURORA_LOGS_CONFIG]"),
    color: str = typer.Option("auto", "--color", metavar="WHEN", help="auto, always or never  [env var: NO_COLOR]"),
    timezone: str = typer.Option("utc", "--timezone", metavar="ZONE", help="of times in tables: utc, local (env var: TZ) or Area/City"),
    read_only: bool = typer.Option(False, "--read-only", help="refuse commands that change something  [env var: READ_ONLY]"),
    debug: bool = typer.Option(False, "--debug", help="show versions, and a traceback when something fails"),
) -> None:
    """Reads RDS and Aurora logs, delivers every record once, and proves it."""
    del config, color, timezone, read_only, debug  # taken from the command line before, wherever they stand: everywhere.py

"""The Typer app: which module holds which command."""

import typer

from aurora_logs.cli.groups import group


def build() -> typer.Typer:
    """Make the app with all commands."""
    from aurora_logs.cli import (  # noqa: PLC0415
        checkpoints,
        config,
        demo,
        direct,
        dlq,
        doctor,
        files,
        health,
        instances,
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
    for module in (demo, parse, run, doctor, health, instances, files, checkpoints, dlq, top, query, search, direct, provision, config, version):
        module.register(app)
    return app


def _everywhere(
    *,
    debug: bool = typer.Option(False, "--debug", help="show a traceback when something fails"),
    config: str = typer.Option("", "--config", metavar="FILE", help="configuration file (AURORA_LOGS_CONFIG)"),
) -> None:
    """Reads RDS and Aurora logs, delivers every record once, and proves it."""
    del debug, config  # taken from the command line before, wherever they stand: see cli.main

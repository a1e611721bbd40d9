"""`run`: collect, in one process, until stopped or until all is delivered."""

from typing import Annotated

import typer

from aurora_logs.cli.options import DataDir, load_settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    app.command("run")(run)
    app.command("version")(version)


def run(
    service: Annotated[str, typer.Argument(help="standalone")] = "standalone",
    *,
    once: Annotated[bool, typer.Option("--once", help="deliver what is listed now, then end")] = False,
    instance: Annotated[str, typer.Option(help="collect this instance alone")] = "",
    data_dir: DataDir = None,
) -> None:
    """Collect logs and deliver every record once.

    Examples: aurora-logs run --once --instance prod-1; aurora-logs run
    """
    import signal  # noqa: PLC0415
    import threading  # noqa: PLC0415

    from aurora_logs import telemetry  # noqa: PLC0415
    from aurora_logs.services.standalone import Standalone  # noqa: PLC0415

    if service != "standalone":
        raise typer.BadParameter(f"{service!r} is not available here: standalone", param_hint="service")
    loaded = load_settings(data_dir=data_dir)
    telemetry.configure(telemetry.json_lines(loaded.settings.log_level))
    for warning in loaded.warnings:
        telemetry.setting_warning(warning)
    stop = threading.Event()
    ended_by: list[int] = []

    def on_signal(number: int, _frame: object) -> None:
        ended_by.append(number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    standalone = Standalone(loaded.settings, stop, only=instance)
    if not once:
        standalone.run()
    else:
        outcome = standalone.run_once()
        typer.echo(f"delivered {outcome.records:,} records; {outcome.gap_bytes:,} bytes lost; "
                   f"{outcome.bytes_behind:,} bytes behind in {outcome.files_behind} files", err=True)
        for name, reason in outcome.held.items():
            typer.echo(f"held: {name}: {reason}", err=True)
        if outcome.held or outcome.bytes_behind:
            raise typer.Exit(3)
    if ended_by:
        raise typer.Exit(128 + ended_by[0])


def version(*, output: Annotated[str, typer.Option("--output", "-o", help="text or json")] = "text") -> None:
    """Print the version."""
    from aurora_logs import __version__  # noqa: PLC0415

    typer.echo(f'{{"version": "{__version__}"}}' if output == "json" else f"aurora-logs {__version__}")

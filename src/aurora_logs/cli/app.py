"""The Typer app: which module holds which command, how errors are shown, which exit code each branch has."""

import json
import sys

import typer

from aurora_logs.errors import (
    AccessDenied,
    AuroraLogsError,
    ConfigError,
    Conflict,
    Permanent,
    Transient,
    Unknown,
)

# experience.md UX-47: the most specific branch first
EXIT_CODES: tuple[tuple[type[AuroraLogsError], int], ...] = (
    (AccessDenied, 6), (ConfigError, 2), (Conflict, 5), (Permanent, 4), (Transient, 7), (Unknown, 7))


def build() -> typer.Typer:
    """Make the app with all commands."""
    from aurora_logs.cli import run  # noqa: PLC0415

    app = typer.Typer(name="aurora-logs", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False,
                      add_completion=False, context_settings={"help_option_names": ["-h", "--help"]},
                      help="Reads RDS and Aurora logs, delivers every record once, and proves it.")
    run.register(app)
    return app


def exit_code_of(error: BaseException) -> int:
    """Map an error to its exit code; 1 is a bug of ours."""
    return next((code for branch, code in EXIT_CODES if isinstance(error, branch)), 1)


def show_error(error: BaseException, *, as_json: bool = False) -> None:
    """Print one error as one block on standard error (UX-50)."""
    hint = getattr(error, "hint", "")
    if as_json:
        sys.stderr.write(json.dumps({"error": str(error), "kind": type(error).__name__, "next": hint}) + "\n")
        return
    text = str(error) if isinstance(error, AuroraLogsError) else f"{type(error).__name__}: an error of ours"
    sys.stderr.write(f"error: {text}\n" + (f"  next    {hint}\n" if hint else ""))

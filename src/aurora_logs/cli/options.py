"""Options that several commands share, how they become settings, and how a command is added; no command is here."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from aurora_logs.cli.flags import EVERYWHERE, META, SettingsCommand
from aurora_logs.cli.nearest import did_you_mean
from aurora_logs.cli.view_options import with_view
from aurora_logs.names import LOG_TYPES

if TYPE_CHECKING:  # msgspec is not loaded for --help
    from aurora_logs.settings import Loaded, Service

DataDir = Annotated[str | None, typer.Option("--data-dir", metavar="DIR", help="state and records  [env var: DATA_DIR]")]
DetailForm = Annotated[Literal["table", "json", "yaml"], typer.Option("--output", "-o", help="form of the output")]
Instance = Annotated[str, typer.Option("--instance", metavar="NAME", help="this instance alone")]
LogType = Annotated[str, typer.Option("--type", metavar="TYPE", help="error, slowquery, general, audit or postgresql")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="from here on: an age such as 2h, or an RFC 3339 time")]
Until = Annotated[str, typer.Option("--until", metavar="TIME", help="up to here: an age such as 1h, or an RFC 3339 time")]
Limit = Annotated[int, typer.Option("--limit", metavar="N", min=1, max=1_000_000, help="at most so many")]

EXITS = {
    0: "done, healthy", 2: "usage or configuration", 3: "partly done", 4: "not found", 5: "conflict", 6: "not allowed",
    7: "down, or too slow", 8: "unhealthy", 130: "stopped by Ctrl-C", 143: "by SIGTERM"}
PAGE = "docs/commands.md"


def add(app: typer.Typer, function: Callable[..., None], name: str, *examples: str, exits: Sequence[int] = (0, 2, 4, 7),
        settings: bool = False) -> None:
    """Add a command; below its help stand examples that tests run, the exit codes that matter, and the page (UX-71).

    settings: each setting is a flag of it too.
    """
    shown = "\n".join(f"  {example}" for example in examples)
    codes = ", ".join(f"{code} {EXITS[code]}" for code in exits)
    epilog = f"\b\nExamples:\n{shown}\n\nExit codes: {codes}.\n\n\b\nWith every command: {', '.join(EVERYWHERE)}\nPage: {PAGE}"
    app.command(name, cls=SettingsCommand if settings else None, epilog=epilog)(with_view(function))


def load_settings(service: "Service" = "standalone", **flags: object) -> "Loaded":
    """Load the settings in force, for this service; flags that were not given don't count. Raises: ConfigError."""
    from aurora_logs.settings import load  # noqa: PLC0415

    given = {name: value for name, value in flags.items() if value is not None}
    return load(os.environ, {**_flags_of_the_call(), **given}, service=service)


def _flags_of_the_call() -> dict[str, object]:
    """Return the settings that stand on the command line of the command that runs now."""
    from typer._click.globals import get_current_context  # noqa: PLC0415 - Typer's own copy, which has no other way to it

    context: Any = get_current_context(silent=True)
    return {**(context.obj or {}), **context.meta.get(META, {})} if context else {}


def known_type(log_type: str) -> str:
    """Refuse a log type that does not exist, with the nearest one."""
    return _one_of(log_type, LOG_TYPES, "--type") if log_type else ""


def _one_of(value: str, known: Sequence[str], option: str) -> str:
    if value in known:
        return value
    raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}{did_you_mean(value, known)}", param_hint=option)

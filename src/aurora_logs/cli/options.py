"""Options that several commands share, how they become settings, and how a command is added; no command is here."""

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aurora_logs.names import LOG_TYPES

if TYPE_CHECKING:  # msgspec is not loaded for --help
    from aurora_logs.settings import Loaded

ListForm = Literal["table", "wide", "json", "ndjson", "csv", "name"]
DataForm = Literal["table", "json", "ndjson", "csv"]

DataDir = Annotated[str | None, typer.Option("--data-dir", metavar="DIR", help="state and records (DATA_DIR)")]
ListOutput = Annotated[ListForm, typer.Option("--output", "-o", help="form of the output")]
DataOutput = Annotated[DataForm, typer.Option("--output", "-o", help="form of the output")]
ShowOutput = Annotated[Literal["table", "json"], typer.Option("--output", "-o", help="form of the output")]
Instance = Annotated[str, typer.Option("--instance", metavar="NAME", help="this instance alone")]
LogType = Annotated[str, typer.Option("--type", metavar="TYPE", help="error, slowquery, general, audit or postgresql")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="an age such as 2h, or an RFC 3339 time")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=1_000_000, help="at most so many")]



def add(app: typer.Typer, function: Callable[..., None], name: str, *examples: str) -> None:
    """Add a command with its examples below the help (UX-71)."""
    shown = "\n".join(f"  {example}" for example in examples)
    app.command(name, epilog=f"\b\nExamples:\n{shown}" if examples else None)(function)


def load_settings(**flags: object) -> "Loaded":
    """Load the settings in force; flags that were not given don't count. Raises: ConfigError."""
    from aurora_logs.settings import load  # noqa: PLC0415

    return load(os.environ, {name: value for name, value in flags.items() if value is not None})


def known_type(log_type: str) -> str:
    """Refuse a log type that does not exist, with the nearest one."""
    return _one_of(log_type, LOG_TYPES, "--type") if log_type else ""


def _one_of(value: str, known: Sequence[str], option: str) -> str:
    if value in known:
        return value
    raise typer.BadParameter(f"{value!r} is not one of {', '.join(known)}{did_you_mean(value, known)}", param_hint=option)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return `; did you mean X?` for the nearest known word, or nothing."""
    import difflib  # noqa: PLC0415

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""


def range_start_us(since: str) -> int:
    """Read `--since` and print the range that is used (UX-43); 0 when it was not given."""
    import time  # noqa: PLC0415

    from aurora_logs.cli import forms, units  # noqa: PLC0415

    if not since:
        return 0
    start_us = units.since_us(since, time.time_ns() // 1000)
    if start_us is None:
        raise typer.BadParameter(f"{since!r}: an age such as 2h, 90m, 1d, or a time such as 2026-11-23T14:00:00Z",
                                 param_hint="--since")
    forms.say(f"since {units.shown_time(units.from_us(start_us))}")
    return start_us

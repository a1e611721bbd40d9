"""Options that every command has, wherever they stand on the command line; Typer never sees them."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

COLORS = ("auto", "always", "never")


class Everywhere(NamedTuple):
    """The options, and the words that are left for the command. settings: those that are settings, as flags."""

    words: list[str]
    debug: bool
    settings: dict[str, object]


def taken_out(words: Sequence[str]) -> Everywhere:
    """Take the options out of the words before `--`, and set colour and zone. Raises: UsageError (exit 2)."""
    kept: list[str] = []
    debug = False
    settings: dict[str, object] = {}
    rest = iter(words)
    for word in rest:
        name = word.partition("=")[0]
        if word == "--":
            kept += [word, *rest]
        elif word == "--debug":
            debug = True
        elif word == "--read-only":
            settings["read_only"] = True
        elif name == "--config":
            os.environ["AURORA_LOGS_CONFIG"] = _value(word, rest, "the path of a TOML file")
        elif name == "--color":
            _use_color(_value(word, rest, ", ".join(COLORS)))
        elif name == "--timezone":
            _use_zone(_value(word, rest, "utc, local or Area/City"))
        elif word == "--watch":  # UX-44: its value is optional, and stands behind `=`
            kept.append("--watch=2s")
        else:
            kept.append(word)
    return Everywhere(kept, debug, settings)


def _value(word: str, rest: Iterator[str], wanted: str) -> str:
    name, sign, value = word.partition("=")
    value = value if sign else next(rest, "")
    if not value:
        raise _refused(name, f"needs a value: {wanted}")
    return value


def _use_color(when: str) -> None:
    from aurora_logs.cli.terminal import use_color  # noqa: PLC0415 - few say it

    if when not in COLORS:
        raise _refused("--color", f"{when!r} is none of {', '.join(COLORS)}")
    use_color(when)


def _use_zone(name: str) -> None:
    from aurora_logs.cli.units import show_times_in  # noqa: PLC0415 - few say it

    try:
        show_times_in(name)
    except ValueError as error:
        import zoneinfo  # noqa: PLC0415

        from aurora_logs.cli.nearest import did_you_mean  # noqa: PLC0415

        meant = did_you_mean(name, sorted(zoneinfo.available_timezones()))
        raise _refused("--timezone", f"{name!r} is no zone: utc, local or Area/City{meant}") from error


def _refused(option: str, why: str) -> Exception:
    import typer  # noqa: PLC0415

    return typer.BadParameter(why, param_hint=option)

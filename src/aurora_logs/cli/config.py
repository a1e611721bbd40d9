"""`config`: each setting with its value and where it comes from."""

from typing import Annotated

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import add, load_settings
from aurora_logs.cli.views import View


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    config = group("config", "Settings in force.")
    add(config, show, "show", "aurora-logs config show --changed", "aurora-logs config show --batch-size 500 --filter origin=flag",
        exits=(0, 2), settings=True)
    add(config, check, "check", "aurora-logs config check", "aurora-logs config check --config aurora-logs.toml",
        exits=(0, 2), settings=True)
    app.add_typer(config)


def show(
    *, changed: Annotated[bool, typer.Option("--changed", help="only what differs from its default")] = False,
    view: View = View(),
) -> None:
    """Show each setting, its value and its origin: default, file and line, environment or flag."""
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.kinds import SETTINGS  # noqa: PLC0415
    from aurora_logs.settings import in_force  # noqa: PLC0415

    loaded = load_settings()
    settings = [one for one in in_force(loaded) if not changed or one.origin != "default"]
    forms.show(SETTINGS, settings, view, nothing="every setting has its default")
    for warning in loaded.warnings:
        forms.say(f"warning: {warning}")
    if loaded.settings.redaction == "off":
        forms.say("warning: REDACTION is off: log text leaves the parser as it is")


def check() -> None:
    """Check all settings: exit 2 with every mistake, each with its value, origin and what is allowed."""
    from aurora_logs.cli import forms  # noqa: PLC0415

    loaded = load_settings()
    for warning in loaded.warnings:
        forms.say(f"warning: {warning}")
    changed = sum(origin != "default" for origin in loaded.origins.values())
    forms.say(f"the settings fit; {changed} of {len(loaded.origins)} differ from their default")

"""`config`: each setting with its value and where it comes from."""

from typing import Annotated

import typer

from aurora_logs.cli.groups import group
from aurora_logs.cli.options import ListOutput, add, load_settings


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    config = group("config", "Settings in force.")
    add(config, show, "show", "aurora-logs config show --changed", "aurora-logs --config my.toml config show -o json")
    add(config, check, "check", "aurora-logs config check")
    app.add_typer(config)


def show(
    *, changed: Annotated[bool, typer.Option("--changed", help="only what differs from its default")] = False,
    output: ListOutput = "table",
) -> None:
    """Show each setting, its value and its origin: default, file, environment or flag."""
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.forms import Column  # noqa: PLC0415
    from aurora_logs.settings import Secret  # noqa: PLC0415

    loaded = load_settings()
    items: list[dict[str, object]] = []
    for name, origin in loaded.origins.items():
        value = getattr(loaded.settings, name)
        if isinstance(value, Secret):
            value = str(value)
        if not changed or origin != "default":
            items.append({"name": name.upper(), "value": value, "origin": origin})
    columns = (Column("name", "SETTING"), Column("value", "VALUE"), Column("origin", "ORIGIN"))
    forms.show("settings", items, columns, output, nothing="every setting has its default")
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

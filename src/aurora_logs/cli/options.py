"""Options that several commands share, and how they become settings."""

import os
from typing import Annotated

import typer

from aurora_logs.settings import Loaded, load

DataDir = Annotated[str | None, typer.Option("--data-dir", help="state and records", envvar="DATA_DIR", show_envvar=True)]


def load_settings(**flags: object) -> Loaded:
    """Load the settings in force; flags that were not given don't count. Raises: ConfigError."""
    return load(os.environ, {name: value for name, value in flags.items() if value is not None})

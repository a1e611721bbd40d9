"""`version`: which version of what runs here."""

from typing import Annotated, Literal

import typer

from aurora_logs.cli.options import add


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, version, "version", "aurora-logs version", "aurora-logs version -o json")


def version(
    *, output: Annotated[Literal["text", "json"], typer.Option("--output", "-o", help="form of the output")] = "text",
) -> None:
    """Print the version."""
    from aurora_logs import __version__  # noqa: PLC0415

    if output == "text":
        print(f"aurora-logs {__version__}")
        return
    import json  # noqa: PLC0415
    import platform  # noqa: PLC0415
    from importlib import metadata  # noqa: PLC0415

    engines = {}
    for name in ("boto3", "duckdb", "msgspec", "typer"):
        try:
            engines[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            engines[name] = ""
    print(json.dumps({"schema_version": 1, "kind": "version", "version": __version__, "python": platform.python_version(),
                      "libraries": engines}))

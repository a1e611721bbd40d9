"""`version`: which version of what runs here."""

from typing import Annotated, Literal

import typer

from aurora_logs.cli.options import add

LIBRARIES = ("boto3", "duckdb", "isal", "msgspec", "orjson", "typer", "urllib3")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, version, "version", "aurora-logs version", "aurora-logs version -o json", exits=(0, 2))


def version(
    *, output: Annotated[Literal["text", "json", "yaml"], typer.Option("--output", "-o", help="form of the output")] = "text",
) -> None:
    """Print the version."""
    from aurora_logs import __version__  # noqa: PLC0415

    if output == "text":
        print(f"aurora-logs {__version__}")
        return
    from aurora_logs.cli import forms  # noqa: PLC0415

    numbers = versions()
    item = {"version": numbers.pop("aurora-logs"), "commit": commit(), "python": numbers.pop("python"), "libraries": numbers}
    write = forms.write_json if output == "json" else forms.write_yaml
    write({"schema_version": forms.SCHEMA_VERSION, "kind": "version", "items": [item], "unknown": []})


def versions() -> dict[str, str]:
    """Return the versions of Python and of the libraries that do the work; "" for one that is not installed."""
    import platform  # noqa: PLC0415
    from importlib import metadata  # noqa: PLC0415

    from aurora_logs import __version__  # noqa: PLC0415

    found = {"aurora-logs": __version__, "python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ""
    return found


def commit() -> str | None:
    """Return the commit of the checkout that runs; None for an installed package, which knows none."""
    from pathlib import Path  # noqa: PLC0415

    git = Path(__file__).resolve().parents[3] / ".git"
    try:
        head = (git / "HEAD").read_text(encoding="ascii").strip()
        reference = head.removeprefix("ref: ")
        if reference == head:
            return head
        loose = git / reference
        if loose.is_file():
            return loose.read_text(encoding="ascii").strip()
        packed = (git / "packed-refs").read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    return next((line.split()[0] for line in packed if line.endswith(f" {reference}")), None)

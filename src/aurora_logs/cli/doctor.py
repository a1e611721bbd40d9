"""`doctor`: tries what collecting needs, and names the cure of what fails."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aurora_logs.cli.options import DataDir, add, load_settings

if TYPE_CHECKING:
    from aurora_logs.ops.doctor import Check
    from aurora_logs.settings import Loaded

SIGNS = {"ok": ("✔", "ok  "), "failed": ("✗", "FAIL"), "unknown": ("?", "?   ")}


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, doctor, "doctor", "aurora-logs doctor", "aurora-logs doctor -o json")


def doctor(
    *, output: Annotated[Literal["table", "json", "ndjson"], typer.Option("--output", "-o", help="form of the output")] = "table",
    data_dir: DataDir = None,
) -> None:
    """Try what collecting needs, and name each failure's cure.

    Real calls that only read. Exit 8 when a check failed.
    """
    import msgspec  # noqa: PLC0415

    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.failures import UNHEALTHY  # noqa: PLC0415

    found = []
    for check in _checks(data_dir):
        found.append(check)
        if output == "table":
            _print(check)
    if output != "table":
        forms.show("checks", [msgspec.structs.asdict(one) for one in found], (), output)
    is_fine = not any(one.verdict == "failed" for one in found)
    forms.say("next: aurora-logs run --once" if is_fine
              else "next: the first failure's fix, then aurora-logs doctor; without AWS: aurora-logs demo")
    if not is_fine:
        raise typer.Exit(UNHEALTHY)


def _print(check: "Check") -> None:
    from aurora_logs.cli.terminal import one_line, speaks_utf8  # noqa: PLC0415

    sign = SIGNS[check.verdict][0 if speaks_utf8() else 1]
    print(f"{sign} {one_line(check.name)}: {one_line(check.detail)}", flush=True)
    if check.fix and check.verdict != "ok":
        print(f"    fix  {one_line(check.fix)}", flush=True)


def _checks(data_dir: str | None) -> "Iterator[Check]":
    from aurora_logs.errors import ConfigError  # noqa: PLC0415
    from aurora_logs.ops.doctor import failed, source_checks  # noqa: PLC0415
    from aurora_logs.wiring import log_source, system_clock  # noqa: PLC0415

    try:
        loaded = load_settings(data_dir=data_dir)
    except ConfigError as error:
        yield failed("settings", error)
        return
    settings = loaded.settings
    yield from _settings(loaded)
    yield from _directory(settings.data_dir)
    yield from _state(loaded)
    yield from source_checks(lambda: log_source(settings, system_clock(), interactive=True))


def _settings(loaded: "Loaded") -> "Iterator[Check]":
    from aurora_logs.ops.doctor import Check, ok  # noqa: PLC0415

    given = [f"{name.upper()} ({origin})" for name, origin in loaded.origins.items() if origin != "default"]
    yield ok("settings", ", ".join(given) or "all have their defaults")
    for warning in loaded.warnings:
        yield Check(name="settings", verdict="unknown", detail=warning)
    if loaded.settings.redaction == "off":
        yield Check(name="redaction", verdict="failed", detail="it is off: credentials in logs are stored as they are",
                    fix="unset REDACTION")


def _directory(data_dir: str) -> "Iterator[Check]":
    from aurora_logs.cli import units  # noqa: PLC0415
    from aurora_logs.cli.desk import collector_pid, free_share  # noqa: PLC0415
    from aurora_logs.ops.doctor import Check, ok, unknown  # noqa: PLC0415

    path = Path(data_dir)
    there = next((one for one in (path, *path.parents) if one.exists()), path)
    if not there.is_dir():
        yield Check(name="data directory", verdict="failed", detail=f"{there} is a file", fix="use another --data-dir")
        return
    if not os.access(there, os.W_OK | os.X_OK):
        yield Check(name="data directory", verdict="failed", detail=f"{there} can't be written by this user",
                    fix="check its owner, or use another --data-dir")
    else:
        yield ok("data directory", f"{path}{'' if path.exists() else ' (will be made)'}")
    share = free_share(str(there))
    if share is None:
        yield unknown("disk", f"the free space under {there} can't be read")
    else:
        import shutil  # noqa: PLC0415

        text = f"{units.size(shutil.disk_usage(there).free)} free ({share:.0%})"
        yield ok("disk", text) if share >= 0.05 else Check(name="disk", verdict="failed", detail=text,
                                                           fix="free space in DATA_DIR")
    pid = collector_pid(data_dir)
    yield ok("collector", f"process {pid} collects into it" if pid else "no process collects into it now")


def _state(loaded: "Loaded") -> "Iterator[Check]":
    from aurora_logs.errors import AuroraLogsError, NotFound  # noqa: PLC0415
    from aurora_logs.ops.doctor import failed, ok  # noqa: PLC0415
    from aurora_logs.wiring import Beside  # noqa: PLC0415

    try:
        beside = Beside(loaded.settings)
    except NotFound:
        yield ok("state", "nothing was collected yet")
        return
    except AuroraLogsError as error:
        yield failed("state", error)
        return
    try:
        files, letters = len(beside.state.all_tracked()), len(beside.state.dead_letters())
        yield ok("state", f"{files} log files, {letters} open dead letters")
    except AuroraLogsError as error:
        yield failed("state", error)
    finally:
        beside.close()

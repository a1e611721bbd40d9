"""`doctor`: tries what collecting needs, side by side, and names the cure of what fails."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aurora_logs.cli.options import DataDir, add, load_settings
from aurora_logs.cli.views import View

if TYPE_CHECKING:
    from aurora_logs.cli.side_by_side import SideBySide
    from aurora_logs.ops.doctor import Check, Look
    from aurora_logs.settings import Loaded, Settings

SIGNS = {"ok": ("✔", "ok  ", "good"), "failed": ("✗", "FAIL", "bad"), "unknown": ("?", "?   ", "odd")}
DESCRIPTORS_LEAST = 256  # state, sockets and files of the greatest MAX_CONCURRENCY
FREE_LEAST = 0.05


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, doctor, "doctor", "aurora-logs doctor", "aurora-logs doctor --filter verdict!=ok -o json", exits=(0, 2, 8),
        settings=True)


def doctor(
    *, timeout_sec: Annotated[float, typer.Option("--timeout", metavar="SEC", min=0.1, max=600, help="seconds for all checks together; what "
                                                  "has not answered then is told as not known")] = 10.0,
    view: View = View(), data_dir: DataDir = None,
) -> None:
    """Try what collecting needs, and name each failure's cure.

    Real calls that only read, side by side. What can't be looked at is told as such (?), with the reason.
    """
    from aurora_logs.cli import forms  # noqa: PLC0415
    from aurora_logs.cli.failures import UNHEALTHY  # noqa: PLC0415
    from aurora_logs.cli.kinds import CHECKS  # noqa: PLC0415
    from aurora_logs.cli.side_by_side import SideBySide  # noqa: PLC0415

    is_list = view != View(watch_sec=view.watch_sec)  # somebody asks for a form, a filter, an order
    found = []
    for check in _checks(data_dir, SideBySide(timeout_sec)):
        found.append(check)
        if not is_list:
            _print(check)
    if is_list:
        forms.show(CHECKS, found, view)
    is_fine = not any(one.verdict == "failed" for one in found)
    if not view.quiet:
        forms.say("next: aurora-logs run --once" if is_fine
                  else "next: the first failure's fix, then aurora-logs doctor; without AWS: aurora-logs demo")
    if not is_fine:
        raise typer.Exit(UNHEALTHY)


def _print(check: "Check") -> None:
    from aurora_logs.cli.terminal import one_line, paint, speaks_utf8  # noqa: PLC0415

    sign, word, style = SIGNS[check.verdict]
    print(f"{paint(sign if speaks_utf8() else word, style)} {one_line(check.name)}: {one_line(check.detail)}", flush=True)
    if check.fix and check.verdict != "ok":
        print(f"    fix  {one_line(check.fix)}", flush=True)


def _checks(data_dir: str | None, side_by_side: "SideBySide") -> "Iterator[Check]":
    from aurora_logs.errors import ConfigError  # noqa: PLC0415
    from aurora_logs.ops.doctor import NAMES, SourceChecks, failed  # noqa: PLC0415
    from aurora_logs.stages.discover import selection_of  # noqa: PLC0415
    from aurora_logs.wiring import log_source, system_clock  # noqa: PLC0415

    try:
        loaded = load_settings(data_dir=data_dir)
    except ConfigError as error:
        yield failed("settings", error)
        return
    settings, unsupported = loaded.settings, dict[str, str]()
    source = SourceChecks(lambda: log_source(settings, system_clock(), interactive=True,
                                             on_unsupported=unsupported.__setitem__),
                          NAMES[settings.source_backend], unsupported, selection_of(settings))
    here: Mapping[str, Look] = {
        "settings": lambda: _settings(loaded), "data directory": lambda: _directory(settings.data_dir),
        "collector": lambda: _collector(settings.data_dir), "state": lambda: _state(settings),
        "machine": _machine, source.names.instances: source.instances}
    yield from side_by_side.run({**here, **_elsewhere(settings)})
    yield from side_by_side.run(source.listings())
    yield from side_by_side.run(source.downloads())


def _elsewhere(settings: "Settings") -> "Mapping[str, Look]":
    """Return the looks at Kafka, DynamoDB and OpenObserve, where they are used."""
    from aurora_logs import wiring  # noqa: PLC0415
    from aurora_logs.ops.doctor import contract, group, openobserve  # noqa: PLC0415

    looks: dict[str, Look] = {}
    if settings.state_backend == "dynamodb":
        looks["tables"] = lambda: contract("table", wiring.tables(settings), "aurora-logs provision tables")
    if settings.queue_backend == "kafka":
        looks["topics"] = lambda: contract("topic", wiring.topics(settings), "aurora-logs provision topics")
        looks["group"] = lambda: group(wiring.queue_admin(settings))
    if settings.sink_backend == "openobserve":
        looks["streams"] = lambda: contract("stream", wiring.streams(settings), "aurora-logs provision streams")
        looks["openobserve"] = lambda: openobserve(settings)
    return looks


def _settings(loaded: "Loaded") -> "Iterator[Check]":
    from aurora_logs.ops.doctor import Check, ok, unknown  # noqa: PLC0415

    given = [f"{name.upper()} ({origin})" for name, origin in loaded.origins.items() if origin != "default"]
    yield ok("settings", ", ".join(given) or "all have their defaults")
    for warning in loaded.warnings:
        yield unknown("settings", warning)
    yield ok("rescue", f"files that RDS deletes in an outage of the sink are parked in {loaded.settings.rescue_dir}") \
        if loaded.settings.rescue_dir else unknown("rescue", "it is off: files that RDS deletes while the sink is away are lost; "
                                                   "RESCUE_DIR names a directory to park them in")
    if loaded.settings.redaction == "off":
        yield Check(name="redaction", verdict="failed", detail="it is off: credentials in logs are stored as they are",
                    fix="unset REDACTION")


def _directory(data_dir: str) -> "Iterator[Check]":
    import shutil  # noqa: PLC0415

    from aurora_logs.cli import units  # noqa: PLC0415
    from aurora_logs.cli.desk import free_share  # noqa: PLC0415
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
        return
    text = f"{units.size(shutil.disk_usage(there).free)} free ({share:.0%})"
    yield ok("disk", text) if share >= FREE_LEAST else Check(name="disk", verdict="failed", detail=text,
                                                             fix="free space in DATA_DIR")


def _collector(data_dir: str) -> "Iterator[Check]":
    from aurora_logs.cli.desk import collector_pid  # noqa: PLC0415
    from aurora_logs.ops.doctor import ok  # noqa: PLC0415

    pid = collector_pid(data_dir)
    yield ok("collector", f"process {pid} collects into it" if pid else "no process collects into it now")


def _state(settings: "Settings") -> "Iterator[Check]":
    from aurora_logs.errors import NotFound  # noqa: PLC0415
    from aurora_logs.ops.doctor import Check, ok  # noqa: PLC0415
    from aurora_logs.wiring import Beside  # noqa: PLC0415

    try:
        beside = Beside(settings)
    except NotFound:
        yield ok("state", "nothing was collected yet")
        return
    try:
        if damage := beside.damage():
            yield Check(name="state", verdict="failed", detail=f"the state file is damaged: {damage}",
                        fix="restore it from a copy, or move it away: every file is then read again; record ids stay the same")
            return
        files, letters = len(beside.state.all_tracked()), len(beside.state.dead_letters())
        yield ok("state", f"sound; {files} log files, {letters} open dead letters")
    finally:
        beside.close()


def _machine() -> "Iterator[Check]":
    import resource  # noqa: PLC0415
    import sys  # noqa: PLC0415

    from aurora_logs.cli.terminal import is_terminal, speaks_utf8, terminal_width  # noqa: PLC0415
    from aurora_logs.ops.doctor import Check, ok, unknown  # noqa: PLC0415

    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    yield ok("descriptors", f"{allowed:,} may be open") if allowed >= DESCRIPTORS_LEAST else Check(
        name="descriptors", verdict="failed", detail=f"only {allowed} may be open", fix="ulimit -n 1024")
    screen = f"{terminal_width()} columns" if is_terminal() else "no terminal"
    yield ok("output", f"UTF-8, {screen}") if speaks_utf8() else unknown(
        "output", f"{sys.stdout.encoding}, {screen}: signs and other scripts are shown as escapes; PYTHONUTF8=1 shows them")

"""`run`: collect, in one process or as one of several, until stopped or until all is delivered."""

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, cast

import typer

from aurora_logs.cli.nearest import did_you_mean
from aurora_logs.cli.options import DataDir, add, load_settings

if TYPE_CHECKING:
    from aurora_logs.cli.ending import Ending
    from aurora_logs.records.fleet import TrackedFile
    from aurora_logs.services.discovery import Cycle
    from aurora_logs.services.standalone import Outcome
    from aurora_logs.settings import Loaded, Service, Settings
    from aurora_logs.telemetry import Emit

LOOK_EVERY_SEC = 1.0
TOLD_AT_THE_END = ("Instance held",)
SERVICES = ("standalone", "discovery", "processor")


def register(app: typer.Typer) -> None:
    """Add the commands of this module."""
    add(app, run, "run", "aurora-logs run --once --instance shop-1", "aurora-logs run", "aurora-logs run processor", exits=(0, 2, 3, 4, 5, 6, 7, 130, 143),
        settings=True)


def run(
    service: Annotated[str, typer.Argument(metavar="[SERVICE]", help=", ".join(SERVICES))] = "standalone",
    *,
    once: Annotated[bool, typer.Option("--once", help="deliver what is listed now, then end; exit 3 when something is "
                                                      "left")] = False,
    instance: Annotated[str, typer.Option("--instance", metavar="NAME", help="collect this instance alone")] = "",
    data_dir: DataDir = None,
) -> None:
    """Collect logs and deliver every record once.

    Until it is stopped, or with --once until all that is listed is delivered. The first run tells what lies behind.
    Without a word one process does everything; discovery and processor share the work with any number of their kind, over
    Kafka and DynamoDB.
    """
    from aurora_logs import telemetry  # noqa: PLC0415
    from aurora_logs.cli.ending import Ending  # noqa: PLC0415

    known = _known_service(service, once=once, instance=instance)
    loaded = load_settings(known, data_dir=data_dir)
    telemetry.configure(_emitter(loaded, once=once))
    for warning in loaded.warnings:
        telemetry.setting_warning(warning)
    ending = Ending(loaded.settings.shutdown_timeout_sec)
    if known == "standalone":
        _run_standalone(_without_endpoints(loaded), ending, once=once, instance=instance)
    else:
        from aurora_logs.services.separate import run_discovery, run_processor  # noqa: PLC0415

        if known == "discovery":
            run_discovery(loaded.settings, ending.stop, only=instance)
        else:
            run_processor(loaded.settings, ending.stop)
    if ending.exit_code:
        raise typer.Exit(ending.exit_code)


def _without_endpoints(loaded: "Loaded") -> "Settings":
    """Return the settings of one process alone: on a person's own machine no port is taken unasked."""
    from msgspec.structs import replace  # noqa: PLC0415

    return replace(loaded.settings, **{name: 0 for name in ("metrics_port", "health_port") if loaded.origins[name] == "default"})


def _known_service(service: str, *, once: bool, instance: str) -> "Service":
    known = cast("Service", service)
    if service not in SERVICES:
        raise typer.BadParameter(f"{service!r} is no service: {', '.join(SERVICES)}{did_you_mean(service, SERVICES)}",
                                 param_hint="SERVICE")
    if once and known != "standalone":
        raise typer.BadParameter(f"run {service} goes on until it is stopped: only one process that does everything knows when "
                                 "all is delivered; leave the word out", param_hint="--once")
    if instance and known == "processor":
        raise typer.BadParameter("processors work off what discovery queues; give it to run discovery", param_hint="--instance")
    return known


def _run_standalone(settings: "Settings", ending: "Ending", *, once: bool, instance: str) -> None:
    from aurora_logs.services.standalone import Standalone  # noqa: PLC0415

    standalone = Standalone(settings, ending.stop, only=instance, on_backlog=_announcer(settings, instance))
    if not once:
        standalone.run()
        return
    before_bytes = _delivered_bytes(settings)
    outcome = _with_progress(settings, standalone.run_once)
    read_bytes = max(0, _delivered_bytes(settings) - before_bytes)
    _conclude(settings, outcome, instance, read_bytes, is_stopped=ending.stop.is_set())


def _emitter(loaded: "Loaded", *, once: bool) -> "Emit":
    """Return where events go: log lines of a service, or, of a single run, plain sentences about what is not normal."""
    from aurora_logs import telemetry  # noqa: PLC0415
    from aurora_logs.cli.forms import say  # noqa: PLC0415

    if not once or loaded.origins["log_level"] != "default":
        return telemetry.json_lines(loaded.settings.log_level)

    def tell(level: str, message: str, fields: dict[str, object]) -> None:
        if level in ("WARN", "ERROR") and message not in TOLD_AT_THE_END:
            say(f"{level.lower()}: {message}: {', '.join(f'{name} {value}' for name, value in fields.items() if value != '')}")

    return tell


def _announcer(settings: "Settings", only: str) -> "Callable[[Cycle, float], None]":
    from aurora_logs.cli import units  # noqa: PLC0415
    from aurora_logs.cli.forms import say  # noqa: PLC0415

    def announce(cycle: "Cycle", calls: float) -> None:
        if not cycle.instances:
            raise _nothing_there(settings, only)
        listed = cycle.listed
        where = f"{listed} instance{'' if listed == 1 else 's'}"
        if cycle.bytes_behind:
            needed = max(1, round(calls))
            say(f"{units.size(cycle.bytes_behind)} behind in {where}: about {needed:,} call{'' if needed == 1 else 's'}, "
                f"{units.duration(calls / settings.rds_api_rate_limit)} at {settings.rds_api_rate_limit:g} calls a second")
        elif listed:
            say(f"nothing is behind in {where}")

    return announce


def _nothing_there(settings: "Settings", only: str) -> Exception:
    """Say which instances there are, when none is the asked one; or what makes them appear, when there is none."""
    from aurora_logs.errors import NotFound  # noqa: PLC0415
    from aurora_logs.wiring import log_source, system_clock  # noqa: PLC0415

    place = f"the folder {settings.source_dir}" if settings.source_backend == "folder" else "this account and region"
    known = [one.instance_id for one in log_source(settings, system_clock(), interactive=True).instances()]
    if only and known:
        return NotFound(f"{place} has no instance {only!r}{did_you_mean(only, known)}",
                        hint=f"instances: {', '.join(known[:20])}")
    hint = "make a sub-folder for each instance in it" if settings.source_backend == "folder" else \
        "check AWS_REGION and the account (aurora-logs doctor), or see it work without AWS: aurora-logs demo"
    return NotFound(f"{place} has no instance whose logs can be read", hint=hint)


def _with_progress(settings: "Settings", work: "Callable[[], Outcome]") -> "Outcome":
    """Show how far a run is, from the state that it writes, until it ends."""
    from aurora_logs.cli.progress import Bar  # noqa: PLC0415

    done = threading.Event()
    with Bar("delivered") as bar:

        def look() -> None:
            before_bytes = -1
            while not done.wait(LOOK_EVERY_SEC):
                rows = _rows(settings)
                listed_bytes = sum(row.file_size for row in rows)
                if listed_bytes:
                    delivered_bytes = sum(min(row.delivered_bytes, row.file_size) for row in rows)
                    bar.at(delivered_bytes, listed_bytes, _note(rows, settings, is_still=delivered_bytes == before_bytes))
                    before_bytes = delivered_bytes

        watcher = threading.Thread(target=look, name="progress", daemon=True)
        watcher.start()
        try:
            return work()
        finally:
            done.set()
            watcher.join()


def _note(rows: "Sequence[TrackedFile]", settings: "Settings", *, is_still: bool) -> str:
    """Say how many files are done, what is worked on, or what is waited for (UX-55)."""
    open_files = [row for row in rows if row.delivered_bytes < row.file_size]
    done = f"{len(rows) - len(open_files):,} of {len(rows):,} files"
    if not open_files:
        return done
    if is_still:
        return f"{done}; the last entry of a live file waits up to {settings.batch_timeout_sec:g} s for its end"
    greatest = max(open_files, key=lambda row: row.file_size - row.delivered_bytes)
    return f"{done}; {greatest.instance_id} {greatest.log_file_name}"


def _rows(settings: "Settings") -> "Sequence[TrackedFile]":
    """Return the tracking rows; none when the state can't be read just now."""
    from aurora_logs.errors import AuroraLogsError  # noqa: PLC0415
    from aurora_logs.wiring import Beside  # noqa: PLC0415

    try:
        beside = Beside(settings)
    except AuroraLogsError:
        return ()
    try:
        return beside.state.all_tracked()
    except AuroraLogsError:
        return ()
    finally:
        beside.close()


def _delivered_bytes(settings: "Settings") -> int:
    return sum(row.delivered_bytes for row in _rows(settings))


def _conclude(settings: "Settings", outcome: "Outcome", only: str, read_bytes: int, *, is_stopped: bool) -> None:
    from aurora_logs.cli import units  # noqa: PLC0415
    from aurora_logs.cli.failures import PARTLY, block  # noqa: PLC0415
    from aurora_logs.cli.forms import say  # noqa: PLC0415
    from aurora_logs.ops.steps import step  # noqa: PLC0415

    say(f"read {units.size(read_bytes)}, delivered {outcome.records:,} records; gaps {units.size(outcome.gap_bytes)}; "
        f"behind {units.size(outcome.bytes_behind)} in {outcome.files_behind} files")
    for name, reason in outcome.held.items():
        typer.echo(block(f"{name} is held", why=reason, state="every other instance was collected" if not only else "nothing was collected",
                         next=f"cure the reason, then: {step('run', '--once', '--instance', name)}"), err=True, nl=False)
    if outcome.files_behind:
        _say_failed(settings)
    if outcome.held or (outcome.bytes_behind and not is_stopped):
        raise typer.Exit(PARTLY)
    if outcome.gap_bytes:
        say("what could not be read: aurora-logs dlq list, aurora-logs gaps list")
    if not is_stopped:
        say("next: aurora-logs top queries")


def _say_failed(settings: "Settings") -> None:
    """Name the files that ended with an error, each with the error's own words."""
    from aurora_logs.cli.failures import block  # noqa: PLC0415
    from aurora_logs.wiring import Beside  # noqa: PLC0415

    beside = Beside(settings)
    try:
        failed = [row for row in beside.state.all_tracked() if row.error and row.delivered_bytes < row.file_size]
    finally:
        beside.close()
    for row in failed[:10]:
        typer.echo(block("a file could not be read", where=f"{row.instance_id}  {row.log_file_name}  from byte "
                         f"{row.delivered_bytes:,} of {row.file_size:,}", why=row.error,
                         state="its position is kept; all other files go on", next="aurora-logs files list --status failed"),
                   err=True, nl=False)
    if len(failed) > 10:
        typer.echo(f"and {len(failed) - 10} more files: aurora-logs files list --status failed", err=True)

"""The services as processes of their own, any number of each: discovery makes hints, processors work them off and audit.

They meet in the state store and the queue alone. An audit needs the sink and the bytes, which only processors reach.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec.structs import replace

from aurora_logs import __version__, telemetry
from aurora_logs.intake import open_intake
from aurora_logs.ports import Ports
from aurora_logs.services.auditing import Auditor
from aurora_logs.services.census import Census
from aurora_logs.services.compacting import Compactor
from aurora_logs.services.discovery import Discovery
from aurora_logs.services.endpoints import sample_intake, watched
from aurora_logs.services.processor import workers
from aurora_logs.services.rescuing import Rescuer
from aurora_logs.settings import Service, Settings, uses_data_dir
from aurora_logs.stages.discover import Listing
from aurora_logs.wiring import collecting, pod_name


def run_discovery(settings: Settings, stop: threading.Event, *, only: str = "") -> None:
    """List and queue until stopped. only: this instance alone. Raises: ConfigError, Transient at the start."""
    with _started("discovery", settings, stop) as (ports, run_id):
        ports.workers.run({"discovery": Discovery(ports, settings, run_id, only=only).run,
                           "census": Census(ports, settings, run_id).run})


def run_processor(settings: Settings, stop: threading.Event) -> None:
    """Work off hints and audit until stopped. Raises: DirectoryInUse, ConfigError, Transient at the start."""
    with _started("processor", settings, stop) as (ports, run_id):
        listing = Listing(ports.source, ports.state, ports.clock, settings)
        intake = open_intake(ports, settings, threading.Lock())
        sample_intake(intake)
        jobs: dict[str, Callable[[], None]] = {"auditor": Auditor(ports, settings, listing, run_id, intake).run}
        if uses_data_dir(settings, "processor"):
            jobs["compaction"] = Compactor(ports, settings).run
        if ports.shelter is not None:
            jobs["rescuer"] = Rescuer(ports, settings, listing, run_id, intake).run
        ports.workers.run({**jobs, **workers(ports, settings, listing, run_id, intake)})


def audit_once(settings: Settings, stop: threading.Event, *, now: bool) -> tuple[int, int]:
    """Do one round for a command; return how many files passed and how many delivered ones are not proved.

    now: do not wait until AUDIT_DELAY_SEC are over. Raises: DirectoryInUse, ConfigError, Transient.
    """
    settings = replace(settings, audit_delay_sec=0.0) if now else settings
    with collecting(settings, stop, "standalone") as (ports, run_id):
        auditor = Auditor(ports, settings, Listing(ports.source, ports.state, ports.clock, settings), run_id, shares=False)
        passed = auditor.round()
        rows = [row for known in ports.state.instances() for row in ports.state.tracked(known.instance.instance_id)]
        return passed, sum(row.status == "completed" and not row.audited_at and row.records > 0 for row in rows)


@contextmanager
def _started(service: Service, settings: Settings, stop: threading.Event) -> Iterator[tuple[Ports, str]]:
    with watched(settings, stop, service) as opened:
        telemetry.service_started(service, __version__, pod=pod_name(settings, service))
        if settings.redaction == "off" and service == "processor":
            telemetry.redaction_off()
        if service == "processor" and not settings.rescue_dir:
            telemetry.rescue_off()
        yield opened
    telemetry.service_stopped(service)

"""A short collection whose process kills itself at its n-th port call: the switch lies here, never in the product."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aurora_logs.ports import Ports
from aurora_logs.services.auditing import Auditor
from aurora_logs.services.discovery import Discovery
from aurora_logs.services.processor import Processor
from aurora_logs.settings import Settings, load
from aurora_logs.wiring import collecting

COUNTED = ("source", "queue", "state", "sink")
MAX_VISITS = 200  # far more than the scenario needs; a scenario that does not end is a failure


class Fuse:
    """Counts port calls and kills the process before or after the n-th; n == 0 only counts."""

    def __init__(self, nth: int, side: str) -> None:
        self.calls = 0
        self._nth, self._side = nth, side

    def around(self, call: Callable[..., Any], *args: Any, **named: Any) -> Any:
        self.calls += 1
        is_it = self.calls == self._nth
        if is_it and self._side == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = call(*args, **named)
        if is_it:
            os.kill(os.getpid(), signal.SIGKILL)
        return result


class Fused:
    """A port, or something that a port handed out, each of whose calls passes the fuse."""

    def __init__(self, target: Any, fuse: Fuse) -> None:
        self._target, self._fuse = target, fuse

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if not callable(value):
            return value

        def call(*args: Any, **named: Any) -> Any:
            result = self._fuse.around(value, *args, **named)
            return Fused(result, self._fuse) if hasattr(result, "retry_later") else result

        return call


def settings_for(source: Path, data: Path) -> Settings:
    return load({"SOURCE_BACKEND": "folder", "SOURCE_DIR": str(source), "DATA_DIR": str(data), "BATCH_SIZE": "7",
                 "BATCH_TIMEOUT_SEC": "0", "DISCOVERY_INTERVAL_SEC": "0.001", "RETRY_BACKOFF_SEC": "0.001",
                 "AUDIT_DELAY_SEC": "0"}).settings


def collect(source: Path, data: Path, fuse: Fuse) -> None:
    """Discover, deliver everything, audit: the product's own decision loops, one after the other in one thread."""
    settings = settings_for(source, data)
    with collecting(settings, threading.Event()) as (ports, run_id):
        fused = Ports(clock=ports.clock, random=ports.random, workers=ports.workers,
                      **{name: Fused(getattr(ports, name), fuse) for name in COUNTED})
        discovery = Discovery(fused, settings, run_id)
        processor = Processor(fused, settings, discovery.listing, run_id)
        for _ in range(MAX_VISITS):
            discovery.cycle()
            processor.work_once(0.06)  # a file with an open end comes back after 50 ms
            rows = [row for known in ports.state.instances() for row in ports.state.tracked(known.instance.instance_id)]
            if rows and all(row.status == "completed" for row in rows):
                break
        else:
            raise AssertionError([(row.log_file_name, row.status, row.delivered_bytes, row.file_size) for row in rows])
        Auditor(fused, settings, discovery.listing, run_id).round()

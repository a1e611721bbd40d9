"""Forecasts of loss: what each listing of an instance tells about files that RDS deletes before we reach them."""

from functools import partial

from aurora_logs import telemetry
from aurora_logs.records.fleet import Instance, TrackedFile
from aurora_logs.stages.discover import DELETED, ENDING, Speed, deadline_ms, is_busy, losses


class Forecasts:
    """Speeds of the instances that this replica lists, and what was foretold of them. An instance is listed by one thread at a time."""

    def __init__(self) -> None:
        self._speeds: dict[str, Speed] = {}
        self._waited: dict[str, bool] = {}
        self._told: set[tuple[str, str]] = set()

    def of(self, instance: Instance, rows: list[TrackedFile], now_sec: float) -> int:
        """Return how many bytes will be lost at the present speed; tell of each file once, until the danger is over."""
        name, now_ms = instance.instance_id, int(now_sec * 1000)
        speed = self._speeds.setdefault(name, Speed())
        speed.note(rows, now_sec, waited=self._waited.get(name, False))
        self._waited[name] = is_busy(rows)
        if speed.bytes_per_sec is None or instance.status in (DELETED, *ENDING):
            return 0
        found = losses(rows, partial(deadline_ms, instance.engine, rows=rows, now_ms=now_ms), speed.bytes_per_sec, now_ms)
        foretold = {(name, one.log_file_name) for one in found}
        self._told = {key for key in self._told if key[0] != name or key in foretold}
        for one in found:
            if (name, one.log_file_name) not in self._told:
                telemetry.loss_forecast(name, one.log_file_name, one.lost_bytes, one.delete_ms)
        self._told |= foretold
        return sum(one.lost_bytes for one in found)

    def forget(self, instance_id: str) -> None:
        """The instance is gone."""
        self._speeds.pop(instance_id, None)
        self._waited.pop(instance_id, None)

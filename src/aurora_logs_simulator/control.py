"""The control surface under `/_simulator/`: ledger, counts, faults and the life of instances, as JSON without signature."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec

from aurora_logs_simulator.answers import ApiError
from aurora_logs_simulator.catalogue import ALL
from aurora_logs_simulator.clock import SystemClock
from aurora_logs_simulator.faults import Rule, UnknownFaultError
from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.scenario import World
from aurora_logs_simulator.sts import Sts

PREFIX = "/_simulator/"
Values = dict[str, object]


class Control:
    """Answers control requests; the caller holds the lock of the state machine."""

    def __init__(self, world: World, stop_serving: Callable[[], None], sts: Sts) -> None:
        """Control one account and region; `stop_serving` ends the server."""
        self._world, self._sts = world, sts
        self._stop_serving = stop_serving
        self._reads: dict[str, Callable[[dict[str, list[str]]], object]] = {
            "ledger": self._ledger,
            "calls": lambda _query: self._world.api.gate.report(),
            "journal": lambda _query: list(self._world.api.gate.journal),
            "faults": lambda _query: self._faults(),
            "clock": lambda _query: self._clock(),
            "load": lambda _query: self._load(),
            "instances": lambda _query: self._instances(),
            "sts": lambda _query: dict(self._sts.calls),
        }
        self._writes: dict[str, Callable[[Values], object]] = {
            "faults": self._plant,
            "clock": self._set_clock,
            "stop-writing": self._stop_writing,
            "write": self._write,
            "failover": self._fail_over,
            "restart": self._restart,
            "rotate": self._rotate,
            "purge": self._purge,
            "delete": self._delete,
            "rename": self._rename,
            "status": self._status,
            "add": self._add,
            "neighbour": self._neighbour,
            "parameters": self._set_parameters,
            "end-sessions": lambda _values: self._sts.end_sessions(),
            "shutdown": self._shut_down,
        }

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, bytes]:
        """Return status and JSON of one control request."""
        name = path.removeprefix(PREFIX)
        try:
            if method == "GET" and name in self._reads:
                return 200, msgspec.json.encode(self._reads[name](parse_qs(query)))
            if method == "POST" and name in self._writes:
                values = msgspec.json.decode(body, type=dict[str, object]) if body else {}
                return 200, msgspec.json.encode(self._writes[name](values))
        except (msgspec.MsgspecError, UnknownFaultError, KeyError, ValueError, ApiError, StopIteration) as exc:
            return 400, msgspec.json.encode({"error": f"{type(exc).__name__}: {exc}"})
        known = {"GET": sorted(self._reads), "POST": sorted(self._writes)}
        return 404, msgspec.json.encode({"error": f"no {method} {path}", "known": known})

    def _now_us(self) -> int:
        return self._world.clock.now_us()

    def _ledger(self, query: dict[str, list[str]]) -> object:
        return self._world.api.ledger_report(with_entries="entries" in query, with_fields="fields" in query)

    def _faults(self) -> object:
        faults = self._world.api.faults
        return {
            "struck": dict(faults.struck),
            "rules": [msgspec.to_builtins(rule) for rule in faults.rules()],
            "known": [fault.name for fault in ALL],
        }

    def _plant(self, values: Values) -> object:
        if "off" in values:
            self._world.api.faults.remove(str(values["off"]))
        else:
            self._world.api.faults.add(msgspec.convert(values, type=Rule))
        return self._faults()

    def _clock(self) -> object:
        clock = self._world.clock
        speed = clock.speed if isinstance(clock, SystemClock) else None
        return {"now_us": clock.now_us(), "real_us": clock.real_us(), "speed": speed}

    def _set_clock(self, values: Values) -> object:
        clock = self._world.clock
        if isinstance(clock, SystemClock):
            clock.run_at(msgspec.convert(values["speed"], type=float))
        return self._clock()

    def _load(self) -> object:
        return {"entries": self._world.load.entries, "is_writing": self._world.load.is_writing}

    def _instances(self) -> object:
        return [
            {
                "identifier": instance.identifier,
                "resource_id": instance.resource_id,
                "engine": instance.engine,
                "cluster": instance.cluster,
                "is_writer": instance.is_writer,
                "status": instance.status,
                "files": {file.name: file.listed_bytes for file in instance.files()},
            }
            for instance in self._world.api.account.instances.values()
        ]

    def _stop_writing(self, values: Values) -> object:
        del values
        self._world.load.stop()
        return self._load()

    def _write(self, values: Values) -> object:
        count = msgspec.convert(values.get("count", 1), type=int)
        now_us = self._now_us()
        self._world.api.account.advance(now_us)
        self._world.load.write_now(str(values["instance"]), str(values["log_type"]), count, now_us)
        return self._load()

    def _set_parameters(self, values: Values) -> object:
        """Set an instance's user parameters and CloudWatch exports, those that are given."""
        instance = self._world.api.account.instance(str(values["instance"]))
        if "parameters" in values:
            instance.parameters = msgspec.convert(values["parameters"], type=dict[str, str])
        if "log_exports" in values:
            instance.log_exports = msgspec.convert(values["log_exports"], type=tuple[str, ...])
        return {"parameters": instance.parameters, "log_exports": instance.log_exports}

    def _fail_over(self, values: Values) -> object:
        return {"writer": self._world.api.account.fail_over(str(values["cluster"]), self._now_us())}

    def _restart(self, values: Values) -> object:
        shrink_bytes = msgspec.convert(values.get("shrink_bytes", 4_096), type=int)
        silent = bool(values.get("silent", False))
        self._world.api.account.restart(
            str(values["instance"]), self._now_us(), shrink_bytes=shrink_bytes, silent=silent
        )
        return self._instances()

    def _rotate(self, values: Values) -> object:
        family = self._world.api.account.instance(str(values["instance"])).families[str(values["log_type"])]
        family.advance(self._now_us())
        family.flush(self._now_us())
        return {"rotated": family.rotate_early(self._now_us())}

    def _purge(self, values: Values) -> object:
        instance = self._world.api.account.instance(str(values["instance"]))
        file = instance.find(str(values["file"]))
        family = None if file is None else instance.family_of(file)
        if family is None or file not in family.closed:
            message = f"{values['file']} is no closed file of {values['instance']}"
            raise ValueError(message)
        family.purge(next(segment for segment in family.closed if segment is file))
        return self._instances()

    def _delete(self, values: Values) -> object:
        self._world.api.account.delete(str(values["instance"]), self._now_us())
        return self._instances()

    def _rename(self, values: Values) -> object:
        self._world.api.account.rename(str(values["instance"]), str(values["to"]), self._now_us())
        return self._instances()

    def _status(self, values: Values) -> object:
        self._world.api.account.set_status(str(values["instance"]), str(values["status"]))
        return self._instances()

    def _add(self, values: Values) -> object:
        per_log_sec = msgspec.convert(values.pop("entries_per_log_sec", 1.0), type=float)
        instance = self._world.api.account.add(msgspec.convert(values, type=Spec), self._now_us())
        self._world.load.write_to(instance, entries_per_log_sec=per_log_sec, now_us=self._now_us())
        return self._instances()

    def _neighbour(self, values: Values) -> object:
        self._world.api.throttle.neighbour_per_sec = msgspec.convert(values["calls_per_sec"], type=float)
        return values

    def _shut_down(self, values: Values) -> object:
        self._stop_serving()
        return values

"""The control surface, /_simulator/: journal, rows, faults, settings, clock and life by hand."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import parse_qs

import msgspec
import orjson

from aurora_logs_simulator.clock import SECOND_US, SetClock
from aurora_logs_simulator.faults import Rule, UnknownFaultError
from aurora_logs_simulator.openobserve.catalogue import ALL
from aurora_logs_simulator.openobserve.profile import Setup
from aurora_logs_simulator.openobserve.service import Service
from aurora_logs_simulator.openobserve.world import World

PREFIX = "/_simulator/"
Values = dict[str, object]
Asked = dict[str, str]


class Control:
    """Answers control requests."""

    def __init__(self, world: World, service: Service, stop_serving: Callable[[], None]) -> None:
        """Control one world; `stop_serving` ends the server."""
        self._world, self._service, self._stop_serving = world, service, stop_serving
        self._reads: dict[str, Callable[[Asked], object]] = {
            "journal": self._journal, "counts": self._counts, "streams": self._streams, "lines": self._lines,
            "faults": lambda _asked: self._faults(), "setup": lambda _asked: self._world.setup,
            "clock": lambda _asked: {"now_us": self._world.now_us()},
        }  # fmt: skip
        self._writes: dict[str, Callable[[Values], object]] = {
            "faults": self._plant, "setup": self._change_setup, "advance": self._advance, "kill": self._kill,
            "account": self._add_account, "organization": self._add_organization, "shutdown": self._shut_down,
        }  # fmt: skip

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, bytes]:
        """Return status and JSON of one control request."""
        name = path.removeprefix(PREFIX)
        try:
            with self._world.lock:
                self._world.catch_up()
                if method == "GET" and name in self._reads:
                    asked = {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}
                    return 200, msgspec.json.encode(self._reads[name](asked))
                if method == "POST" and name in self._writes:
                    values = msgspec.json.decode(body, type=dict[str, object]) if body else {}
                    return 200, msgspec.json.encode(self._writes[name](values))
        except (msgspec.MsgspecError, UnknownFaultError, KeyError, ValueError) as exc:
            return 400, msgspec.json.encode({"error": f"{type(exc).__name__}: {exc}"})
        known = {"GET": sorted(self._reads), "POST": sorted(self._writes)}
        return 404, msgspec.json.encode({"error": f"no {method} {path}", "known": known})

    def _journal(self, asked: Asked) -> object:
        after = int(asked.get("after", 0))
        return [entry for entry in self._world.journal.entries if entry.number > after]

    def _counts(self, _asked: Asked) -> object:
        return {**self._world.journal.counts, "restarts": self._world.restarts, "lost_at_start": self._world.lost_at_start,
                "most_in_flight": self._service.capacity.most_in_flight}  # fmt: skip

    def _streams(self, asked: Asked) -> object:
        """Tell of each stream how many lines there are and, with `?doubles=1`, how many are copies of a record."""
        found = {}
        for organization in self._world.organizations:
            for name, stream in self._world.streams(organization).items():
                counts: dict[str, object] = {"lines": stream.rows.count, "columns": stream.schema.columns}
                if "doubles" in asked:
                    ids = [orjson.loads(line).get("record_id") for line in stream.rows.lines()]
                    counts["doubles"] = len(ids) - len(set(ids))
                found[f"{organization}/{name}"] = counts
        return found

    def _lines(self, asked: Asked) -> object:
        lines = self._world.lines(asked["stream"], asked.get("organization", "default"))
        return [line.decode() for line in lines]

    def _faults(self) -> object:
        faults = self._world.faults
        return {"struck": dict(faults.struck), "rules": faults.rules(), "known": [fault.name for fault in ALL]}

    def _plant(self, values: Values) -> object:
        if "off" in values:
            self._world.faults.remove(str(values["off"]))
        else:
            self._world.faults.add(msgspec.convert(values, type=Rule))
        return self._faults()

    def _change_setup(self, values: Values) -> object:
        """Change settings while the server runs: window, fsync, lag, capacity, limits."""
        setup = self._world.setup
        merged = msgspec.convert({**msgspec.to_builtins(setup), **values}, type=Setup)
        for name in values:
            setattr(setup, name, getattr(merged, name))
        return setup

    def _advance(self, values: Values) -> object:
        clock = self._world.clock
        if not isinstance(clock, SetClock):
            message = "this server's clock runs by itself"
            raise ValueError(message)  # noqa: TRY004 - a mistake of the caller, like the others
        clock.advance_us(int(msgspec.convert(values["sec"], type=float) * SECOND_US))
        self._world.catch_up()
        return {"now_us": self._world.now_us()}

    def _kill(self, _values: Values) -> object:
        return {"lost": self._world.kill()}

    def _add_account(self, values: Values) -> object:
        return self._world.access.add(**msgspec.convert(values, type=dict[str, str | bool]))  # type: ignore[arg-type]  # names are checked by the call

    def _add_organization(self, values: Values) -> object:
        return {"name": self._world.add_organization(str(values["name"])).name}

    def _shut_down(self, values: Values) -> object:
        self._stop_serving()
        return values

"""One world: databases that write, engines, and a fleet that collects; all of it in one folder, all of it ended with it."""

import contextlib
import datetime
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from tools.distributed.fleet import Engines, Fleet
from tools.distributed.sight import Sight
from tools.distributed.strangers import StandIn, Stranger
from tools.servers.dynoxide import Dynoxide
from tools.servers.kafka import Broker

SPEED = 120  # log seconds a real second: an hour, and so a rotation, every 30 s
START_TIME = datetime.time(6, 50)  # of log time, yesterday: close to an hour's end, so that short runs see a rotation too
ANSWER_SEC = 0.3  # what a POST takes: records lie in the sink for so long before their batch has a receipt
# faults of RDS, by the share of calls that they strike
SOURCE_FAULTS = {"throttle": 0.02, "error_503": 0.01, "reset_mid_body": 0.01, "overlap": 0.02, "line_truncated": 0.03}


class World(NamedTuple):
    """rds: the databases, with the ledger. sink: the stand-in. sight: what can be seen of the fleet."""

    rds: Stranger
    sink: StandIn
    fleet: Fleet
    sight: Sight


def instances(count: int) -> list[dict[str, object]]:
    """Return databases of three engines, alternating."""
    engines = ("aurora-mysql", "aurora-postgresql", "mysql")
    return [{"identifier": f"{('shop', 'ledger', 'billing')[number % 3]}-{number // 3 + 1}", "engine": engines[number % 3]}
            for number in range(count)]


@contextlib.contextmanager
def world(folder: Path, broker: Broker, dynamodb: Dynoxide, *, load: Mapping[str, object], databases: int,
          **settings: str) -> Iterator[World]:
    """Run a world whose replicas the caller starts. load: the scenario's rates; see `aurora_logs_simulator.scenario`."""
    folder.mkdir(parents=True, exist_ok=True)
    scenario = folder / "scenario.json"
    faults = [{"fault": name, "probability": chance} for name, chance in SOURCE_FAULTS.items()]
    yesterday = datetime.datetime.now(tz=datetime.UTC).date() - datetime.timedelta(days=1)
    start = datetime.datetime.combine(yesterday, START_TIME, datetime.UTC).isoformat()
    scenario.write_text(json.dumps({"speed": SPEED, "start": start, "calls_per_sec": 70, "faults": faults,
                                    "instances": instances(databases), **load}), encoding="utf-8")
    with contextlib.ExitStack() as opened:
        rds = Stranger("serve", ["--scenario", str(scenario)], folder / "rds.log")
        opened.callback(rds.stop)
        sink = StandIn("openobserve", ["--dir", str(folder / "openobserve"), "--window-hours", "744"], folder / "openobserve.log")
        opened.callback(sink.stop)
        fleet = Fleet(folder, Engines(broker, dynamodb, sink), {"AWS_ENDPOINT_URL_RDS": rds.url}, **settings)
        opened.callback(fleet.close)
        yield World(rds, sink, fleet, Sight(fleet, rds))

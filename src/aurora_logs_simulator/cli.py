"""The commands: `serve` an account, serve an `openobserve`, list the `faults` of either."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from aurora_logs_simulator.catalogue import ALL as RDS
from aurora_logs_simulator.catalogue import BY_NAME, table
from aurora_logs_simulator.clock import SystemClock
from aurora_logs_simulator.faults import rule_of
from aurora_logs_simulator.instance import Spec
from aurora_logs_simulator.openobserve import command as openobserve
from aurora_logs_simulator.openobserve.catalogue import ALL as OPENOBSERVE
from aurora_logs_simulator.scenario import DEMO, Scenario, build, read_scenario, start_us
from aurora_logs_simulator.server import SimulatorServer
from aurora_logs_simulator.signing import Keys

ACCESS_KEY_ID = "SIMULATOR"
SECRET = "simulator-secret"  # noqa: S105 - opens nothing but this simulator
EXPIRED_TOKEN = "expired"  # noqa: S105 - the session token that always gets ExpiredToken
USAGE_ERROR = 2
FILES_LOG_TYPES = ("error", "slowquery", "general", "audit")


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "faults":
        sys.stdout.write(f"{table(OPENOBSERVE if options.of == 'openobserve' else RDS)}\n")
        return 0
    if options.command == "openobserve":
        return openobserve.serve(options)
    try:
        scenario = scenario_of(options)
    except (OSError, ValueError, msgspec.MsgspecError) as exc:
        sys.stderr.write(f"simulator: {exc}\n")
        return USAGE_ERROR
    return _serve(scenario, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m aurora_logs_simulator", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="answer as rds.<region>.amazonaws.com would")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=int, default=0, help="0: any free one; the first line of output names it")
    serve.add_argument("--scenario", type=Path, help="TOML or JSON file; the other options override it")
    serve.add_argument("--instances", choices=("demo", "none"), help="demo: six instances of four engines")
    serve.add_argument("--speed", type=float, help="log seconds in a real second: log times, rotation, retention, events")
    serve.add_argument("--start", help="log time of the start, ISO 8601; default: now")
    serve.add_argument("--history-hours", type=float, help="log hours that are written before the start")
    serve.add_argument("--seed", help="same seed: same bytes, same faults")
    serve.add_argument("--entries-per-sec", type=float, help="of each instance, in a real second")
    serve.add_argument("--most-entries", type=int, help="the load stops by itself after so many")
    serve.add_argument("--calls-per-sec", type=float, help="the account's call budget; 0: none")
    serve.add_argument("--neighbour-per-sec", type=float, help="calls a second that somebody else takes of it")
    serve.add_argument("--region")
    serve.add_argument(
        "--fault", action="append", default=[], metavar="NAME[=PROBABILITY[:VALUE]]",
        help="switch a fault on, may be repeated; `faults` lists them",
    )  # fmt: skip
    serve.add_argument(
        "--files", type=Path, help="serve real files: <instance>/<log type>/<name>, or one flat directory of PostgreSQL"
    )
    serve.add_argument("--files-instance", help="serve the whole directory as this instance")
    serve.add_argument("--files-engine", default="postgres")
    serve.add_argument("--access-key", default=ACCESS_KEY_ID)
    serve.add_argument("--secret", default=SECRET)
    serve.add_argument("--no-signature", action="store_true", help="accept unsigned calls")
    openobserve.add_options(commands.add_parser("openobserve", help="answer as OpenObserve would"))
    faults = commands.add_parser("faults", help="list every fault as a Markdown table")
    faults.add_argument("of", nargs="?", choices=("rds", "openobserve"), default="rds")
    return parser


def scenario_of(options: argparse.Namespace) -> Scenario:
    """Return the scenario file with the command line's options over it.

    Raises: OSError, ValueError, msgspec.ValidationError.
    """
    scenario = read_scenario(options.scenario) if options.scenario else Scenario()
    names = (
        "speed", "start", "history_hours", "seed", "entries_per_sec", "most_entries", "calls_per_sec",
        "neighbour_per_sec", "region",
    )  # fmt: skip
    given = {name: getattr(options, name) for name in names if getattr(options, name) is not None}
    instances = scenario.instances
    if options.instances == "demo" or not (instances or options.files or options.instances):
        instances += DEMO
    if options.files:
        instances += files_specs(options.files, options.files_instance, options.files_engine)
    faults = scenario.faults + tuple(rule_of(text, BY_NAME) for text in options.fault)
    return msgspec.structs.replace(scenario, instances=instances, faults=faults, **given)


def files_specs(folder: Path, instance: str | None, engine: str) -> tuple[Spec, ...]:
    """Return the instances of a directory: one of the given name, or one for each sub-directory.

    Raises: ValueError when there is nothing to serve.
    """
    if not folder.is_dir():
        message = f"--files {folder}: no such directory"
        raise ValueError(message)
    if instance is not None:
        return (Spec(identifier=instance, engine=engine, folder=str(folder)),)
    found = []
    for path in sorted(folder.iterdir()):
        if path.is_dir() and path.name not in FILES_LOG_TYPES:
            kind = "mysql" if (path / "slowquery").is_dir() else engine
            found.append(Spec(identifier=path.name, engine=kind, folder=str(path)))
    if not found:
        message = f"--files {folder}: no sub-directory per instance; name one with --files-instance"
        raise ValueError(message)
    return tuple(found)


def _serve(scenario: Scenario, options: argparse.Namespace) -> int:
    clock = SystemClock(speed=scenario.speed, start_us=start_us(scenario))
    world = build(scenario, clock)
    keys = None
    if not options.no_signature:
        keys = Keys(secrets={options.access_key: options.secret}, expired_tokens=frozenset((EXPIRED_TOKEN,)))
    try:
        server = SimulatorServer(world, host=options.host, port=options.port, keys=keys)
    except OSError as exc:
        sys.stderr.write(f"simulator: {options.host}:{options.port}: {exc.strerror}\n")
        return USAGE_ERROR
    server.stop_on_signals()
    ready = {"endpoint": server.endpoint, "region": scenario.region, "instances": sum(len(one.api.account.instances) for one in world.all)}
    sys.stdout.write(f"{msgspec.json.encode(ready).decode()}\n")
    sys.stdout.flush()
    server.serve()
    return 0

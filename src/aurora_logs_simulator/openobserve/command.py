"""The command `openobserve`: one stand-in server on a port, until a signal or its control surface ends it."""

from __future__ import annotations

import argparse
import ssl
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import msgspec

from aurora_logs_simulator.clock import SystemClock
from aurora_logs_simulator.faults import rule_of
from aurora_logs_simulator.openobserve.catalogue import BY_NAME
from aurora_logs_simulator.openobserve.profile import PROFILES, Setup
from aurora_logs_simulator.openobserve.server import OpenObserveServer
from aurora_logs_simulator.openobserve.world import World

USAGE_ERROR = 2


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    default = Setup()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: any free one; the first line of output names it")
    parser.add_argument("--dir", type=Path, help="where rows and journal lie; default: a temporary directory")
    parser.add_argument("--version", choices=sorted(PROFILES), default=default.profile)
    parser.add_argument("--fsync", action="store_true", help="what was answered survives a kill (ZO_WAL_FSYNC_DISABLED=false)")
    parser.add_argument("--window-hours", type=float, default=default.window_back_hours, help="ZO_INGEST_ALLOWED_UPTO")
    parser.add_argument("--payload-limit", type=int, default=default.payload_limit_bytes, help="bytes (ZO_PAYLOAD_LIMIT)")
    parser.add_argument("--capacity", type=float, default=0.0, help="decoded bytes a second; beyond them: overload; 0: any")
    parser.add_argument("--search-lag", type=float, default=0.0, help="seconds until a stored row is found")
    parser.add_argument("--base-uri", default="", help="prefix of every path (ZO_BASE_URI)")
    parser.add_argument("--user", default=default.root_user, help="the root user; the password is fixed")
    parser.add_argument("--certificate", type=Path, help="PEM file with certificate and key: serve HTTPS")
    parser.add_argument("--seed", default="1", help="same seed: same faults")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME[=PROBABILITY[:VALUE]]",
                        help="switch a fault on, may be repeated; `faults openobserve` lists them")  # fmt: skip


def serve(options: argparse.Namespace) -> int:
    """Serve until stopped; return the exit code."""
    setup = Setup(profile=options.version, fsync=options.fsync, window_back_hours=options.window_hours,
                  payload_limit_bytes=options.payload_limit, capacity_bytes_per_sec=options.capacity,
                  search_lag_sec=options.search_lag, base_uri=options.base_uri, root_user=options.user)  # fmt: skip
    with ExitStack() as stack:
        folder = options.dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="openobserve-")))
        try:
            rules = [rule_of(text, BY_NAME) for text in options.fault]
            folder.mkdir(parents=True, exist_ok=True)
            world = World(setup, SystemClock(), folder, seed=options.seed, rules=rules, journal_file=folder / "journal.ndjson")
            stack.callback(world.close)
            server = OpenObserveServer(world, host=options.host, port=options.port, tls=_tls(options.certificate))
        except (OSError, ValueError) as exc:
            sys.stderr.write(f"simulator: {exc}\n")
            return USAGE_ERROR
        server.stop_on_signals()
        ready = {"endpoint": server.endpoint, "version": setup.version.version, "user": setup.root_user,
                 "password": setup.root_password, "lost_at_start": world.lost_at_start}  # fmt: skip
        sys.stdout.write(f"{msgspec.json.encode(ready).decode()}\n")
        sys.stdout.flush()
        server.serve()
    return 0


def _tls(certificate: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context

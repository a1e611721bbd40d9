"""Settings become the parts of this adapter, with the sockets that they share."""

import threading
from pathlib import Path

from aurora_logs import telemetry
from aurora_logs.adapters.openobserve.address import parse_address
from aurora_logs.adapters.openobserve.api import Api, Guard
from aurora_logs.adapters.openobserve.connection import Connections
from aurora_logs.adapters.openobserve.in_flight import InFlight
from aurora_logs.adapters.openobserve.insights import OpenObserveInsights
from aurora_logs.adapters.openobserve.login import Login
from aurora_logs.adapters.openobserve.queries import Searcher
from aurora_logs.adapters.openobserve.sink import OpenObserveSink
from aurora_logs.adapters.openobserve.streams import Streams
from aurora_logs.adapters.openobserve.window import Window
from aurora_logs.ports import Clock, Random
from aurora_logs.settings import Settings

INGEST, SEARCH = "openobserve ingest", "openobserve search"
CONNECTIONS_MOST = 8  # about the server's cores: more give nothing (openobserve.md §6.8)


def open_api(settings: Settings, clock: Clock) -> Api:
    """Make the calls to the configured organisation; nothing is opened yet. Raises: ConfigError."""
    address = parse_address(settings.openobserve_url)
    if address.scheme == "http" and not address.is_local:
        telemetry.password_in_clear(address.url)
    login = Login(user=settings.openobserve_user, password=settings.openobserve_pass, user_file=_path(settings.openobserve_user_file),
                  password_file=_path(settings.openobserve_pass_file))
    login.header()  # a mistake is told at the start
    connections = Connections(address, clock=clock, most=_most(settings), ca_file=_path(settings.openobserve_ca_file))
    return Api(connections, login, settings.openobserve_org)


def open_sink(settings: Settings, clock: Clock, random: Random) -> OpenObserveSink:
    """Make the sink. Raises: ConfigError."""
    api = open_api(settings, clock)
    in_flight = InFlight(clock=clock, most=_most(settings), lock=threading.Lock(), patience_sec=settings.lease_sec / 3)
    window = Window(clock=clock, setting_hours=settings.openobserve_window_hours, dependency=INGEST)
    return OpenObserveSink(api, Searcher(api, _guard(SEARCH, settings, clock)), guard=_guard(INGEST, settings, clock),
                           in_flight=in_flight, window=window, clock=clock, random=random, settle_sec=settings.settle_sec,
                           post_timeout_sec=settings.post_timeout_sec, other_stream=settings.openobserve_stream)


def open_insights(settings: Settings, clock: Clock) -> OpenObserveInsights:
    """Make the insights. Raises: ConfigError."""
    api = open_api(settings, clock)
    return OpenObserveInsights(Searcher(api, _guard(SEARCH, settings, clock)), Streams(api), clock)


def open_streams(settings: Settings, clock: Clock) -> Streams:
    """Make what looks at streams and provisions them. Raises: ConfigError."""
    return Streams(open_api(settings, clock))


def _guard(dependency: str, settings: Settings, clock: Clock) -> Guard:
    return Guard(dependency, clock=clock, max_failures=settings.circuit_breaker_max_failures,
                 open_sec=settings.circuit_breaker_timeout_sec)


def _most(settings: Settings) -> int:
    return min(settings.max_concurrency, CONNECTIONS_MOST)


def _path(text: str) -> str:
    return str(Path(text).expanduser()) if text else ""

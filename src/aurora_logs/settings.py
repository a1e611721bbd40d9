"""Every knob: name, unit, bounds, default, meaning; loaded in layers, each value with its origin.

Precedence: flags > environment > file (TOML) > defaults (experience.md UX-60). Environment names are the field names
in capitals (names-and-runbook.md §2.7). All mistakes are reported at once.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from aurora_logs import environment, names, scope
from aurora_logs.errors import ConfigError
from aurora_logs.secret import Secret

SECRET = "secret text"  # noqa: S105 - how the kind of such a value is told
REDACTION_KEY_MIN_CHARS = 16
Service = Literal["standalone", "discovery", "processor"]
"""What a process does: everything, or one part of the work that several processes share."""


def default_data_dir() -> str:
    """Return the state directory by the XDG rules."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return str(Path(base) / "aurora-logs")


def _knob(description: str, *, ge: float | None = None, gt: float | None = None, le: float | None = None) -> Meta:
    if gt is not None:
        return Meta(description=description, gt=gt, le=le)
    return Meta(description=description, ge=ge, le=le)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of a process. Field name in capitals = environment variable; with dashes = flag; as it is = file key."""

    source_backend: Annotated[Literal["rds", "folder"], _knob("where log files come from")] = "rds"
    source_dir: Annotated[str, _knob("SOURCE_BACKEND=folder: directory laid out as <instance>/<log file name>")] = ""
    queue_backend: Annotated[Literal["embedded", "kafka"], _knob("what carries the hints")] = "embedded"
    state_backend: Annotated[Literal["embedded", "dynamodb"], _knob("what keeps the state")] = "embedded"
    sink_backend: Annotated[Literal["embedded", "openobserve"], _knob("where records go")] = "embedded"
    data_dir: Annotated[str, _knob("embedded state, queue and batch files; default by the XDG rules")] = ""

    aws_region: Annotated[str, _knob("region of the RDS API; empty: from the SDK's chain")] = ""
    aws_regions: Annotated[str, _knob("regions to collect from, separated by commas; empty: AWS_REGION alone")] = ""
    assume_roles: Annotated[str, _knob("roles to collect other accounts with: ARN or ARN#external-id, separated by blanks")] = ""
    collect_own_account: Annotated[bool, _knob("with ASSUME_ROLES: collect from the account of the credentials too")] = True
    instances_include: Annotated[str, _knob(
        "instances to collect: name:GLOB, cluster:GLOB, engine:GLOB, tag:KEY or tag:KEY=GLOB; joined by & where all must hold, "
        "separated by commas where one suffices; empty: all")] = ""
    instances_exclude: Annotated[str, _knob("instances to leave out, in the same words; stronger than INSTANCES_INCLUDE")] = ""
    start_from: Annotated[str, _knob(
        "files of an instance's first listing: beginning, end, or an age such as 2h, 90m, 1d")] = "beginning"
    discovery_interval_min: Annotated[float, _knob("time between two listings of an instance whose logs grow, minutes", gt=0,
                                                   le=1440)] = 5.0
    discovery_interval_sec: Annotated[float, _knob("the same in seconds; overrides minutes; 0: use minutes", ge=0,
                                                   le=86_400)] = 0.0
    discovery_idle_min: Annotated[float, _knob("longest time between two listings of an instance whose logs don't grow, minutes; "
                                               "never below DISCOVERY_INTERVAL", ge=0, le=60)] = 10.0
    rds_api_rate_limit: Annotated[float, _knob("RDS calls a second, all kinds together; the account has about 14. With "
                                               "STATE_BACKEND=dynamodb over all processes", ge=0.5, le=1000)] = 10.0
    aws_account_id: Annotated[str, _knob("account whose API budget is shared; empty: asked of AWS")] = ""
    zone: Annotated[str, _knob("zone of log times that print none: a zone name")] = "UTC"

    kafka_brokers: Annotated[str, _knob("QUEUE_BACKEND=kafka: host:port of the brokers, separated by commas")] = ""
    kafka_security_protocol: Annotated[Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"], _knob(
        "how the brokers are reached; SASL_*: with a login")] = "PLAINTEXT"
    kafka_sasl_mechanism: Annotated[Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "AWS_MSK_IAM"], _knob(
        "how to log in; AWS_MSK_IAM: with the AWS credentials in force")] = ""
    kafka_username: Annotated[str, _knob("login at the brokers; or the path of a file that holds it: KAFKA_USERNAME_FILE")] = ""
    kafka_password: Annotated[Secret, _knob("its password; or the path of a file that holds it: KAFKA_PASSWORD_FILE")] = Secret()
    kafka_ca_file: Annotated[str, _knob("own certificate authority of the brokers, PEM; empty: the system's")] = ""
    consumer_group: Annotated[str, _knob("group of all processors")] = names.CONSUMER_GROUP
    kafka_session_sec: Annotated[float, _knob("silence after which the group gives a processor's partitions to others", ge=6,
                                              le=1800)] = 15.0
    instance_table: Annotated[str, _knob("STATE_BACKEND=dynamodb: table of instances")] = names.INSTANCE_TABLE
    tracking_table: Annotated[str, _knob("table of log files")] = names.TRACKING_TABLE
    checkpoint_table: Annotated[str, _knob("table of checkpoints")] = names.CHECKPOINT_TABLE
    dlq_table: Annotated[str, _knob("table of dead letters and gaps")] = names.DEAD_LETTER_TABLE

    max_concurrency: Annotated[int, _knob("log files worked on at once", ge=1, le=64)] = 5
    inflight_max_bytes: Annotated[int, _knob("bytes read and not delivered yet, all files together; downloads wait for room",
                                             ge=2_097_152, le=8_589_934_592)] = 33_554_432
    batch_size: Annotated[int, _knob("records in one batch; about 4 MB is the other bound", ge=1, le=10_000)] = 1000
    batch_max_bytes: Annotated[int, _knob("wire bytes of one batch before compression", ge=1_000, le=64_000_000)] = 4_000_000
    batch_timeout_sec: Annotated[float, _knob("how long the last entry of a live file waits for its end", ge=0,
                                              le=3600)] = 10.0
    entry_max_bytes: Annotated[int, _knob("text of one record; a longer entry is cut and marked", ge=1_000,
                                          le=16_777_216)] = 1_048_576
    redaction: Annotated[Literal["default", "strict", "all", "off"], _knob(
        "what is replaced before anything leaves the parser: credentials and raw text; strict: also every literal, parameter and "
        "row value; all: also statements; off: nothing, and it is loud")] = "default"
    redaction_key: Annotated[Secret, _knob(
        "marks become keyed hashes, so that equal texts stay joinable; 16 characters or more; or the path of a file that holds "
        "it: REDACTION_KEY_FILE")] = Secret()
    max_retries: Annotated[int, _knob("tries of one batch after the first, for errors of the batch itself", ge=0,
                                      le=100)] = 3
    retry_backoff_sec: Annotated[float, _knob("base of the exponential back-off with full jitter", ge=0.001, le=300)] = 5.0
    circuit_breaker_max_failures: Annotated[int, _knob("failures in a row of one dependency", ge=1, le=1000)] = 5
    circuit_breaker_timeout_sec: Annotated[float, _knob("open time before one probe", ge=0.1, le=3600)] = 30.0

    openobserve_url: Annotated[str, _knob("SINK_BACKEND=openobserve: where it answers, such as https://logs.example.com:5080; "
                                          "a path is ZO_BASE_URI")] = ""
    openobserve_user: Annotated[str, _knob("account that may ingest and search; not root")] = ""
    openobserve_pass: Annotated[Secret, _knob("its password or token; never on the command line")] = Secret()
    openobserve_user_file: Annotated[str, _knob("file that holds the account; read again when it changes")] = ""
    openobserve_pass_file: Annotated[str, _knob("file that holds the password; read again when it changes")] = ""
    openobserve_org: Annotated[str, _knob("organisation")] = "default"
    openobserve_stream: Annotated[str, _knob("stream for a log type that has none of its own")] = "aurora_logs"
    openobserve_window_hours: Annotated[float, _knob("the server's ZO_INGEST_ALLOWED_UPTO; 0: learned from its refusals", ge=0,
                                                     le=87_600)] = 0.0
    openobserve_ca_file: Annotated[str, _knob("PEM file of the authorities that are trusted; empty: the system's")] = ""
    late_records: Annotated[Literal["park", "restamp"], _knob(
        "records too old for the sink: dead letters, or delivered with the time of arrival")] = "park"

    rescue_dir: Annotated[str, _knob("while the sink is away, files that RDS deletes within 2 h are read, parsed and parked here; "
                                     "aurora-logs export delivers them. Empty: nothing is rescued")] = ""
    rescue_max_bytes: Annotated[int, _knob("bytes parked in RESCUE_DIR at most", ge=1_000_000, le=10_000_000_000_000)] = 1_073_741_824

    lease_sec: Annotated[float, _knob("how long a claim lasts without renewal", ge=1, le=3600)] = 60.0
    skew_sec: Annotated[float, _knob("assumed difference of clocks", ge=0, le=300)] = 5.0
    post_timeout_sec: Annotated[float, _knob("longest request to the sink, in total", ge=0.1, le=600)] = 30.0
    settle_sec: Annotated[float, _knob("wait after an unknown outcome before a search counts; 0 for the embedded sink",
                                       ge=0, le=3600)] = 45.0
    settle_give_up_sec: Annotated[float, _knob("longest settle; then the file waits and alarms", ge=0, le=86_400)] = 1800.0
    audit_delay_sec: Annotated[float, _knob("from a file's end to its audit; must exceed the life of the sink's WAL", ge=0,
                                            le=86_400)] = 900.0
    shutdown_timeout_sec: Annotated[float, _knob("drain time after SIGTERM", ge=0, le=600)] = 30.0
    compact_after_mb: Annotated[float, _knob("batch files of a stream that are compacted to Parquet, MB", gt=0,
                                             le=100_000)] = 256.0
    compact_after_hours: Annotated[float, _knob("batch files older than this are compacted too, hours", gt=0,
                                                le=8760)] = 24.0

    listen_address: Annotated[str, _knob("where metrics and health are served; in a pod 0.0.0.0, since probes come from outside")] = \
        "127.0.0.1"
    metrics_port: Annotated[int, _knob("/metrics of discovery and processor; 0: none. One process alone serves it only where it "
                                       "is set", ge=0, le=65_535)] = 9090
    health_port: Annotated[int, _knob("/livez and /readyz of discovery and processor; 0: none. As METRICS_PORT", ge=0,
                                      le=65_535)] = 8080
    read_only: Annotated[bool, _knob("commands that change something are refused (exit 6)")] = False
    log_level: Annotated[Literal["DEBUG", "INFO", "WARN", "ERROR"], _knob("least level of our own log lines")] = "INFO"
    pod_name: Annotated[str, _knob("readable part of the lease owner")] = ""

    @property
    def interval_sec(self) -> float:
        """Time between two listings of a busy instance, seconds."""
        return self.discovery_interval_sec or self.discovery_interval_min * 60

    @property
    def idle_interval_sec(self) -> float:
        """Longest time between two listings of an idle instance, seconds."""
        return max(self.interval_sec, self.discovery_idle_min * 60)


class Knob(msgspec.Struct, frozen=True, kw_only=True):
    """How a setting is described to people. allowed: choices, bounds, or the kind of value; default "": there is none."""

    name: str
    default: str
    allowed: str
    meaning: str


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One setting in force. origin: `default`, `file PATH:LINE`, `environment` or `flag`; a secret's value is `***`."""

    name: str
    value: object
    origin: str


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """Settings, and where each value came from (`default`, `file PATH:LINE`, `environment`, `flag`), and warnings."""

    settings: Settings
    origins: dict[str, str]
    warnings: list[str]


MAY_BE_A_FILE = ("kafka_username", "kafka_password", "redaction_key")
"""Settings whose value may lie in the file that NAME_FILE names, as mounted secrets do."""


def knobs() -> list[Knob]:
    """Return all settings as they are described in help and documentation, in their order."""
    hints = get_type_hints(Settings, include_extras=True)
    found = []
    for field in msgspec.structs.fields(Settings):
        kind, meta = get_args(hints[field.name])
        default = str(field.default).lower() if isinstance(field.default, bool) else str(field.default)
        found.append(Knob(name=field.name, default=default, allowed=_allowed(kind, meta), meaning=meta.description))
    return found


def _allowed(kind: object, meta: Meta) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    signs = {"gt": ">", "ge": ">=", "le": "<="}
    bounds = [f"{sign} {getattr(meta, name):,.10g}" for name, sign in signs.items() if getattr(meta, name) is not None]
    kinds: dict[object, str] = {str: "text", int: "whole number", float: "number", bool: "true, false", Secret: SECRET}
    return " ".join([kinds[kind], *([", ".join(bounds)] if bounds else [])])


def _convert(name: str, value: object, origin: str, hints: Mapping[str, Any], problems: list[str]) -> object:
    if is_secret(name):
        return Secret(str(value))
    try:
        return msgspec.convert(value, hints[name], strict=False)
    except msgspec.ValidationError as error:
        problems.append(f"{name.upper()} = {value!r} ({origin}): {error}")
        return None


def is_secret(name: str) -> bool:
    """Tell whether a setting's value may be shown to nobody."""
    return isinstance(getattr(Settings(), name), Secret)


def load(environ: Mapping[str, str], flags: Mapping[str, object] | None = None, config: str | None = None,
         service: Service = "standalone") -> Loaded:
    """Load settings in layers, for this service. Raises ConfigError with every mistake: name, value, origin, allowed values."""
    hints = get_type_hints(Settings, include_extras=True)
    known = list(hints)
    problems: list[str] = []
    values: dict[str, object] = {}
    origins: dict[str, str] = dict.fromkeys(known, "default")

    def take(name: str, value: object, origin: str) -> None:
        converted = _convert(name, value, origin, hints, problems)
        if converted is not None:
            values[name], origins[name] = converted, origin

    path = environment.config_file(environ, config)
    if path:
        try:
            table = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            detail = f"{path}: {error}"
            raise ConfigError(detail, hint="aurora-logs config check") from error
        for key, value in table.items():
            origin = f"file {path}:{environment.line_of(key, path)}"
            if key in hints:
                take(key, value, origin)
            else:
                problems.append(environment.unknown(key, known, origin))
    for name in known:
        if (text := environ.get(name.upper())) not in (None, ""):
            take(name, text, "environment")
    for name in MAY_BE_A_FILE:
        variable = f"{name.upper()}_FILE"
        if environ.get(variable) and (text := environment.content(variable, environ[variable], problems)) is not None:
            take(name, text, f"{variable} {environ[variable]}")
    for name, value in (flags or {}).items():
        if value is not None:
            take(name, value, "flag")
    warnings = [*environment.dropped(environ), *environment.near_misses(environ, known)]
    settings = Settings(**{"data_dir": default_data_dir(), **values}) if not problems else Settings()  # type: ignore[arg-type]  # converted above
    problems += _unfit(settings, service) if not problems else []
    if problems:
        raise ConfigError("\n  ".join(["", *problems]), hint="aurora-logs config check")
    return Loaded(settings=settings, origins=origins, warnings=warnings)


def in_force(loaded: Loaded) -> list[Setting]:
    """Return each setting with its value and origin; secrets as `***` (UX-46, SEC-04)."""
    return [Setting(name=name.upper(), value=str(value) if is_secret(name) else value, origin=origin)
            for name, origin in loaded.origins.items() for value in [getattr(loaded.settings, name)]]


def uses_data_dir(settings: Settings, service: Service) -> bool:
    """Tell whether the service keeps anything in DATA_DIR; discovery delivers no records."""
    parts = [settings.queue_backend, settings.state_backend, *([] if service == "discovery" else [settings.sink_backend])]
    return "embedded" in parts


def _unfit(settings: Settings, service: Service) -> list[str]:
    """Return what does not fit together (reliability.md §5.8)."""
    problems = []
    for name, wanted in (("queue", "kafka"), ("state", "dynamodb")):
        if service != "standalone" and getattr(settings, f"{name}_backend") != wanted:
            problems.append(f"{name.upper()}_BACKEND={wanted} is required for run {service}, which shares its work with other "
                            "processes; one process alone: aurora-logs run")
    if settings.source_backend == "folder" and not settings.source_dir:
        problems.append("SOURCE_DIR is required for SOURCE_BACKEND=folder")
    problems += scope.problems(aws_regions=settings.aws_regions, assume_roles=settings.assume_roles,
                               instances_include=settings.instances_include, instances_exclude=settings.instances_exclude)
    if not settings.collect_own_account and not settings.assume_roles.strip():
        problems.append("COLLECT_OWN_ACCOUNT = false leaves nothing to collect without ASSUME_ROLES")
    if parse_age_sec(settings.start_from) is None and settings.start_from not in ("beginning", "end"):
        problems.append(f"START_FROM = {settings.start_from!r}: beginning, end, or an age such as 2h")
    if settings.redaction_key and len(settings.redaction_key.reveal()) < REDACTION_KEY_MIN_CHARS:
        problems.append(f"REDACTION_KEY has less than {REDACTION_KEY_MIN_CHARS} characters: who sees marks could find it by trying")
    if settings.sink_backend == "openobserve" and service != "discovery":
        problems += _unfit_openobserve(settings)
    if settings.queue_backend == "kafka":
        problems += _unfit_kafka(settings)
    tables = [settings.instance_table, settings.tracking_table, settings.checkpoint_table, settings.dlq_table]
    if len(set(tables)) < len(tables):  # BAN-S01
        problems.append("INSTANCE_TABLE, TRACKING_TABLE, CHECKPOINT_TABLE and DLQ_TABLE must be four different tables")
    if settings.sink_backend != "embedded" and service != "discovery":
        if settings.lease_sec < 2 * settings.post_timeout_sec:
            problems.append(f"LEASE_SEC = {settings.lease_sec}: at least 2 x POST_TIMEOUT_SEC ({settings.post_timeout_sec})")
        if settings.settle_sec <= settings.post_timeout_sec + settings.skew_sec:
            problems.append(f"SETTLE_SEC = {settings.settle_sec}: more than POST_TIMEOUT_SEC + SKEW_SEC")
    return problems


def _unfit_openobserve(settings: Settings) -> list[str]:
    problems = []
    if not settings.openobserve_url:
        problems.append("OPENOBSERVE_URL is required for SINK_BACKEND=openobserve, such as https://logs.example.com:5080")
    for name in ("user", "pass"):
        value, file = getattr(settings, f"openobserve_{name}"), getattr(settings, f"openobserve_{name}_file")
        if bool(value) == bool(file):
            problems.append(f"OPENOBSERVE_{name.upper()} or OPENOBSERVE_{name.upper()}_FILE is required, one of the two")
    return problems


def _unfit_kafka(settings: Settings) -> list[str]:
    problems = []
    if not settings.kafka_brokers.strip(" ,"):
        problems.append("KAFKA_BROKERS is required for QUEUE_BACKEND=kafka: host:port, separated by commas")
    needs_login = settings.kafka_security_protocol.startswith("SASL_")
    if needs_login != bool(settings.kafka_sasl_mechanism):
        problems.append("KAFKA_SASL_MECHANISM goes with KAFKA_SECURITY_PROTOCOL=SASL_SSL or SASL_PLAINTEXT, and only with them")
    if settings.kafka_sasl_mechanism not in ("", "AWS_MSK_IAM") and not (settings.kafka_username and settings.kafka_password):
        problems.append(f"KAFKA_USERNAME and KAFKA_PASSWORD are required for {settings.kafka_sasl_mechanism}")
    return problems


def parse_age_sec(text: str) -> float | None:
    """Read an age such as `2h`, `90m`, `30s`, `1d` into seconds; None for anything else."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.replace(".", "", 1).isdigit():
        return None
    return float(number) * units[unit]

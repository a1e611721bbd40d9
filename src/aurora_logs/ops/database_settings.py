"""Chapter "database settings": what a database must be told so that there is something to collect (rds-log-api.md §4.3).

An empty feed although all is well is the classic failure: nothing is logged, and nothing complains.
"""

from typing import NamedTuple

from aurora_logs.records.fleet import LogSettings

MYSQL = ("aurora-mysql", "mysql", "mariadb")
LOG_OUTPUT_DEFAULTS = {"aurora-mysql": "FILE"}  # RDS MySQL and MariaDB: TABLE, from which there is nothing to download
LONG_QUERY_DEFAULT_SEC = 10.0
LONG_ENOUGH_SEC = 5.0  # above, most slow statements are never seen
RDS_PREFIX = "%t:%r:%u@%d:[%p]:"


class Finding(NamedTuple):
    """One setting that keeps something from being collected. verdict: failed, or unknown where it may be meant so."""

    verdict: str
    detail: str
    fix: str


def findings(engine: str, told: LogSettings) -> list[Finding]:
    """Return what keeps an instance's logs empty or short; an empty list when nothing does."""
    group = told.groups[0] if told.groups else "its parameter group"
    found = _mysql(engine, told.parameters, group) if engine in MYSQL else _postgresql(told.parameters, group)
    if told.exports:
        found.append(Finding("unknown", f"{', '.join(told.exports)} also go to CloudWatch Logs, which AWS is paid for",
                             "aws rds modify-db-instance --cloudwatch-logs-export-configuration DisableLogTypes=…"))
    return found


def _mysql(engine: str, parameters: dict[str, str], group: str) -> list[Finding]:
    found = []
    if not _is_on(parameters.get("slow_query_log", "0")):
        found.append(Finding("failed", "slow_query_log is off: no statement is logged", f"slow_query_log=1 in {group}"))
    output = parameters.get("log_output", LOG_OUTPUT_DEFAULTS.get(engine, "TABLE")).upper()
    if "FILE" not in output:
        found.append(Finding("failed", f"log_output is {output}: statements go to a table, and no file has them",
                             f"log_output=FILE in {group}"))
    threshold_sec = _number(parameters.get("long_query_time", ""), LONG_QUERY_DEFAULT_SEC)
    if not found and threshold_sec > LONG_ENOUGH_SEC:
        found.append(Finding("unknown", f"long_query_time is {threshold_sec:g} s: statements below are never seen",
                             f"long_query_time=1 in {group}, if less shall be seen"))
    return found


def _postgresql(parameters: dict[str, str], group: str) -> list[Finding]:
    found = []
    if _number(parameters.get("log_min_duration_statement", ""), -1) < 0:
        found.append(Finding("failed", "log_min_duration_statement is off: no statement has a duration, and top queries stay empty",
                             f"log_min_duration_statement=1000 in {group}"))
    prefix = parameters.get("log_line_prefix", RDS_PREFIX)
    if prefix != RDS_PREFIX:
        found.append(Finding("unknown", f"log_line_prefix is {prefix!r}: entries are found, but not all of its fields are read",
                             f"log_line_prefix={RDS_PREFIX} in {group}"))
    return found


def _is_on(value: str) -> bool:
    return value.strip().lower() in ("1", "on", "true")


def _number(value: str, default: float) -> float:
    """Read a number; what is set to a formula, or to nothing, counts as the default."""
    try:
        return float(value)
    except ValueError:
        return default

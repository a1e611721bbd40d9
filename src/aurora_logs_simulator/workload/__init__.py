"""True log text of each engine with its truth, reproducible from a seed. Serving and losing it happens elsewhere."""

from random import Random

from aurora_logs_simulator.workload.audit_log import AuditLogWriter
from aurora_logs_simulator.workload.error_log import ErrorLogWriter
from aurora_logs_simulator.workload.error_styles import MARIADB, MYSQL_8
from aurora_logs_simulator.workload.general_log import GeneralLogWriter
from aurora_logs_simulator.workload.mariadb_slow_log import MariadbSlowLogWriter
from aurora_logs_simulator.workload.postgresql_log import PostgresqlLogWriter
from aurora_logs_simulator.workload.slow_log import EXTRA_ALWAYS, EXTRA_MIXED, EXTRA_NEVER, SlowLogWriter
from aurora_logs_simulator.workload.written import Truth, Writer, Written

__all__ = ["Truth", "Writer", "Written", "writer"]

LOG_TYPES: dict[str, tuple[str, ...]] = {
    "slowquery": ("aurora-mysql", "mysql", "mariadb"),
    "error": ("aurora-mysql", "mysql", "mariadb"),
    "general": ("aurora-mysql", "mysql", "mariadb"),
    "audit": ("aurora-mysql", "mysql", "mariadb"),
    "postgresql": ("aurora-postgresql", "postgres"),
}


def writer(log_type: str, engine: str, seed: str) -> Writer:
    """Make the writer of one instance's log: equal arguments write equal bytes.

    Raises: ValueError for a log type that the engine does not write.
    """
    if engine not in LOG_TYPES.get(log_type, ()):
        known = ", ".join(f"{name} of {' or '.join(engines)}" for name, engines in LOG_TYPES.items())
        message = f"no writer for log type {log_type!r} of engine {engine!r}; there is {known}"
        raise ValueError(message)
    if (log_type, engine) == ("slowquery", "mariadb"):
        return MariadbSlowLogWriter(seed)
    if log_type == "slowquery":
        draw = Random(f"{seed}/extra/{engine}").random()
        extra = EXTRA_NEVER if draw < 0.4 else EXTRA_ALWAYS if draw < 0.7 else EXTRA_MIXED
        return SlowLogWriter(seed, engine=engine, extra=extra)
    if log_type == "error":
        return ErrorLogWriter(seed, engine=engine, style=MARIADB if engine == "mariadb" else MYSQL_8)
    if log_type == "general":
        return GeneralLogWriter(seed, engine=engine)
    if log_type == "audit":
        return AuditLogWriter(seed, engine=engine)
    return PostgresqlLogWriter(seed, engine=engine)

"""What keeps a database's logs empty although all is well (rds-log-api.md §4.3)."""

import pytest

from aurora_logs.ops.database_settings import RDS_PREFIX, findings
from aurora_logs.records.fleet import LogSettings


def told(exports=(), **parameters):
    return LogSettings(parameters=parameters, groups=["g"], exports=list(exports))


@pytest.mark.parametrize(("engine", "settings", "expected"), [
    ("mysql", told(slow_query_log="1", log_output="FILE", long_query_time="1"), []),
    ("mysql", told(), ["slow_query_log is off", "log_output is TABLE"]),
    ("mariadb", told(slow_query_log="ON"), ["log_output is TABLE"]),
    ("aurora-mysql", told(slow_query_log="1", long_query_time="0.5"), []),  # FILE is its default
    ("aurora-mysql", told(slow_query_log="1", log_output="table"), ["log_output is TABLE"]),
    ("mysql", told(slow_query_log="1", log_output="TABLE,FILE", long_query_time="2"), []),
    ("mysql", told(slow_query_log="1", log_output="FILE"), ["long_query_time is 10 s"]),
    ("aurora-postgresql", told(log_min_duration_statement="500"), []),
    ("postgres", told(), ["log_min_duration_statement is off"]),
    ("postgres", told(log_min_duration_statement="0", log_line_prefix="%m "), ["log_line_prefix is '%m '"]),
    ("postgres", told(log_min_duration_statement="{LEAST(1,2)}"), ["log_min_duration_statement is off"]),
    ("postgres", told(("postgresql",), log_min_duration_statement="1", log_line_prefix=RDS_PREFIX), ["postgresql also go"]),
])
def test_each_setting_that_keeps_a_log_empty_is_found(engine, settings, expected):
    found = findings(engine, settings)

    assert len(found) == len(expected)
    assert all(one.detail.startswith(start) for one, start in zip(found, expected, strict=True))
    assert all(one.fix for one in found)

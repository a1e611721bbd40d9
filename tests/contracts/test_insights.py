"""Contract of Insights: what was delivered, each record once, whatever was stored twice or compacted meanwhile."""

import pytest
from tests.contracts.samples import a_batch

from aurora_logs.errors import Permanent, TimedOut

SLOW = "aurora_slowquery_logs"
STREAMS = ["aurora_audit_logs", "aurora_error_logs", "aurora_general_logs", "aurora_postgresql_logs", SLOW]
BASE_US = 1_795_342_317_000_000


def rows(insights, sql):
    return insights.insights.query(sql, limit_sec=30, max_rows=1000).rows


def test_every_stream_is_a_table_with_all_its_columns_before_the_first_record(insights):
    for stream in STREAMS:
        assert rows(insights, f"SELECT count(*), max(_timestamp), max(db_query_text) FROM {stream}") == [(0, None, None)]
    assert insights.insights.volumes() == []
    assert insights.insights.search("x").rows == []


def test_records_come_back_with_their_values_and_types(insights):
    insights.ship(a_batch([0, 10], fields={"thread_id": 7, "truncated": True}))
    table = insights.insights.query(
        f"SELECT log_file_offset, duration_sec, db_query_text, thread_id, truncated, body FROM {SLOW} ORDER BY 1",
        limit_sec=30, max_rows=10)

    assert table.columns == ["log_file_offset", "duration_sec", "db_query_text", "thread_id", "truncated", "body"]
    assert table.rows == [(0, 0.5, "SELECT 0", 7, True, None), (10, 0.5, "SELECT 10", 7, True, None)]
    assert table.objects()[1]["db_query_text"] == "SELECT 10"


@pytest.mark.parametrize("when", ["never", "between", "afterwards"])
def test_a_record_stored_twice_is_seen_once(insights, when):
    """REL-153: a physical double; compaction does not bring it to light."""
    insights.ship(a_batch([0, 10, 20]))
    if when == "between":
        insights.compact()
    insights.ship(a_batch([0, 10, 20]))
    insights.ship(a_batch([10], batch_id="repair"))
    if when == "afterwards":
        insights.compact()

    counted = 3 if insights.hides_copies else 7
    assert rows(insights, f"SELECT count(*), count(DISTINCT record_id) FROM {SLOW}") == [(counted, 3)]
    assert len(folded(insights)) == 3
    assert offsets(insights.insights.search("")) == [20, 10, 0]
    assert [one.records for one in insights.insights.volumes()] == [3]


def test_old_and_new_records_are_one_table(insights):
    insights.ship(a_batch([0, 10]))
    insights.compact()
    insights.ship(a_batch([20]))

    assert rows(insights, f"SELECT log_file_offset FROM {SLOW} ORDER BY 1") == [(0,), (10,), (20,)]


def test_more_rows_than_asked_for_are_said_to_be_cut(insights):
    insights.ship(a_batch(range(0, 100, 10)))

    def cut(max_rows):
        table = insights.insights.query(f"SELECT record_id FROM {SLOW}", limit_sec=30, max_rows=max_rows)
        return len(table.rows), table.cut

    assert [cut(9), cut(10), cut(11)] == [(9, True), (10, False), (10, False)]


def test_volumes_are_told_by_instance_and_log_type(insights):
    insights.ship(a_batch([0, 10]), a_batch([500], log_type="error"), a_batch([70], instance_id="shop-2"))

    assert [(one.instance_id, one.log_type, one.records, one.log_bytes, one.oldest_us - BASE_US, one.newest_us - BASE_US)
            for one in insights.insights.volumes()] == [
        ("shop-1", "error", 1, 10, 500, 500), ("shop-1", "slowquery", 2, 20, 0, 10), ("shop-2", "slowquery", 1, 10, 70, 70)]
    assert insights.insights.newest("shop-1") == {"error": BASE_US + 500, "slowquery": BASE_US + 10}
    assert insights.insights.newest("shop-9") == {}


def offsets(table):
    return [one["log_file_offset"] for one in table.objects()]


def test_text_is_found_in_any_case_newest_first(insights):
    insights.ship(a_batch([0], fields={"db_query_text": "SELECT 'Grüße' FROM Orders"}),
                  a_batch([10], fields={"db_query_text": None, "body": "orders are late"}),
                  a_batch([20], fields={"db_query_text": "100%"}), a_batch([30], instance_id="shop-2"))

    assert offsets(insights.insights.search("ORDERS")) == [10, 0]
    assert offsets(insights.insights.search("GRÜSSE")) == []
    assert offsets(insights.insights.search("grüße")) == [0]
    assert offsets(insights.insights.search("%")) == [20], "a sign of LIKE is a sign"
    assert offsets(insights.insights.search("")) == [30, 20, 10, 0]
    assert offsets(insights.insights.search("", limit=2)) == [30, 20]
    assert offsets(insights.insights.search("", instance_id="shop-2")) == [30]
    assert offsets(insights.insights.search("", since_us=BASE_US + 10, instance_id="shop-1")) == [20, 10]
    assert offsets(insights.insights.search("", until_us=BASE_US + 10)) == [10, 0]
    assert offsets(insights.insights.search("", log_types=("error",))) == []
    assert offsets(insights.insights.search("'; DROP TABLE x; --")) == []


@pytest.mark.parametrize("text", ["it's", "'; DROP TABLE x; --", "''", "\\'", "日本", "'" * 7, '"', "{after}", "x' OR '1'='1", "a\nb"])
def test_what_a_person_searches_for_is_data(insights, text):
    """OO-111: whatever stands in a text, a user or an instance, exactly it is found."""
    insights.ship(a_batch([0], fields={"db_query_text": f"SELECT {text} x", "user_name": text}), a_batch([10]))

    assert offsets(insights.insights.search(text, user_name=text)) == [0]
    assert offsets(insights.insights.search(text, instance_id=text)) == []
    assert insights.insights.newest(text) == {}


def test_a_character_that_no_text_holds_finds_nothing_and_breaks_nothing(insights):
    insights.ship(a_batch([0]))

    assert offsets(insights.insights.search("a\0b")) == []


def test_text_is_found_of_one_user(insights):
    insights.ship(a_batch([0], fields={"user_name": "o'brien"}), a_batch([10], fields={"user_name": "app"}), a_batch([20]))

    assert offsets(insights.insights.search("SELECT", user_name="o'brien")) == [0]
    assert offsets(insights.insights.search("", user_name="app")) == [10]
    assert offsets(insights.insights.search("", user_name="nobody")) == []


def folded(insights, **filters):
    return insights.insights.fold_statements(list, lambda total, part: total.extend(part), **filters)


def test_statements_come_with_their_figures_for_grouping(insights):
    figures = {"lock_time_sec": 0.25, "db_response_returned_rows": 3, "db_rows_examined": 400, "db_namespace": "shop"}
    insights.ship(a_batch([0], fields=figures), a_batch([10], instance_id="shop-2"),
                  a_batch([20], fields={"db_query_text": None}), a_batch([30], log_type="error"),
                  a_batch([40], log_type="postgresql", fields={"engine": "postgres", "db_system_name": "postgresql"}))
    found = sorted(folded(insights), key=lambda one: one.timestamp_us)

    assert [(one.instance_id, one.engine, one.db_query_text) for one in found] == [
        ("shop-1", "aurora-mysql", "SELECT 0"), ("shop-2", "aurora-mysql", "SELECT 10"), ("shop-1", "postgres", "SELECT 40")]
    first = found[0]
    assert (first.duration_sec, first.lock_time_sec, first.db_response_returned_rows, first.db_rows_examined,
            first.db_namespace, first.timestamp_us) == (0.5, 0.25, 3, 400, "shop", BASE_US)
    assert [one.db_query_text for one in folded(insights, instance_id="shop-2")] == ["SELECT 10"]
    assert [one.db_query_text for one in folded(insights, since_us=BASE_US + 20)] == ["SELECT 40"]
    assert [one.db_query_text for one in folded(insights, until_us=BASE_US)] == ["SELECT 0"]


def test_many_statements_come_in_bounded_parts(insights):
    insights.ship(a_batch(range(0, 50_000, 10)))
    sizes = insights.insights.fold_statements(list, lambda total, part: total.append(len(part)))

    assert sum(sizes) == 5000
    assert len(sizes) > 1


def test_a_query_that_takes_too_long_is_stopped(insights):
    with pytest.raises(TimedOut, match=r"0\.2 s"):
        insights.insights.query(insights.slow(), limit_sec=0.2, max_rows=1)


@pytest.mark.parametrize("sql", [
    "", ";", "SELEC 1", "SELECT * FROM no_such_table", f"SELECT no_such_column FROM {SLOW}", "SELECT 1; SELECT 2",
    f"DELETE FROM {SLOW}", f"INSERT INTO {SLOW} SELECT * FROM {SLOW}", "CREATE TABLE t (a INT)", f"DROP VIEW {SLOW}",
    f"SELECT 1; DROP VIEW {SLOW}"])
def test_what_is_not_one_reading_statement_is_refused(insights, sql):
    insights.ship(a_batch([0]))

    with pytest.raises(Permanent):
        insights.insights.query(sql, limit_sec=30, max_rows=1)
    assert rows(insights, f"SELECT count(*) FROM {SLOW}") == [(1,)]

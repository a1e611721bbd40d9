"""What a person's statement says of its own answer: that it reads, and its columns in order."""

import pytest
from tests.unit.openobserve.adapter_bench import SLOW, adapter, batch_of

from aurora_logs.adapters.openobserve.select_list import NotReadingError, reading_statement
from aurora_logs.errors import Permanent, TimedOut


@pytest.mark.parametrize(("sql", "columns"), [
    ('SELECT a, b.c, "D e" FROM s', ["a", "c", "D e"]), ("SELECT count(*) FROM s", ["count(*)"]),
    ("select Count(DISTINCT x) as N, max(y) m from s", ["n", "m"]), ("SELECT a AS \"x, y\", 'b, c' AS t FROM s", ["x, y", "t"]),
    ("SELECT DISTINCT a FROM s", ["a"]), ("SELECT * FROM s", ["*"]), ("SELECT t.*, 1 FROM s t", ["*", "1"]),
    ("SELECT CASE WHEN a THEN 1 ELSE 2 END FROM s", ["CASE WHEN a THEN 1 ELSE 2 END"]), ("SELECT a + b FROM s", ["a + b"]),
    ("SELECT histogram(_timestamp, '5 minute') AS x, count(*) FROM s GROUP BY x;", ["x", "count(*)"]),
    ("WITH t AS (SELECT a, b FROM s) SELECT a FROM t", ["a"]), ("SELECT (SELECT max(a) FROM s) AS top FROM s", ["top"]),
    ("SELECT a -- , b\n, /* , c */ d FROM s", ["a", "d"]), ("SELECT 1 UNION SELECT 2", ["1"]), ("SELECT null FROM s", ["null"])])
def test_columns_are_named_as_they_were_written(sql, columns):
    assert [column.shown for column in reading_statement(sql).columns] == columns


@pytest.mark.parametrize("sql", ["", ";", "SELEC 1", "DELETE FROM s", "SELECT 1; SELECT 2", "DROP TABLE s", "WITH t AS (SELECT 1)",
                                 "SELECT", "SELECT , a FROM s", "INSERT INTO s SELECT 1", "EXPLAIN SELECT 1"])
def test_what_is_not_one_reading_statement_is_refused(sql):
    with pytest.raises(NotReadingError):
        reading_statement(sql)


def test_a_semicolon_in_a_text_is_text():
    assert reading_statement("SELECT ';' AS a FROM s").sql == "SELECT ';' AS a FROM s"


class TestAnswers:
    @pytest.mark.parametrize(("sql", "columns", "rows"), [
        (f"SELECT max(duration_sec), count(*), min(body) FROM {SLOW}", ["max(duration_sec)", "count(*)", "min(body)"], [(0.5, 3, None)]),
        (f"SELECT body, log_file_offset AS o FROM {SLOW} ORDER BY o LIMIT 9", ["body", "o"], [(None, 0), (None, 10), (None, 20)]),
        (f"SELECT a.log_file_offset + 1 FROM {SLOW} a WHERE log_file_offset = 10", ["a.log_file_offset + 1"], [(11,)]),
        (f"WITH t AS (SELECT log_file_offset o FROM {SLOW}) SELECT sum(o) FROM t", ["sum(o)"], [(30,)]),
        (f"SELECT count(*) FROM {SLOW} WHERE body = 'x' GROUP BY body", ["count(*)"], [])])
    def test_rows_are_laid_out_by_the_statement_s_columns(self, tmp_path, sql, columns, rows):
        with adapter(tmp_path) as one:
            one.streams.make("slowquery")
            one.ship(batch_of(3))
            table = one.insights.query(sql, limit_sec=5, max_rows=10)

        assert (table.columns, table.rows) == (columns, rows)

    def test_all_columns_come_in_the_order_of_the_schema(self, tmp_path):
        with adapter(tmp_path) as one:
            one.ship(batch_of(1, fields={"body": "x"}))
            table = one.insights.query(f"SELECT * FROM {SLOW}", limit_sec=5, max_rows=10)

        assert table.columns[:4] == ["_timestamp", "record_id", "log_type", "instance_id"]
        assert table.columns.index("body") < table.columns.index("parse_status")
        assert dict(zip(table.columns, table.types, strict=True))["duration_sec"] == "DOUBLE"

    def test_a_hundred_thousand_rows_come_whole_or_are_said_to_be_cut(self, tmp_path):
        """OO-112: no silent cut at 1000."""
        with adapter(tmp_path) as one:
            for number in range(3):
                one.ship(batch_of(1000, batch_id=str(number)))
            whole = one.insights.query(f"SELECT record_id FROM {SLOW}", limit_sec=30, max_rows=100_000)
            cut = one.insights.query(f"SELECT record_id FROM {SLOW}", limit_sec=30, max_rows=2500)

        assert (len(whole.rows), whole.cut, len(cut.rows), cut.cut) == (3000, False, 2500, True)

    def test_many_statements_are_read_in_slices_of_time_each_once(self, tmp_path):
        with adapter(tmp_path, window_ahead_hours=48) as one:
            for number in range(3):
                for _ in range(2):
                    one.ship(batch_of(2500, batch_id=str(number), instance_id=f"db-{number}"))
            sizes = one.insights.fold_statements(list, lambda total, part: total.append(len(part)))

        assert sum(sizes) == 7500
        assert max(sizes) <= 2000

    def test_a_stream_s_shortest_range_is_told_with_its_cure(self, tmp_path):
        with adapter(tmp_path) as one:
            one.ship(batch_of(1))
            one.world.streams()[SLOW].schema.settings.max_query_range = 24

            with pytest.raises(Permanent, match="ranges of 24 hours") as caught:
                one.insights.query(f"SELECT record_id FROM {SLOW}", limit_sec=5, max_rows=1)
            assert "max_query_range" in caught.value.hint

    def test_the_server_s_own_time_out_is_ours(self, tmp_path):
        with adapter(tmp_path) as one:
            one.plant("search_408")

            with pytest.raises(TimedOut):
                one.insights.volumes()

"""Operation and summary of record-schema §13.4."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_logs.sql.fingerprint import normal_form
from aurora_logs.sql.summary import SUMMARY_MAX_CHARACTERS, _exact_operation, operation, operation_of, summary

CASES = [
    ("SELECT * FROM orders o JOIN shop.customers c ON 1", "mysql", "SELECT", "SELECT orders shop.customers"),
    ("select a from t1, (select b from t2 where z = 1) x, t3", "mysql", "SELECT", "SELECT t1 t2 t3"),
    ("with a as (select 1 from q) insert into t(a, b) select * from a", "mysql", "INSERT", "INSERT q t a"),
    ("WITH x AS (VALUES (1)) DELETE FROM t", "postgresql", "DELETE", "DELETE t"),
    ("explain select extract(year from d) from t", "postgresql", "EXPLAIN", "EXPLAIN t"),
    ("select 1 from t where a is distinct from b for update of t", "postgresql", "SELECT", "SELECT t"),
    ("select * from generate_series(1, 2) g, u", "postgresql", "SELECT", "SELECT u"),
    ('/*+ SeqScan(t) */ SELECT 1 FROM "My T"."x"', "postgresql", "SELECT", "SELECT My T.x"),
    ("/* a /* nested */ b */ select 1", "postgresql", "SELECT", "SELECT"),
    ("((select a from b) union (select c from d))", "mysql", "SELECT", "SELECT b d"),
    ("{CALL shop.p(1)}", "mysql", "CALL", "CALL shop.p"),
    ("insert into t(a) values(1) on duplicate key update a = 1", "mysql", "INSERT", "INSERT t"),
    ("drop table if exists a, b.c", "mysql", "DROP", "DROP a b.c"),
    ("alter table t add a int, add b int", "mysql", "ALTER", "ALTER t"),
    ("update low_priority a join b using (id) set x = 1, y = 2", "mysql", "UPDATE", "UPDATE a b"),
    ("/*!40101 SET NAMES utf8 */", "mysql", "SET", "SET"),
    ("-- it's\n# x\ncommit", "mysql", "COMMIT", "COMMIT"),
    ("/*+-- */select 1 from t", "mysql", "SELECT", "SELECT t"),
    ("/*+ it's # */ select 1 from t -- '", "postgresql", "SELECT", "SELECT t"),
    ("/*+ a /* b */ select 1 from t", "mysql", "SELECT", "SELECT t"),
    ("/*+ a /* b */ c */ select 1 from t", "postgresql", "SELECT", "SELECT t"),
    ("select a from a1, a2, a3, a4, a5, a6", "mysql", "SELECT", "SELECT a1 a2 a3 a4 a5"),
    ("select a from t join t on 1 join T on 2", "mysql", "SELECT", "SELECT t"),
    ("N'x'", "mysql", None, ""),
    ("'secret'", "mysql", None, ""),
    ("/* only */", "mysql", None, ""),
    ("", "mysql", None, ""),
]


@pytest.mark.parametrize(("sql", "dialect", "verb", "text"), CASES)
def test_a_statement_has_its_verb_and_its_targets(sql: str, dialect: str, verb: str | None, text: str) -> None:
    assert operation(sql, dialect) == verb
    assert summary(normal_form(sql, dialect)) == text


@settings(max_examples=1500, deadline=None)
@given(
    sql=st.lists(
        st.sampled_from(
            [
                "select",
                "with",
                "a",
                " ",
                "\n",
                "(",
                ")",
                "/*",
                "*/",
                "/*!",
                "/*+",
                "/*+-- */",
                '"',
                "-- ",
                "--",
                "#",
                "'",
                ";",
                "{",
                "é",
                "x'",
                "$",
            ]
        ),
        max_size=12,
    ).map("".join)
    | st.lists(
        st.sampled_from(
            "(|)|( |) | (|) |as (|select |insert into |values|a |a, |b, |as |'|''|\"|`|\\|/* c */| /* ( */ |--|-- )\n|#|$$|$1|$a|@|.|'('|\n"
            "|\")\"|`(`|é|1|n'|_utf8'|/*!|*/|+".split("|")
        ),
        max_size=14,
    ).map(lambda pieces: "with " + "".join(pieces)),
    dialect=st.sampled_from(["mysql", "postgresql"]),
)
def test_the_quick_and_the_exact_way_find_the_same_verb(sql: str, dialect: str) -> None:
    quick = operation_of(sql.encode(), dialect)
    assert (None if quick is None else quick.decode()) == _exact_operation(sql, dialect)


def test_a_summary_is_cut_at_a_blank() -> None:
    names = ", ".join(f"{letter * 70}" for letter in "abcd")
    text = summary(normal_form(f"select 1 from {names}", "mysql"))

    assert len(text) <= SUMMARY_MAX_CHARACTERS
    assert text.split() == ["SELECT", "a" * 70, "b" * 70, "c" * 70]


def test_a_summary_never_holds_a_literal() -> None:
    assert "4711" not in summary(normal_form("select 4711 from t where a = '4711' and b in (4711)", "mysql"))

"""What never changes a fingerprint, what always does, and that its time grows with the text only (PERF-20, PERF-23)."""

import random
from collections import defaultdict
from collections.abc import Callable
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.growth import is_linear

from aurora_logs.sql import tokens as lexer
from aurora_logs.sql.fingerprint import fingerprint, normal_form
from aurora_logs_simulator.workload import writer

DIALECTS = ("mysql", "postgresql")
STATEMENTS = [
    "SELECT a, t.b FROM orders AS t WHERE a IN (1, 2) AND b <> 'x' AND NOT c LIKE 'y%' LIMIT 5",
    "INSERT INTO t (a, b) VALUES (1, 'x'), (2, NULL)",
    "UPDATE price_v2 SET a = a + 1, b = -1 WHERE c IS NOT NULL AND d BETWEEN 1 AND 2.5",
    "DELETE FROM t WHERE (a, b) IN ((1, 2), (3, 4)) OR f(a, 3) >= 0.5",
    "SELECT COUNT(*) FROM a JOIN b USING (id) GROUP BY c HAVING MAX(d) > 10 ORDER BY e DESC",
    "WITH q AS (SELECT 1) SELECT * FROM q WHERE x = TRUE AND y - 1 < 3",
]
LITERALS = ["7", "-12", "3.5e-3", "'other'", "'it''s'", "''", "'/* -- # '", "0", "'a;b'"]
GAPS = [" ", "\n", "\t  ", " /* c */ ", "/**/", " -- c\n", "\r\n"]


def pieces(sql: str) -> list[tuple[int, str]]:
    return [(kind, sql[begin:end]) for kind, begin, end in lexer.tokens(sql, "mysql")]


def operand_before(code: list[tuple[int, str]], index: int) -> bool:
    """A sign may only be planted where no operand stands before it (rule 3)."""
    return code[index - 1][1] in (")", "-", "+") or code[index - 1][0] == lexer.LITERAL


@settings(max_examples=300, deadline=None)
@given(sql=st.sampled_from(STATEMENTS), dialect=st.sampled_from(DIALECTS), seed=st.integers(0, 2**32))
def test_literals_layout_comments_and_case_never_change_the_class(sql: str, dialect: str, seed: int) -> None:
    draw = random.Random(seed)
    code = pieces(sql)
    written = []
    for index, (kind, text) in enumerate(code):
        if kind == lexer.LITERAL and not operand_before(code, index):
            written.append(draw.choice(LITERALS))
        else:
            written.append("".join(draw.choice((letter.upper(), letter.lower())) for letter in text))
            if kind == lexer.LITERAL:
                written[-1] = text
    varied = draw.choice(GAPS) + "".join(text + draw.choice(GAPS) for text in written)
    assert fingerprint(varied, dialect) == fingerprint(sql, dialect), varied


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("count", [1, 2, 9, 500])
def test_longer_lists_never_change_the_class(dialect: str, count: int) -> None:
    numbers = ", ".join(str(number) for number in range(count))
    rows = ", ".join(f"({number}, 'a', now())" for number in range(count))
    assert normal_form(f"select a from t where b in ({numbers})", dialect) == "select a from t where b in(?)"
    assert normal_form(f"insert into t values {rows}", dialect) == "insert into t values(?,now())"


@settings(max_examples=200, deadline=None)
@given(sql=st.sampled_from(STATEMENTS), dialect=st.sampled_from(DIALECTS), data=st.data())
def test_another_name_operator_or_keyword_always_changes_the_class(sql: str, dialect: str, data: st.DataObject) -> None:
    code = pieces(sql)
    places = [
        index
        for index, (kind, text) in enumerate(code)
        if (kind == lexer.WORD and text.lower() not in ("null", "true")) or text in ("<", ">", "=", "<>", ">=")
    ]
    place = data.draw(st.sampled_from(places))
    kind, text = code[place]
    other = text + "_x" if kind == lexer.WORD else "<=" if text != "<=" else ">="
    varied = " ".join(other if index == place else written for index, (_, written) in enumerate(code))
    assert fingerprint(varied, dialect) != fingerprint(sql, dialect), varied


@settings(max_examples=300, deadline=None)
@given(sql=st.text(alphabet="ab1.'\"`()-+*/!#$,;? \n\\EeNxX_@=é", max_size=60), dialect=st.sampled_from(DIALECTS))
def test_any_text_has_a_normal_form_and_its_tokens_never_overlap(sql: str, dialect: str) -> None:
    spans = [(begin, end) for _, begin, end in lexer.tokens(sql, dialect)]

    assert len(fingerprint(sql, dialect)) == 16
    assert all(left[1] <= right[0] for left, right in pairwise(spans))
    assert all(begin <= end <= len(sql) for begin, end in spans)


def test_a_lone_surrogate_and_a_nul_do_no_harm() -> None:
    assert fingerprint("select \ud800 from \x00 t", "mysql") != fingerprint("select \ud801 from \x00 t", "mysql")


@pytest.mark.parametrize(
    ("sql", "dialect", "normal"),
    [
        ("insert into t values (1, _binary 'x', _utf8mb4 X'ff'), (2, 'y', 'z')", "mysql", "insert into t values(?)"),
        ("select * from db.2024 where t.key = 1", "mysql", "select*from db.2024 where t.key=?"),
        ("select 2*/* c */3", "mysql", "select ?*?"),
        ("insert into t values (1,'a'),(2,'b", "mysql", "insert into t values(?),(? ..."),
        ("insert into t values (1,now()),(3,4),(2,now())", "mysql", "insert into t values(?,now()),(?)"),
        ("select f(1,now()),(3),(2,now())", "mysql", "select f(?,now()),(?),(?,now())"),
        ("select /*+ it's -- x */ a from t where b = 'c'", "mysql", "select/*+it ?*/a from t where b=?"),
        ("select 1 from t where a = 12", "mysql", "select ? from t where a=?"),
        ("/*!40000 alter table t", "mysql", "alter table t ..."),
        ("select a /* x /* y */", "postgresql", "select a ..."),
        ("select $a$ x $a$, $b$ open", "postgresql", "select ? ..."),
        ("select b ?| array['x','y'] and c = ?", "postgresql", "select b ?|array[?]and c=?"),
        ("a)b)(", "mysql", "a)b)("),
        ("", "mysql", ""),
    ],
)
def test_odd_statements_have_the_normal_form_of_the_rules(sql: str, dialect: str, normal: str) -> None:
    assert normal_form(sql, dialect) == normal


def test_a_statement_that_the_server_cut_says_so() -> None:
    assert normal_form("select 1;", "mysql", truncated=True) == "select ? ..."


FIRST = 1_000_000  # all numbers have as many digits: twice the numbers are twice the text
LONG: dict[str, Callable[[int], str]] = {
    "in list": lambda length: f"select a from t where b in ({','.join(map(str, range(FIRST, FIRST + length // 8)))})",
    "rows": lambda length: "insert into t values " + ",".join(f"({row},c{row})" for row in range(FIRST, FIRST + length // 19)),
    "nested": lambda length: f"select {'(' * (length // 2)}1{')' * (length // 2)}",
    **{
        repr(text): lambda length, text=text: "select " + text * (length // len(text))
        for text in ("'", "[", "  ", "1", "a", "(", "/*", "*/", "-", "- ", '"', "`", "\\", "$", "$a$", "E'", "_a", ",", "/*!")
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("name", LONG)
def test_twice_the_text_takes_at_most_2_2_times_the_time(dialect: str, name: str) -> None:
    """PERF-20."""
    assert is_linear(lambda sql: normal_form(sql, dialect), LONG[name], length=50_000)


def test_a_reading_whose_time_grows_with_the_square_is_found() -> None:
    """What is measured would see it."""
    assert not is_linear(lambda sql: [sql[at:] for at in range(0, len(sql), 500)], lambda length: "x" * length, length=50_000)


def test_a_list_of_100_000_and_10_000_nested_parentheses_are_read() -> None:
    """PERF-23: no RecursionError, no quadratic time."""
    assert normal_form(LONG["in list"](800_000), "mysql") == "select a from t where b in(?)"
    assert normal_form("(" * 10_000 + "1" + ")" * 10_000, "mysql") == "(" * 10_000 + "?" + ")" * 10_000


@pytest.mark.parametrize(
    ("log_type", "engine", "dialect"), [("slowquery", "mysql", "mysql"), ("postgresql", "postgres", "postgresql")]
)
def test_generated_statements_have_exactly_one_class_a_shape(log_type: str, engine: str, dialect: str) -> None:
    """PERF-24, on the simulator's shapes: literals, list lengths, comments, blanks and case vary."""
    log = writer(log_type, engine, "fingerprint")
    classes: dict[object, set[str]] = defaultdict(set)
    for second in range(3000):
        fields = log.entry(1_760_000_000_000_000 + second * 1_000_000).fields
        if "shape" in fields and isinstance(fields.get("db_query_text"), str):
            classes[fields["shape"]].add(normal_form(str(fields["db_query_text"]), dialect))
    forms = {form for of_shape in classes.values() for form in of_shape}

    assert len(classes) >= 200
    assert all(len(of_shape) == 1 for of_shape in classes.values())
    assert len(forms) == len(classes)

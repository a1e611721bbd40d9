"""Redaction in mode `default`: what goes, what stays, what is counted (SEC-12, SEC-14; record-schema §14)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.growth import is_linear

from aurora_logs.sql.gate import _EXACT, _URI, suspicious
from aurora_logs.sql.redaction import mask_raw, redact_message, redact_sql

AWS_KEY_ID = "AKIA" + "IOSFODNN7EXAMPLE"  # in two pieces, so that secret scanners pass over the documentation's key
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/" + "bPxRfiCYEXAMPLEKEY"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0." + "abc-DEF_123"

REDACTED = [
    (
        "mysql",
        "CREATE USER 'a'@'h' IDENTIFIED BY 'pw' REQUIRE SSL",
        "CREATE USER 'a'@'h' IDENTIFIED BY '***' REQUIRE SSL",
        1,
    ),
    (
        "mysql",
        "alter user a identified /* x */ with\n p by \"pw\", b identified by 'q'",
        "alter user a identified /* x */ with\n p by \"***\", b identified by '***'",
        2,
    ),
    ("mysql", "SET PASSWORD FOR 'u'@'h' = 'pw' -- tok_1", "SET PASSWORD FOR 'u'@'h' = '***' -- tok_1", 1),
    (
        "mysql",
        "CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD='p\\'w'",
        "CHANGE MASTER TO MASTER_HOST='h', MASTER_PASSWORD='***'",
        1,
    ),
    ("mysql", "SELECT AES_DECRYPT(c, 'key'), 'kept'", "SELECT AES_DECRYPT(c, '***'), 'kept'", 1),
    (
        "mysql",
        "UPDATE u SET password = 'pw' WHERE id = '5'",
        "UPDATE u SET password = '***' WHERE id = '5'",
        1,
    ),
    ("mysql", "create user x identified by 'pw", "create user x identified by '***", 1),
    ("mysql", "create user x identified by p$w!1 require ssl", "create user x identified by *** require ssl", 1),
    ("mysql", "ALTER USER u IDENTIFIED WITH 'p' AS 0x2441", "ALTER USER u IDENTIFIED WITH 'p' AS ***", 1),
    (
        "mysql",
        "PREPARE s FROM 'ALTER USER x IDENTIFIED BY ''pw'' '",
        "PREPARE s FROM 'ALTER USER x IDENTIFIED BY ''***'",
        1,
    ),
    ("mysql", "select 'http://h:80/a@b', 'https://u:p@w@h/'", "select 'http://h:80/a@b', 'https://u:***@h/'", 1),
    (
        "mysql",
        "CALL mysql.rds_set_external_master('h',3306,'u','pw','b',1,0)",
        "CALL mysql.rds_set_external_master('***',3306,'***','***','***',1,0)",
        4,
    ),
    ("postgresql", "ALTER ROLE a PASSWORD 'pw' VALID UNTIL 'x'", "ALTER ROLE a PASSWORD '***' VALID UNTIL 'x'", 1),
    ("postgresql", "CREATE ROLE a ENCRYPTED PASSWORD $x$pw$x$", "CREATE ROLE a ENCRYPTED PASSWORD $x$***$x$", 1),
    ("postgresql", "select dblink('host=h password=pw user=u')", "select dblink('host=h password=*** user=u')", 1),
    ("postgresql", "COPY t FROM PROGRAM 'curl x'", "COPY t FROM PROGRAM '***'", 1),
    (
        "postgresql",
        "DO $$ BEGIN ALTER ROLE a PASSWORD 'pw'; PERFORM 'kept'; END $$",
        "DO $$ BEGIN ALTER ROLE a PASSWORD '***'; PERFORM 'kept'; END $$",
        1,
    ),
    (
        "postgresql",
        f"select create_aws_credentials('{AWS_KEY_ID}', '{AWS_SECRET}', '')",
        "select create_aws_credentials('***', '***', '')",
        2,
    ),
    ("postgresql", f"select '{AWS_KEY_ID}', 'x {AWS_SECRET}'", "select '***', 'x ***'", 2),
    ("postgresql", f"select 'bearer {JWT}', 'kept'", "select 'bearer ***', 'kept'", 1),
    ("postgresql", "/* postgres://u:pw@h/ */ select 1", "/* postgres://u:***@h/ */ select 1", 1),
]
KEPT = [
    ("mysql", "create user x identified by *****"),  # FMT-90: MariaDB's own mask
    ("mysql", "create user x identified by <secret>"),
    ("mysql", "create user x identified by '***'"),
    ("mysql", "create user x identified by ?"),
    ("mysql", "create user x identified by random password"),
    ("mysql", "select password, password_hash from users where mysql_native_password = 'x'"),
    ("mysql", "select 'the program is at https://a.b/c', crypto from t"),
    ("mysql", "alter user 'a'@'h' password expire never account lock comment 'x'"),
    ("postgresql", "alter role a password null"),
    ("postgresql", "select * from t where password = $1"),
    ("postgresql", "select '12:30:00', 'a@b', 'x://y' from t"),
]


@pytest.mark.parametrize(("dialect", "sql", "redacted", "count"), REDACTED)
def test_a_credential_goes_and_its_quotes_stay(dialect: str, sql: str, redacted: str, count: int) -> None:
    assert redact_sql(sql.encode(), dialect) == (redacted.encode(), count)
    assert redact_sql(redacted.encode(), dialect) == (redacted.encode(), 0)


@pytest.mark.parametrize(("dialect", "sql"), KEPT)
def test_what_is_no_credential_or_masked_already_stays_and_is_not_counted(dialect: str, sql: str) -> None:
    assert redact_sql(sql.encode(), dialect) == (sql.encode(), 0)


def test_a_cut_statement_loses_all_that_may_be_secret_even_when_backslashes_are_in_doubt() -> None:
    """SEC-14: with NO_BACKSLASH_ESCAPES the server's first string ends before ours does."""
    redacted, _ = redact_sql(b"create user a identified by 'one\\', b identified by 'two'", "mysql")
    assert b"two" not in redacted
    assert b"one" not in redacted


def test_an_unclosed_quote_behind_a_credential_keyword_goes_whatever_it_is() -> None:
    redacted, count = redact_sql(b"alter user a identified by 'x' attribute '{\"k\": \"cut off", "mysql")
    assert (redacted, count) == (b"alter user a identified by '***' attribute '***", 2)


MESSAGES = [
    ("mysql", "right syntax to use near 'x'y\nz' at line 2", "right syntax to use near '***' at line 2", 1),
    ("mysql", "right syntax to use near 'cut off", "right syntax to use near '***", 1),
    ("mysql", "right syntax to use near '' at line 1", "right syntax to use near '' at line 1", 0),
    ("postgresql", 'syntax error at or near "x" at character 15', 'syntax error at or near "***" at character 15', 1),
    ("postgresql", 'unterminated quoted string at or near "\'x\n y"', 'unterminated quoted string at or near "***"', 1),
    ("postgresql", 'invalid input syntax for type integer: "x"', 'invalid input syntax for type integer: "***"', 1),
    ("postgresql", "invalid input syntax for type json", "invalid input syntax for type json", 0),
    ("mysql", "Access denied for user 'a'@'10.0.0.1' (using password: YES)", None, 0),  # FMT-72
    (
        "mysql",
        "Plugin reported: ''mysql_native_password' is deprecated. Please use caching_sha2_password instead'",
        None,
        0,
    ),
    ("postgresql", 'password authentication failed for user "x"', None, 0),
    (
        "postgresql",
        "SQL statement \"ALTER ROLE x PASSWORD 'pw'\"\nPL/pgSQL function f() line 3",
        "SQL statement \"ALTER ROLE x PASSWORD '***'\"\nPL/pgSQL function f() line 3",
        1,
    ),
    (
        "postgresql",
        "could not connect: postgres://u:pw@h/db failed",
        "could not connect: postgres://u:***@h/db failed",
        1,
    ),
]


@pytest.mark.parametrize(("dialect", "text", "redacted", "count"), MESSAGES)
def test_a_message_loses_credentials_and_quoted_pieces_only(
    dialect: str, text: str, redacted: str | None, count: int
) -> None:
    assert redact_message(text.encode(), dialect) == ((redacted or text).encode(), count)


def test_unidentified_text_shows_its_size_alone() -> None:
    assert mask_raw(b"x" * 1234) == b"*** (1,234 bytes)"


@settings(max_examples=300, deadline=None)
@given(
    text=st.lists(
        st.sampled_from(
            [
                "password",
                "identified by",
                "=",
                "'",
                '"',
                "`",
                "$$",
                "\\",
                "(",
                ")",
                " ",
                "x",
                "://u:",
                "@",
                "/*",
                "*/",
                "--",
                "\n",
                ";",
                "aes_encrypt",
                "near '",
                "\xff",
                "\x00",
            ]
        ),
        max_size=25,
    ).map(lambda parts: "".join(parts).encode("latin-1")),
    dialect=st.sampled_from(["mysql", "postgresql"]),
)
def test_no_bytes_make_redaction_fail_and_what_is_clean_stays_as_it_is(text: bytes, dialect: str) -> None:
    for redacted, count in (redact_sql(text, dialect), redact_message(text, dialect)):
        assert (redacted == text) == (count == 0)


@pytest.mark.parametrize(
    "marker",
    [
        "password",
        "passwd",
        "identified",
        "aes_encrypt",
        "pgp_sym_decrypt",
        "crypt",
        "program",
        "rds_set_external_source",
        "aws_secret_access_key",
        "AKIA1234ABCD",
        "ASIA1234ABCD",
        "postgres://u:p",
        "a.eyJx",
        "pwd",
        "user_pass",
        "passphrase",
        "client_secret",
        "authentication_string",
        "session_token",
        "hmac",
    ],
)
def test_the_gate_sees_every_marker_in_any_case(marker: str) -> None:
    assert suspicious(b"-----BEGIN RSA PRIVATE KEY-----")
    for text in {marker, marker.upper(), marker.title()} if marker[0] not in "Aa" or "_" in marker else {marker}:
        assert suspicious(f"select {text} from t".encode()), text


@settings(max_examples=500, deadline=None)
@given(st.text(alphabet="pasPASwWoOdcCrRyYtTigGmM:/kKeEjJ._xX1 fFnhN", max_size=40))
def test_the_quick_gate_says_what_a_search_of_the_whole_text_says(text: str) -> None:
    chunk = text.encode()
    assert suspicious(chunk) == bool(_EXACT.search(chunk) or _URI.search(chunk))


HOSTILE = [
    "'",
    "[",
    "  ",
    "1",
    "a",
    "(",
    "/*",
    "://u:",
    "://u:a@",
    "password",
    "password=",
    "password'",
    "identified by ",
    "near '",
    "eyJ.",
    "eyJa.eyJ",
    "\\",
    "$a$",
    "$$",
    "AKIA",
    "_",
    "crypt(",
    "'password',",
    "'",
    "-- ",
    "_password",
]


@pytest.mark.parametrize("dialect", ["mysql", "postgresql"])
@pytest.mark.parametrize("text", HOSTILE)
def test_twice_the_text_takes_at_most_2_2_times_the_time(dialect: str, text: str) -> None:
    """PERF-20."""

    def hostile(length: int) -> bytes:
        return b"alter user a identified by 'x' " + (text * (length // len(text))).encode()

    assert is_linear(lambda sql: redact_sql(sql, dialect), hostile, length=25_000)
    assert is_linear(lambda sql: redact_message(sql, dialect), hostile, length=25_000)

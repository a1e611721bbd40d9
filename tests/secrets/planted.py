"""Statements with planted credentials: every form of SEC-12, in every quoting, spacing, comment and cut."""

import random
import re
from typing import Final, NamedTuple

DIALECTS: Final = ("mysql", "postgresql")
SECRET: Final = "Zq9xW7vK"  # in every planted credential; nothing else that is generated holds it
SHORTEST: Final = 4  # letters of a cut secret that give it away

# ~ is a place for blanks and comments, <r> the bare secret; the others are literals with one: <s> a string, <c> connection
# strings, <u> URIs, <j> JSON, <t> a token that its look gives away (JWT, AWS key beside its id, PEM).
_FORMS: Final = {
    "mysql": (
        "CREATE~USER~'app'@'%'~IDENTIFIED~BY~<s>~REQUIRE~SSL",
        "CREATE~USER~IF~NOT~EXISTS~a~IDENTIFIED~WITH~caching_sha2_password~BY~<s>",
        "ALTER~USER~`a`@`h`~IDENTIFIED~WITH~'mysql_native_password'~AS~<s>~PASSWORD~EXPIRE~NEVER",
        "ALTER~USER~a~IDENTIFIED~BY~<s>~REPLACE~<s>~RETAIN~CURRENT~PASSWORD",
        "CREATE~USER~a~IDENTIFIED~BY~<s>~,~b~IDENTIFIED~BY~<s>~COMMENT~'x'",
        "CREATE~USER~a~IDENTIFIED~VIA~ed25519~USING~PASSWORD~(~<s>~)",
        "GRANT~ALL~ON~*.*~TO~'u'@'h'~IDENTIFIED~BY~PASSWORD~<s>~WITH~GRANT~OPTION",
        "SET~PASSWORD~FOR~'u'@'h'~=~<s>",
        "SET~PASSWORD~=~PASSWORD~(~<s>~)",
        "SET~PASSWORD~FOR~u~=~<s>~REPLACE~<s>",
        "SELECT~PASSWORD(~<s>~)",
        "CHANGE~MASTER~TO~MASTER_HOST='h',~MASTER_PASSWORD~=~<s>,~MASTER_PORT=3306",
        "CHANGE~REPLICATION~SOURCE~TO~SOURCE_USER='u',~SOURCE_PASSWORD~=~<s>",
        "START~REPLICA~USER='u'~PASSWORD~=~<s>",
        "CREATE~SERVER~s~FOREIGN~DATA~WRAPPER~mysql~OPTIONS~(USER~'u',~PASSWORD~<s>,~HOST~'h')",
        "SELECT~AES_DECRYPT~(~c~,~<s>~)~FROM~t",
        "INSERT~INTO~t~VALUES(1,~AES_ENCRYPT('x',~UNHEX(SHA2(~<s>~,512))))",
        "SELECT~ENCRYPT(~<s>~,~'ab')",
        "CALL~mysql.rds_set_external_master('h',3306,'repl',~<s>~,'bin.01',4,0)",
        "CREATE~TABLE~t(a~int)~ENGINE=FEDERATED~CONNECTION=<u>",
        "SELECT~*~FROM~users~WHERE~password~=~<s>",
        "UPDATE~users~SET~password=SHA2(~<s>~,256)~WHERE~id=1",
        "SELECT~JSON_OBJECT('password',~<s>~)",
        "CLONE~INSTANCE~FROM~'u'@'h':3306~IDENTIFIED~BY~<s>~REQUIRE~SSL",
        "START~GROUP_REPLICATION~USER='u',~PASSWORD=<s>",
        "CHANGE~MASTER~'c'~TO~MASTER_USER='u',~MASTER_PASSWORD=<s>",
        "CREATE~USER~a~IDENTIFIED~WITH~p~BY~<s>~AND~IDENTIFIED~WITH~q~BY~<s>",
        "CREATE~USER~a~IDENTIFIED~VIA~ed25519~USING~PASSWORD(<s>)~OR~mysql_native_password~USING~PASSWORD(<s>)",
        "ALTER~USER~USER()~IDENTIFIED~BY~<s>~ATTRIBUTE~'{}'",
        "CALL~mysql.rds_set_external_source('h',3306,'repl',<s>,'bin.01',4,0)",
        "CALL~mysql.rds_set_external_master_with_delay('h',3306,'repl',<s>,'b',4,0,10)",
        "SELECT~*~FROM~t~WHERE~doc~=~<j>",
        "INSERT~INTO~config(name,~value)~VALUES('aws_secret_access_key',~<s>)",
        "UPDATE~mysql.user~SET~authentication_string~=~<s>~WHERE~user='u'",
        "SET~@password~:=~<s>",
        "SELECT~DES_ENCRYPT('x',~<s>),~PASSWORD(<s>)",
        "INSERT~INTO~keys~VALUES(1,~<t>)",
        "PREPARE~s~FROM~'ALTER USER a IDENTIFIED BY ''<r>'''",
        "SET~@s~=~CONCAT('ALTER USER a IDENTIFIED BY ',~QUOTE(<s>))",
        "SET~@s~=~CONCAT('ALTER USER a IDENTIFIED BY ''',~<s>,~'''')",
        "EXECUTE~IMMEDIATE~\"SET PASSWORD = '<r>'\"",
        "/* set by deploy: password=<r> */~SELECT~1",
        "-- mysql://u:<r>@h/db\nSELECT~1",
        "CREATE~PROCEDURE~p()~BEGIN~ALTER~USER~a~IDENTIFIED~BY~<s>;~SELECT~1;~END",
        "CREATE~DEFINER=u@h~EVENT~e~ON~SCHEDULE~EVERY~1~DAY~DO~SET~PASSWORD~FOR~a~=~<s>",
        "EXPLAIN~SELECT~*~FROM~u~WHERE~user_password~IN~('a',~<s>)~AND~pwd~LIKE~<s>",
        "/*!50706~CREATE~USER~a~IDENTIFIED~BY~<s>~*/",
        "SELECT~/*+~SET_VAR(a='x')~*/~AES_DECRYPT(c,~<s>)~FROM~t",
    ),
    "postgresql": (
        "CREATE~ROLE~a~LOGIN~PASSWORD~<s>~VALID~UNTIL~'infinity'",
        "ALTER~ROLE~a~WITH~ENCRYPTED~PASSWORD~<s>",
        'ALTER~USER~"a"~PASSWORD~<s>',
        "CREATE~USER~MAPPING~FOR~u~SERVER~s~OPTIONS~(user~'u',~password~<s>)",
        "ALTER~SERVER~s~OPTIONS~(ADD~password~<s>,~SET~host~'h')",
        'CREATE~SERVER~s~FOREIGN~DATA~WRAPPER~f~OPTIONS("password"~<s>)',
        "CREATE~SUBSCRIPTION~s~CONNECTION~<c>~PUBLICATION~p",
        "ALTER~SUBSCRIPTION~s~CONNECTION~<u>",
        "SELECT~*~FROM~dblink(~<c>~,~'select~1')~AS~t(a~int)",
        "SELECT~dblink_connect('n',~<c>~)",
        "COPY~t~FROM~PROGRAM~<s>~WITH~(FORMAT~csv)",
        "COPY~t~TO~PROGRAM~<s>",
        "SELECT~pgp_sym_decrypt(c,~<s>~)~FROM~t",
        "SELECT~crypt(~<s>~,~gen_salt('bf'))",
        "SELECT~encrypt(c,~<s>~,~'aes')",
        "SELECT~*~FROM~users~WHERE~password~=~<s>",
        "SELECT~set_config('app.password',~<s>~,~true)",
        "DO~$do$~BEGIN~ALTER~ROLE~a~PASSWORD~<s>;~END~$do$",
        "ALTER~SYSTEM~SET~primary_conninfo~=~<c>",
        "ALTER~USER~MAPPING~FOR~u~SERVER~s~OPTIONS~(SET~password~<s>)",
        "SELECT~dblink_connect_u(~<c>~)",
        "SELECT~dblink_exec(<u>,~'select~1')",
        "SELECT~aws_commons.create_aws_credentials(<s>,~<s>,~'')",
        "SET~app.password~=~<s>",
        'SET~SESSION~"app.password"~TO~<s>',
        "ALTER~DATABASE~d~SET~app.secret_key~=~<s>",
        "SELECT~pg_catalog.set_config('x.pwd',~<s>,~false)",
        "INSERT~INTO~t~VALUES(<j>::jsonb)",
        "SELECT~jsonb_build_object('password',~<s>)",
        "PREPARE~p~AS~SELECT~crypt(<s>,~'x')",
        "SELECT~format('ALTER ROLE a PASSWORD %L',~<s>)",
        "COPY~(SELECT~1)~TO~PROGRAM~<s>",
        "SELECT~hmac('x',~<s>,~'sha256')",
        "INSERT~INTO~keys~VALUES(1,~<t>)",
        "CREATE~FUNCTION~f()~RETURNS~void~AS~$f$~BEGIN~PERFORM~dblink_connect(<c>);~END~$f$~LANGUAGE~plpgsql",
        "EXECUTE~'ALTER ROLE a PASSWORD ''<r>'''",
        "/* set by deploy: password=<r> */~SELECT~1",
        "-- postgres://u:<r>@h/db\nSELECT~1",
        "EXPLAIN~(ANALYZE)~SELECT~*~FROM~u~WHERE~user_password~IN~('a',~<s>)",
        "CREATE~USER~a~SUPERUSER~PASSWORD~<s>~IN~ROLE~b",
        "ALTER~SUBSCRIPTION~s~CONNECTION~<c>;~SELECT~1",
        "WITH~x~AS~(SELECT~pgp_pub_decrypt(c,~dearmor('k'),~<s>)~FROM~t)~SELECT~*~FROM~x",
    ),
}
_QUOTES: Final = {
    "mysql": ("'<r>'", '"<r>"', "N'<r>'", "_utf8mb4'<r>'", "'ab''<r>'", "'a\\'<r>'", "'<r>;--#/*'", "'x' '<r>'"),
    "postgresql": ("'<r>'", "E'<r>'", "E'a\\'<r>'", "$$<r>$$", "$t$<r>$t$", "'ab''<r>'", "U&'<r>'", "'<r>;--/*'", "'x'\n'<r>'"),
}
_GAPS: Final = (" ", "  ", "\n", "\t", " \r\n ", " /* a */ ", "/**/ ", " -- it's\n", " /* isn't */ ")
_CONNECTIONS: Final = (
    "host=h password=<r> user=u",
    "user=u\tpassword = <r>",
    "sslpassword=<r>",
    "user=u password=''<r> x''",
)
_URIS: Final = (
    "mysql://u:<r>@h:3306/db",
    "postgres://u:<r>@h/db?sslmode=require",
    "amqp://u:a/b<r>@h",
    "https://u:p@<r>@h/",
)


_JSON: Final = (
    '{"user":"u","password":"<r>"}',
    '{"pwd" : "<r>", "n": 1}',
    '{"a":{"client_secret":"<r>"}}',
    '[{"passwd":"x<r>"}]',
)
_TOKENS: Final = (
    "Bearer eyJhbGciOiJIUzI1NiJ9.eyJ<r>.abc",
    "AKIA" + "IOSFODNN7EXAMPLE:<r>K7MDENGbPxRfiCYEXAMPLEKEY1234567",  # 40 characters behind the id
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE<r>\n-----END RSA PRIVATE KEY-----",
    "https://u:<r>@h/x?y=1",
)
_PLACE: Final = re.compile(r"(<[a-z]>)")
_LITERALS: Final = {"<c>": _CONNECTIONS, "<u>": _URIS, "<j>": _JSON, "<t>": _TOKENS}


class Planted(NamedTuple):
    """A statement that holds SECRET at least once before it was cut, if it was."""

    dialect: str
    sql: str
    is_cut: bool


def leaks(text: bytes) -> bool:
    """Tell whether a secret, or the beginning of a cut one, stands in this text."""
    return SECRET[:SHORTEST].encode() in text


def planted(seed: int, dialect: str) -> Planted:
    """Make the statement of a seed; one in three is cut, at any place behind the first character of a secret."""
    draw = random.Random(f"{dialect} {seed}")
    form = draw.choice(_FORMS[dialect])
    sql = "".join(_filled(piece, dialect, draw) for piece in _PLACE.split(form))
    if draw.random() < 1 / 3:
        cut = draw.randrange(sql.index(SECRET) + 1, len(sql) + 1)
        return Planted(dialect, sql[:cut], is_cut=True)
    return Planted(dialect, sql, is_cut=False)


def _filled(piece: str, dialect: str, draw: random.Random) -> str:
    if piece == "<r>":
        return SECRET
    if piece == "<s>":
        return draw.choice(_QUOTES[dialect]).replace("<r>", SECRET)
    if piece in _LITERALS:
        return "'" + draw.choice(_LITERALS[piece]).replace("<r>", SECRET) + "'"
    text = "".join(draw.choice(_GAPS) if letter == "~" else letter for letter in piece)
    case = draw.randrange(3)
    return text if case == 0 or "$" in text or "'" in text else text.lower() if case == 1 else text.upper()

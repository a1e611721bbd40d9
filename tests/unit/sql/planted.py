"""Statements with planted credentials: every form of SEC-12, in every quoting, spacing, comment and cut."""

import random
from typing import Final, NamedTuple

SECRET: Final = "Zq9xW7vK"  # in every planted credential; nothing else that is generated holds it

# <s> is a quoted secret, <c> a connection string with one, <u> a URI with one, ~ a place for blanks and comments.
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
    ),
}
_QUOTES: Final = {
    "mysql": ("'{}'", '"{}"', "N'{}'", "_utf8mb4'{}'", "'ab''{}'", "'a\\'{}'", "'{};--#/*'", "'x' '{}'"),
    "postgresql": ("'{}'", "E'{}'", "E'a\\'{}'", "$${}$$", "$t${}$t$", "'ab''{}'", "U&'{}'", "'{};--/*'", "'x'\n'{}'"),
}
_GAPS: Final = (" ", "  ", "\n", "\t", " \r\n ", " /* a */ ", "/**/ ", " -- it's\n", " /* isn't */ ")
_CONNECTIONS: Final = (
    "host=h password={} user=u",
    "user=u\tpassword = {}",
    "sslpassword={}",
    "user=u password=''{} x''",
)
_URIS: Final = (
    "mysql://u:{}@h:3306/db",
    "postgres://u:{}@h/db?sslmode=require",
    "amqp://u:a/b{}@h",
    "https://u:p@{}@h/",
)


class Planted(NamedTuple):
    """A statement that holds SECRET at least once before it was cut, if it was."""

    dialect: str
    sql: str
    is_cut: bool


def planted(seed: int) -> Planted:
    """Make the statement of a seed; one in three is cut, at any place behind the first character of a secret."""
    draw = random.Random(seed)
    dialect = draw.choice(("mysql", "postgresql"))
    form = draw.choice(_FORMS[dialect])
    pieces = form.replace("<s>", "\0s\0").replace("<c>", "\0c\0").replace("<u>", "\0u\0").split("\0")
    sql = "".join(_filled(piece, dialect, draw) for piece in pieces)
    if draw.random() < 1 / 3:
        cut = draw.randrange(sql.index(SECRET) + 1, len(sql) + 1)
        return Planted(dialect, sql[:cut], is_cut=True)
    return Planted(dialect, sql, is_cut=False)


def _filled(piece: str, dialect: str, draw: random.Random) -> str:
    if piece == "s":
        return draw.choice(_QUOTES[dialect]).format(SECRET)
    if piece == "c":
        return "'" + draw.choice(_CONNECTIONS).format(SECRET) + "'"
    if piece == "u":
        return "'" + draw.choice(_URIS).format(SECRET) + "'"
    text = "".join(draw.choice(_GAPS) if letter == "~" else letter for letter in piece)
    case = draw.randrange(3)
    return text if case == 0 or "$" in text or "'" in text else text.lower() if case == 1 else text.upper()

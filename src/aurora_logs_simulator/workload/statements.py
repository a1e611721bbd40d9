"""The statements that clients of an invented fleet send, whichever log prints them. The SQL comes from `templates`."""

from random import Random

from aurora_logs_simulator.workload.comments import marked
from aurora_logs_simulator.workload.literals import MYSQL, Literals
from aurora_logs_simulator.workload.mysql_shapes import SHAPES
from aurora_logs_simulator.workload.templates import Typist, Zipf
from aurora_logs_simulator.workload.written import Truth

SECRET_SHAPE = len(SHAPES)  # statements with credentials have shape numbers of their own, above the 240
_SECRET_SHARE = 0.002
_SECRET_STATEMENTS = (
    "CREATE USER 'svc_reader'@'%' IDENTIFIED BY '{secret}' /* {token} */",
    "/* {token} */ ALTER USER 'app'@'10.0.%'\n  IDENTIFIED BY '{secret}' PASSWORD EXPIRE NEVER",
    "SET PASSWORD FOR 'reporting'@'%' = '{secret}' -- {token}",
    "CREATE USER IF NOT EXISTS etl_batch /* {token} */ IDENTIFIED WITH caching_sha2_password BY '{secret}' REQUIRE SSL",
)


class Statements:
    """Draws statements; `oddities` adds fake heads and credentials."""

    def __init__(self, rnd: Random, *, oddities: bool = True) -> None:
        """Prepare the shapes; all chance comes from `rnd`."""
        self._rnd = rnd
        self._oddities = oddities
        self._literals = Literals(rnd, MYSQL, oddities=oddities)
        self._typist = Typist(rnd, self._literals)
        self._zipf = Zipf(rnd, len(SHAPES))

    def sql(self, token: str, fields: Truth) -> str:
        """Give one statement with its token in a comment, and add to `fields` what is true of it."""
        if self._oddities and self._rnd.random() < _SECRET_SHARE:
            sql = self._secret(token, fields)
        else:
            shape = self._zipf.draw()
            fields["shape"] = shape
            fakes_before = self._literals.fake_heads
            sql = marked(self._typist.text(SHAPES[shape]), token, self._rnd, fields)
            if self._literals.fake_heads > fakes_before:
                fields["fake_head"] = 1
        fields["db_query_text"] = sql
        return sql

    def _secret(self, token: str, fields: Truth) -> str:
        number = int(self._rnd.random() * len(_SECRET_STATEMENTS))
        secret = f"S3cret-{self._rnd.getrandbits(48):012x}"
        fields["shape"], fields["secret"] = SECRET_SHAPE + number, secret
        return _SECRET_STATEMENTS[number].format(secret=secret, token=token)

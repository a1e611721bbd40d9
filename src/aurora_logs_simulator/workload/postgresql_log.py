"""The stderr log of PostgreSQL with the prefix of RDS and Aurora. The messages are in `postgresql_messages`."""

from random import Random
from typing import NamedTuple

from aurora_logs_simulator.workload.comments import marked, token_of
from aurora_logs_simulator.workload.literals import POSTGRESQL, Literals
from aurora_logs_simulator.workload.people import People, Session
from aurora_logs_simulator.workload.postgresql_messages import BACKGROUND, CONNECTIONS, FAILURES, Notice
from aurora_logs_simulator.workload.postgresql_shapes import SHAPES
from aurora_logs_simulator.workload.stamps import US_PER_SEC, Stamps
from aurora_logs_simulator.workload.templates import Typist, Zipf, bindable
from aurora_logs_simulator.workload.written import Truth, Written

_MIX = (
    ("duration", 0.62),
    ("execute", 0.22),
    ("failure", 0.09),
    ("connection", 0.03),
    ("background", 0.03),
    ("secret", 0.01),
)
_STAY_SHARE = 0.5
_LATE_SHARE = 0.01  # %t is read anew for each line, so a sub-line may show the next second (FMT-97)
SECRET_SHAPE = len(SHAPES)
_SECRET_STATEMENTS = (
    "ALTER ROLE app WITH LOGIN PASSWORD '{secret}' /* {token} */",
    "/* {token} */ CREATE USER svc_reader\nWITH ENCRYPTED PASSWORD '{secret}' VALID UNTIL 'infinity'",
)


class Speaker(NamedTuple):
    """Who a prefix names: `host(port):user@database`, as printed, and the server process."""

    whom: str
    pid: int


class Line(NamedTuple):
    """One prefixed line of a message: its level word and its text, continuation lines included."""

    level: str
    text: str


class PostgresqlLogWriter:
    """Writes messages of one instance under `%t:%r:%u@%d:[%p]:`, each with its sub-lines.

    The token stands in a comment of the SQL; where a message has no SQL, in a text that its record keeps once.
    """

    def __init__(self, seed: str, *, engine: str, oddities: bool = True) -> None:
        """Fix everything by `seed`. Without `oddities` no statement carries a credential."""
        rnd = Random(f"{seed}/postgresql/{engine}")
        self._rnd = rnd
        self._oddities = oddities
        self._people = People(rnd, stay_share=_STAY_SHARE)
        self._literals = Literals(rnd, POSTGRESQL, oddities=False)
        self._typist = Typist(rnd, self._literals)
        self._zipf = Zipf(rnd, len(SHAPES))
        self._stamps = Stamps()

    def file_header(self, now_us: int) -> bytes:  # noqa: ARG002 - PostgreSQL writes no furniture
        """Nothing: a PostgreSQL log begins with its first message."""
        return b""

    def entry(self, now_us: int) -> Written:
        """One message with all its sub-lines, in one piece as the collector writes it."""
        token = token_of(self._rnd)
        session = self._people.speaker()
        fields: Truth = {"_timestamp": now_us // US_PER_SEC * US_PER_SEC}
        chance, kind = self._rnd.random(), "duration"
        for name, share in _MIX:
            kind = name
            chance -= share
            if chance < 0:
                break
        if kind == "background":
            lines = self._notice(self._pick(BACKGROUND), token, session, fields)
            return self._written(now_us, Speaker(":@", 300 + int(self._rnd.random() * 60)), lines, token, fields)
        if kind == "connection":
            return self._connection(now_us, token, session, fields)
        self._name(session, fields)
        if kind == "failure":
            lines = self._failure(token, session, fields)
        elif kind == "execute":
            lines = self._execute(token, fields)
        elif kind == "secret" and self._oddities:
            lines = self._secret(token, fields)
        else:
            lines = self._duration(token, fields)
        return self._written(now_us, Speaker(self._whom(session), session.connection_id), lines, token, fields)

    def _pick(self, notices: tuple[Notice, ...]) -> Notice:
        return notices[int(self._rnd.random() * len(notices))]

    @staticmethod
    def _whom(session: Session) -> str:
        client = f"{session.host or session.address}({session.port})" if session.address else "[local]"
        return f"{client}:{session.user}@{session.database}"

    @staticmethod
    def _name(session: Session, fields: Truth) -> None:
        fields["user_name"], fields["db_namespace"] = session.user, session.database
        if session.address:
            fields["client_address"], fields["client_port"] = session.host or session.address, session.port

    def _written(self, now_us: int, speaker: Speaker, lines: list[Line], token: str, fields: Truth) -> Written:
        whom, pid = speaker
        fields["process_pid"], fields["severity_text"] = pid, lines[0].level
        main = f"{self._stamps.postgresql(now_us)}:{whom}:[{pid}]:"
        late = len(lines) > 1 and self._rnd.random() < _LATE_SHARE
        sub = f"{self._stamps.postgresql(now_us + US_PER_SEC)}:{whom}:[{pid}]:" if late else main
        out = []
        for place, line in enumerate(lines):
            # the server puts a TAB after each newline of a message
            text = line.text.replace("\n", "\n\t")
            out.append(f"{sub if place else main}{line.level}:  {text}\n")
        return Written("".join(out).encode(), token, fields, now_us)

    def _took(self, fields: Truth) -> str:
        took_us = int(2000 / (self._rnd.random() + 0.0002)) + int(self._rnd.random() * 900)
        fields["duration_sec"] = took_us / US_PER_SEC
        return f"duration: {took_us // 1000}.{took_us % 1000:03d} ms"

    def _duration(self, token: str, fields: Truth) -> list[Line]:
        shape = self._zipf.draw()
        sql = marked(self._typist.text(SHAPES[shape]), token, self._rnd, fields)
        fields |= {"event_name": "slow_query", "shape": shape, "pg_query_step": "statement", "db_query_text": sql}
        body = f"{self._took(fields)}  statement:"
        fields["body"] = body
        return [Line("LOG", f"{body} {sql}")]

    def _execute(self, token: str, fields: Truth) -> list[Line]:
        shape = self._zipf.draw()
        if not bindable(SHAPES[shape]):
            return self._duration(token, fields)
        text, bound = self._typist.prepared(SHAPES[shape])
        sql = marked(text, token, self._rnd, fields)
        name = "<unnamed>" if self._rnd.random() < 0.6 else f"S_{1 + int(self._rnd.random() * 40)}"
        if name[0] != "<":
            fields["pg_query_name"] = name
        fields |= {"event_name": "slow_query", "shape": shape, "pg_query_step": "execute", "db_query_text": sql}
        body = f"{self._took(fields)}  execute {name}:"
        fields["body"] = body
        lines = [Line("LOG", f"{body} {sql}")]
        if bound:
            shown = [value if value[0] == "'" else f"'{value}'" for value in bound]
            parameters = ", ".join(f"${place} = {value}" for place, value in enumerate(shown, start=1))
            fields["pg_parameters"] = parameters
            lines.append(Line("DETAIL", f"parameters: {parameters}"))
        return lines

    def _secret(self, token: str, fields: Truth) -> list[Line]:
        number = int(self._rnd.random() * len(_SECRET_STATEMENTS))
        secret = f"S3cret-{self._rnd.getrandbits(48):012x}"
        sql = _SECRET_STATEMENTS[number].format(secret=secret, token=token)
        fields |= {"event_name": "statement", "shape": SECRET_SHAPE + number, "secret": secret, "db_query_text": sql}
        fields |= {"pg_query_step": "statement", "body": "statement:"}
        return [Line("LOG", f"statement: {sql}")]

    def _failure(self, token: str, session: Session, fields: Truth) -> list[Line]:
        lines = self._notice(self._pick(FAILURES), token, session, fields)
        shape = self._zipf.draw()
        sql = marked(self._typist.text(SHAPES[shape]), token, self._rnd, fields)
        fields["shape"], fields["db_query_text"] = shape, sql
        return [*lines, Line("STATEMENT", sql)]

    def _connection(self, now_us: int, token: str, session: Session, fields: Truth) -> Written:
        notice = self._pick(CONNECTIONS)
        lines = self._notice(notice, token, session, fields)
        whom = self._whom(session)
        if notice.before_login:
            whom = f"{whom.rpartition(':')[0]}:[unknown]@[unknown]"
            if session.address:
                fields["client_address"], fields["client_port"] = session.host or session.address, session.port
        else:
            self._name(session, fields)
        return self._written(now_us, Speaker(whom, session.connection_id), lines, token, fields)

    def _notice(self, notice: Notice, token: str, session: Session, fields: Truth) -> list[Line]:
        rnd = self._rnd.random
        values = {
            "token": token,
            "user": session.user,
            "db": session.database,
            "host": session.host or session.address or "[local]",
            "port": session.port,
            "n": int(rnd() * 90_000),
            "m": 1 + int(rnd() * 900),
            "pid": session.connection_id,
            "other": session.connection_id + 3,
        }
        lines = [Line(level, text.format_map(values)) for level, text in notice.lines]
        fields["event_name"] = notice.event
        fields.update(notice.fields)
        if notice.body_is_kept:
            fields["body"] = lines[0].text
        for level, text in lines[1:]:
            fields[f"pg_{level.lower()}"] = text
        return lines

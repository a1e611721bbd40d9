"""Values in messages and plans, which modes `strict` and `all` take out: row data, parameters, literals, paths, hosts.

Where a rule is in doubt it takes too much: these modes are for logs whose text may hold anybody's data.
"""

import re
from collections.abc import Iterator
from typing import Final

from aurora_logs.sql import tokens as lexer
from aurora_logs.sql.credentials import inside
from aurora_logs.sql.marked import Span
from aurora_logs.sql.parameters import parameter_spans
from aurora_logs.sql.redaction import message_spans

# SQL inside a message: group 1 is the statement.
_STATEMENTS: Final = {
    lexer.POSTGRESQL: re.compile(
        r'\b(?:SQL statement|PL/\w+ (?:assignment|expression)|SQL expression|query|parameter query) "(.*)"'
        r"|\b(?:Failed process was running|prepare|remote SQL command|statement|Query Text|Process [0-9]+):"
        r"(?! waits for) ((?:.(?!\n(?:Process [0-9]+:|[\w ]+:)))*+.?)",
        re.DOTALL,
    ),
    lexer.MYSQL: re.compile(
        r"(?:\bStatement|\bQuery \(\w+\)|\bQuery|\bquery):\s*+(.*)"
        r"|^MySQL thread id [^\n]*\n(.*?)(?=^(?:---|[*]{3}|RECORD LOCKS|TABLE LOCK|Trx read view|TRANSACTION|ROLLING BACK)|\Z)",
        re.DOTALL | re.MULTILINE,
    ),
}
_IN_PARENTHESES: Final = re.compile(r"\bKey \((?:[^()]|\([^()]*\))*\)=\(|\b(?:Failing row contains|row contains) \(")
_CLOSED: Final = re.compile(r"\)(?=[. ](?:already exists|is (?:not|still)|conflicts with|is duplicated|\Z)|\.?\s*\Z)")
_DATA: Final = (
    re.compile(r": \"(.*)\"(?= at character [0-9]+|\s|\Z)", re.DOTALL),  # the quoted text that a message is about
    re.compile(r"(?:\bvalue|\bsequence|\bToken|\brow|\bline|\A) \"?(?<=\")(.*?)\"(?= is | of |\Z)", re.DOTALL),
    re.compile(r"\A\"(.*?)\" is (?:out of range|invalid)", re.DOTALL),
    re.compile(r"(?:\bentry|\bvalue:?) '(.*?)' for (?:key|column|function)\b", re.DOTALL),
    re.compile(r"\bfor encoding \"\w+\": (.*)"),
    re.compile(r"\bdata, line [0-9]+: (.*)", re.DOTALL),
)
# ` 0: len 4; hex 80000001; asc     ;;`: a field of a locked row. A cut one fails closed.
_ROW_DUMP: Final = re.compile(r"\blen [0-9]+; hex ([0-9a-fA-F]*)(?:; asc (.*?)(?:;;(?=\s|\Z)|\Z)|\Z)", re.DOTALL)
_PARAMETERS: Final = re.compile(r"\$[0-9]+ = |\bparameter [^ ]+ = ")
_OPS: Final = re.compile(
    r"(?:\bfile|\bdirectory|\bsocket|\bhost(?: name)?|\bserver|\baddress|\bpath) \"([^\"\n]*)|\"([^\"\n/]*/[^\"\n]*)\""
    r"|\bcommand was: (.*)|\bhost=(\S+)"
    r"|(?<![\w/.])((?:[.]{0,2}/)[\w.+@-]+(?:/[\w.+@-]*)*)"
    r"|(?<![\w.])((?:[0-9]{1,3}[.]){3}[0-9]{1,3})(?![\w.])"
)
_TO = r"(?:[^'\\]++|\\.|'')*+"
_SINGLE_QUOTED: Final = re.compile(rf"(?<![A-Za-z0-9])[eEnN]?'({_TO})(?:'|\Z)", re.DOTALL)
# In front of these quotes MySQL names an object, an account or a plugin.
_NAMED: Final = re.compile(
    r"(?:\b(?:key|column|table|database|db:|user:?|host:?|account|plugin|function|procedure|trigger|event|index|tablespace"
    r"|schema|variable|engine|component|channel|to|from) |@)\Z",
    re.IGNORECASE,
)
_LOOK_BACK: Final = 24  # characters: the longest of those words, and what may stand before it


def literal_spans(text: str, dialect: str, start: int = 0, stop: int | None = None) -> Iterator[Span]:
    """Yield the inside of every literal and all comments of SQL, a cut one to its end."""
    end = len(text) if stop is None else stop
    for kind, begin, behind in lexer.tokens(text[:end], dialect, start=start):
        if kind in (lexer.LITERAL, lexer.OPEN_LITERAL):
            yield inside(text, kind, begin, behind)
        elif kind in (lexer.COMMENT, lexer.OPEN_COMMENT, lexer.OPEN_NAME):
            yield begin, behind


def data_spans(message: str, dialect: str, *, without_statements: bool) -> Iterator[Span]:
    """Yield what mode strict takes from a message; with `without_statements` the statements in it whole (mode all)."""
    yield from message_spans(message, dialect)
    yield from row_dump_spans(message)
    for found in _STATEMENTS[dialect].finditer(message):
        for part in range(1, found.re.groups + 1):
            if found[part] and without_statements:
                yield found.span(part)
            elif found[part]:
                yield from literal_spans(message, dialect, *found.span(part))
    for opening in _IN_PARENTHESES.finditer(message):
        closings = [closing.start() for closing in _CLOSED.finditer(message, opening.end())]
        yield opening.end(), closings[-1] if closings else len(message)
    for pattern in (*_DATA, _OPS):
        for found in pattern.finditer(message):
            yield found.span(found.lastindex or 0)
    if (first := _PARAMETERS.search(message)) is not None:
        yield from parameter_spans(message, first.start())
    for quoted in _SINGLE_QUOTED.finditer(message):
        before = message[max(quoted.start() - _LOOK_BACK, 0) : quoted.start()]
        if dialect == lexer.POSTGRESQL or not _NAMED.search(before):
            yield quoted.span(1)


def row_dump_spans(message: str) -> Iterator[Span]:
    """Yield the values in InnoDB's dumps of locked rows, which stay in mode off alone."""
    for dump in _ROW_DUMP.finditer(message):
        yield dump.span(1)
        yield dump.span(2)


# Lines of a plan that tell the executor's work in numbers. Every other line may hold values of the statement.
_PLAN_COUNTERS: Final = re.compile(
    r".*\((?:cost=|actual |never executed)|\s*(?:Rows Removed|Buffers|Heap Fetches|Heap Blocks|Sort Method|Buckets|Planning"
    r"|Execution|I/O Timings|Workers|Worker [0-9]|WAL|Hits|JIT|Functions|Options|Timing|Query Identifier|Memory|Storage)\b"
)
_LINE: Final = re.compile(r"[^\n]+")
_QUERY_TEXT: Final = re.compile(r"\s*Query Text: ")
_QUERY_ENDS: Final = re.compile(r"\n(?=[^\n]*\((?:cost=|actual )|\s*Query Parameters:)")


def plan_spans(plan: str, dialect: str, *, without_statements: bool) -> Iterator[Span]:
    """Yield the values in a plan of text; of a plan in another form (JSON, XML, YAML) all of it."""
    if plan.lstrip()[:1] in ("{", "[", "<", "-"):
        yield 0, len(plan)
        return
    at = 0
    if (query := _QUERY_TEXT.match(plan)) is not None:
        ending = _QUERY_ENDS.search(plan, query.end())
        at = ending.start() if ending else len(plan)
        yield from ([(query.end(), at)] if without_statements else literal_spans(plan, dialect, query.end(), at))
    for line in _LINE.finditer(plan, at):
        if _PLAN_COUNTERS.match(line[0]):
            yield from (found.span(1) for found in _SINGLE_QUOTED.finditer(plan, line.start(), line.end()))
        else:
            yield from literal_spans(plan, dialect, line.start(), line.end())

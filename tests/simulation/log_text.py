"""Log text with its truth: tiny entries that carry a token. Which file they go to is elsewhere."""

from dataclasses import dataclass, field
from zlib import crc32

TOKEN = "tok{:06d}q"
HEADER = (b"/rdsdbbin/mysql/bin/mysqld, Version: 8.0.35 (Source distribution). started with:\n"
          b"Tcp port: 3306  Unix socket: /tmp/mysql.sock\nTime                 Id Command    Argument\n")
INVALID = b"\xff\xfe \x1b[31m \xed\xa0\x80"  # no UTF-8, an escape sequence, a lone surrogate (REL-25)
NUL = b"\x00"


@dataclass
class Entry:
    """One entry of the truth: bytes [start, end) of its segment."""

    start: int
    end: int
    token: str
    crc: int
    poison: bool = False
    other_crcs: list = field(default_factory=list)  # of readings that RDS changed (REL-23)
    written_us: int = 0


def slow_entry(token, second, extra=b""):
    """Write one entry of a MySQL slow log; `second` may go backwards (REL-30)."""
    hour, minute, second = second // 3600 % 24, second // 60 % 60, second % 60
    return (b"# Time: 2026-11-24T%02d:%02d:%02d.000001Z\n# User@Host: app[app] @  [10.0.0.1]  Id: 7\n"
            b"# Query_time: 0.5  Lock_time: 0.0 Rows_sent: 1  Rows_examined: 2\nSET timestamp=1795342317;\n"
            b"SELECT '%b'%b;\n" % (hour, minute, second, token.encode(), extra))


def toy_entry(token, second, extra=b""):
    """Write one entry of the toy log: a head line and, sometimes, a folded line."""
    folded = b"\tdetail %b\n" % extra if extra else b""
    return b"T %d %b\n%b" % (second, token.encode(), folded)


def crc_of(content):
    return crc32(content)

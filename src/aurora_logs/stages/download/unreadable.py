"""Pass an entry that RDS refuses to hand out: find how far it reaches with few calls (rds-log-api.md §7, rungs 3 and 4)."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from aurora_logs.errors import BinaryRefused
from aurora_logs.records.flow import Portion
from aurora_logs.segments import checked_bytes, is_same
from aurora_logs.stages.download.answers import Broken, Placed, Unplaced, judge
from aurora_logs.stages.download.cursor import Cursor

NextHead = Callable[[bytes, int], int]

REFUSED_LINES_MAX = 8  # of one entry: binary data may hold line ends; each costs up to 25 calls
PORTION_LINES = 10_000  # RDS gives no more a call
HEAD_BYTES = 8 << 10  # a head is not longer
ASK_AGAIN = 3  # answers whose place is not proved, before what is asked for counts as empty
FEWER_LINES = 16  # so many times fewer lines are asked for when a refused one is among them


class Place(NamedTuple):
    """Where readable text ends. is_refused: at a line that is refused too. is_open: more of the entry may come."""

    at: int
    is_refused: bool = False
    is_open: bool = False


class Piece(NamedTuple):
    """What stands at a place that was asked for. ends_at: offset behind it, beyond its bytes where some were cut away."""

    content: bytes
    ends_at: int
    more: bool


def is_replaced(cursor: Cursor) -> bool:
    """Compare the bytes before the position line by line, since what follows is refused; False when these are refused too."""
    size, before = checked_bytes(cursor.known), b""
    while len(before) < size:
        try:
            piece = _piece(cursor, cursor.reached - size + len(before), 1)
        except BinaryRefused:
            return False
        if not piece.content:
            return False
        before += piece.content
    if not is_same(before, cursor.known):
        return True
    cursor.known_lines = before[:size].count(b"\n")
    return False


def pass_entry(cursor: Cursor, next_head: NextHead) -> Iterator[Portion]:
    """Report the entry whose next line is refused as a gap of exactly its bytes, so that a replay makes one record of it.

    Nothing is handed out as long as the entry may go on at the end of a live file.
    """
    place = Place(cursor.reached, is_refused=True)
    for _ in range(REFUSED_LINES_MAX):
        if place.is_refused:
            place = _entry_end(cursor, _refused_line_end(cursor, place.at), next_head)
    if place.is_open:
        return
    if cursor.is_begun:  # the lines of the entry before the refused one are still with the splitter
        cursor.reached = min(cursor.reached, cursor.held.checkpoint.byte_offset)
    yield from cursor.gap(place.at, "unreadable")


def _refused_line_end(cursor: Cursor, begin: int) -> int:
    """Double, then bisect: the line ends at the first place from which one line can be read."""
    size, low, high = cursor.segment.size_bytes, 0, 1
    while not _is_readable(cursor, begin + high):
        low, high = high, high * 2
        if begin + high > size:
            high = size - begin
            break
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _is_readable(cursor, begin + middle) else (middle, high)
    at = begin + high
    return _piece(cursor, at, 1).ends_at if at < size else at


def _entry_end(cursor: Cursor, begin: int, next_head: NextHead) -> Place:
    """Find where the readable text behind `begin` ends: at the next entry's head, at the file's end or at a refused line."""
    at, lines, text = begin, 0, b""
    while at < cursor.segment.size_bytes:
        try:
            piece = _piece(cursor, at, lines)
        except BinaryRefused:
            if lines == 1:
                return Place(at, is_refused=True)
            lines = max(1, (lines or PORTION_LINES) // FEWER_LINES)
            continue
        base, text = at - len(text), text + piece.content  # a head has several lines, which may come one by one
        head = next_head(text, 0 if base == at else 1)
        if head >= 0:
            return Place(base + head)
        is_cut = piece.ends_at > at + len(piece.content)
        at, text = piece.ends_at, b"" if is_cut else text[-HEAD_BYTES:]
        if not piece.content or not piece.more:
            break
    is_whole = at == begin or cursor.segment.closed or cursor.held.note_end(at)
    return Place(at, is_open=not is_whole)


def _is_readable(cursor: Cursor, offset: int) -> bool:
    try:
        return _piece(cursor, offset, 1).ends_at > offset  # an empty answer is none (RDS-22)
    except BinaryRefused:
        return False


def _piece(cursor: Cursor, offset: int, max_lines: int) -> Piece:
    """Read what stands at `offset`; no bytes before it are known here, so that the marker alone proves the place (RDS-28)."""
    before = b""
    for _ in range(ASK_AGAIN):
        cursor.held.keep()
        answer = cursor.read(offset, max_lines)
        verdict = judge(answer, offset, b"", None)
        if isinstance(verdict, Placed):
            return Piece(verdict.fresh, offset + len(verdict.fresh), answer.more)
        if isinstance(verdict, Broken):
            return Piece(verdict.readable, verdict.ends_at, answer.more)
        if isinstance(verdict, Unplaced):
            if verdict.content == before:  # without a marker twice the same is believed (RDS-23)
                return Piece(before, offset + len(before), answer.more)
            before = verdict.content
    return Piece(b"", offset, more=False)

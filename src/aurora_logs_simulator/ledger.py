"""The truth: every entry that was written, where it lies, and what became of it at the server."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

import msgspec

Fields = dict[str, str | int | float | None]


class Entry(msgspec.Struct, kw_only=True):
    """One entry as a database server wrote it.

    start, end: its bytes in the segment, end exclusive.
    token:      unique text inside the entry; empty for entries that carry none.
    fields:     the true values, by record field name; `altered` says that a planted fault changed the text after that.
    time_us:    when it was finished, log time.
    lost:       why the server no longer has it: `purged`, `shrunk`, `instance_deleted`; None while it has.
    part:       the rest of an entry that began elsewhere or earlier: it counts as bytes, not as an entry.
    served:     all its bytes went out in sound answers at least once.
    """

    start: int
    end: int
    token: str
    fields: Fields
    time_us: int
    lost: str | None = None
    part: bool = False
    served: bool = False
    altered: bool = False


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """A byte range of a segment, end exclusive, and why it is worth a note."""

    start: int
    end: int
    cause: str


class Book(msgspec.Struct, kw_only=True):
    """What the ledger knows of one segment.

    base_name:   the live name of its family; `names` are all names it had.
    bytes_written: everything ever appended; `furniture_bytes` of it belong to no entry.
    lost_spans:  bytes that the server lost before anybody was given them (purge, deletion) or cut off (shrink).
    unreadable_spans: bytes that lie in the file but that no portion gives; unreadable only while `complete_is_open`
                 is false.
    """

    instance_id: str
    resource_id: str
    log_type: str
    engine: str
    segment_id: str
    base_name: str
    names: list[str]
    entries: list[Entry] = msgspec.field(default_factory=list)
    bytes_written: int = 0
    furniture_bytes: int = 0
    lost_spans: list[Span] = msgspec.field(default_factory=list)
    unreadable_spans: list[Span] = msgspec.field(default_factory=list)
    is_gone: bool = False
    complete_is_open: bool = True
    served_spans: list[tuple[int, int]] = msgspec.field(default_factory=list)

    def wrote(self, entry: Entry) -> None:
        """Note an entry that was appended at its byte range."""
        self.entries.append(entry)
        self.bytes_written += entry.end - entry.start

    def grew(self, entry: Entry, count_bytes: int) -> None:
        """Note that the last entry went on for `count_bytes`."""
        entry.end += count_bytes
        self.bytes_written += count_bytes

    def wrote_furniture(self, count_bytes: int) -> None:
        """Note appended bytes that belong to no entry: file headers, heartbeats."""
        self.bytes_written += count_bytes
        self.furniture_bytes += count_bytes

    def served(self, start: int, end: int) -> None:
        """Note that the bytes [start, end) went out exactly."""
        if end <= start:
            return
        spans = self.served_spans
        first = bisect_left(spans, start, key=lambda span: span[1])
        last = first
        while last < len(spans) and spans[last][0] <= end:
            start, end = min(start, spans[last][0]), max(end, spans[last][1])
            last += 1
        spans[first:last] = [(start, end)]

    def was_served(self, start: int, end: int) -> bool:
        """Say whether every byte of [start, end) went out."""
        return not list(self.unserved(start, end))

    def unserved(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the parts of [start, end) that never went out."""
        at = start
        for first, last in self.served_spans:
            if last <= at:
                continue
            if first >= end:
                break
            if first > at:
                yield at, first
            at = max(at, last)
        if at < end:
            yield at, end

    def gone(self, size_bytes: int, cause: str) -> None:
        """Note that the whole segment was deleted; `size_bytes` is its size at that moment."""
        self.is_gone = True
        self.lost_spans += [Span(start=a, end=b, cause=cause) for a, b in self.unserved(0, size_bytes)]
        for entry in self.entries:
            if entry.lost is None:
                entry.served = self.was_served(entry.start, entry.end)
                if not entry.served:
                    entry.lost = cause

    def shrunk(self, size_bytes: int, old_size_bytes: int) -> None:
        """Note that the end of the file was cut off; other bytes will stand there."""
        self.lost_spans.append(Span(start=size_bytes, end=old_size_bytes, cause="shrunk"))
        for entry in reversed(self.entries):
            if entry.lost is not None:
                continue
            if entry.end <= size_bytes:
                break
            entry.served = self.was_served(entry.start, entry.end)
            entry.lost = "shrunk"
        self.unreadable_spans = [span for span in self.unreadable_spans if span.end <= size_bytes]
        self.served_spans = [(a, min(b, size_bytes)) for a, b in self.served_spans if a < size_bytes]

    def unreadable(self) -> list[Span]:
        """Return the ranges that no call gives."""
        return [] if self.complete_is_open else self.unreadable_spans

    def summary(self) -> dict[str, object]:
        """Return the counts of this segment as plain values."""
        whole = [entry for entry in self.entries if not entry.part]
        lost = [entry for entry in whole if entry.lost is not None]
        return {
            "instance": self.instance_id,
            "resource_id": self.resource_id,
            "log_type": self.log_type,
            "engine": self.engine,
            "segment": self.segment_id,
            "base_name": self.base_name,
            "names": self.names,
            "entries_written": len(whole),
            "bytes_written": self.bytes_written,
            "furniture_bytes": self.furniture_bytes,
            "entries_lost_by_server": len(lost),
            "entries_lost_after_serving": sum(entry.served for entry in lost),
            "lost": [msgspec.to_builtins(span) for span in self.lost_spans],
            "unreadable": [msgspec.to_builtins(span) for span in self.unreadable()],
            "is_gone": self.is_gone,
        }


class Ledger:
    """All books of an account, in the order in which their segments were born."""

    def __init__(self) -> None:
        """Begin empty."""
        self.books: list[Book] = []

    def open(self, book: Book) -> Book:
        """Add the book of a new segment."""
        self.books.append(book)
        return book

    def entries(self) -> Iterator[tuple[Book, Entry]]:
        """Yield every entry with its book."""
        for book in self.books:
            for entry in book.entries:
                yield book, entry

    def totals(self) -> dict[str, int]:
        """Return the counts over all books."""
        return {
            "entries_written": sum(not entry.part for _, entry in self.entries()),
            "bytes_written": sum(book.bytes_written for book in self.books),
            "furniture_bytes": sum(book.furniture_bytes for book in self.books),
            "entries_lost_by_server": sum(
                entry.lost is not None and not entry.part for _, entry in self.entries()
            ),
            "lost_bytes": sum(span.end - span.start for book in self.books for span in book.lost_spans),
            "unreadable_bytes": sum(span.end - span.start for book in self.books for span in book.unreadable()),
            "segments": len(self.books),
        }

    def report(self, *, with_entries: bool = False, with_fields: bool = False) -> dict[str, object]:
        """Return totals and one summary a segment; with every entry when asked for."""
        files = []
        for book in self.books:
            summary = book.summary()
            if with_entries:
                summary["entries"] = [_entry_row(entry, with_fields=with_fields) for entry in book.entries]
            files.append(summary)
        return {"totals": self.totals(), "files": files}


def _entry_row(entry: Entry, *, with_fields: bool) -> dict[str, object]:
    row: dict[str, object] = {
        "token": entry.token,
        "start": entry.start,
        "end": entry.end,
        "time_us": entry.time_us,
        "lost": entry.lost,
        "served": entry.served,
        "altered": entry.altered,
        "part": entry.part,
    }
    if with_fields:
        row["fields"] = entry.fields
    return row

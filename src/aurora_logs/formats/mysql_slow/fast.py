"""The fast face: slice and template for entries of MySQL 8's common shape; all others go through the walk.

Rules that keep it right: log-formats.md §7. What is copied unescaped was proved by the header regex; what is cached
(minutes, accounts) was read by the slow face's own readers.
"""

from zlib import crc32

import msgspec
from orjson import dumps

from aurora_logs.formats import Origin, wire
from aurora_logs.formats.mysql_slow import borders
from aurora_logs.formats.mysql_slow.block import read_block
from aurora_logs.formats.mysql_slow.parts import (
    COMMENTED,
    EXTRA_HEAD,
    FEWEST_US,
    ID_PLACE,
    OPERATIONS,
    PLAIN_FIELDS,
    PLAIN_HEAD,
    account_of,
    accounts,
    command_field,
    minute_us,
    minutes,
    operation_field,
    templates,
    trace_field,
)  # fmt: skip
from aurora_logs.formats.mysql_slow.record import Carried
from aurora_logs.formats.mysql_slow.walk import behind_furniture, carried, next_entry, walk
from aurora_logs.records.flow import Chunk, Parsed
from aurora_logs.records.log_record import encode
from aurora_logs.sql.redaction import suspicious
from aurora_logs.text import DAY_US, Times, furniture_end

_GATE_BYTES = 32 * 1024  # a look for credentials covers so much: one secret makes few neighbours slow
_BLOCK_BYTES = 64 * 1024
_BLOCK_MAX_BYTES = 2 * _BLOCK_BYTES
_BLOCK_END = b";\n# Time: "


class _Gate:
    """Answers "may this text hold a credential?" for parts of one chunk, a block at a time."""

    def __init__(self, content: bytes, *, is_off: bool) -> None:
        self._content = content
        self._clean_until = len(content) if is_off else 0
        self._dirty_until = 0

    def is_clean(self, start: int, stop: int) -> bool:
        """Tell whether [start, stop) certainly holds none. Called in rising order."""
        if stop <= self._clean_until:
            return True
        if start >= self._dirty_until:
            until = max(start + _GATE_BYTES, stop)
            if not suspicious(self._content[start:until]):
                self._clean_until = until
                return True
            self._dirty_until = until
        return not suspicious(self._content[start:stop])


def ndjson(chunk: Chunk, origin: Origin, context: bytes, *, max_records: int, max_bytes: int) -> Parsed:
    """Write the chunk's entries as wire lines (see Format.ndjson)."""
    content = chunk.content
    if chunk.cut_bytes or not content or borders.MARK in content:
        return wire(walk(chunk, origin, context), chunk, context, max_records=max_records, max_bytes=max_bytes)
    return _Run(chunk, origin, carried(context)).parsed(max_records, max_bytes)


class _Run:
    """One pass over one chunk: what the fast face knows between entries."""

    def __init__(self, chunk: Chunk, origin: Origin, state: Carried) -> None:
        self.chunk, self.origin, self.content = chunk, origin, chunk.content
        self.plain, self.extra = templates(origin)
        self.longest = min(origin.entry_max_bytes, borders.FULL_HEAD_AFTER_BYTES)
        self.gate = _Gate(chunk.content, is_off=origin.redaction == "off")
        self.lines: list[bytes] = []
        self.ids: list[bytes] = []
        self.covered = self.raw = self.raw_stop = self.blocks_from = 0
        self._load(state)

    def parsed(self, max_records: int, max_bytes: int) -> Parsed:
        """Go through the chunk; what the fast loop does not take, the slow face does, entry by entry."""
        content = self.content
        at, size = furniture_end(content, 0), 0
        self._load(behind_furniture(content[:at], self._state()))
        while at < len(content) and len(self.lines) < max_records and size < max_bytes:
            before = at
            at, size = self._blocks(at, size, max_records, max_bytes)
            at, size = self._fast(at, size, max_records, max_bytes)
            is_stuck = at == before or at < self.blocks_from
            if is_stuck and at < len(content) and len(self.lines) < max_records and size < max_bytes:
                at = self._slow(at)
                size += len(self.lines[-1])
        return Parsed(
            lines=self.lines,
            ids=self.ids,
            end_offset=self.chunk.offset + at,
            context=msgspec.json.encode(self._state()),
            furniture_bytes=at - self.covered,
            raw_records=self.raw,
        )

    def _load(self, state: Carried) -> None:
        self.last_us, self.greatest_us = state.times.last_us, state.times.greatest_us
        self.floor_us, self.after = self.greatest_us - DAY_US, state.after
        self._use(state.database)

    def _state(self) -> Carried:
        return Carried(Times(self.last_us, self.greatest_us), self.name, self.after)

    def _use(self, name: str) -> None:
        self.name = name
        self.database = b',"db_namespace":' + dumps(name) if name else b""
        self.is_carried = b',"db_namespace_carried":true' if name else b""

    def _slow(self, at: int) -> int:
        record, end, state, self.raw_stop = next_entry(self.chunk, at, self.raw_stop, self.origin, self._state())
        self._load(state)
        self.lines.append(encode(record))
        self.ids.append(record.record_id.encode())
        self.covered += record.log_record_bytes
        self.raw += record.parse_status == "raw"
        return end

    def _blocks(self, at: int, size: int, max_records: int, max_bytes: int) -> tuple[int, int]:
        """Write whole blocks from `at` on; the first that is not all common is left to `_fast`, and told by `blocks_from`."""
        content = self.content
        while self.greatest_us and self.raw_stop <= at and self.blocks_from <= at < len(content):
            stop = content.find(_BLOCK_END, at + _BLOCK_BYTES) + 2
            if stop < 2:
                stop = len(content)
            block = None
            if stop - at <= min(self.longest, _BLOCK_MAX_BYTES) and PLAIN_HEAD.match(content, at) and self._is_border(stop):
                block = read_block(content, at, stop, self.chunk.offset, self.origin, self.name, self.greatest_us)
            if block is None or len(self.lines) + len(block.lines) > max_records or size + block.size_bytes > max_bytes:
                self.blocks_from = stop
                break
            self.lines += block.lines
            self.ids += block.ids
            size += block.size_bytes
            self.covered += stop - at
            self.last_us, self.greatest_us, self.after = block.last_us, block.greatest_us, "e"
            self.floor_us = self.greatest_us - DAY_US
            if block.name != self.name:
                self._use(block.name)
            at = stop
        return at, size

    def _is_border(self, at: int) -> bool:
        """Tell whether the chunk's end or a head of a known shape stands at `at`; a head may be odd only in its account."""
        head = PLAIN_HEAD.match(self.content, at) or EXTRA_HEAD.match(self.content, at)
        return at == len(self.content) or (head is not None and account_of(head[4]) is not None)

    def _fast(self, at: int, size: int, max_records: int, max_bytes: int) -> tuple[int, int]:
        """Write entries of the common shape from `at` on; return the first place that is not one, and the size.

        An entry is taken only when its end is sure: the chunk's end, or a head of the same shape behind `;`. All in
        one loop with local names: a call an entry costs a tenth of the whole way.
        """
        until = self.blocks_from
        if not self.greatest_us or at < self.raw_stop or at >= until:
            return at, size
        content, chunk_offset, begin, end = self.content, self.chunk.offset, at, len(self.content)
        find, is_clean = content.find, self.gate.is_clean
        first, second = PLAIN_HEAD.match, EXTRA_HEAD.match
        lines, ids, plain, longest = self.lines, self.ids, self.plain, self.longest
        greatest, floor, last = self.greatest_us, self.floor_us, self.last_us
        database, is_carried = self.database, self.is_carried
        head = first(content, at) or second(content, at)
        account = account_of(head[4]) if head else None
        while head is not None and at < until and len(lines) < max_records and size < max_bytes:
            body = head.end()
            stop = find(b"\n# ", body) + 1
            following = next_account = None
            if stop:
                following = first(content, stop)
                if following is None:
                    first, second = second, first
                    following = first(content, stop)
                    if following is None:
                        break
                # a head with an odd account line may be none: the slow face decides
                next_account = accounts.get(following[4]) or account_of(following[4])
                if next_account is None:
                    break
            else:
                stop = end
            fields = head.groups()
            minute = minutes.get(fields[0]) or minute_us(fields[0])
            us = minute + int(fields[1]) * 1_000_000 + int(fields[2])
            sql = content[body : stop - 2]
            operation = OPERATIONS.get(sql[:7])
            if operation is None:
                # a plain comment of a driver or ORM, then one of the same words
                known = COMMENTED(sql)
                operation = OPERATIONS[known[1]] if known else operation_field(sql)
            event, key, command = b"slow_query", b',"db_query_text":', b""
            if operation is None and (command := command_field(sql)):
                event, key, operation = b"admin_command", b"", b""
            query_time, lock_time = fields[5].rstrip(b"0"), fields[6].rstrip(b"0")
            if (
                operation is None
                or account is None
                or minute < FEWEST_US
                or us < floor
                or stop - at > longest
                or content[stop - 2 : stop] != b";\n"
                or b", Version: " in sql
                or not is_clean(body, stop)
            ):
                break
            try:
                text = dumps(sql.decode()) if key else b""
            except UnicodeDecodeError:
                break
            if query_time[-1:] == b"." or query_time[:7] == b"0.00000":
                query_time = dumps(float(fields[5]))
            if lock_time[-1:] == b"." or lock_time[:7] == b"0.00000":
                lock_time = dumps(float(fields[6]))
            offset = chunk_offset + at
            trace = trace_field(sql) if b"traceparent" in sql else b""
            use = fields[-1]
            if len(fields) == PLAIN_FIELDS:
                start = us - int(fields[5].replace(b".", b""))
                if start < FEWEST_US:
                    break
                if use is not None:
                    self._use(use.decode())
                    database, is_carried = self.database, b""
                line = plain % (
                    us, offset, crc32(content[at:stop]), offset, stop - at, event, key, text, operation,
                    database + command, fields[7],
                    fields[8], query_time, lock_time, start, account, fields[4], trace, is_carried,
                )  # fmt: skip
            else:
                start = minute_us(fields[27]) + int(fields[28]) * 1_000_000 + int(fields[29])
                if start < FEWEST_US:
                    break
                if use is not None:
                    self._use(use.decode())
                    database, is_carried = self.database, b""
                hits = b"" if fields[26] is None else b',"metrics_count_hit_tmp_table_size":' + fields[26]
                line = self.extra % (
                    us, offset, crc32(content[at:stop]), offset, stop - at, event, key, text, operation,
                    database + command, fields[9],
                    fields[7], fields[8], fields[12], fields[11], fields[10], query_time, lock_time, start, account,
                    fields[4], trace, is_carried, *fields[13:26], hits,
                )  # fmt: skip
            is_carried = self.is_carried
            ids.append(line[ID_PLACE])
            lines.append(line)
            size += len(line)
            last = us
            if us > greatest:
                greatest, floor = us, us - DAY_US
            at, head, account = stop, following, next_account
        if at > begin:
            self.covered += at - begin
            self.last_us, self.greatest_us, self.floor_us, self.after = last, greatest, floor, "e"
        return at, size

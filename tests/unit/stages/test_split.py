"""split, parse, batch: any portioning of the same bytes gives the same chunks, records, ids and batches."""

import itertools
import zlib
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.stages.stage_bench import FILE, FORMAT, checkpoint, entry, hour, segment

from aurora_logs.records.flow import Gap, Portion
from aurora_logs.settings import Settings
from aurora_logs.stages.batch import batches, with_following
from aurora_logs.stages.parse import parse
from aurora_logs.stages.split import ENTRY_MAX_BYTES, Tail, split

HERE = segment()
TEXT = b"".join(entry(number, f"SELECT '{'x' * (number * 7 % 90)}'\n -- more\n") for number in range(12))
LIMITS = Settings(batch_size=1000)


class Held:
    """A claim's checkpoint that each batch moves, without a store."""

    def __init__(self, **at):
        self.checkpoint = checkpoint(segment_id=hour(7), **at)

    def pass_over(self, batch):
        self.checkpoint = msgspec.structs.replace(self.checkpoint, byte_offset=batch.to_offset, tail=batch.context)


def portions(content, cuts, *, closes=True, offset=0):
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(content)}), len(content)]
    for begin, end in itertools.pairwise(edges):
        yield Portion(segment=HERE, offset=offset + begin, content=content[begin:end],
                      closes=closes and end == len(content), marker=f"2026-10-10.7:{offset + end}")


def batches_of(made_of, *, limits=LIMITS, held=None, tail=None):
    held, tail, made = held or Held(), tail or Tail(), []
    for portion in made_of:
        for batch in batches(parse(split(portion, tail, held, FORMAT), portion, FILE, held, FORMAT, limits), FILE, held):
            made.append(batch)
            held.pass_over(batch)
    return made


def records_of(made):
    return [(record_id, line) for batch in made for record_id, line in zip(batch.ids, batch.lines, strict=True)]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, len(TEXT)), max_size=8))
def test_any_portioning_gives_the_same_records_and_covers_each_byte_once(cuts):
    """RDS-32, REL-131: byte for byte, and the batches' ranges join without a hole."""
    whole, cut = batches_of(portions(TEXT, [])), batches_of(portions(TEXT, cuts))
    assert records_of(cut) == records_of(whole)
    assert len(records_of(whole)) == 12
    edges = [(batch.from_offset, batch.to_offset) for batch in cut]
    assert edges[0][0] == 0
    assert edges[-1][1] == len(TEXT)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(edges))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 7), st.integers(0, 11))
def test_a_start_at_any_batch_border_gives_the_same_batches(batch_size, border):
    """RDS-30: what a heir makes of the rest is what the dead worker would have made."""
    limits = Settings(batch_size=batch_size)
    whole = batches_of(portions(TEXT, []), limits=limits)
    start = whole[border % len(whole)]
    held = Held(byte_offset=start.from_offset, tail=whole[border % len(whole) - 1].context if start.from_offset else b"")
    again = batches_of(portions(TEXT[start.from_offset:], [], offset=start.from_offset), limits=limits, held=held)
    assert [batch.batch_id for batch in again] == [batch.batch_id for batch in whole[border % len(whole):]]


def test_the_same_bytes_make_the_same_batch_and_another_epoch_another_id():
    first, second = batches_of(portions(TEXT, [])), batches_of(portions(TEXT, []))
    assert msgspec.msgpack.encode([batch.ids for batch in first]) == msgspec.msgpack.encode([batch.ids for batch in second])
    assert [batch.batch_id for batch in first] == [batch.batch_id for batch in second]
    other = batches_of(portions(TEXT, []), held=Held(epoch=9))
    assert [batch.ids_hash for batch in other] == [batch.ids_hash for batch in first]
    assert other[0].batch_id != first[0].batch_id


def test_what_lies_below_resend_until_is_careful():
    """§5.4: the range of an intent, or of a rewind, is searched for before it is sent."""
    made = batches_of(portions(TEXT, []), limits=Settings(batch_size=4), held=Held(resend_until=len(entry(0)) * 5))
    assert [batch.careful for batch in made] == [True, True, False]


def test_an_open_end_waits_and_is_complete_when_it_is_quiet_or_the_file_closes():
    """FMT-04, RDS-35."""
    half = TEXT + b"# Time: 2026-10-10T06:12"
    held, tail = Held(), Tail()
    made = batches_of(portions(half, [], closes=False), held=held, tail=tail)
    assert held.checkpoint.byte_offset < len(half)
    assert tail.content.endswith(b"T06:12")
    assert len(records_of(made)) in (11, 12)

    closed = batches_of(portions(half, []))
    assert closed[-1].to_offset == len(half)
    assert len(records_of(closed)) == 13


def test_a_portion_that_does_not_follow_the_tail_starts_afresh():
    """RDS-78: a rewind in mid-visit drops what was carried."""
    held, tail = Held(), Tail()
    batches_of(portions(TEXT[:500], [], closes=False), held=held, tail=tail)
    at = held.checkpoint.byte_offset
    assert tail.content
    again = batches_of(portions(TEXT[at:], [], offset=at), held=held, tail=tail)
    assert again[0].from_offset == at
    assert again[-1].to_offset == len(TEXT)


def test_a_gap_ends_the_open_entry_and_is_a_batch_of_its_own():
    """§6 step 3: what stands before the gap is shipped, then the gap, then the next entry is right again."""
    first, rest = TEXT[:700], TEXT[900:]
    next_head = FORMAT.next_head(rest, 1)
    gap = Gap(segment_id=hour(7), from_position=700, to_position=900, reason="truncated")
    made = batches_of([Portion(segment=HERE, offset=0, content=first),
                       Portion(segment=HERE, offset=700, content=b"", gap=gap),
                       Portion(segment=HERE, offset=900, content=rest, closes=True)])
    gaps = [batch for batch in made if batch.gap]
    assert [(batch.from_offset, batch.to_offset, batch.count) for batch in gaps] == [(700, 900, 0)]
    whole = dict(records_of(batches_of(portions(TEXT, []))))
    behind = [one for one in records_of(made) if int(one[0].split(b"-")[1], 16) >= 900 + next_head]
    assert behind
    assert all(whole[record_id] == line for record_id, line in behind)


@pytest.mark.parametrize("portion_bytes", [1 << 20, 3_000_000, 1 << 24])
def test_a_giant_entry_is_counted_and_not_kept(portion_bytes):
    """PERF-01: its first part is a record, its bytes are all accounted for, its neighbours are exact, for any portioning."""
    giant = entry(2, "SELECT '" + "y" * (ENTRY_MAX_BYTES + 2_000_000) + "'")
    content = entry(1) + giant + entry(3)
    tail = Tail()
    made = batches_of(portions(content, range(portion_bytes, len(content), portion_bytes)), tail=tail)
    records = [msgspec.json.decode(line) for _, line in records_of(made)]

    assert [record["log_file_offset"] for record in records] == [0, len(entry(1)), len(entry(1)) + len(giant)]
    assert sum(record["log_record_bytes"] for record in records) == len(content)
    assert records[1]["truncated"] is True
    assert made[-1].to_offset == len(content)
    assert len(tail.content) <= ENTRY_MAX_BYTES
    # the id holds the CRC-32 of all its bytes, so it is the same for every portioning
    assert records[1]["record_id"].endswith(f"-{zlib.crc32(giant):08x}")


def test_each_batch_comes_with_the_one_behind_it():
    """W7: one state write ends the first and intends the second."""
    one, two, three = (SimpleNamespace(name=name) for name in "abc")
    assert list(with_following([one, two, three])) == [(one, two), (two, three), (three, None)]
    assert list(with_following([])) == []

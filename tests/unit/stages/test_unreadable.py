"""An entry that RDS refuses is a gap of exactly its bytes, whatever single answer on the way there is spoilt."""

import pytest
from msgspec.structs import replace
from tests.unit.stages.stage_bench import FORMAT, MemorySource, checkpoint, entry, hour, segment

from aurora_logs.errors import BinaryRefused
from aurora_logs.segments import tail_hash
from aurora_logs.stages.download.cursor import Cursor
from aurora_logs.stages.download.plan import Visit
from aurora_logs.stages.download.unreadable import is_replaced, pass_entry

BEFORE, REFUSED, BEHIND = entry(1), entry(2, "SELECT 'a\0b\nsecond line'"), entry(3)
TEXT = BEFORE + REFUSED + BEHIND
REPEATED = 13  # bytes


class SpoiltSource(MemorySource):
    """Refuses answers with NUL (RDS-72); `spoilt`: number of the read whose good answer is changed."""

    def __init__(self, spoilt, spoil):
        super().__init__(**{"slowquery/mysql-slowquery.log": TEXT})
        self.spoilt, self.spoil = spoilt, spoil

    def read(self, instance_id, log_file_name, marker, *, max_lines=0):
        answer = super().read(instance_id, log_file_name, marker, max_lines=max_lines)
        if b"\0" in answer.content:
            raise BinaryRefused("NUL")
        begin = int(marker.rpartition(":")[2])
        return self.spoil(answer, begin) if len(self.reads) == self.spoilt else answer


def repeated(answer, begin):
    return replace(answer, content=TEXT[begin - REPEATED:begin] + answer.content)


def empty(answer, begin):
    return replace(answer, content=b"", marker=f"2026-10-10.7:{begin}", more=True)


def without_marker(answer, _begin):
    return replace(answer, marker=None)


@pytest.mark.parametrize("spoil", [repeated, empty, without_marker])
@pytest.mark.parametrize("spoilt", range(1, 25))
def test_the_gap_ends_at_the_next_entry(bench, spoil, spoilt):
    """RDS-22, RDS-23, RDS-28, RDS-73."""
    one = bench(SpoiltSource(spoilt, spoil))
    with one.claim(checkpoint(segment_id=hour(7), byte_offset=len(BEFORE), marker=f"2026-10-10.7:{len(BEFORE)}")) as held:
        cursor = Cursor(one.source, held, segment(len(TEXT)), [], Visit())
        cursor.reached = len(BEFORE) + REFUSED.index(b"SELECT")  # the lines before are with the splitter
        (portion,) = pass_entry(cursor, FORMAT.next_head)

    assert (portion.gap.from_position, portion.gap.to_position) == (len(BEFORE), len(BEFORE) + len(REFUSED))


@pytest.mark.parametrize(("before", "replaced"), [(BEFORE, False), (entry(7), True)])
def test_a_file_that_was_cut_and_goes_on_with_refused_text_is_noticed(bench, before, replaced):
    """RDS-83: no answer that holds the refused text reaches back to the bytes before it."""
    one = bench(SpoiltSource(0, empty))
    here = checkpoint(segment_id=hour(7), byte_offset=len(BEFORE), tail_hash=tail_hash(before), marker=f"2026-10-10.7:{len(BEFORE)}")
    with one.claim(here) as held:
        assert is_replaced(Cursor(one.source, held, segment(len(TEXT)), [], Visit())) is replaced

"""next_step: the table of rds-log-api.md §5.1, row by row; rows in, one step out."""

import pytest
from tests.unit.stages.stage_bench import FAMILY, checkpoint, hour, rotated, row

from aurora_logs.records.flow import Segment
from aurora_logs.stages.download.plan import GONE_AFTER, Lost, Visit, next_step

PG = "error/postgresql.log.2026-10-10-06"


class Rows:
    """Files as a list of rows; `closed`: names of dated files that can't grow."""

    def __init__(self, *rows, closed=()):
        self.rows, self.closed = list(rows), closed

    def segments(self):
        return self.rows

    def is_closed(self, one):
        return one.log_file_name in self.closed

    def loss_reason(self):
        return "purged"


def step(at, *rows, visit=None, closed=()):
    return next_step(at, Rows(*rows, closed=closed), visit or Visit())


def past(number, **changes):
    return row(rotated(number), **{"segment_id": hour(number)} | changes)


def done(number, **changes):
    return past(number, status="completed", delivered_bytes=100, **changes)


def shape(found):
    if isinstance(found, Segment):
        return found.log_file_name, found.segment_id, found.closed
    if isinstance(found, Lost):
        return found.gap.segment_id, found.gap.from_position, found.gap.to_position, found.gap.reason
    return found


LIVE = (FAMILY, hour(9), False)
UNNAMED = (FAMILY, "", False)
HERE = checkpoint(segment_id=hour(9), byte_offset=40)


@pytest.mark.parametrize(("at", "rows", "expected"), [
    (HERE, [row()], LIVE),  # the live hour: go on
    (HERE, [row(), done(7), done(8)], LIVE),  # older ones were read: no call (RDS-47)
    (HERE, [row(), past(9)], (rotated(9), hour(9), True)),  # rotated: by its own name (RDS-40)
    (HERE, [row(), past(10), past(9)], (rotated(9), hour(9), True)),  # the begun one first, then the oldest (RDS-41)
    (HERE, [row(), done(9), past(11), past(10)], (rotated(10), hour(10), True)),
    (HERE, [row(), done(9)], UNNAMED),  # drained: the live file from its start
    (HERE, [row(), past(10)], (hour(9), 40, 40, "purged")),  # our hour is not listed any more (RDS-43)
    (HERE, [row(), past(9, missing=GONE_AFTER)], (hour(9), 40, 100, "purged")),  # … with what was listed of it
    (checkpoint(segment_id=hour(9), byte_offset=40, resend_until=70), [row(), past(9, missing=GONE_AFTER)],
     (hour(9), 40, 100, "in_doubt")),  # REL-129
    (checkpoint(), [row()], UNNAMED),  # first sight
    (checkpoint(), [row(), past(8), past(10), past(9)], (rotated(8), hour(8), True)),
    (checkpoint(), [row(), past(10), past(9, file_size=0)], (rotated(9), hour(9), True)),
    (checkpoint(), [row(file_size=0)], None),  # a fresh hour without a byte: no call
    (checkpoint(), [], None),
    (HERE, [row(missing=GONE_AFTER)], (hour(9), 40, 100, "purged")),
    (HERE, [row(missing=GONE_AFTER, status="completed", delivered_bytes=100)], None),
])
def test_the_next_step_of_an_hourly_family(at, rows, expected):
    assert shape(step(at, *rows)) == expected


def test_hours_are_ordered_as_numbers():
    """RDS-49: `.9` before `.10`, the last hour of a day before the first of the next, whichever way it is written."""
    names = [f"{FAMILY}.2026-12-31.9", f"{FAMILY}.2026-12-31.10", f"{FAMILY}.2026-12-31.24", f"{FAMILY}.2027-01-01.1"]
    rows = [row(name, segment_id=name.replace(".log.", ".log@")) for name in names]
    read = []
    while rows:
        found = step(checkpoint(), *reversed(rows))
        read.append(found.log_file_name)
        rows = [one for one in rows if one.log_file_name != found.log_file_name]
    assert read == names


def test_a_name_that_a_read_did_not_find_is_waited_for_until_listings_agree():
    """RDS-39, RDS-05: one refused read and a listing or two are no proof."""
    visit = Visit()
    visit.gone.add(rotated(9))
    assert step(HERE, row(), past(9, missing=GONE_AFTER - 1), visit=visit) is None
    assert shape(step(HERE, row(), past(9, missing=GONE_AFTER), visit=visit)) == (hour(9), 40, 100, "purged")


def test_a_gap_on_record_is_passed():
    visit = Visit()
    visit.gone.add(hour(9))
    assert shape(step(HERE, row(), past(10), visit=visit)) == (rotated(10), hour(10), True)


@pytest.mark.parametrize(("changes", "closed", "expected"), [
    ({}, False, (PG, PG, False)),
    ({}, True, (PG, PG, True)),
    ({"status": "completed", "delivered_bytes": 100}, False, (PG, PG, False)),  # it may have grown
    ({"status": "completed", "delivered_bytes": 100}, True, None),
    ({"log_file_name": f"{PG}.gz", "file_size": 12}, False, (f"{PG}.gz", PG, True)),  # RDS-54
    ({"missing": GONE_AFTER}, True, (PG, 40, 100, "purged")),
    ({"missing": GONE_AFTER, "status": "completed", "delivered_bytes": 100}, True, None),
])
def test_the_next_step_of_a_dated_file(changes, closed, expected):
    at = checkpoint(log_file_name=PG, segment_id=PG, byte_offset=40)
    one = row(**{"log_file_name": PG, "family": PG, "segment_id": PG, "log_type": "postgresql"} | changes)
    assert shape(step(at, one, closed=(PG,) if closed else ())) == expected


def test_a_file_that_became_gz_is_read_by_the_name_that_is_listed():
    """RDS-54: the plain name is gone from the listing."""
    at = checkpoint(log_file_name=PG, segment_id=PG, byte_offset=40)
    plain = row(PG, family=PG, segment_id=PG, missing=GONE_AFTER)
    packed = row(f"{PG}.gz", family=PG, file_size=12)
    assert shape(step(at, plain, packed)) == (f"{PG}.gz", PG, True)

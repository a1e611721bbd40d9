"""The files of one claimed family, as the download stage asks for them and as its results are kept."""

from collections.abc import Iterable

from msgspec.structs import asdict, replace

from aurora_logs.ports import Clock, StateStore
from aurora_logs.records.fleet import Delivered, Instance, LogFile, TrackedFile, delivered_of
from aurora_logs.records.flow import Checkpoint
from aurora_logs.records.positions import begin
from aurora_logs.segments import is_earlier, is_hourly
from aurora_logs.settings import Settings
from aurora_logs.stages.discover.listing import GONE_AFTER, Listing
from aurora_logs.stages.discover.statuses import DELETED


class FamilyFiles:
    """The files of one claimed family; the download stage's `Files`. Used by one thread."""

    def __init__(self, listing: Listing, state: StateStore, instance: Instance, family: str, clock: Clock,
                 settings: Settings) -> None:
        self._listing, self._state, self._instance, self._family = listing, state, instance, family
        self._clock, self._settings = clock, settings
        self._epoch = 0
        self._rows: list[TrackedFile] = []
        self._others: list[TrackedFile] = []
        self._take(state.tracked(instance.instance_id))

    def segments(self) -> list[TrackedFile]:
        """Rows of this family, as last listed."""
        return self._rows

    def is_closed(self, row: TrackedFile) -> bool:
        """Gone; or a newer file of the type has been known for two listing intervals, and this one not written since."""
        if row.missing >= GONE_AFTER:
            return True
        if is_hourly(row.log_file_name):
            return row.log_file_name != self._family
        known_sec = self._clock.now_us() // 1_000_000 - 2 * self._settings.interval_sec
        return any(other.log_file_name > row.log_file_name and other.discovered_at <= known_sec
                   and other.last_written >= row.last_written for other in self._others if other.log_type == row.log_type)

    def list_again(self) -> None:
        """List this family at the source and take the rows anew."""
        self._take(self._listing.rows(self._instance, family=self._family))

    def loss_reason(self) -> str:
        """Why files vanish: with their instance, or by retention."""
        return "instance_deleted" if self._instance.status == DELETED else "purged"

    def claimed(self, checkpoint: Checkpoint) -> None:
        """Take the rows anew: what others had done until then stands in them only from here on."""
        self._epoch = checkpoint.epoch
        self._take(self._state.tracked(self._instance.instance_id))

    def began(self, checkpoint: Checkpoint) -> None:
        """W13: a worker holds the file now."""
        self.claimed(checkpoint)
        row = self._current(checkpoint)
        if row is not None and row.status != "processing":
            self._track(row, _delivered_at(checkpoint, row), "processing")

    def left(self, checkpoint: Checkpoint) -> None:
        """The work turns to an older segment: its row keeps what is known of this one."""
        row = self._current(checkpoint)
        if checkpoint.segment_id and row is not None and row.status != "completed":
            self._track(row, _delivered_at(checkpoint, row), row.status)

    def drained(self, row: TrackedFile, checkpoint: Checkpoint | None) -> bool:
        """All of a closed segment is delivered or accounted for; False when it is listed with another size by now.

        checkpoint: at its end; None when it was delivered at another time, as the row tells.
        """
        delivered = _delivered_at(checkpoint, row) if checkpoint else delivered_of(row)
        return self._track(row, replace(delivered, delivered_bytes=row.file_size), "completed", only_as_listed=True)

    def finish(self, checkpoint: Checkpoint) -> bool:
        """W9 after the lease is given back: completed when all that was listed is delivered; False when more is left."""
        self._leave_empty(checkpoint)
        row = self._current(checkpoint)
        if row is None:
            return False
        if row.status == "completed" and row.delivered_bytes >= row.file_size:
            return True
        delivered = _delivered_at(checkpoint, row)
        complete = delivered.delivered_bytes >= row.file_size
        unchanged = self._track(row, delivered, "completed" if complete else "discovered",
                                only_as_listed=complete)
        if complete and not unchanged:  # it grew in that moment: leave it to the next listing's hint
            self._track(row, delivered, "discovered")
        return complete and unchanged

    def has_work(self) -> bool:
        """Tell whether anything that is listed is not delivered yet; False for an old hint (REL-34)."""
        return not self._rows or any(row.status != "completed" or row.delivered_bytes < row.file_size for row in self._rows)

    def delivered_again(self, row: TrackedFile) -> None:
        """Records of a finished file were sent again: its audit has to wait until they are old enough."""
        self._track(row, delivered_of(row), "completed", only_as_listed=True)

    def _leave_empty(self, checkpoint: Checkpoint) -> None:
        """A live name without a byte, of an hour that nobody has begun, waits for its growth and not for a visit.

        What its row knows of the hour before stays until that hour is drained by its rotated name.
        """
        for row in self._rows:
            if row.log_file_name == self._family and not row.file_size and row.status != "completed" and (
                    self._current(checkpoint) is not row):
                waits = any(one.segment_id == row.segment_id and one.status != "completed" for one in self._rows if one is not row)
                self._track(row, delivered_of(row) if waits else Delivered(), "completed", only_as_listed=True)

    def gave_up(self, error: str, *, failed: bool) -> None:
        """W10: the visit ended early; `failed` keeps the error on the row for people to see."""
        for row in self._rows:
            if row.status != "completed":
                self._track(row, delivered_of(row), "failed" if failed else "discovered", error=error if failed else "")

    def _take(self, rows: list[TrackedFile]) -> None:
        self._others = [row for row in rows if row.resource_id == self._instance.resource_id]
        self._rows = [row for row in self._others if row.family == self._family]

    def _current(self, checkpoint: Checkpoint) -> TrackedFile | None:
        """The row by which the checkpoint's segment is listed now: its rotated name, else the live one; None when gone."""
        here = checkpoint.segment_id
        named = [row for row in self._rows if row.segment_id == here and row.log_file_name != self._family]
        if not named and is_hourly(self._family):
            named = [] if self._is_past(here) else [row for row in self._rows if row.log_file_name == self._family]
        elif not named:
            named = self._rows
        return next((row for row in named if row.missing < GONE_AFTER), None)

    def _is_past(self, identity: str) -> bool:
        """Tell whether a later hour is known, so that the live name can't stand for this one."""
        hour = identity.partition("@")[2]
        others = {row.segment_id.partition("@")[2] for row in self._rows}
        return any(is_earlier(hour, other) for other in others)

    def _track(self, row: TrackedFile, delivered: Delivered, status: str, *, error: str = "",
               only_as_listed: bool = False) -> bool:
        delivered = replace(delivered, epoch=self._epoch)
        applied = self._state.track_progress(row.instance_id, row.log_file_name, delivered, status=status, error=error,
                                             now_sec=self._clock.now_us() // 1_000_000, as_listed=row if only_as_listed else None)
        if applied:
            self._take([replace(one, status=status, **asdict(delivered)) if one.log_file_name == row.log_file_name else one
                        for one in self._others])
        return applied


def _delivered_at(checkpoint: Checkpoint, row: TrackedFile) -> Delivered:
    return Delivered(
        segment_id=checkpoint.segment_id or row.segment_id, delivered_bytes=checkpoint.byte_offset,
        records=checkpoint.record_count, gap_bytes=checkpoint.gap_bytes, raw_records=checkpoint.raw_records,
        ids_crc=checkpoint.ids_crc, tail_hash=checkpoint.tail_hash, resend_until=checkpoint.resend_until, epoch=checkpoint.epoch)


def log_file(instance: Instance, family: str, log_type: str) -> LogFile:
    """Return the unit of work for a family of an instance."""
    return LogFile(instance_id=instance.instance_id, resource_id=instance.resource_id, cluster_id=instance.cluster_id,
                   engine=instance.engine, log_type=log_type, log_file_name=family, aws_region=instance.aws_region,
                   account_id=instance.account_id)


def first_checkpoint(file: LogFile, rows: Iterable[TrackedFile]) -> Checkpoint:
    """Return where a file without a checkpoint starts: at the delivered position of its oldest unfinished segment."""
    rows = list(rows)
    begun = [row for row in rows if row.delivered_bytes and row.segment_id]
    unfinished = [row for row in begun if row.status != "completed" or row.delivered_bytes < row.file_size]
    live = [row for row in begun if row.log_file_name == row.family]
    start = next(iter(sorted(unfinished, key=lambda one: one.last_written) or live), None)
    epoch = max((row.epoch for row in rows), default=0)  # a row that was deleted by hand goes on counting
    first = Checkpoint(instance_id=file.instance_id, log_file_name=file.log_file_name, resource_id=file.resource_id, epoch=epoch)
    if start is None:  # claimed before, and the checkpoint deleted in that very visit: nobody knows what was sent
        return replace(first, resend_until=max(row.file_size for row in rows)) if epoch else first
    again_until = max(start.file_size, start.delivered_bytes, start.resend_until)  # RUN-68: the row may lag
    known = delivered_of(start)
    if start.status == "processing":  # deleted in a visit, which may have gone back behind what its row told last
        known = Delivered(segment_id=start.segment_id)
    return begin(first, known, resend_until=again_until)

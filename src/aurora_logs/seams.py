"""What stages see of each other's work: the claim on a file, and what is known of its family. Nothing outside stands behind them."""

from typing import Protocol

from aurora_logs.records.fleet import Delivered, TrackedFile
from aurora_logs.records.flow import Checkpoint, DeadLetter, Kept


class Position(Protocol):
    """Where the work on a file stands, for stages that only look at it."""

    @property
    def checkpoint(self) -> Checkpoint: ...


class Claim(Protocol):
    """The exclusive right to work on a file, as the stages see it (stages/claim.py makes it)."""

    checkpoint: Checkpoint
    moves_checkpoint: bool
    """False of a reread, which only sends what is missing."""

    def keep(self) -> None:
        """Renew the lease when a third of it is gone; before long waits and each POST. Raises: EpochMoved."""

    def wait(self, sec: float) -> None:
        """Sleep `sec` seconds and keep the lease meanwhile. Raises: EpochMoved."""

    def settled(self) -> None:
        """The open intent's request can't land any more; its range is careful from now on. Raises: EpochMoved."""

    def bury(self, letter: DeadLetter) -> None:
        """Write a dead letter or gap down; durable before the checkpoint passes its range. Raises: EpochMoved."""

    def move_on(self, start: Delivered, *, resend_until: int = 0) -> None:
        """Begin another segment at `start`; below `resend_until` it may be stored already. Raises: EpochMoved."""

    def rewind(self, kept: Kept | None) -> None:
        """Go back to an earlier position of the same segment (None: its start); what follows is sent carefully."""

    def note_end(self, end_offset: int) -> bool:
        """Remember where the unfinished end lies; True once it stood there for BATCH_TIMEOUT_SEC."""


class Files(Protocol):
    """What is known of a claimed family's files; lets the download stage list again when a surprise says so."""

    def segments(self) -> list[TrackedFile]:
        """Rows of this family, as last listed."""

    def is_closed(self, row: TrackedFile) -> bool:
        """Tell whether the file can't grow any more (rds-log-api.md §4.4)."""

    def list_again(self) -> None:
        """List at the source and save what is new. Raises as LogSource.log_files."""

    def loss_reason(self) -> str:
        """Why files of this family vanish: `instance_deleted` when RDS does not know the instance any more, else `purged`."""

    def left(self, checkpoint: Checkpoint) -> None:
        """The work turns to another segment: keep what is known of this one, unless it is drained."""

    def drained(self, row: TrackedFile, checkpoint: Checkpoint | None) -> bool:
        """All of this segment is delivered: mark its row, before the checkpoint moves on. False: its size changed.

        checkpoint: at the segment's end; None when it was drained at another time and the row tells how.
        """

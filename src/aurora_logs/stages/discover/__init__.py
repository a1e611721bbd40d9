"""Discover what has grown: listings become tracking rows, rows that lack deliveries become hints.

Size and last-written time decide together, never our own clock (rds-log-api.md §2.3).
"""

from aurora_logs.stages.discover.family import FamilyFiles, first_checkpoint, log_file
from aurora_logs.stages.discover.forecast import Loss, Speed, deadline_ms, deletion_ms, losses
from aurora_logs.stages.discover.hints import hints
from aurora_logs.stages.discover.listing import GONE_AFTER, Listing
from aurora_logs.stages.discover.naming import Move, moves
from aurora_logs.stages.discover.pace import due_sec, is_busy, is_due, is_sweep_due
from aurora_logs.stages.discover.statuses import DELETED, ENDING, EXCLUDED, SILENT
from aurora_logs.stages.discover.wanted import is_wanted, selection_of

__all__ = [
    "DELETED", "ENDING", "EXCLUDED", "GONE_AFTER", "SILENT", "FamilyFiles", "Listing", "Loss", "Move", "Speed", "deadline_ms",
    "deletion_ms", "due_sec", "first_checkpoint", "hints", "is_busy", "is_due", "is_sweep_due", "is_wanted", "log_file", "losses",
    "moves", "selection_of",
]

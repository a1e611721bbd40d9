"""The faults that a run may have: name, row of the failure model, the port calls that it can strike, its strengths.

How a fault changes a call is in switch_points.py; what an event does is in run.py.
"""

from typing import NamedTuple

NORMAL = (0.005, 0.02, 0.08)
RARE = (0.002, 0.008, 0.03)

STATE_WRITES = tuple(f"state.{name}" for name in (
    "save_instance", "lease_listing", "listing_done", "forget_instance", "see", "grow", "queued", "missed", "track_progress", "audited", "prune",
    "take_claim", "renew", "intend", "advance", "release", "bury", "delete_dead_letter"))
STATE_READS = ("state.instances", "state.tracked", "state.checkpoint", "state.dead_letter")
SOURCE = ("source.instances", "source.log_files", "source.read", "source.complete_file")
READ = ("source.read",)
LIST = ("source.log_files",)
SHIP = ("sink.ship",)
WRITES = (*STATE_WRITES, *SHIP, "queue.put", "queue.ack", "queue.retry_later")
ALL = (*SOURCE, "source.piece", *STATE_READS, *WRITES, "queue.take", "sink.stored", "clock.sleep")


class Fault(NamedTuple):
    """row: its REL- row. calls: what it can strike. rates: strengths that a seed draws from, per call."""

    row: str
    calls: tuple
    rates: tuple = NORMAL


FAULTS = {
    "rds_throttled": Fault("REL-01", SOURCE),
    "rds_5xx": Fault("REL-02", SOURCE),
    "rds_timeout": Fault("REL-03", SOURCE),
    "rds_reset_mid_body": Fault("REL-04", ("source.read", "source.piece")),
    "portion_ends_early": Fault("REL-06", READ),
    "portion_overlap": Fault("REL-07", READ),
    "portion_gap": Fault("REL-08", READ),
    "portion_empty": Fault("REL-09", READ),
    "portion_without_marker": Fault("REL-09", READ),
    "marker_invalid": Fault("REL-10", READ),
    "not_found_once": Fault("REL-11", READ, RARE),
    "listing_stale": Fault("REL-18", LIST),
    "listing_partial": Fault("REL-19", LIST),
    "listing_empty": Fault("REL-20", LIST, RARE),
    "credentials_expired": Fault("REL-22", SOURCE, RARE),
    "bytes_changed": Fault("REL-23", READ, RARE),
    "complete_file_refused": Fault("REL-24", ("source.complete_file",), (0.3, 1.0)),
    "queue_down": Fault("REL-31", ("queue.put", "queue.take", "queue.ack", "queue.retry_later")),
    "hint_lost": Fault("REL-32", ("queue.put",), (0.05, 0.3)),
    "hint_doubled": Fault("REL-33", ("queue.put",), (0.05, 0.3)),
    "commit_lost": Fault("REL-40", ("queue.ack", "queue.retry_later"), (0.05, 0.3)),
    "state_throttled": Fault("REL-41", (*STATE_WRITES, *STATE_READS)),
    "state_answer_lost": Fault("REL-43", STATE_WRITES),
    "state_answer_lost_unapplied": Fault("REL-43", STATE_WRITES),
    "bury_refused": Fault("REL-77", ("state.bury",), (0.3, 0.6)),
    "disk_full": Fault("REL-50", SHIP, RARE),
    "sink_down": Fault("REL-52", SHIP),
    "sink_busy": Fault("REL-53", SHIP),
    "sink_partial": Fault("REL-56", SHIP),
    "sink_short": Fault("REL-57", SHIP),
    "sink_lies": Fault("REL-58", SHIP),
    "sink_hangs": Fault("REL-59", SHIP),
    "sink_applies_late": Fault("REL-60", SHIP),
    "search_down": Fault("REL-61", ("sink.stored",), (0.05, 0.3)),
    "sink_denied": Fault("REL-65", SHIP, RARE),
    "kill_before": Fault("REL-67", ALL, RARE),
    "kill_after": Fault("REL-67", ALL, RARE),
    "pause": Fault("REL-69", ALL, RARE),
}

# Things that happen once, at a time that the plan draws.
EVENTS = {
    "failover": "REL-16", "instance_gone": "REL-17", "old_hints": "REL-36", "hints_forgotten": "REL-37",
    "checkpoint_deleted": "REL-47", "row_reset": "REL-48", "sink_loses_wal": "REL-62", "sigterm": "REL-68",
    "clock_jump": "REL-70", "noisy": "REL-75", "binary": "REL-21", "poison": "REL-54", "giant": "REL-26",
    "invalid_text": "REL-25", "unknown_text": "REL-28", "rebalance": "REL-39",
}
# Times in which a whole port is away.
PERIODS = {"sink_away": "REL-52", "queue_away": "REL-31", "state_away": "REL-41", "search_away": "REL-61",
           "rds_away": "REL-02"}
PERIOD_CALLS = {"sink_away": SHIP, "queue_away": ("queue.put", "queue.take", "queue.ack", "queue.retry_later"),
                "state_away": (*STATE_WRITES, *STATE_READS), "search_away": ("sink.stored",), "rds_away": SOURCE}

"""Names that operators, manifests and other systems know (names-and-runbook.md §2.1): one constant each, nothing else."""

LOG_TYPES = ("error", "slowquery", "general", "audit", "postgresql")

INSTANCE_TABLE = "aurora-instance-metadata"
TRACKING_TABLE = "aurora-log-file-tracking"
CHECKPOINT_TABLE = "aurora-log-checkpoints"
DEAD_LETTER_TABLE = "aurora-log-dlq"

CONSUMER_GROUP = "aurora-processor-group"
TOPICS = {log_type: f"aurora-logs-{log_type}" for log_type in LOG_TYPES}
"""log_type -> topic."""

"""Names that operators, manifests and other systems know (names-and-runbook.md §2.1): one constant each, nothing else."""

LOG_TYPES = ("error", "slowquery", "general", "audit", "postgresql")

INSTANCE_TABLE = "aurora-instance-metadata"
TRACKING_TABLE = "aurora-log-file-tracking"
CHECKPOINT_TABLE = "aurora-log-checkpoints"
DEAD_LETTER_TABLE = "aurora-log-dlq"

CONSUMER_GROUP = "aurora-processor-group"
TOPICS = {log_type: f"aurora-logs-{log_type}" for log_type in LOG_TYPES}
"""log_type -> topic."""

# Names of the predecessor: one WARN each, with what replaces it (names-and-runbook.md §2.7). `*`: any ending.
REPLACED = {
    "VALKEY_*": "no cache service is used", "CACHE_TTL_*": "no cache service is used", "SHARD_ID": "leases share the work",
    "TOTAL_SHARDS": "leases share the work", "JOBS_TABLE": "job history comes from the checkpoints",
    "RATE_LIMIT_PER_SEC": "RDS_API_RATE_LIMIT", "PARSING_MODE": "every entry is parsed",
    "KAFKA_TOPIC": "topics are aurora-logs-<type>", "KAFKA_*_TOPIC": "topics are aurora-logs-<type>",
    "OPENOBSERVE_ERROR_STREAM": "streams are aurora_<type>_logs",
    "OPENOBSERVE_SLOWQUERY_STREAM": "streams are aurora_<type>_logs",
    "DYNAMODB_TTL_DAYS": "checkpoints expire after 7 days", "LOG_FORWARD_*": "records go to the sink only",
    "HTTP_CONNECTION_*": "MAX_CONCURRENCY", "CONNECTION_*": "MAX_CONCURRENCY", "S3_*": "records go to the sink only",
    "OTEL_*": "nothing is exported", "GOMAXPROCS": "MAX_CONCURRENCY", "GOMEMLIMIT": "what is in flight is bounded",
}

"""What lists show: each kind of thing with its columns. Values alone, so that `--help` loads nothing for them.

The fields of a kind's items are promised to programs: new ones may come, old ones stay (docs/output.md, UX-39).
"""

from typing import Literal, NamedTuple

Shape = Literal["text", "log", "sql", "state", "count", "bytes", "sec", "ratio", "share", "number"]


class Column(NamedTuple):
    """A column of a table.

    field: of the item. head: above it. shape: how a value is written for people; `log` and `sql` are text that others
    wrote, which alone is ever shortened; `state` may be coloured. wide: shown by `-o wide` only.
    """

    field: str
    head: str
    shape: Shape = "text"
    wide: bool = False


class Kind(NamedTuple):
    """One kind of thing. name: `kind` in JSON. struct: `module:class` of its items, which says what its fields mean.

    names: the fields that `-o name` and `-q` print. more: fields that no column shows.
    """

    name: str
    struct: str
    columns: tuple[Column, ...]
    names: tuple[str, ...]
    more: tuple[str, ...] = ()

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields of an item."""
        return (*(column.field for column in self.columns), *self.more)


INSTANCE, FILE = Column("instance_id", "INSTANCE"), Column("log_file_name", "FILE")
TYPE, GAPS = Column("log_type", "TYPE"), Column("gap_bytes", "GAPS", "bytes")
BEHIND, RECORDS = Column("behind_bytes", "BEHIND", "bytes"), Column("records", "RECORDS", "count")
LAST_WRITTEN, UPDATED = Column("last_written", "LAST WRITTEN"), Column("updated_at", "UPDATED")

HEALTH = Kind("health", "aurora_logs.ops.health:InstanceHealth", (
    INSTANCE, Column("health", "HEALTH", "state"), BEHIND, Column("files_behind", "FILES", "count"),
    Column("oldest_sec", "OLDEST", "sec"), Column("delete_at", "RDS DELETES AT"), Column("at_risk_bytes", "AT RISK", "bytes", wide=True), GAPS,
    Column("dead_letters", "DEAD LETTERS", "count"), Column("failed_files", "FAILED", "count"), LAST_WRITTEN,
    Column("reasons", "REASONS", wide=True)), ("instance_id",))

INSTANCES = Kind("instances", "aurora_logs.ops.instances:InstanceLine", (
    INSTANCE, Column("cluster_id", "CLUSTER"), Column("role", "ROLE"), Column("engine", "ENGINE"),
    Column("engine_version", "VERSION", wide=True), Column("instance_class", "CLASS", wide=True), Column("status", "STATUS"),
    Column("files", "FILES", "count"), BEHIND, Column("delivered_bytes", "DELIVERED", "bytes"), RECORDS, GAPS, LAST_WRITTEN,
    Column("seen_at", "SEEN", wide=True), Column("aws_region", "REGION", wide=True),
    Column("account_id", "ACCOUNT", wide=True), Column("error", "ERROR", "log")), ("instance_id",))

FILES = Kind("files", "aurora_logs.ops.files:FileLine", (
    INSTANCE, FILE, TYPE, Column("status", "STATUS", "state"), Column("file_size", "SIZE", "bytes"),
    Column("delivered_bytes", "DELIVERED", "bytes"), BEHIND, RECORDS, GAPS, Column("raw_records", "RAW", "count", wide=True),
    LAST_WRITTEN, Column("updated_at", "UPDATED", wide=True), Column("audited_at", "AUDITED", wide=True),
    Column("purge_at", "RDS DELETES AT", wide=True), Column("is_gone", "GONE", wide=True),
    Column("segment_id", "SEGMENT", wide=True), Column("error", "ERROR", "log")), ("instance_id", "log_file_name"), ("family",))

FILE_DETAIL = Kind("file", FILES.struct, FILES.columns, FILES.names, (
    "family", "checkpoint_segment", "checkpoint_byte_offset", "epoch", "holder", "marker", "record_count", "dead_letters", "gaps"))

CHECKPOINTS = Kind("checkpoints", "aurora_logs.ops.checkpoints:CheckpointLine", (
    INSTANCE, FILE, Column("segment_id", "SEGMENT", wide=True), Column("byte_offset", "BYTE OFFSET", "count"),
    Column("record_count", "RECORDS", "count"), GAPS, Column("epoch", "EPOCH", "count"), Column("holder", "HOLDER"),
    Column("lease_until", "LEASE UNTIL", wide=True), Column("intent", "INTENT"), Column("marker", "MARKER", wide=True),
    Column("line_count", "LINES", "count", wide=True), UPDATED, Column("expires_at", "EXPIRES", wide=True)),
    ("instance_id", "log_file_name"))

RANGES = (
    Column("message_id", "ID"), INSTANCE, FILE, Column("reason", "REASON"), Column("from_position", "FROM", "count"),
    Column("to_position", "TO", "count"), Column("size_bytes", "SIZE", "bytes"), Column("failed_at", "FAILED"),
    Column("retry_count", "TRIES", "count"), Column("log_type", "TYPE", wide=True), Column("segment_id", "SEGMENT", wide=True),
    Column("purge_at", "RDS DELETES AT", wide=True), Column("error", "ERROR", "log"))
GAP_RANGES = Kind("gaps", "aurora_logs.ops.gaps:GapLine", RANGES, ("message_id",))
DEAD_LETTERS = Kind("dead_letters", "aurora_logs.ops.gaps:GapLine", RANGES, ("message_id",))
DEAD_LETTER_DETAIL = Kind("dead_letter", DEAD_LETTERS.struct, RANGES, ("message_id",),
                          ("is_gap", "excerpt", "original_message"))
REPLAYS = Kind("replays", "aurora_logs.ops.dead_letters:Replayed", (
    Column("message_id", "ID"), INSTANCE, FILE, Column("size_bytes", "SIZE", "bytes"), Column("outcome", "OUTCOME", "state")),
    ("message_id",))

STATEMENTS = Kind("statements", "aurora_logs.ops.top:Group", (
    Column("group", "FINGERPRINT"), Column("count", "COUNT", "count"), Column("total_sec", "TOTAL", "sec"),
    Column("share", "SHARE", "share"), Column("mean_sec", "MEAN", "sec"), Column("p50_sec", "P50", "sec", wide=True),
    Column("p95_sec", "P95", "sec"), Column("p99_sec", "P99", "sec", wide=True), Column("max_sec", "MAX", "sec"),
    Column("rows_examined", "ROWS EXAMINED", "count", wide=True), Column("rows_sent", "ROWS SENT", "count", wide=True),
    Column("examined_per_sent", "EXAMINED/SENT", "ratio"), Column("first_seen", "FIRST SEEN", wide=True),
    Column("last_seen", "LAST SEEN", wide=True), Column("example", "EXAMPLE", "sql")), ("group",), ("statement",))

EVENTS = Kind("events", "aurora_logs.cli.reports:Event", (
    Column("severity_text", "SEVERITY"), Column("event_name", "EVENT"), Column("count", "COUNT", "count"),
    Column("first_seen", "FIRST SEEN"), Column("last_seen", "LAST SEEN"), Column("example", "EXAMPLE", "log")),
    ("event_name",))

FOUND_RECORDS = Kind("records", "aurora_logs.ops.search:Hit", (
    Column("record_id", "ID", wide=True), Column("time", "TIME"), INSTANCE, TYPE, Column("severity_text", "SEVERITY"),
    Column("event_name", "EVENT", wide=True), Column("user_name", "USER"), Column("db_namespace", "DATABASE", wide=True),
    Column("client_address", "CLIENT", wide=True), Column("duration_sec", "TOOK", "sec"),
    Column("log_file_name", "FILE", wide=True), Column("text", "TEXT", "log")), ("record_id",))

FORMATS = Kind("formats", "aurora_logs.ops.reading:Chance", (
    Column("format", "FORMAT"), TYPE, Column("by_name", "BY NAME"), Column("by_content", "BY CONTENT", "number"),
    Column("chosen", "CHOSEN")), ("format",))

CHECKS = Kind("checks", "aurora_logs.ops.doctor:Check", (
    Column("verdict", "VERDICT", "state"), Column("name", "CHECK"), Column("detail", "DETAIL", "log"), Column("fix", "FIX")),
    ("name",))

SETTINGS = Kind("settings", "aurora_logs.settings:Setting", (
    Column("name", "SETTING"), Column("value", "VALUE"), Column("origin", "ORIGIN")), ("name",))

PROVISIONED = Kind("provisioned", "aurora_logs.ops.provision:Provisioned", (
    Column("sort", "WHAT"), Column("name", "NAME"), Column("outcome", "OUTCOME", "state"), Column("made", "MADE"),
    Column("differences", "DIFFERENCES")), ("name",))

EXPORTED = Kind("exported", "aurora_logs.ops.export:Exported", (
    Column("file", "BATCH"), TYPE, RECORDS, Column("sent", "SENT", "count"), Column("message_id", "DEAD LETTER"),
    Column("outcome", "OUTCOME", "state")), ("file",))

LAGS = Kind("lags", "aurora_logs.ops.lags:LagLine", (
    TYPE, BEHIND, Column("files_behind", "FILES", "count"), Column("hints", "LAG", "count"), Column("topic", "TOPIC"),
    Column("unset", "UNSET", "count", wide=True), Column("members", "MEMBERS")), ("log_type",))

PARTITIONS = Kind("partitions", "aurora_logs.records.queue:PartitionLag", (
    Column("topic", "TOPIC"), Column("partition", "PARTITION", "count"), Column("committed", "CURRENT-OFFSET", "count"),
    Column("end", "LOG-END-OFFSET", "count"), Column("lag", "LAG", "count"), Column("member", "MEMBER"),
    Column("member_host", "HOST", wide=True)), ("topic", "partition"))

TOPICS = Kind("topics", "aurora_logs.records.queue:TopicShape", (
    Column("topic", "TOPIC"), Column("partitions", "PARTITIONS", "count"), Column("replicas", "REPLICAS", "count"),
    Column("leaderless", "LEADERLESS", "count"), Column("short", "OUT OF SYNC", "count"), Column("differences", "DIFFERENCES")),
    ("topic",))

LEDGER = Kind("ledger", "aurora_logs.ops.ledger:LedgerLine", (
    Column("key", "OF"), Column("files", "FILES", "count"), Column("listed_bytes", "LISTED", "bytes"),
    Column("read_bytes", "READ", "bytes", wide=True), Column("delivered_bytes", "DELIVERED", "bytes"),
    Column("confirmed_bytes", "PROVED", "bytes"), BEHIND, Column("parked_bytes", "PARKED", "bytes"),
    Column("dead_letter_bytes", "DEAD LETTERS", "bytes"), GAPS, RECORDS, Column("unproved", "UNPROVED", "count", wide=True)), ("key",))

BREAKERS = Kind("breakers", "aurora_logs.ops.breakers:BreakerLine", (
    Column("dependency", "DEPENDENCY"), Column("state", "STATE", "state"), Column("opened", "OPENED", "count")), ("dependency",))

KINDS = (HEALTH, INSTANCES, FILES, FILE_DETAIL, CHECKPOINTS, GAP_RANGES, DEAD_LETTERS, DEAD_LETTER_DETAIL, REPLAYS,
         STATEMENTS, EVENTS, FOUND_RECORDS, FORMATS, CHECKS, SETTINGS, PROVISIONED, EXPORTED,
         LAGS, PARTITIONS, TOPICS, LEDGER, BREAKERS)


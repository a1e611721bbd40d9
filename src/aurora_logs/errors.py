"""The error tree: five branches, by which services decide; adapters translate vendor errors into its leaves.

AuroraLogsError             .hint: what the operator can do next
├── ConfigError             refuse to start, or hold this one instance; the text names setting, value, allowed values
│   ├── AccessDenied        this instance or sink is held, others go on; never a dead letter
│   └── StateNewer          written by a newer version of Aurora Logs; nothing was changed
├── Transient               .retry_after_sec | None             surely not done: try again later
│   └── Throttled  Unreachable  TimedOut  SinkBusy  BreakerOpen  DiskFull  InstanceNotReady  ListingChanged
├── Permanent               will never work this way; the range goes to the dead letters or another way is taken
│   ├── InstanceGone  LogFileGone  BinaryRefused  MarkerRefused  CompleteFileRefused  NotFound
│   └── SinkRejected            .reason of the dead letter; surely not stored
│       └── RecordTooLarge  RecordTooOld  RecordOfWrongType
├── Conflict                somebody else has it: ack and go on
│   └── ClaimHeld  EpochMoved  DirectoryInUse
└── Unknown                 it may have happened: settle, then send only what is missing
    └── ReceiptMissing  ReceiptPartial  StateAnswerLost

A class's docstring is its default message; the detail names instance, file and position, never log text or secrets.
"""


class AuroraLogsError(Exception):
    """Something went wrong."""

    hint = ""

    def __init__(self, detail: str = "", *, hint: str = "") -> None:
        message = (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(f"{message} {detail}".strip())
        self.detail = detail
        if hint:
            self.hint = hint


class ConfigError(AuroraLogsError):
    """The configuration does not fit."""


class AccessDenied(ConfigError):
    """Access was denied."""

    hint = "grant the action that is named, then: aurora-logs doctor"


class StateNewer(ConfigError):
    """The state was written by a newer version of Aurora Logs; nothing was changed."""

    hint = "install that version, or use another --data-dir"


class Transient(AuroraLogsError):
    """It did not work this time."""

    def __init__(self, detail: str = "", *, retry_after_sec: float | None = None, hint: str = "") -> None:
        super().__init__(detail, hint=hint)
        self.retry_after_sec = retry_after_sec


class Throttled(Transient):
    """The other side told us to slow down."""

    hint = "lower RDS_API_RATE_LIMIT if this lasts"


class Unreachable(Transient):
    """The other side could not be reached, or answered with an error of its own."""


class TimedOut(Transient):
    """No answer came in time."""


class SinkBusy(Transient):
    """The sink is overloaded."""


class BreakerOpen(Transient):
    """circuit breaker is open"""


class DiskFull(Transient):
    """The disk is full; intake stops until there is room."""

    hint = "free space in DATA_DIR; collection goes on by itself"


class InstanceNotReady(Transient):
    """The instance can't serve its logs now (paused, stopped or starting)."""


class ListingChanged(Transient):
    """The files changed while they were read."""


class Permanent(AuroraLogsError):
    """It will not work this way."""


class NotFound(Permanent):
    """There is no such thing."""


class InstanceGone(Permanent):
    """RDS does not know this instance."""

    hint = "aurora-logs instances list"


class LogFileGone(Permanent):
    """RDS does not have this log file any more."""


class BinaryRefused(Permanent):
    """RDS refuses this range because it holds binary data."""


class MarkerRefused(Permanent):
    """RDS refuses this marker."""


class CompleteFileRefused(Permanent):
    """RDS does not hand out the complete file."""

    hint = "allow rds:DownloadCompleteDBLogFile; until then only portions are used"


class SinkRejected(Permanent):
    """The sink rejected the batch."""

    reason = "rejected"


class RecordTooLarge(SinkRejected):
    """The sink takes no request of this size."""

    reason = "too_large"
    hint = "raise the sink's limit, then: aurora-logs dlq replay"


class RecordTooOld(SinkRejected):
    """The sink takes no records of this age."""

    reason = "too_old"
    hint = "raise ZO_INGEST_ALLOWED_UPTO of OpenObserve, then: aurora-logs dlq replay"


class RecordOfWrongType(SinkRejected):
    """A value does not fit its column; nothing was sent."""

    reason = "schema"
    hint = "an error of ours: report it with the field that is named"


class Conflict(AuroraLogsError):
    """Somebody else has it."""


class ClaimHeld(Conflict):
    """Another worker holds this log file."""


class EpochMoved(Conflict):
    """Another worker took this log file over."""


class DirectoryInUse(Conflict):
    """Another process collects into this directory."""

    hint = "stop it, or use another --data-dir"


class Unknown(AuroraLogsError):
    """It may have happened, or not."""


class ReceiptMissing(Unknown):
    """The sink gave no receipt."""


class ReceiptPartial(Unknown):
    """The sink confirmed fewer records than were sent."""


class StateAnswerLost(Unknown):
    """The state store may have applied a write whose answer was lost."""

"""What the source lists: instances and log files, and the rows in which discovery remembers them."""

import msgspec


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """One DB instance as RDS describes it (DescribeDBInstances, DescribeDBClusters).

    resource_id:  DbiResourceId; survives a rename and is part of every record id. Folder source: the instance's name.
    cluster_id:   "" outside a cluster.
    engine:       aurora-mysql, aurora-postgresql, mysql, mariadb, postgres; "" when it must be detected (folder).
    status:       as RDS prints it: available, stopped, deleting, …
    aws_region, account_id: "" when the source is not RDS.
    place:        the source's name of account and region (LogSource.places); instance_id and cluster_id end in it where
                  it is not the first one.
    tags:         its own, over those of its cluster; only in what a source lists: the state does not keep them.
    """

    instance_id: str
    resource_id: str
    cluster_id: str = ""
    engine: str = ""
    engine_version: str = ""
    instance_class: str = ""
    status: str = "available"
    is_cluster_writer: bool = False
    aws_region: str = ""
    account_id: str = ""
    place: str = ""
    tags: dict[str, str] = {}


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a database is told to log: what users set; what they did not has the engine's default.

    parameters: user-set values by name, the instance's before its cluster's.
    groups:     the parameter groups they come from, the instance's first.
    exports:    log types that RDS sends to CloudWatch Logs as well, for which AWS is paid.
    """

    parameters: dict[str, str]
    groups: list[str]
    exports: list[str]


class ListedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a listing.

    log_file_name:   as the source lists it.
    size_bytes:      a hint, not a proof (rds-log-api.md §1 fact 7).
    last_written_ms: epoch milliseconds by the database's clock.
    ordinal:         of a segment that is renamed, when the listing tells it; None when only a read can tell.
    """

    log_file_name: str
    size_bytes: int
    last_written_ms: int
    ordinal: str | None = None


class LogFile(msgspec.Struct, frozen=True, kw_only=True):
    """One unit of work: a dated file, or a family of hourly files under its live name. One claim each.

    log_file_name: the family: key of the checkpoint together with instance_id.
    log_type:      error, slowquery, general, audit, postgresql.
    """

    instance_id: str
    resource_id: str
    cluster_id: str
    engine: str
    log_type: str
    log_file_name: str
    aws_region: str = ""
    account_id: str = ""


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's half of a tracking row: what of a segment is delivered, dead-lettered or reported as gap.

    ids_crc:   CRC-32 over the record ids in file order, so that an audit sees more than a number.
    tail_hash: as on the checkpoint, so that a file that was cut is noticed when the checkpoint was deleted too.
    resend_until: up to where the segment may be stored although it is not known to be (Checkpoint.resend_until).
    epoch:     of the claim that wrote it: a write of an older one is refused (law 2); 0 outside a claim.
    """

    segment_id: str = ""
    delivered_bytes: int = 0
    records: int = 0
    gap_bytes: int = 0
    raw_records: int = 0
    ids_crc: int = 0
    tail_hash: bytes = b""
    resend_until: int = 0
    epoch: int = 0


class TrackedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A row of aurora-log-file-tracking: one listed name (names-and-runbook.md §2.8).

    Units: last_written in ms; discovered_at, queued_at, updated_at, audited_at in epoch seconds; sizes in bytes.
    status:          discovered, processing, completed, failed.
    delivered_bytes: delivered position in this name's segment; records: entries delivered from it; ids_crc, tail_hash,
                     resend_until, epoch: see Delivered.
    family:          name of the checkpoint row that covers this file.
    segment_id:      the segment that delivered_bytes refers to; "" before the first delivery.
    missing:         whole listings in a row that lacked this file.
    """

    instance_id: str
    log_file_name: str
    status: str
    log_type: str
    cluster_id: str
    resource_id: str
    family: str
    last_written: int
    file_size: int
    discovered_at: int
    updated_at: int
    delivered_bytes: int = 0
    records: int = 0
    gap_bytes: int = 0
    queued_at: int = 0
    error: str = ""
    audited_at: int = 0
    segment_id: str = ""
    missing: int = 0
    raw_records: int = 0
    ids_crc: int = 0
    tail_hash: bytes = b""
    resend_until: int = 0
    epoch: int = 0
    schema_version: int = 1


class TrackedInstance(msgspec.Struct, frozen=True, kw_only=True):
    """A row of aurora-instance-metadata: the instance and the lease of its listing. Times in epoch seconds.

    updated_at:  when RDS described it last; is_cluster_writer and status are of that time.
    listed_at:   its last listing; swept_at: its last whole one, not only of what was written since.
    lease_until: until then nobody but lease_owner lists it: while a listing is under way, and then until the next is due.
    error:       why its files can't be listed; "" when they can.
    at_risk_bytes: forecast of the last listing: bytes that RDS deletes before they are delivered, at the present speed.
    """

    instance: Instance
    updated_at: int = 0
    expires_at: int = 0
    listed_at: int = 0
    swept_at: int = 0
    lease_owner: str = ""
    lease_until: int = 0
    error: str = ""
    at_risk_bytes: int = 0


def delivered_of(row: TrackedFile) -> Delivered:
    """Return the worker's half of a row."""
    return Delivered(segment_id=row.segment_id, delivered_bytes=row.delivered_bytes, records=row.records,
                     gap_bytes=row.gap_bytes, raw_records=row.raw_records, ids_crc=row.ids_crc, tail_hash=row.tail_hash,
                     resend_until=row.resend_until, epoch=row.epoch)

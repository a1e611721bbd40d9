"""The DynamoDB tables: keys, indexes and the TTL attribute of each (names-and-runbook.md §2.8); no call is made here."""

import msgspec

from aurora_logs.names import CHECKPOINT_TABLE, DEAD_LETTER_TABLE, INSTANCE_TABLE, TRACKING_TABLE

SCHEMA_VERSION = 1
LISTED_INDEX = "listed-as"
"""Answers "all rows of one sort" by Query where the key alone would need a Scan; hash key `listed_as`."""
LISTED_INSTANCE, LISTED_LETTER, LISTED_GAP = "instance", "dead_letter", "gap"


class StateTables(msgspec.Struct, frozen=True, kw_only=True):
    """The four tables by their role. They must differ (BAN-S01)."""

    instances: str = INSTANCE_TABLE
    tracking: str = TRACKING_TABLE
    checkpoints: str = CHECKPOINT_TABLE
    dead_letters: str = DEAD_LETTER_TABLE


class TableContract(msgspec.Struct, frozen=True, kw_only=True):
    """What a table must look like. All are PAY_PER_REQUEST.

    keys: hash key, then range key, with their types. ttl: attribute in epoch seconds, "" for none.
    index_range: range key and type of LISTED_INDEX; None: the table has no index.
    """

    name: str
    keys: tuple[tuple[str, str], ...]
    ttl: str = ""
    index_range: tuple[str, str] | None = None


def contracts(tables: StateTables) -> list[TableContract]:
    """Return the contract of each table."""
    file_keys = (("instance_id", "S"), ("log_file_name", "S"))
    return [
        TableContract(name=tables.instances, keys=(("instance_id", "S"),), ttl="expires_at",
                      index_range=("instance_id", "S")),
        TableContract(name=tables.tracking, keys=file_keys),
        TableContract(name=tables.checkpoints, keys=file_keys, ttl="expires_at"),
        TableContract(name=tables.dead_letters, keys=(("message_id", "S"),), index_range=("failed_at", "N")),
    ]

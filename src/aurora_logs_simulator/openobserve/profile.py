"""What differs between the server's versions, and what its owner can set (environment variables of the real one)."""

from __future__ import annotations

import msgspec

HOUR_US = 3_600_000_000


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One version of the server.

    overload_status:     400 up to v0.14, then 503.
    refuses_encodings:   415 for a Content-Encoding it does not know; older ones ignore the header.
    counts_bad_elements: an element of `_json` that is no object counts as failed instead of refusing the request.
    null_time_is_now:    `_timestamp: null` is the time of arrival instead of a failure.
    buffers_wal:         what was answered last is lost by a kill while fsync is off.
    """

    name: str
    version: str
    overload_status: int
    refuses_encodings: bool
    counts_bad_elements: bool
    null_time_is_now: bool
    buffers_wal: bool
    says_realm: bool
    too_long_text: str
    dashboard_versions: tuple[int, ...]


PROFILES = {
    "0.14": Profile(
        name="0.14", version="v0.14.7", overload_status=400, refuses_encodings=False, counts_bad_elements=False,
        null_time_is_now=False, buffers_wal=False, says_realm=False, too_long_text="payload reached size limit",
        dashboard_versions=(1, 2, 3, 4, 5)),
    "0.15": Profile(
        name="0.15", version="v0.15.3", overload_status=503, refuses_encodings=False, counts_bad_elements=False,
        null_time_is_now=False, buffers_wal=True, says_realm=False, too_long_text="payload reached size limit",
        dashboard_versions=(1, 2, 3, 4, 5)),
    "0.92": Profile(
        name="0.92", version="v0.92.2", overload_status=503, refuses_encodings=True, counts_bad_elements=True,
        null_time_is_now=True, buffers_wal=True, says_realm=True, too_long_text="length limit exceeded",
        dashboard_versions=(1, 2, 3, 4, 5, 6, 7, 8)),
}  # fmt: skip


class Setup(msgspec.Struct, kw_only=True):
    """The server's settings; those that no restart needs may be changed while it runs.

    window_back_hours, window_ahead_hours: ZO_INGEST_ALLOWED_UPTO, ZO_INGEST_ALLOWED_IN_FUTURE.
    payload_limit_bytes: ZO_PAYLOAD_LIMIT, of the decoded body. columns_limit: ZO_COLS_PER_RECORD_LIMIT.
    flatten_level:  ZO_INGEST_FLATTEN_LEVEL; 0: no limit. default_size: ZO_QUERY_DEFAULT_LIMIT.
    fsync:          ZO_WAL_FSYNC_DISABLED=false.
    auto_create:    ZO_CREATE_ORG_THROUGH_INGESTION, for the root user.
    search_lag_sec: how long a stored record stays invisible. cache_sec: how long an answer of a search is kept.
    capacity_bytes_per_sec, in_flight: beyond them the server answers that it is overloaded; 0: no limit.
    delete_sec:     how long a stream "is being deleted".
    base_uri:       ZO_BASE_URI, a prefix of every path.
    """

    profile: str = "0.15"
    window_back_hours: float = 5
    window_ahead_hours: float = 24
    payload_limit_bytes: int = 209_715_200
    columns_limit: int = 1000
    flatten_level: int = 3
    default_size: int = 1000
    fsync: bool = False
    auto_create: bool = True
    search_lag_sec: float = 0.0
    cache_sec: float = 60.0
    capacity_bytes_per_sec: float = 0.0
    in_flight: int = 0
    delete_sec: float = 5.0
    base_uri: str = ""
    root_user: str = "root@example.com"
    root_password: str = "simulator-root"  # noqa: S105 - opens nothing but this simulator

    @property
    def version(self) -> Profile:
        """The version that the server behaves as."""
        return PROFILES[self.profile]

"""Every named fault: what it does, which case of the RDS log API sheet it stands for, and where it strikes."""

from __future__ import annotations

import msgspec


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """One named fault.

    where:  `call` before any operation; `list`, `portion`, `complete` in one operation; `life` at a listing of the
            instance; `load` when an entry is written.
    cases:  RDS- cases and rows of §3.1 that it serves.
    value:  the default of its one parameter, with the unit in `about`; None when it has none.
    """

    name: str
    where: str
    cases: str
    about: str
    value: float | None = None


def _fault(where: str, name: str, cases: str, about: str, value: float | None = None) -> Fault:
    return Fault(name=name, where=where, cases=cases, about=about, value=value)


ALL: tuple[Fault, ...] = (
    # Before any operation
    _fault("call", "throttle", "RDS-106, 13.2", "Throttling, Rate exceeded, whatever the bucket holds"),
    _fault("call", "error_500", "13.2", "InternalFailure with status 500"),
    _fault("call", "error_503", "13.2", "ServiceUnavailable with status 503"),
    _fault("call", "slow", "13.2", "the answer waits for `value` seconds of real time", 2.0),
    _fault("call", "reset", "13.2", "the connection is closed without an answer"),
    _fault("call", "reset_mid_body", "13.2", "the connection is closed after half of the body"),
    _fault("call", "html_answer", "RDS-77", "status 200 with a proxy's HTML page"),
    _fault("call", "empty_body", "RDS-77", "status 200 with no body"),
    _fault("call", "cut_xml", "RDS-77", "status 200 and a Content-Length that fits an XML cut in the middle"),
    _fault("call", "access_denied", "RDS-15, RDS-80", "AccessDenied for the instance or operation of the rule"),
    _fault("call", "credentials_expired", "RDS-19, 13.2", "ExpiredToken"),
    _fault("call", "clock_skew", "13.2", "signatures look `value` seconds too old", 600.0),
    _fault("call", "instance_not_ready", "RDS-90", "DBInstanceNotReady on log calls"),
    # Listings
    _fault("list", "listing_empty", "RDS-05, 3.1 row 10", "no file at all for a healthy instance"),
    _fault("list", "listing_page_fails", "RDS-06", "a page behind the first fails with status 500"),
    _fault("list", "listing_repeats", "RDS-07", "the last file of a page stands on the next one again"),
    _fault("list", "listing_lags", "RDS-09", "LastWritten is `value` seconds behind", 90.0),
    _fault("list", "listing_stale", "RDS-09", "sizes and times of the listing before"),
    _fault("list", "listing_reversed", "2.3", "the order of names is turned round"),
    _fault("list", "instance_missing", "RDS-11, RDS-12", "an instance is not in DescribeDBInstances"),
    _fault("list", "hostile_names", "RDS-102", "names with `../`, `%2f`, blank, newline, `?x=` among the files"),
    _fault("list", "unknown_names", "RDS-16", "files of unknown folders and names among the files"),
    _fault("list", "error_log_filtered", "RDS-56", "`error/mysql-error*` lists `value` bytes that nobody gets", 19_000.0),
    # What happens to an instance, decided when its files are listed
    _fault("life", "rotate_between_list_and_download", "RDS-44", "every log rotates right behind the listing"),
    _fault("life", "purge_unread", "RDS-42, RDS-43", "the oldest closed file of each log is deleted behind the listing"),
    _fault("life", "compress_closed", "RDS-54", "the oldest closed PostgreSQL file becomes `.gz` behind the listing"),
    _fault("life", "shrink_on_restart", "RDS-78, RDS-79", "reboot: all files shrink by `value` bytes, with event", 4_096.0),
    _fault("life", "shrink_silent", "RDS-80", "the same without an event", 4_096.0),
    _fault("life", "shrink_mid_entry", "RDS-78, 8.1", "the same, cut inside an entry: its head stays behind", 4_096.0),
    _fault("life", "fail_over", "RDS-04, 8.1", "the instance's cluster fails over, both members shrink", 4_096.0),
    _fault("life", "instance_stopping", "RDS-91", "status `stopping`; at the next strike the logs are deleted"),
    _fault("life", "instance_deleting", "RDS-89", "status `deleting`; at the next strike the instance is deleted"),
    _fault("life", "instance_renamed", "RDS-13", "the identifier becomes `…-renamed`, and at the next strike the old one"),
    _fault("life", "names_switched", "RDS-14", "blue/green: the instance becomes `…-old1`, and `…-green` gets its name"),
    _fault("life", "storage_pressure", "RDS-110", "every log is kept for `value` hours only from now on", 5.0),
    # Portions
    _fault("portion", "data_missing", "RDS-22, 3.1 row 6", "no LogFileData element, although the marker moved"),
    _fault("portion", "data_empty_element", "RDS-22", "`<LogFileData/>`, although the marker moved"),
    _fault("portion", "marker_missing", "RDS-23, 3.1 row 7", "data without a Marker element"),
    _fault("portion", "marker_missing_no_data", "RDS-23, 3.1 row 7", "neither data nor a Marker element"),
    _fault("portion", "pending_missing", "RDS-24, 3.1 row 1", "no AdditionalDataPending element"),
    _fault("portion", "marker_zero", "RDS-25, 3.1 row 8", "marker `0` returned with data"),
    _fault("portion", "marker_stuck", "RDS-26, 3.1 row 9", "no data, the sent marker again, pending=true"),
    _fault("portion", "ends_early", "RDS-27, 3.1 row 3", "pending=false although there is more"),
    _fault("portion", "overlap", "RDS-28, 3.1 row 4", "the last `value` bytes before the marker come again", 300.0),
    _fault("portion", "hole", "RDS-29, 3.1 row 5", "`value` lines are left out, the marker is right", 5.0),
    _fault("portion", "opaque_marker", "RDS-31", "markers without a readable form, honoured when sent back"),
    _fault("portion", "built_marker_refused", "RDS-31", "a marker that was never handed out is refused"),
    _fault("portion", "marker_refused", "RDS-38", "a good marker is refused with InvalidParameterValue"),
    _fault("portion", "cap_cuts_bytes", "RDS-34", "the answer ends at a byte in a line, no notice, marker right behind"),
    _fault("portion", "line_truncated", "RDS-63, RDS-68", "the cap lands in a line: notice, marker behind the line"),
    _fault("portion", "line_truncated_at_cap", "RDS-64", "the same with the marker directly behind the cap"),
    _fault("portion", "file_not_found_once", "RDS-39, 3.1 row 14", "DBLogFileNotFoundFault for a file that is there"),
    _fault("portion", "rotate_between_portions", "RDS-45, 3.1 row 13", "the file's log rotates before the answer"),
    _fault("portion", "chain_rotates", "RDS-51, RDS-52", "a rename chain moves `value` steps before the answer", 1.0),
    _fault("portion", "compress_between_portions", "RDS-54", "the closed PostgreSQL file becomes `.gz` while it is read"),
    _fault("portion", "live_ordinal_on_rotated", "RDS-46", "an answer for a rotated name carries the live hour"),
    _fault("portion", "instance_deleted", "RDS-89", "the instance is deleted before the answer"),
    _fault("portion", "binary_line", "RDS-72, RDS-73", "one line of the asked range is refused as binary from now on"),
    _fault("portion", "binary_refused", "RDS-74", "the whole range is refused as binary"),
    _fault("portion", "lossy_question_marks", "RDS-75, 3.1 row 12", "each non-ASCII byte comes as `?`"),
    _fault("portion", "cdata", "RDS-76", "LogFileData is written as CDATA"),
    _fault("portion", "entities_named", "RDS-76", "quotes are escaped too, by name; CR as a reference"),
    _fault("portion", "entities_decimal", "RDS-76", "every escape is a decimal reference"),
    _fault("portion", "entities_hex", "RDS-76", "every escape is a hexadecimal reference"),
    # The complete-file endpoint
    _fault("complete", "complete_forbidden", "RDS-97", "AccessDenied on the complete path"),
    _fault("complete", "complete_cut", "RDS-95", "the stream breaks after the share `value` of the file", 0.3),
    _fault("complete", "complete_gzip_transfer", "RDS-98", "Content-Encoding gzip although nobody asked"),
    _fault("complete", "complete_gzip_content", "RDS-98, RDS-99", "the body of a `.gz` name is gzip data itself"),
    _fault("complete", "complete_file_rotates", "RDS-96", "the file's log rotates while it is sent"),
    _fault("complete", "complete_not_found", "9", "DBLogFileNotFoundFault on the complete path"),
    # What stands in the files
    _fault("load", "carriage_returns", "RDS-33", "an entry ends with a comment line that holds CR, CRLF and `&#13;`"),
    _fault("load", "control_bytes", "RDS-71", "an entry ends with a line that holds NUL, ESC, 0x01, U+FFFE, latin-1, cut UTF-8"),
    _fault("load", "multi_byte", "RDS-34, RDS-75", "an entry ends with a line of 2, 3 and 4-byte characters"),
    _fault("load", "notice_in_text", "RDS-67", "an entry ends with the notice of truncation as its own text"),
    _fault("load", "long_line", "RDS-65", "an entry ends with a line of `value` bytes", 300_000.0),
    _fault("load", "huge_line", "RDS-66", "an entry ends with one line of `value` bytes", 3_000_000.0),
    _fault("load", "equal_entries", "RDS-84", "an entry is written twice, byte for byte"),
    _fault("load", "half_entry", "RDS-35, RDS-70", "an entry's second half comes only with the next entry"),
    _fault("load", "straddle_rotation", "RDS-62", "an entry begins in one file and ends in the next"),
    _fault("load", "repeated_header", "4.1", "the server's file header stands in the middle of the file again"),
    _fault("load", "scaling_lines", "RDS-92", "the error log holds lines of Serverless scaling"),
)  # fmt: skip

BY_NAME: dict[str, Fault] = {fault.name: fault for fault in ALL}


def table(faults: tuple[Fault, ...] = ALL) -> str:
    """Return the faults as a Markdown table."""
    rows = ["| fault | where | cases | what it does | value |", "|---|---|---|---|---|"]
    for fault in faults:
        value = "" if fault.value is None else f"{fault.value:g}"
        rows.append(f"| `{fault.name}` | {fault.where} | {fault.cases} | {fault.about} | {value} |")
    return "\n".join(rows)

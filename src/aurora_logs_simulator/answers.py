"""What the state machine answers: values, refusals and broken transfers, before they become bytes on a wire."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import msgspec

Item: TypeAlias = "str | int | bool | list[Item] | dict[str, Item] | None"

PIECE_BYTES = 1_048_576  # a complete file is read and sent in pieces of this size


class ApiError(Exception):
    """A refusal with AWS's own code.

    code:    the code on the wire, such as `DBInstanceNotFound`.
    status:  the HTTP status that AWS sends with it.
    """

    def __init__(self, code: str, status: int, message: str) -> None:
        """Keep what goes into the error answer."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message


class Broken(Exception):
    """The answer is not an API answer at all.

    how:     `reset`, `html`, `empty`: nothing of the answer arrives; `cut_xml`, `reset_mid_body`: its first part.
    answer:  what would have been sent, for the two that send a part of it.
    """

    def __init__(self, how: str, answer: Portion | Page | None = None) -> None:
        """Keep how the transfer breaks."""
        super().__init__(how)
        self.how = how
        self.answer = answer


class ListedFile(msgspec.Struct, frozen=True, kw_only=True):
    """One row of DescribeDBLogFiles: sizes in bytes, times in milliseconds since 1970."""

    log_file_name: str
    last_written_ms: int
    size_bytes: int


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a describe operation.

    items:   AWS's own member names and values (`DBInstanceIdentifier`, …), ready for XML.
    marker:  give it back for the next page; None on the last.
    """

    items: list[dict[str, Item]]
    marker: str | None = None


class Portion(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of DownloadDBLogFilePortion.

    content:   the bytes of LogFileData; None: the element is missing.
    marker:    None: the element is missing.
    pending:   AdditionalDataPending; None: the element is missing.
    segment_id, start, end: where in which segment the content was read; byte offsets, end exclusive.
    truncated: a line was cut and the notice added.
    exact:     the content is the file's bytes from start to end, nothing more or less.
    covers:    a careful reader has every entry of [start, end) now; the ledger counts those bytes as served.
    spelling:  how LogFileData is written in XML: `escaped`, `cdata`, `named`, `decimal`, `hex`, `empty_element`.
    """

    content: bytes | None
    marker: str | None
    pending: bool | None
    segment_id: str
    start: int
    end: int
    truncated: bool = False
    exact: bool = True
    covers: bool = True
    spelling: str = "escaped"


class CompleteFile(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the complete-file endpoint.

    size_bytes:  Content-Length before any transfer encoding.
    read:        gives bytes [start, end) of the file as it was when the request came.
    cut_after_bytes: the connection breaks after this many bytes; None: it does not.
    """

    segment_id: str
    size_bytes: int
    read: Callable[[int, int], bytes]
    cut_after_bytes: int | None = None

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes in order, up to the cut when there is one."""
        end = self.size_bytes if self.cut_after_bytes is None else min(self.cut_after_bytes, self.size_bytes)
        for start in range(0, end, PIECE_BYTES):
            yield self.read(start, min(start + PIECE_BYTES, end))


def instance_not_found(identifier: str) -> ApiError:
    """Return the refusal for an unknown instance; a cluster identifier gets it as well."""
    return ApiError("DBInstanceNotFound", 404, f"DBInstance {identifier} not found.")


def file_not_found(name: str) -> ApiError:
    """Return the refusal for a log file that is not there; the code on the wire keeps the word Fault."""
    return ApiError("DBLogFileNotFoundFault", 404, f"DBLog File: {name}, is not found on the DB instance")


def invalid_parameter(message: str) -> ApiError:
    """Return the refusal of a value."""
    return ApiError("InvalidParameterValue", 400, message)


def binary_data() -> ApiError:
    """Return RDS's refusal of a range that it takes for binary."""
    return invalid_parameter("This file contains binary data and should be downloaded instead of viewed.")


def not_ready(identifier: str) -> ApiError:
    """Return the refusal of an instance that cannot answer now: paused, creating, rebooting."""
    return ApiError("DBInstanceNotReady", 400, f"DB instance {identifier} is not ready for log file access.")

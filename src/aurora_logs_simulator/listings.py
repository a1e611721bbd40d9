"""The describe operations on rows: filters and paging as RDS does them."""

from __future__ import annotations

import base64
import binascii

from aurora_logs_simulator.answers import Item, ListedFile, Page, invalid_parameter

PAGE_ROWS = 100  # default of MaxRecords; documented bounds of most operations are 20 to 100
SMALLEST_PAGE_ROWS = 20


def page(rows: list[dict[str, Item]], key: str, *, marker: str | None, max_records: int | None) -> Page:
    """Return one page of rows in the order of their key; the marker names the last row that was given.

    Raises: ApiError InvalidParameterValue for a page size out of 20 to 100 or a marker that is none.
    """
    size = PAGE_ROWS if max_records is None else max_records
    if not SMALLEST_PAGE_ROWS <= size <= PAGE_ROWS:
        raise invalid_parameter(f"Invalid value {size} for MaxRecords. Must be between 20 and 100")
    return any_page(rows, key, marker=marker, size=size)


def any_page(rows: list[dict[str, Item]], key: str, *, marker: str | None, size: int) -> Page:
    """Return one page of any size: DescribeDBLogFiles states no bounds."""
    if size < 1:
        raise invalid_parameter(f"Invalid value {size} for MaxRecords")
    ordered = sorted(rows, key=lambda row: str(row[key]))
    if marker is not None:
        last = read_page_marker(marker)
        ordered = [row for row in ordered if str(row[key]) > last]
    given = ordered[:size]
    more = len(ordered) > size
    return Page(items=given, marker=page_marker(str(given[-1][key])) if more else None)


def numbered_page(rows: list[dict[str, Item]], *, marker: str | None, max_records: int | None) -> Page:
    """Return one page of rows that have no key and keep their order: events."""
    for index, row in enumerate(rows):
        row["_index"] = f"{index:08d}"
    found = page(rows, "_index", marker=marker, max_records=max_records)
    return Page(items=[{k: v for k, v in row.items() if k != "_index"} for row in found.items], marker=found.marker)


def page_marker(last: str) -> str:
    """Return the opaque marker behind a row."""
    return base64.urlsafe_b64encode(last.encode()).decode()


def read_page_marker(marker: str) -> str:
    """Return the row that a marker stands behind."""
    try:
        return base64.urlsafe_b64decode(marker.encode()).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError) as exc:
        raise invalid_parameter(f"Invalid Marker: {marker}") from exc


def matching(rows: list[dict[str, Item]], wanted: dict[str, list[str]], members: dict[str, str]) -> list[dict[str, Item]]:
    """Return the rows that fit every filter; `members` maps a filter's name to the row's member."""
    for name, values in wanted.items():
        member = members.get(name)
        if member is None:
            raise invalid_parameter(f"Unrecognized filter name: {name}")
        rows = [row for row in rows if str(row.get(member, "")) in values]
    return rows


def file_row(file: ListedFile) -> dict[str, Item]:
    """Return one row of DescribeDBLogFiles."""
    return {"LogFileName": file.log_file_name, "LastWritten": file.last_written_ms, "Size": file.size_bytes}

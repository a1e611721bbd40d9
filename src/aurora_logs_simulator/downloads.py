"""The two ways to read a log file, with the planted faults of each: portions and the complete file."""

from __future__ import annotations

import base64
import gzip

import msgspec

from aurora_logs_simulator.account import Account
from aurora_logs_simulator.answers import (
    CompleteFile,
    Portion,
    binary_data,
    file_not_found,
    instance_not_found,
    invalid_parameter,
)
from aurora_logs_simulator.family import ChainFamily, DatedFamily, Family, HourlyFamily
from aurora_logs_simulator.faults import Faults
from aurora_logs_simulator.gate import COMPLETE, denied
from aurora_logs_simulator.logfile import LogFile, Segment
from aurora_logs_simulator.portion_faults import disturbed
from aurora_logs_simulator.portions import Caps, end_of_line, parse_marker, read_portion

OPERATION = "DownloadDBLogFilePortion"
OPAQUE = "opaque-"


class Downloads:
    """Reads of one account's files; remembers the markers it handed out."""

    def __init__(self, account: Account, faults: Faults) -> None:
        """Begin with no marker handed out."""
        self._account = account
        self._faults = faults
        self._issued: set[tuple[str, str]] = set()
        self._capped_tails: set[tuple[str, str, str]] = set()

    def portion(self, instance: str, name: str, *, marker: str | None, lines: int | None, now_us: int) -> Portion:
        """Answer DownloadDBLogFilePortion.

        Raises: ApiError.
        """
        place = {"operation": OPERATION, "instance": instance, "file": name}
        self._change_first(instance, name, place, now_us)
        owner = self._account.instance(instance)
        file = owner.find(name)
        if file is None or self._faults.strike("file_not_found_once", **place):
            raise file_not_found(name)
        family = owner.family_of(file)
        marker = self._checked(marker, place)
        caps = self._caps(file, marker, lines, place)
        self._refuse(file, family, marker, place)
        answer = read_portion(file, family, marker=marker, lines=lines, now_us=now_us, caps=caps)
        if (instance, name, str(marker)) in self._capped_tails:
            answer = msgspec.structs.replace(answer, pending=None)  # sheet 3.1 row 1
        if marker is None and answer.truncated:
            self._capped_tails.add((instance, name, str(answer.marker)))
        self._issued.add((instance, str(answer.marker)))
        live = family.live.ordinal if isinstance(family, HourlyFamily) and file is not family.live else None
        answer = disturbed(answer, file=file, sent=marker, live_ordinal=live, faults=self._faults, place=place)
        if family is not None and answer.covers:
            self._served(family, answer)
        if answer.marker is not None and self._faults.strike("opaque_marker", **place):
            hidden = base64.urlsafe_b64encode(answer.marker.encode()).decode()
            answer = msgspec.structs.replace(answer, marker=f"{OPAQUE}{hidden}")
        return answer

    def complete(self, instance: str, name: str, now_us: int) -> CompleteFile:
        """Answer the complete-file endpoint.

        Raises: ApiError.
        """
        place = {"operation": COMPLETE, "instance": instance, "file": name}
        owner = self._account.instance(instance)
        if self._faults.strike("complete_forbidden", **place):
            raise denied(COMPLETE, self._account.account_id, owner.arn)
        file = owner.find(name)
        if file is None or self._faults.strike("complete_not_found", **place):
            raise file_not_found(name)
        family = owner.family_of(file)
        cut = self._faults.strike("complete_cut", **place)
        answer = self._whole(file, gzipped=self._gzips(file, place))
        if cut is not None:
            # At least the last byte is missing, whatever the share says.
            kept = min(answer.size_bytes - 1, int(answer.size_bytes * cut.amount()))
            answer = msgspec.structs.replace(answer, cut_after_bytes=max(0, kept))
        if isinstance(file, Segment) and family is not None:
            kept_bytes = answer.size_bytes if answer.cut_after_bytes is None else answer.cut_after_bytes
            family.served(file, 0, min(kept_bytes, file.content_bytes()))
            if self._faults.strike("complete_file_rotates", **place):
                family.flush(now_us)
                family.rotate_early(now_us)
        return answer

    def _gzips(self, file: LogFile, place: dict[str, str]) -> bool:
        return file.name.endswith(".gz") and self._faults.strike("complete_gzip_content", **place) is not None

    def _whole(self, file: LogFile, *, gzipped: bool) -> CompleteFile:
        size_bytes = file.content_bytes()
        if not gzipped:
            return CompleteFile(segment_id=file.segment_id, size_bytes=size_bytes, read=file.read)
        packed = gzip.compress(file.read(0, size_bytes), 1, mtime=0)
        return CompleteFile(segment_id=file.segment_id, size_bytes=len(packed), read=lambda a, b: packed[a:b])

    def _change_first(self, instance: str, name: str, place: dict[str, str], now_us: int) -> None:
        """Let faults strike that change the instance between the caller's last answer and this one."""
        owner = self._account.instance(instance)
        if self._faults.strike("instance_deleted", **place):
            self._account.delete(instance, now_us)
            raise instance_not_found(instance)
        file = owner.find(name)
        family = None if file is None else owner.family_of(file)
        if family is None or not isinstance(file, Segment):
            return
        if file in family.live_segments() and self._faults.strike("rotate_between_portions", **place):
            family.flush(now_us)
            family.rotate_early(now_us)
        if isinstance(family, ChainFamily):
            steps = self._faults.strike("chain_rotates", **place)
            for _ in range(0 if steps is None else int(steps.amount())):
                family.rotate_early(now_us)
        if isinstance(family, DatedFamily) and file in family.closed and not file.is_compressed:  # noqa: SIM102
            if self._faults.strike("compress_between_portions", **place):
                family.compress(file)

    def _checked(self, marker: str | None, place: dict[str, str]) -> str | None:
        if marker is None or marker == "0":
            return marker
        if marker.startswith(OPAQUE):
            marker = base64.urlsafe_b64decode(marker.removeprefix(OPAQUE)).decode()
        built = (place["instance"], marker) not in self._issued
        if (built and self._faults.strike("built_marker_refused", **place)) or self._faults.strike(
            "marker_refused", **place
        ):
            raise invalid_parameter(f"Invalid marker: {marker}")
        return marker

    def _caps(self, file: LogFile, marker: str | None, lines: int | None, place: dict[str, str]) -> Caps:
        """Return where this answer ends; a planted cap belongs to the place, so the same call meets it again."""
        if marker is None:
            return Caps()
        offset = parse_marker(marker).offset
        there = f"{file.segment_id}@{offset}"
        left_bytes = file.content_bytes() - offset
        for fault, cut, behind in (
            ("line_truncated", "always", True),
            ("line_truncated_at_cap", "always", False),
            ("cap_cuts_bytes", "bytes", False),
        ):
            if not self._faults.is_on(fault):
                continue
            share = 0.25 + 0.7 * self._faults.share(fault, place["instance"], there)
            cap_bytes = int(min(left_bytes, Caps().cap_bytes) * share)
            # The cap must land inside a line, behind at least one whole one.
            window = file.read(offset, offset + cap_bytes)
            whole_lines = window.count(b"\n")
            if not 0 < whole_lines < (lines or Caps().cap_lines) or window.endswith(b"\n"):
                continue
            if self._faults.strike_at(fault, there, **place):
                return Caps(cap_bytes=cap_bytes, cut=cut, marker_behind_line=behind)
        return Caps()

    def _refuse(self, file: LogFile, family: Family | None, marker: str | None, place: dict[str, str]) -> None:
        if self._faults.strike("binary_refused", **place):
            raise binary_data()
        if family is None or not isinstance(file, Segment) or marker is None:
            return
        offset = parse_marker(marker).offset
        left_bytes = min(file.content_bytes() - offset, Caps().cap_bytes)
        if left_bytes > 0 and self._faults.strike("binary_line", **place):
            middle = offset + left_bytes // 2
            start = file.content.rfind(b"\n", offset, middle) + 1 or offset
            end = end_of_line(file, middle)
            file.refused.append((start, end))
            family.unreadable(file, start, end, "binary")

    def _served(self, family: Family, answer: Portion) -> None:
        for segment in family.segments():
            if segment.segment_id == answer.segment_id:
                family.served(segment, answer.start, answer.end)



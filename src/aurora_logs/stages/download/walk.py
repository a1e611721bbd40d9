"""Read at byte offsets by following real markers, for a source that honours no built ones or whose markers are opaque.

Rare (RDS-31), so it costs calls instead of state: a walk begins at the start of the file and skips what is delivered.
"""

from aurora_logs.ports import LogSource
from aurora_logs.records.flow import Answer
from aurora_logs.segments import CHECK_BYTES, START, build_marker, parse_marker
from aurora_logs.stages.download.answers import NOTICE


def is_opaque(marker: str | None) -> bool:
    """Tell whether a marker has no readable form."""
    return bool(marker) and marker != START and parse_marker(marker or "") is None


class Walk:
    """One file's walk. Remembers the last real marker and the bytes before it, so that tail checks cost no second way."""

    def __init__(self, source: LogSource, instance_id: str, log_file_name: str, *, needs_hour: bool) -> None:
        """needs_hour: the name is live and renamed every hour; without a readable marker nobody knows which hour it is."""
        self._source, self._instance_id, self._log_file_name = source, instance_id, log_file_name
        self._needs_hour = needs_hour
        self._at, self._marker, self._window = 0, START, b""

    def read(self, offset: int, max_lines: int) -> Answer:
        """Answer as a read at a built marker for `offset` would. Raises what the source raises."""
        if offset < self._at - len(self._window):
            self._go_back()
        while True:
            is_near = offset <= self._at
            answer = self._source.read(self._instance_id, self._log_file_name, self._marker,
                                       max_lines=max_lines if is_near else 0)
            if self._needs_hour and is_opaque(answer.marker):
                return Answer(content=b"", marker=None, more=False)  # it waits for its rotated name, which tells the hour
            begins, known = self._at - len(self._window), self._window + answer.content
            marker = self._checked(answer)
            if is_near or offset < self._at + len(answer.content):
                self._pass(answer, marker)
                return Answer(content=known[offset - begins:], marker=marker, more=answer.more)
            if not answer.content or not self._pass(answer, marker):
                return Answer(content=b"", marker=None, more=answer.more)

    def _checked(self, answer: Answer) -> str | None:
        """The marker behind the answer's bytes in readable form; one that does not fit when the answer is cut."""
        if not is_opaque(answer.marker):
            return answer.marker
        end = self._at + len(answer.content)
        return build_marker("", end + 1 if NOTICE.search(answer.content) else end)

    def _pass(self, answer: Answer, marker: str | None) -> bool:
        """Move behind a sound answer; False for one whose length is not proved: the next read asks from here again."""
        found = parse_marker(marker or "")
        if answer.marker is None or found is None or found.offset != self._at + len(answer.content):
            return False
        self._window = (self._window + answer.content)[-CHECK_BYTES:]
        self._at, self._marker = found.offset, answer.marker
        return True

    def _go_back(self) -> None:
        self._at, self._marker, self._window = 0, START, b""

"""How a collecting command ends: by a signal in good order, and at the latest SHUTDOWN_TIMEOUT_SEC after it."""

import os
import signal
import sys
import threading
from types import FrameType


class Ending:
    """What SIGTERM and Ctrl-C do. `stop` is set by the first one; `signal_number` says which, 0 before any."""

    def __init__(self, shutdown_timeout_sec: float) -> None:
        """Take the process's two signals over. Used by the main thread."""
        self.stop, self.signal_number, self._timeout_sec = threading.Event(), 0, shutdown_timeout_sec
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)

    @property
    def exit_code(self) -> int:
        """0 when nobody asked, else what a shell says of a process that its signal ended."""
        return 128 + self.signal_number if self.signal_number else 0

    def _asked(self, number: int, _frame: FrameType | None) -> None:
        if self.signal_number:
            return  # once more: it is ending already
        self.signal_number = number
        self.stop.set()
        late = threading.Timer(self._timeout_sec, self._cut_short)
        late.daemon = True
        late.start()

    def _cut_short(self) -> None:
        """End at once whatever still waits for another side; what it held is settled by the next owner, as after a kill."""
        from aurora_logs import telemetry  # noqa: PLC0415

        waiting = [thread.name for thread in threading.enumerate() if not thread.daemon and thread is not threading.main_thread()]
        telemetry.drain_cut_short(self._timeout_sec, waiting)
        sys.stderr.flush()
        os._exit(self.exit_code)

"""A command on a pseudo-terminal: what a person at a screen would be sent, byte by byte."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time

from tests.acceptance.cli_world import PROGRAM, WITHIN_SEC
from tests.hostile import ACTS

OWN_ESCAPES = re.compile(r"\x1b\[(?:[0-9;]*m|[0-9]*[HJKA]|\?25[lh]|\?20(?:04|26)[lh])")  # colours, our redraw, rich's bar


class Screen:
    """A running command and all that its terminal was sent so far."""

    def __init__(self, words, env, *, columns=120, lines=40):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        clean = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen([PROGRAM, *map(str, words)], stdin=slave, stdout=slave, stderr=slave,
                                        env={"TERM": "xterm", **clean}, start_new_session=True)
        os.close(slave)
        self._master, self._pieces = master, []
        self._reader = threading.Thread(target=self._drain)
        self._reader.start()

    def _drain(self):
        while True:
            try:
                piece = os.read(self._master, 65_536)
            except OSError:  # the last writer closed its side
                return
            self._pieces.append(piece)

    @property
    def seen(self):
        """What was sent, with the terminal's line ends as plain ones."""
        return b"".join(self._pieces).decode("utf-8", "replace").replace("\r\n", "\n")

    def type(self, text):
        os.write(self._master, text.encode())

    def interrupt(self):
        os.killpg(self.process.pid, signal.SIGINT)

    def wait_for(self, text):
        until_sec = time.monotonic() + WITHIN_SEC
        while text not in self.seen and time.monotonic() < until_sec:
            time.sleep(0.02)
        assert text in self.seen, self.seen

    def end(self):
        """Wait for the end; the exit code and all that was seen."""
        code = self.process.wait(WITHIN_SEC)
        self._reader.join(WITHIN_SEC)
        os.close(self._master)
        return code, self.seen


def on_terminal(words, env, **size):
    """Run a command to its end."""
    return Screen(words, env, **size).end()


def what_acts(seen):
    """What of the data would act on the terminal: everything but our own escapes, plain newlines and tabs."""
    return ACTS.findall(OWN_ESCAPES.sub("", seen).replace("\t", " ").replace("\n", " "))

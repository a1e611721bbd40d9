"""Run one command on one core and print its cost: `user_sec system_sec max_rss_kib exit_code`. Nothing is compared.

    python -I -S measure.py CORE STDOUT_FILE COMMAND…

A process of its own, and a small one: Linux counts the forking process's pages as the first resident size of the
child, so a large parent would hide what the command needs. Only modules that are built in are imported.
"""

import os
import sys


def main(core: int, stdout_path: str, command: list[str]) -> None:
    """Fork, pin, redirect, run, wait."""
    child = os.fork()
    if child == 0:
        os.sched_setaffinity(0, {core})
        sink = os.open(stdout_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(sink, 1)
        try:
            os.execvp(command[0], command)  # noqa: S606 - no shell is wanted
        finally:
            os._exit(127)
    _, status, usage = os.wait4(child, 0)
    print(usage.ru_utime, usage.ru_stime, usage.ru_maxrss, os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], sys.argv[3:])

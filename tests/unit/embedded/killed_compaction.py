"""Entry script of a test: compact a directory and die at the n-th rename, deletion or sync, before or after it.

The product has no switch for this: the script wraps the calls of `os` in its own process.
"""

import os
import sys
from pathlib import Path

from aurora_logs.adapters.embedded.compaction import compact
from aurora_logs.adapters.embedded.directory import DataDirectory

KILLED = 99


def dies(name, step, when, counter):
    original = getattr(os, name)

    def call(*args, **kwargs):
        counter.append(name)
        if len(counter) == step and when == "before":
            os._exit(KILLED)
        answer = original(*args, **kwargs)
        if len(counter) == step:
            os._exit(KILLED)
        return answer

    return call


def main():
    folder, step, when = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    counter = []
    for name in ("rename", "unlink", "fsync"):
        setattr(os, name, dies(name, step, when, counter))
    compact(DataDirectory(folder), after_bytes=0, older_than_sec=float("inf"))


if __name__ == "__main__":
    main()

"""The head of a renamed log file: what its first own line says about which segment it is; names play no part."""

import hashlib
import re
from typing import BinaryIO

HEAD_MAX_BYTES = 4096  # rds-log-api.md §4.4: the first complete line that is not furniture, cut at 4 KiB
LOOK_MAX_BYTES = 1 << 16  # server headers may stand there many times in a row
# log-formats.md §3.1: the three lines that a MySQL or MariaDB server writes when it opens or flushes a log, and blanks.
_FURNITURE = re.compile(
    rb"\s*$|.*(?:mysqld|mariadbd|mysqld-debug)(?:\.exe)?, Version: .* started with:\s*$"
    rb"|tcp port: ?\d+[, ] *(?:unix socket|named pipe): .*$|time\s+id\s+command\s+argument\s*$", re.IGNORECASE)


def head_ordinal(file: BinaryIO) -> str | None:
    """Return `h` and 16 hex digits that name the segment, wherever the file is moved; None while it can't be known.

    Reads from the file's start and leaves the position anywhere.
    """
    file.seek(0)
    content = file.read(LOOK_MAX_BYTES)
    start = 0
    while start < len(content):
        end = content.find(b"\n", start)
        line = content[start:end if end >= 0 else len(content)]
        # A line without an end is the head only when it can't change any more in its first 4 KiB.
        if end < 0 and len(line) < HEAD_MAX_BYTES:
            return None
        if not _FURNITURE.match(line[:HEAD_MAX_BYTES]):
            return "h" + hashlib.blake2b(line[:HEAD_MAX_BYTES], digest_size=8).hexdigest()
        start = end + 1
    return None

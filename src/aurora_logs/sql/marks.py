"""What stands in the place of a text that was taken out: the same mark for all, or a keyed hash that joins equal ones."""

import hmac
from collections.abc import Callable
from typing import Final, TypeAlias

Mark: TypeAlias = Callable[[str], str]
"""From what was taken out to what stands there instead. Its letters need no escaping in any quotes."""

HASH_DIGITS: Final = 16


def stars(_: str) -> str:
    """Say that something stood here, and nothing of what it was."""
    return "***"


def keyed(key: str) -> Mark:
    """Return the mark under a key: `hmac-` and 64 bits of HMAC-SHA-256, so that equal texts have equal marks (SEC-15).

    Texts are those of the log, as they are escaped there. Who has the key can try out short texts.
    """
    secret = key.encode("utf-8", "surrogatepass")

    def mark(text: str) -> str:
        content = text.encode("utf-8", "surrogatepass")
        return f"hmac-{hmac.digest(secret, content, 'sha256').hex()[:HASH_DIGITS]}"

    return mark

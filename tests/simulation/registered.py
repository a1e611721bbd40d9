"""The toy format among the product's own: one file in one folder is all that it takes (house style, plug points)."""

from contextlib import contextmanager
from pathlib import Path

import aurora_logs.formats


@contextmanager
def toy_format():
    """Let the product discover the toy format too."""
    folder = str(Path(__file__).parent / "toy")
    aurora_logs.formats.__path__.append(folder)
    aurora_logs.formats.all_formats.cache_clear()
    try:
        yield
    finally:
        aurora_logs.formats.__path__.remove(folder)
        aurora_logs.formats.all_formats.cache_clear()

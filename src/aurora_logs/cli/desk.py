"""What reading commands open beside a running collector: settings, state, queue and insights of DATA_DIR."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aurora_logs.cli.options import load_settings

if TYPE_CHECKING:
    from aurora_logs.settings import Settings
    from aurora_logs.wiring import Beside


@contextmanager
def desk(data_dir: str | None) -> "Iterator[tuple[Settings, Beside]]":
    """Open DATA_DIR without its lock. Raises: NotFound (nothing was collected there), StateNewer, ConfigError."""
    from aurora_logs.wiring import Beside  # noqa: PLC0415

    settings = load_settings(data_dir=data_dir).settings
    beside = Beside(settings)
    try:
        yield settings, beside
    finally:
        beside.close()


def refuse_read_only(settings: "Settings", what: str) -> None:
    """Refuse a command that changes something where READ_ONLY is set. Raises: AccessDenied (UX-58)."""
    from aurora_logs.errors import AccessDenied  # noqa: PLC0415

    if settings.read_only:
        raise AccessDenied(f"{what} changes something, and READ_ONLY is set",
                           hint="leave --read-only out and unset READ_ONLY; what it would do: --dry-run")


def collector_pid(data_dir: str) -> int | None:
    """Return the process that collects into DATA_DIR; None when none does.

    The lock is never tried: to hold it for a moment could refuse a collector that starts just then.
    """
    import os  # noqa: PLC0415
    from pathlib import Path  # noqa: PLC0415

    lock_file = Path(data_dir) / "collecting.lock"
    try:
        pid = int(lock_file.read_text(encoding="ascii"))
        inode = lock_file.stat().st_ino
    except (OSError, ValueError):
        return None
    try:
        os.kill(pid, 0)
    except PermissionError:  # the process of somebody else: it lives
        return pid
    except OSError:
        return None
    try:
        locks = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return pid
    is_held = any("FLOCK" in line and f":{inode} " in line for line in locks.splitlines())
    return pid if is_held else None


def free_share(data_dir: str) -> float | None:
    """Return which part of the disk under DATA_DIR is free, 0 to 1; None when it can't be read."""
    import shutil  # noqa: PLC0415

    try:
        usage = shutil.disk_usage(data_dir)
    except OSError:
        return None
    return usage.free / usage.total if usage.total else None

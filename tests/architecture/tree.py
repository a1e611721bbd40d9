"""What the architecture tests look at: the tracked files, the modules of the product, and copies of the tree."""

import ast
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ROOT / "src" / "aurora_logs"


def tracked_files() -> list[Path]:
    """All files that a clone would have; without git, all files outside folders that start with a dot."""
    listing = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others",
                              "--exclude-standard"], cwd=ROOT, capture_output=True, check=False)
    if listing.returncode == 0:
        names = listing.stdout.decode().split("\0")
        return [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*")
            if path.is_file() and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)]


def modules_under(*names: str) -> list[Path]:
    """Source files of packages and modules of the product, by their place: `stages`, `services/discovery.py`."""
    found: list[Path] = []
    for name in names:
        place = PRODUCT / name
        found += sorted(place.rglob("*.py")) if place.is_dir() else [place]
    return found


def imported_names(path: Path) -> set[str]:
    """All modules that a file imports anywhere, with the names taken out of them: `os`, `os.urandom`."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def copy_of_source(target: Path) -> Path:
    """Copy src/ and the import contracts, so that a test can plant a breach; returns the copy's root."""
    shutil.copytree(ROOT / "src", target / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copy(ROOT / ".importlinter", target)
    return target

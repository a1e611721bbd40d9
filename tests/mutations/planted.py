"""Plant a protocol bug: a copy of the source with one patch applied, for runs of their own. The product has no switch."""

import os
import shutil
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def patches() -> list[str]:
    return sorted(path.stem for path in HERE.glob("*.patch"))


def plant(name: str, folder: Path) -> Path:
    """Copy src to `folder`, apply the patch, and return the mutated src. A patch that does not apply exactly is an error."""
    source = folder / "src"
    shutil.copytree(ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    patch = HERE / f"{name}.patch"
    done = subprocess.run(["patch", "-p1", "--fuzz=0", "--no-backup-if-mismatch", "-d", str(folder), "-i", str(patch)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{name} no longer applies: mend it\n{done.stdout}{done.stderr}"
    return source


def environment(source: Path) -> dict[str, str]:
    """Environment in which the mutated source is imported instead of the real one."""
    return {**os.environ, "PYTHONPATH": f"{source}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}

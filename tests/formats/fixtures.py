"""The fixture folders `<format>/<engine and version>-<case>/` with `input.log` and the records that a person reviewed."""

from pathlib import Path

from reading import NAMES, origin, typed, wired

from aurora_logs.formats import all_formats

HERE = Path(__file__).parent
FORMATS = {form.name: form for form in all_formats()}


def cases() -> list[Path]:
    return sorted(path.parent for path in HERE.glob("*/*/input.log"))


def expected_of(case: Path) -> bytes:
    """What the case gives now, by the typed face."""
    name = case.parent.name
    changes = {"engine": ""} if case.name.startswith("mariadb") and name in NAMES else {}
    return b"".join(wired(typed(FORMATS[name], (case / "input.log").read_bytes(), origin(name, **changes))))

"""The fixture folders `<format>/<engine and version>-<case>/` with `input.log` and the records that a person reviewed."""

from pathlib import Path

from reading import origin, typed, wired

from aurora_logs.formats import all_formats

HERE = Path(__file__).parent
FORMATS = {form.name: form for form in all_formats()}


def cases() -> list[Path]:
    return sorted(path.parent for path in HERE.glob("*/*/input.log"))


def expected_of(case: Path) -> bytes:
    """What the case gives now, by the typed face."""
    name = case.parent.name
    changes = {"engine": ""} if case.name.startswith("mariadb") else {}
    if name == "mysql_audit" and not case.name.startswith("aurora"):
        changes = {"engine": "", "log_file_name": "audit/server_audit.log"}
    return b"".join(wired(typed(FORMATS[name], (case / "input.log").read_bytes(), origin(name, **changes))))

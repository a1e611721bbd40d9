"""What the environment and the configuration file hold before it is read as settings: files, lines, and names nobody knows."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

from aurora_logs import names
from aurora_logs.errors import ConfigError

FILE_VARIABLE = "AURORA_LOGS_CONFIG"


def unknown(name: str, known: list[str], origin: str) -> str:
    """Name a setting that is not known, with the nearest that is."""
    close = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"unknown setting {name!r} ({origin}){hint}"


def config_file(environ: Mapping[str, str], flag: str | None) -> Path | None:
    """Return the configuration file in force: --config, AURORA_LOGS_CONFIG, ./aurora-logs.toml, XDG, /etc."""
    named = flag or environ.get(FILE_VARIABLE)
    if named:
        if not Path(named).is_file():
            msg = f"there is no configuration file {named}"
            raise ConfigError(msg, hint="give the path of a TOML file")
        return Path(named)
    home = environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    places = [Path("aurora-logs.toml"), Path(home) / "aurora-logs" / "aurora-logs.toml",
              Path("/etc/aurora-logs/aurora-logs.toml")]
    return next((place for place in places if place.is_file()), None)


def content(name: str, path: str, problems: list[str]) -> str | None:
    """Read the value that NAME_FILE points at, without the newline at its end."""
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f"{name} = {path!r} (environment): {getattr(error, 'strerror', None) or 'it is no text'}")
        return None


def line_of(key: str, path: Path) -> int:
    """Return the line of a key at the top of a TOML file; a key in an odd spelling counts as of the first line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pattern = re.compile(rf"""\s*["']?{re.escape(key)}["']?\s*[=.]|\s*\[+\s*["']?{re.escape(key)}\b""")
    return next((number for number, line in enumerate(lines, 1) if pattern.match(line)), 1)


def dropped(environ: Mapping[str, str]) -> list[str]:
    """Name variables of the predecessor that are set and not used, one warning each."""
    return [f"{variable} is not used here: {instead}" for variable in environ for name, instead in names.REPLACED.items()
            if re.fullmatch(name.replace("*", ".+"), variable)]


def near_misses(environ: Mapping[str, str], known: list[str]) -> list[str]:
    """Name variables that differ from a known one by one or two letters (UX-62)."""
    names = [name.upper() for name in known]
    found = []
    for variable in environ:
        if variable in names or len(variable) < 8:
            continue
        close = difflib.get_close_matches(variable, names, n=1, cutoff=0.9)
        if close:
            found.append(f"{variable} is not known; did you mean {close[0]}?")
    return found

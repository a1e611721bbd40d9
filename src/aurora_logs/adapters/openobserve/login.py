"""The login as a header, from settings or from files that are read again when they change (OO-28)."""

import base64
from pathlib import Path

from aurora_logs.errors import ConfigError
from aurora_logs.secret import Secret


class Login:
    """Basic login. Called from many threads at once."""

    def __init__(self, *, user: str, password: Secret, user_file: str = "", password_file: str = "") -> None:
        """Take each part from its setting, or from the file that is named instead."""
        self._user, self._password = _Part(Secret(user), user_file), _Part(password, password_file)

    @property
    def user(self) -> str:
        """The account, for messages. Raises: ConfigError."""
        user = self._user.value().reveal()
        if ":" in user:
            raise ConfigError("OPENOBSERVE_USER must hold no colon", hint="the password has a setting of its own")
        return user

    def header(self) -> str:
        """Return the value of the Authorization header. Raises: ConfigError for a file that can't be read."""
        plain = f"{self.user}:{self._password.value().reveal()}"
        return f"Basic {base64.b64encode(plain.encode()).decode()}"


class _Part:
    def __init__(self, given: Secret, file: str) -> None:
        self._given, self._file = given, file
        self._seen: tuple[int, int] | None = None

    def value(self) -> Secret:
        if not self._file:
            return self._given
        try:
            stat = Path(self._file).stat()
            if self._seen != (stat.st_mtime_ns, stat.st_size):
                self._given = Secret(Path(self._file).read_text(encoding="utf-8").rstrip("\r\n"))
                self._seen = stat.st_mtime_ns, stat.st_size
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
            raise ConfigError(f"{self._file} can't be read: {reason}", hint="OPENOBSERVE_USER_FILE, OPENOBSERVE_PASS_FILE") from None
        return self._given

"""A text that must not be seen: passwords and keys on their way from a setting to the one call that needs them."""


class Secret:
    """A text that shows itself to nobody: `***` in str, repr, format and tracebacks; no encoder takes it (SEC-04)."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for the one call that needs it."""
        return self._text

    def __repr__(self) -> str:
        return "***" if self._text else ""

    __str__ = __repr__

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

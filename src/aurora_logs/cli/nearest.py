"""The nearest known word for one that nobody knows (UX-31, UX-51)."""

from collections.abc import Sequence


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """Return `; did you mean X?` for the nearest known word, or nothing."""
    import difflib  # noqa: PLC0415

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""

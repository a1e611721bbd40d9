"""Commands to type next. Names in them come from others: quoted, so that whoever pastes one runs that command alone."""

import shlex


def step(*words: str) -> str:
    """Return `aurora-logs` with these words as a shell takes them."""
    return shlex.join(("aurora-logs", *words))

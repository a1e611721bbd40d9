"""Every choice of a run: drawn from a seed and written down, or read from a script. What is chosen is elsewhere."""

from random import Random


class Chance:
    """A run is a list of choices (reliability.md §6.2); only those that differ from the quiet default are kept.

    script: choices of an earlier run (or a part of them); whatever it does not name takes its default.
    """

    def __init__(self, seed, script=None):
        self._seed = seed
        self._script = script
        self._streams = {}
        self.taken = {}

    def stream(self, purpose):
        """Return the generator of one purpose, so that shrinking one purpose leaves the others (§6.5)."""
        if purpose not in self._streams:
            self._streams[purpose] = Random(f"{self._seed}:{purpose}")
        return self._streams[purpose]

    def pick(self, key, default, draw):
        """Return the choice named `key`; `draw` makes it when there is no script."""
        value = draw() if self._script is None else self._script.get(key, default)
        if value != default:
            self.taken[key] = value
        return value

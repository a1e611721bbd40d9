"""Runs every "It is done when" line of an issue on a clean clone; see `__main__`."""

"""Provisioning of the streams: all columns in their types before the first record (openobserve.md §8.3)."""

from aurora_logs.adapters.openobserve.columns import stream_columns
from aurora_logs.adapters.openobserve.streams import Streams, differences_of, lacking_of
from aurora_logs.records.log_record import STREAMS
from aurora_logs.records.provision import Shape

LOG_TYPES = {stream: log_type for log_type, stream in STREAMS.items()}


class StreamProvisioning:
    """Provisioning. Used by one thread."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

    def names(self) -> list[str]:
        """Names of the streams."""
        return list(LOG_TYPES)

    def look(self, name: str) -> Shape:
        """Compare a stream with the contract. Raises: Transient, ConfigError."""
        columns, now = stream_columns(LOG_TYPES[name]), self._streams.state(name)
        if now is None:
            return Shape(name=name, missing=(f"stream of {len(columns)} columns",))
        missing = [f"column {column}" for column in columns if column not in now.columns]
        missing += [f"{setting}: {', '.join(names)}" for setting, names in lacking_of(now).items() if names]
        return Shape(name=name, missing=tuple(missing), differences=tuple(
            f"{one.column}: found {one.type}, wanted {one.wanted}" for one in differences_of(now, columns)))

    def make(self, name: str) -> None:
        """Make a stream, or add what it lacks. Raises: Transient, ConfigError."""
        self._streams.make(LOG_TYPES[name])

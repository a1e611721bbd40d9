"""The spread of many durations in bounded memory: exact for a few thousand values, within 0.5 % beyond."""

import math
from array import array

EXACT_VALUES = 4_096
STEP = 1.01  # neighbouring buckets: a value is told within half a step, 0.5 %
_LOG_STEP = math.log(STEP)
LEAST_SEC = 1e-7


class Spread:
    """Counts values >= 0 and answers quantiles by the nearest rank. Used by one thread."""

    __slots__ = ("_buckets", "_values", "count", "greatest", "total")

    def __init__(self) -> None:
        self._values: array[float] | None = array("d")
        self._buckets: dict[int, int] = {}
        self.count = 0
        self.total = 0.0
        self.greatest = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.count += 1
        self.total += value
        self.greatest = max(self.greatest, value)
        if self._values is None:
            self._into_bucket(value)
            return
        self._values.append(value)
        if len(self._values) > EXACT_VALUES:
            values, self._values = self._values, None
            for one in values:
                self._into_bucket(one)

    def quantile(self, share: float) -> float:
        """Return the value below or at which `share` (0 to 1) of all values lie; 0.0 without values."""
        if not self.count:
            return 0.0
        rank = max(1, math.ceil(share * self.count))
        if self._values is not None:
            return sorted(self._values)[rank - 1]
        seen = 0
        for bucket in sorted(self._buckets):
            seen += self._buckets[bucket]
            if seen >= rank:
                return min(self.greatest, LEAST_SEC * STEP ** (bucket + 0.5)) if bucket >= 0 else 0.0
        return self.greatest

    def _into_bucket(self, value: float) -> None:
        bucket = int(math.log(value / LEAST_SEC) / _LOG_STEP) if value > LEAST_SEC else -1
        self._buckets[bucket] = self._buckets.get(bucket, 0) + 1

"""Counters of recent events by key: in this process's memory, or in Redis for all processes.

The counting is done by the package ``limits``. While Redis cannot be reached, each process counts in its own
memory, so that a failure of Redis neither lifts the limits nor stops a study.
"""

import logging
import time
from collections.abc import Callable

from limits import RateLimitItem
from limits.errors import StorageError
from limits.storage import MemoryStorage, storage_from_string
from limits.strategies import RateLimiter, SlidingWindowCounterRateLimiter

_SWEEP_S = 60.0
# A Redis that does not answer delays one request by this long, and then one request for each new attempt.
_REDIS_TIMEOUT_S = 1
# from the first failure on, the wait before the next attempt doubles up to this
_MAX_WAIT_S = 32.0

_log = logging.getLogger("rater.web")


class MemoryCounters(MemoryStorage):
    """Counters in memory that are deleted, some time after they have expired, by the thread that counts.

    `MemoryStorage` starts a thread for that, up to a hundred times a second: 0.2 ms of CPU time for a rating,
    and a change of threads while a rater waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self._next_sweep = time.time() + _SWEEP_S

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Add to a counter, and return the sum.

        Args:
            key: The counter.
            expiry: How long a new counter lasts, in seconds.
            amount: What is added.
        """
        now = time.time()
        if now >= self._next_sweep:
            self._next_sweep = now + _SWEEP_S
            for each in list(self.expirations):
                self.get(each)  # which deletes an expired one
        self.get(key)
        with self.locks[key]:
            self.storage[key] += amount
            self.expirations.setdefault(key, now + expiry)
            return self.storage[key]


class Counters:
    """Counts events against limits, in a sliding window."""

    def __init__(self, url: str) -> None:
        """Prepare to count; Redis need not be reachable yet.

        Args:
            url: ``memory://``, or the URL of a Redis server.
        """
        self._own = SlidingWindowCounterRateLimiter(MemoryCounters())
        self._shared: RateLimiter | None = None
        if not url.startswith("memory:"):
            storage = storage_from_string(
                url,
                wrap_exceptions=True,
                socket_connect_timeout=_REDIS_TIMEOUT_S,
                socket_timeout=_REDIS_TIMEOUT_S,
                # by default the client tries again after waiting, while a rater waits for the page
                retry=None,  # type: ignore[arg-type] # passed on to redis.Redis
            )
            self._shared = SlidingWindowCounterRateLimiter(storage)
        self._wait_s = 0.0
        self._next_attempt = 0.0

    def hit(self, limit: RateLimitItem, key: str, scope: str) -> bool:
        """Count an event; return False, and do not count it, where the limit is reached."""
        return self._ask(lambda limiter: limiter.hit(limit, key, scope))

    def _ask(self, question: Callable[[RateLimiter], bool]) -> bool:
        if self._shared is not None and time.monotonic() >= self._next_attempt:
            try:
                answer = question(self._shared)
            except StorageError as error:
                self._fail(error)
            else:
                self._wait_s = 0.0
                return answer
        return question(self._own)

    def _fail(self, error: StorageError) -> None:
        if not self._wait_s:
            _log.warning(
                "Rate limits are counted in memory, since Redis cannot be used: %s",
                type(error.storage_error).__name__,
            )
        self._wait_s = min(max(1.0, 2 * self._wait_s), _MAX_WAIT_S)
        self._next_attempt = time.monotonic() + self._wait_s

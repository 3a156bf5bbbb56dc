"""Count events per key in memory that all workers share, so that a limit holds for the server as a whole.

The maintained libraries (limits, Flask-Limiter) share counts between processes by way of Redis, Memcached or
MongoDB, a service more to run and to trust with who came when. A table of 1.5 MiB, mapped before the workers
are forked, does it for one machine: it costs no disk, no query and some microseconds, outlives a worker and
a reload, and is forgotten when the server stops. Several machines behind one address count each for itself.

A key is kept as a keyed hash, never as itself. When two processes count for one key in the same microsecond,
one of the two may be lost, which a limit can bear; a lock, which a killed worker would hold for ever, it
could not.
"""

import hashlib
import mmap
import secrets
import struct
import threading

_SLOT = struct.Struct("<QIII4x")  # hash of key and window, number of the window, count in it, count before it
_N_SLOTS = 1 << 16
_PROBES = 8
_MOST = (1 << 32) - 1


class Counters:
    """A table of counters; made before a fork, it is the same table on both sides."""

    def __init__(self) -> None:
        self._table = mmap.mmap(-1, _N_SLOTS * _SLOT.size)
        self._hash_key = secrets.token_bytes(16)
        self._lock = threading.Lock()

    def count(self, key: str, *, window_s: float, now: float, adds: bool = True) -> float:
        """Count an event, and say how many there were in the window that ends now, this one included.

        The window slides: of the fixed window before the running one, the share counts that still overlaps.

        Args:
            key: Whose event it is, and of which kind.
            window_s: How long an event counts, in seconds; part of the key.
            now: The time, in seconds since the epoch.
            adds: False only reads how many there were.
        """
        hashed = hashlib.blake2b(f"{window_s:g} {key}".encode(), digest_size=8, key=self._hash_key).digest()
        fingerprint = int.from_bytes(hashed, "little") or 1
        number, into_s = divmod(now, window_s)
        window = int(number) & _MOST
        with self._lock:
            offset, current, before = self._find(fingerprint, window)
            if adds:
                current = min(current + 1, _MOST)
                _SLOT.pack_into(self._table, offset, fingerprint, window, current, before)
        return current + before * (1 - into_s / window_s)

    def _find(self, fingerprint: int, window: int) -> tuple[int, int, int]:
        """Find a key's slot, or the one to be had: a free one, else the least counted of its neighbours."""
        best: tuple[int, int] | None = None
        for probe in range(_PROBES):
            offset = (fingerprint + probe) % _N_SLOTS * _SLOT.size
            found, at, current, before = _SLOT.unpack_from(self._table, offset)
            if found == fingerprint:
                age = (window - at) & _MOST
                return offset, current if age == 0 else 0, {0: before, 1: current}.get(age, 0)
            weight = current + before if found else -1
            if best is None or weight < best[0]:
                best = (weight, offset)
        assert best is not None  # noqa: S101 (there is more than one probe)
        return best[1], 0, 0

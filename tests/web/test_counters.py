import threading

import pytest
from limits import RateLimitItemPerMinute, RateLimitItemPerSecond

from rater.web import counters
from rater.web.counters import Counters, MemoryCounters

LIMIT = RateLimitItemPerMinute(2)


class Clock:
    """The time that the counters read."""

    now = 1_000_000.0

    def time(self) -> float:
        return self.now

    monotonic = time


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(counters, "time", clock)
    monkeypatch.setattr("limits.storage.memory.time", clock)
    return clock


def test_a_limit_is_kept_for_each_key_and_scope(clock: Clock) -> None:
    events = Counters("memory://")

    hits = [events.hit(LIMIT, key, scope) for key, scope in [("a", "x")] * 3 + [("b", "x"), ("a", "y")]]

    assert hits == [True, True, False, True, True]


def test_a_limit_ends_with_its_time(clock: Clock) -> None:
    events = Counters("memory://")
    assert [events.hit(LIMIT, "a", "x") for _ in range(3)] == [True, True, False]

    clock.now += 120

    assert events.hit(LIMIT, "a", "x")


def test_expired_counters_are_deleted_by_a_later_count(clock: Clock) -> None:
    storage = MemoryCounters()
    for number in range(100):
        storage.incr(f"{number}", expiry=30)
    storage.incr("longer", expiry=100)

    clock.now += 60
    storage.incr("new", expiry=30)

    assert sorted(storage.storage) == sorted(storage.expirations) == ["longer", "new"]
    assert set(storage.locks) == {"longer", "new"}


def test_counting_starts_no_thread(clock: Clock) -> None:
    storage = MemoryCounters()
    storage.timer.join()
    before = threading.active_count()

    for _ in range(100):
        storage.incr("a", expiry=30)

    assert storage.get("a") == 100
    assert threading.active_count() == before
    assert not storage.timer.is_alive()


def test_counts_of_several_threads_add_up() -> None:
    storage = MemoryCounters()

    def count() -> None:
        for _ in range(2000):
            storage.incr("a", expiry=3600)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert storage.get("a") == 8000


def test_an_unreachable_redis_is_tried_again_after_a_wait_that_doubles(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    events = Counters("redis://127.0.0.1:1")
    attempts = []

    def connect(_: object) -> None:
        attempts.append(clock.now - 1_000_000.0)
        raise ConnectionRefusedError

    monkeypatch.setattr("redis.connection.Connection._connect", connect)
    for _ in range(40):
        assert events.hit(RateLimitItemPerSecond(1000), "a", "x")
        clock.now += 0.5

    assert attempts == [0.0, 1.0, 3.0, 7.0, 15.0]
    assert len(caplog.records) == 1

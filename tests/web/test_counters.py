import os
import threading

import pytest

from rater.web import counters
from rater.web.counters import Counters


@pytest.fixture
def table() -> Counters:
    return Counters()


def test_events_of_a_key_add_up_and_others_do_not_count(table: Counters) -> None:
    for _ in range(3):
        table.count("ada", window_s=60, now=0.0)
    table.count("bob", window_s=60, now=0.0)
    table.count("ada", window_s=61, now=0.0)

    assert table.count("ada", window_s=60, now=1.0) == 4
    assert table.count("bob", window_s=60, now=1.0) == 2


def test_the_window_slides(table: Counters) -> None:
    for _ in range(9):
        table.count("ada", window_s=60, now=59.0)

    assert table.count("ada", window_s=60, now=60.0) == 10  # the window before counts as a whole still
    assert table.count("ada", window_s=60, now=90.0) == 2 + 9 / 2
    assert table.count("ada", window_s=60, now=180.0) == 1 + 0  # two windows on, nothing is left


def test_other_processes_count_in_the_same_table(table: Counters) -> None:
    for _ in range(3):
        child = os.fork()
        if child == 0:
            table.count("ada", window_s=60, now=0.0)
            os._exit(0)
        os.waitpid(child, 0)

    assert table.count("ada", window_s=60, now=0.0) == 4


def test_threads_lose_no_event(table: Counters) -> None:
    def count() -> None:
        for _ in range(500):
            table.count("ada", window_s=60, now=0.0)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert table.count("ada", window_s=60, now=0.0) == 2_001


def test_a_full_table_forgets_who_came_least(
    table: Counters, monkeypatch: pytest.MonkeyPatch
) -> None:  # a small table: filling the real one takes seconds
    monkeypatch.setattr(counters, "_N_SLOTS", 16)
    for _ in range(50):
        table.count("heavy", window_s=60, now=0.0)
    for number in range(500):
        table.count(f"once {number}", window_s=60, now=0.0)

    assert table.count("heavy", window_s=60, now=0.0) == 51

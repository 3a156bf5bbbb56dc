"""One generation of a study at a time, on both kinds of database; a killed process leaves no lock."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rater.errors import DatabaseError, StateError
from rater.store.sealed.generation_lock import GenerationLock

HOLD = """
import sys, time
from rater.store.sealed.generation_lock import GenerationLock
with GenerationLock(sys.argv[1], "love"):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(url: str) -> subprocess.Popen[str]:
    """Take the lock of a study in another process."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, url], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_generation_of_the_same_study_is_refused_with_the_number_of_the_first(
    sealed_url: str,
) -> None:
    with hold(sealed_url) as other:
        try:
            with (
                pytest.raises(
                    StateError, match=rf"generate of this study is running \(process {other.pid}\b"
                ),
                GenerationLock(sealed_url, "love"),
            ):
                pass
            with GenerationLock(sealed_url, "weddings"):
                pass
        finally:
            other.kill()


def test_a_process_that_was_killed_leaves_no_lock(sealed_url: str) -> None:
    with hold(sealed_url) as other:
        os.kill(other.pid, signal.SIGKILL)
        other.wait()

    with GenerationLock(sealed_url, "love"):
        pass


def test_a_lock_is_let_go_of_and_can_be_taken_twice_by_its_holder(sealed_url: str) -> None:
    for _ in range(2):
        with GenerationLock(sealed_url, "love") as lock:
            lock.acquire()


def test_the_folder_of_a_new_database_is_made_only_when_the_lock_is_needed(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'new' / 'sealed.db'}"

    with GenerationLock(url, "love") as lock:
        assert not (tmp_path / "new").exists()
        lock.acquire()
        with pytest.raises(StateError, match=f"process {os.getpid()}"), GenerationLock(url, "love"):
            pass

    assert not list((tmp_path / "new").glob("*.pid"))


def test_a_database_that_cannot_be_reached_is_an_error_without_a_traceback(
    new_url: Callable[[str], str], dialect: str
) -> None:
    url = (
        "sqlite:////proc/sealed.db"
        if dialect == "sqlite"
        else new_url("sealed").replace("/sealed_", "/absent_")
    )

    with pytest.raises(DatabaseError), GenerationLock(url, "love"):
        pass

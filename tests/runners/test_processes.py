import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from rater.errors import ModelError, RaterError
from rater.runners.processes import LocalProcesses
from tests.runners.jobs import Square, die, fail, refuse

ROOT = Path(__file__).resolve().parents[2]


def test_each_process_makes_its_worker_once(tmp_path: Path) -> None:
    made = tmp_path / "made"

    with LocalProcesses(2) as runner:
        results = dict(runner.run(Square(made, seconds=0.02), range(30)))
        again = dict(runner.run(Square(made, seconds=0.02), range(3)))

    assert results == {number: number * number for number in range(30)}
    assert again == {0: 0, 1: 1, 2: 4}
    processes = made.read_text().splitlines()
    assert len(processes) == len(set(processes)) <= 2
    assert str(os.getpid()) not in processes


def test_an_error_of_a_task_is_that_of_the_caller() -> None:
    with LocalProcesses(2) as runner, pytest.raises(ModelError, match="number is 0"):
        list(runner.run(refuse, range(1)))


def test_a_bug_in_a_task_is_a_bug() -> None:
    with LocalProcesses(1) as runner, pytest.raises(RuntimeError, match="ZeroDivisionError"):
        list(runner.run(fail, range(1)))


@pytest.mark.filterwarnings("ignore:A worker stopped:UserWarning")
def test_a_process_that_the_system_stopped_is_an_error_with_a_remedy() -> None:
    with LocalProcesses(2) as runner, pytest.raises(RaterError, match="fewer than 2 workers"):
        list(runner.run(die, [9]))


def test_an_interruption_ends_all_processes(tmp_path: Path) -> None:
    script = textwrap.dedent(
        f"""
        import signal
        from pathlib import Path
        from rater.runners.processes import LocalProcesses
        from tests.runners.jobs import Square
        # it is ignored where the tests run in the background
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with LocalProcesses(2) as runner:
            for number, _ in runner.run(Square(Path({str(tmp_path / "made")!r}), seconds=0.1), range(10_000)):
                print(number, flush=True)
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for _ in range(4):
        process.stdout.readline()

    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, printed = process.communicate(timeout=60)

    assert "KeyboardInterrupt" in printed
    workers = [int(line) for line in (tmp_path / "made").read_text().splitlines()]
    deadline = time.monotonic() + 30
    while any(map(is_running, workers)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(is_running, workers))


def is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True

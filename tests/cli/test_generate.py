"""Run `rater generate` as a user does, in a process of its own that may be killed."""

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from rater.store.sealed.generation_lock import GenerationLock
from tests.cli import command as in_process

STUDY = """
from rater import ActivationAddition, Dimension, Likert, Plan, Sampling, Steered, Study, Unsteered

study = Study(
    name="short",
    title="How happy are these texts?",
    consent="You will rate texts.",
    instructions="Say how happy each text is.",
    dimensions=[Dimension(name="joy", question="How joyful?", scale=Likert(low="not", high="very"))],
    prompts=["I woke up and saw that", "The rain fell on and we"],
    arms=[Unsteered(), Steered(additions=[ActivationAddition(2, 6, "Love")])],
    sampling=Sampling(samples_per_prompt=10, max_new_tokens=12, top_p=0.9, top_k=40, presence_penalty=1),
    plan=Plan(raters=6),
)
"""


DRY = ("generate", "short.py", "--sealed", "sealed.db", "--dry-run")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "short.py").write_text(STUDY)
    return tmp_path


def command(*arguments: str, sealed: str = "sealed.db") -> list[str]:
    return [sys.executable, "-m", "rater", "generate", "short.py", "--sealed", sealed, *arguments]


def run(folder: Path, *arguments: str, sealed: str = "sealed.db") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments, sealed=sealed),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def made(database: Path) -> list[tuple[object, ...]]:
    """Return the completions without their times and their order."""
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute(
            "SELECT prompt_index, arm, sample, seed, token_ids, text, stop_reason FROM completion "
            "ORDER BY prompt_index, arm, sample"
        ).fetchall()


def test_a_dry_run_says_what_would_be_made_and_makes_nothing(folder: Path) -> None:
    ran = in_process.run(*DRY, "--limit", "9", "--dtype", "bfloat16", "--device", "cpu", cwd=folder)

    assert ran.returncode == 0
    assert "0 of 40 completions are saved, 40 are missing. Nothing is generated now." in ran.stdout
    assert "would make 9 completions of at most 12 tokens (108 in all), 9 together, on cpu." in ran.stdout
    assert "0.3 GB are weights in bfloat16" in ran.stdout
    assert ran.stderr == ""  # where the loading of a model is announced
    assert [path.name for path in folder.iterdir()] == ["short.py"]


def test_a_dry_run_refuses_what_generating_would_refuse(folder: Path) -> None:
    (folder / "sealed.db").write_bytes(b"not a database at all")

    ran = in_process.run(*DRY, cwd=folder)

    assert ran.returncode == 2
    assert "sealed.db cannot be used" in ran.stderr
    assert ran.stderr.count("\n") == 1


@pytest.mark.model
@pytest.mark.slow
def test_generation_that_is_killed_and_run_again_ends_with_the_same_rows(folder: Path) -> None:
    whole = run(folder, "--limit", "1000", sealed="whole.db")
    started = subprocess.Popen(
        command("--batch-size", "3"), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 100
    while time.monotonic() < end and not ((folder / "sealed.db").exists() and _count(folder)):
        time.sleep(0.05)
    os.kill(started.pid, signal.SIGKILL)
    started.wait()
    n_before = _count(folder)

    again = run(folder)

    assert whole.returncode == 0, whole.stderr
    assert 8 <= n_before < 40
    assert f"({40 - n_before} now, {n_before} before)" in again.stdout
    assert len(made(folder / "sealed.db")) == 40
    assert made(folder / "sealed.db") == made(folder / "whole.db")


def _count(folder: Path) -> int:
    try:
        return len(made(folder / "sealed.db"))
    except sqlite3.OperationalError:  # it is being made
        return 0


def test_a_second_generate_of_the_same_study_stops(folder: Path) -> None:
    with GenerationLock(f"sqlite:///{folder / 'sealed.db'}", "short") as lock:
        lock.acquire()
        done = in_process.run("generate", "short.py", "--sealed", "sealed.db", cwd=folder)
        looked = in_process.run(*DRY, cwd=folder)

    assert done.returncode == 2
    assert f"another rater generate of this study is running (process {os.getpid()})" in done.stderr.lower()
    assert looked.returncode == 0
    assert not (folder / "sealed.db").exists()

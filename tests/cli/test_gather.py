"""Run `rater generate --shard` and `rater gather` as a user does."""

from pathlib import Path

import pytest

from rater.generate.shards import Shard
from rater.study.load import load_study
from tests.cli import command
from tests.cli.test_generate import STUDY
from tests.generate.shards import write_shard, write_shards


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "short.py").write_text(STUDY)
    return tmp_path


def test_shards_are_gathered_with_their_compute(folder: Path) -> None:
    write_shards(folder / "shards", load_study(folder / "short.py"), 3)

    said = command.run("gather", "short.py", "shards", "--sealed", "sealed.db", cwd=folder).stdout

    assert "has all of its 40 completions, from 3 shards." in said
    assert "Compute on cpu: 8 s in 3 shards, 360 new tokens, peak memory 1.0 GiB." in said
    assert "Next: rater status short, then rater publish short" in said


def test_a_missing_shard_is_named(folder: Path) -> None:
    write_shard(folder / "shards", load_study(folder / "short.py"), Shard(2, 3))

    ended = command.run("gather", "short.py", "shards", "--sealed", "sealed.db", cwd=folder)

    assert ended.returncode == 2
    assert "shards 1, 3 of 3" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--shard", "1/2"), "--shard needs --into FOLDER"),
        (("--into", "shards"), "--into needs --shard I/N"),
        (("--shard", "3/2", "--into", "shards"), "--shard is '3/2'"),
        (("--shard", "1/2", "--into", "shards", "--dry-run"), "--dry-run is not for a shard"),
        (("--shard", "1/2", "--into", "shards", "--limit", "3"), "--limit is not for a shard"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    folder: Path, arguments: tuple[str, ...], reason: str
) -> None:
    ended = command.run("generate", "short.py", *arguments, cwd=folder)

    assert ended.returncode == 2
    assert reason in ended.stderr
    assert not (folder / "shards").exists()


def test_a_shard_opens_no_database(folder: Path) -> None:
    write_shard(folder / "shards", load_study(folder / "short.py"), Shard(1, 2))

    arguments = ("--shard", "1/2", "--into", "shards", "--sealed", "sealed.db")
    ended = command.run("generate", "short.py", *arguments, cwd=folder)

    assert "Shard 1/2 has all of its" in ended.stdout
    assert not (folder / "sealed.db").exists()

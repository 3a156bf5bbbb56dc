from pathlib import Path

import pytest

from rater.cli.workers import WorkerOptions
from rater.errors import RaterError
from rater.runners.processes import LocalProcesses
from tests.cli import command
from tests.cli.test_generate import STUDY


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "short.py").write_text(STUDY)
    return tmp_path


def test_without_an_option_there_are_no_workers() -> None:
    options = WorkerOptions(None, None, None)

    with options.open() as runner:
        assert runner is None
    assert not options.are_given


def test_workers_are_processes_of_this_machine() -> None:
    with WorkerOptions(2, None, None).open() as runner:
        assert isinstance(runner, LocalProcesses)
        assert runner.n_workers == 2


def test_one_gpu_of_a_machine_is_not_for_a_cluster() -> None:
    with (
        pytest.raises(RaterError, match="--device is cuda:1; valid with --ray: cpu or cuda"),
        WorkerOptions(None, "auto", None).open(device="cuda:1", n_gpus=1),
    ):
        pass


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--cpus-per-worker", "2"), "add --ray"),
        (("--workers", "0"), "--workers"),
        (("--ray", "nowhere"), "No Ray cluster can be reached at 'nowhere'"),
        (("--submit",), "--submit needs --slurm N"),
        (("--sbatch=--time=1:00:00",), "--sbatch needs --slurm N"),
        (("--slurm", "3", "--shard", "1/3"), "--shard cannot be used with --slurm"),
        (("--slurm", "3", "--ray"), "--ray cannot be used with --slurm"),
        (("--slurm", "3", "--limit", "5"), "--limit cannot be used with --slurm"),
        (("--slurm", "3", "--sbatch=gpu"), "--sbatch is 'gpu'"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    folder: Path, arguments: tuple[str, ...], reason: str
) -> None:
    if "nowhere" in arguments:
        pytest.importorskip("ray")

    ended = command.run("generate", "short.py", *arguments, cwd=folder)

    assert ended.returncode == 2
    assert reason in ended.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["short.py"]


def test_the_script_of_an_array_job_is_written_with_the_next_commands(folder: Path) -> None:
    arguments = ("--slurm", "20", "--dtype", "bfloat16", "--workers", "2", "--sbatch=--mem=8G")
    ended = command.run("generate", "short.py", *arguments, cwd=folder)

    script = (folder / "short-shards" / "short.slurm.sh").read_text()
    assert "#SBATCH --array=1-20\n" in script
    assert "#SBATCH --mem=8G\n" in script
    assert script.endswith("--engine torch --dtype bfloat16 --workers 2\n")
    assert "Next: sbatch short-shards/short.slurm.sh" in ended.stdout
    assert "rater gather short.py short-shards" in ended.stdout

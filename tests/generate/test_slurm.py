"""Run the script of an array job with a substitute for Slurm, which runs its tasks one after another."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rater.errors import StateError, StudyError
from rater.generate.slurm import ArrayJob, submit

# Reads the array from the script's options, and runs each task as Slurm does.
SBATCH = f"""#!{sys.executable}
import os, re, subprocess, sys
script = open(sys.argv[1]).read()
first, last = map(int, re.search(r"^#SBATCH --array=(\\d+)-(\\d+)$", script, re.M).groups())
print("Submitted batch job 17")
for task in range(first, last + 1):
    environment = {{**os.environ, "SLURM_ARRAY_TASK_ID": str(task), "SLURM_CPUS_PER_TASK": "1"}}
    done = subprocess.run(["bash", sys.argv[1]], env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
"""


def install_sbatch(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str = SBATCH) -> None:
    """Put a command sbatch first in PATH."""
    (folder / "bin").mkdir()
    command = folder / "bin" / "sbatch"
    command.write_text(script)
    command.chmod(0o700)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")


def job(folder: Path, **fields: object) -> ArrayJob:
    known = {
        "study_name": "short",
        "file": folder / "short.py",
        "n_shards": 7,
        "into": folder / "a b" / "shards",
    }
    return ArrayJob(**{**known, **fields})  # type: ignore[arg-type] # fields of the class


def test_each_task_of_the_array_generates_its_shard_with_the_options(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    install_sbatch(tmp_path, monkeypatch)
    fake_python = tmp_path / "python"
    fake_python.write_text(f'#!/bin/bash\necho "$OMP_NUM_THREADS $PWD $*" >> {tmp_path}/calls\n')
    fake_python.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(fake_python))

    script = job(tmp_path, n_shards=3, arguments=("--dtype", "bfloat16")).write()

    assert submit(script) == "Submitted batch job 17"
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"1 {tmp_path} -m rater generate {tmp_path}/short.py --shard {number}/3 "
        f"--into {tmp_path}/a b/shards --dtype bfloat16"
        for number in (1, 2, 3)
    ]


def test_the_script_is_valid_and_has_the_options_of_the_job(tmp_path: Path) -> None:
    script = job(tmp_path, sbatch=("--gres=gpu:1", "--time=1:00:00")).script()

    options = re.findall(r"^#SBATCH (.*)$", script, re.MULTILINE)
    assert options[:2] == ["--job-name=rater-short", "--array=1-7"]
    assert options[-3:] == ["--requeue", "--gres=gpu:1", "--time=1:00:00"]
    assert script.startswith("#!/bin/bash\n#SBATCH")
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize("option", ["gpu", "--array=1-3", "--output=x", "--mem=1\ncurl evil", "-p gpu"])
def test_options_that_are_not_of_the_job_are_refused(tmp_path: Path, option: str) -> None:
    with pytest.raises(StudyError, match="--sbatch is"):
        job(tmp_path, sbatch=(option,)).write()

    assert not (tmp_path / "a b").exists()


def test_too_many_tasks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="--slurm is 100001; valid: 1 to 100000"):
        job(tmp_path, n_shards=100_001).script()


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(StateError, match=r"file/shards/short\.slurm\.sh cannot be written"):
        job(tmp_path, into=tmp_path / "file" / "shards").write()


def test_without_slurm_the_command_for_another_machine_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(StateError, match="no command sbatch"):
        submit(tmp_path / "short.slurm.sh")


def test_a_refusal_of_slurm_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusing = "#!/bin/bash\necho 'sbatch: error: invalid partition' >&2\nexit 1\n"
    install_sbatch(tmp_path, monkeypatch, refusing)

    with pytest.raises(StateError, match="sbatch: error: invalid partition"):
        submit(tmp_path / "short.slurm.sh")

"""Write the script of a Slurm array job that generates each shard of a study in a task of its own."""

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rater.errors import StateError, StudyError
from rater.generate.shards import MAX_SHARDS

# Options of sbatch that the script sets itself.
_OWN = ("--array", "--job-name", "--output")
_OPTION = re.compile(r"--[a-z][a-z0-9-]*(=[^\n\r]*)?")


@dataclass(frozen=True, kw_only=True)
class ArrayJob:
    """An array job that generates one shard in each of its tasks.

    Its script calls this Python by its path, in the current folder: both must exist where the tasks run, as
    the folder of the shards must.

    Attributes:
        study_name: The study's name.
        file: Its file.
        n_shards: The number of tasks.
        into: The folder of the files of all shards.
        arguments: Further arguments of ``rater generate``, such as ``--dtype bfloat16``.
        sbatch: Options of the job, such as ``--gres=gpu:1``.
    """

    study_name: str
    file: Path
    n_shards: int
    into: Path
    arguments: Sequence[str] = ()
    sbatch: Sequence[str] = ()

    def script(self) -> str:
        """Return the script. A task that failed or was preempted continues its shard when it is run again.

        Raises:
            StudyError: there are too many tasks; or an option is not one of sbatch, or is the script's own.
        """
        self._require_valid()
        into = str(self.into.resolve())
        command = [sys.executable, "-m", "rater", "generate", str(self.file.resolve())]
        further = ["--into", into, *self.arguments]
        shard = f'--shard "$SLURM_ARRAY_TASK_ID/{self.n_shards}"'
        lines = [
            "#!/bin/bash",
            f"#SBATCH --job-name=rater-{self.study_name}",
            f"#SBATCH --array=1-{self.n_shards}",
            f"#SBATCH --output={into}/slurm-%A_%a.log",
            "#SBATCH --requeue",
            *(f"#SBATCH {option}" for option in self.sbatch),
            "set -euo pipefail",
            f"cd {shlex.quote(str(Path.cwd()))}",
            'export OMP_NUM_THREADS="${SLURM_CPUS_PER_TASK:-1}"',
            f"exec {shlex.join(command)} {shard} {shlex.join(further)}",
        ]
        return "\n".join(lines) + "\n"

    def _require_valid(self) -> None:
        if self.n_shards > MAX_SHARDS:
            msg = f"--slurm is {self.n_shards}; valid: 1 to {MAX_SHARDS} tasks."
            raise StudyError(msg)
        for option in self.sbatch:
            if not _OPTION.fullmatch(option) or option.partition("=")[0] in _OWN:
                msg = (
                    f"--sbatch is {option!r}; valid: an option of the command sbatch, such as --gres=gpu:1, "
                    f"but not {', '.join(_OWN)}, which the script sets."
                )
                raise StudyError(msg)

    def write(self) -> Path:
        """Write the script next to the files of the shards, and return its path; the folder is made.

        Raises:
            StudyError: as `script`.
            StateError: the script cannot be written.
        """
        script, path = self.script(), self.into / f"{self.study_name}.slurm.sh"
        try:
            self.into.mkdir(parents=True, exist_ok=True)
            path.write_text(script, encoding="utf-8")
        except OSError as error:
            msg = f"{path} cannot be written: {error.strerror}. Valid: --into with a folder that can be."
            raise StateError(msg) from error
        return path


def submit(script: Path) -> str:
    """Submit a script to Slurm, and return what ``sbatch`` printed, with the number of the job.

    Raises:
        StateError: this machine has no ``sbatch``, or it refuses the script.
    """
    if shutil.which("sbatch") is None:
        msg = (
            f"This machine has no command sbatch. Where there is one, run: sbatch {shlex.quote(str(script))}"
        )
        raise StateError(msg)
    done = subprocess.run(["sbatch", str(script)], capture_output=True, text=True, check=False)  # noqa: S603, S607 (Slurm's command, of the user's path)
    if done.returncode:
        reason = " ".join(done.stderr.split()).rstrip(".") or f"exit status {done.returncode}"
        msg = f"sbatch refused {script}: {reason}. Change the options with --sbatch, and write it again."
        raise StateError(msg)
    return done.stdout.strip()

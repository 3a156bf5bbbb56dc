"""Divide the completions of a study among shards that are generated anywhere, independently of each other.

The shard of a completion follows from the study's hash, the prompt and the sample alone. All arms of a sample
are in one shard, so that what is compared is made on one machine.
"""

import hashlib
import re
from dataclasses import dataclass

from rater.errors import StudyError
from rater.generate.freeze import list_cells
from rater.store.sealed.completions import Cell
from rater.study.arms import ExternalCompletions
from rater.study.study import Study

MAX_SHARDS = 100_000


@dataclass(frozen=True, order=True)
class Shard:
    """One of several shards of a study, numbered from 1."""

    number: int
    n_shards: int

    def __str__(self) -> str:
        """Return number and count, as on the command line."""
        return f"{self.number}/{self.n_shards}"


def read_shard(text: str) -> Shard:
    """Read a shard such as ``3/100``.

    Raises:
        StudyError: the text is not a shard.
    """
    found = re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*", text)
    shard = None if found is None else Shard(int(found[1]), int(found[2]))
    if shard is None or not 1 <= shard.number <= shard.n_shards <= MAX_SHARDS:
        msg = (
            f"--shard is {text!r}; valid: a number and the number of all shards, such as 3/100, from 1/1 to "
            f"{MAX_SHARDS}/{MAX_SHARDS}."
        )
        raise StudyError(msg)
    return shard


def shard_numbers(study: Study, n_shards: int) -> dict[tuple[int, int], int]:
    """Return the number of the shard of each prompt and sample, from 1.

    Costs a hash for each: about a second for a million.
    """
    study_hash = study.hash
    return {
        (prompt, sample): _number(f"{study_hash} {prompt} {sample}", n_shards)
        for prompt in range(len(study.prompts))
        for sample in range(max(map(study.n_samples_of, study.arm_names)))
    }


def _number(name: str, n_shards: int) -> int:
    digest = hashlib.sha256(f"rater shard {name}".encode()).digest()
    return int.from_bytes(digest[:8], "big") % n_shards + 1


def list_shard(study: Study, shard: Shard) -> list[Cell]:
    """List the completions of a shard, without those that come from files, in the order of the study."""
    numbers = shard_numbers(study, shard.n_shards)
    return [cell for cell in list_generated(study) if numbers[cell.prompt_index, cell.sample] == shard.number]


def list_generated(study: Study) -> list[Cell]:
    """List the completions of a study that a model generates."""
    external = {arm.name for arm in study.arms if isinstance(arm, ExternalCompletions)}
    return [cell for cell in list_cells(study) if cell.arm not in external]

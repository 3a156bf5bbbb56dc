"""Gather the shards of a study of a million completions; print time, memory, and a baseline of the same run.

Not a test of the suite: nothing is asserted. The bar is 60 s and 2 GiB on an idle machine. Other work on the
machine prolongs the wall time; CPU time is nearly unaffected. The baseline reads the same lines with Python's
`json` and inserts the same columns with its `sqlite3`, without a check: the least that a merge can cost with
them.

    python tests/benchmarks/gather.py
    python tests/benchmarks/gather.py --completions 100000 --shards 7
"""

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

import numpy as np

from rater.generate.gather import gather
from rater.generate.shard_file import ShardFile, ShardHeader, shard_path
from rater.generate.shards import Shard, list_generated, shard_numbers
from rater.store.sealed.completions import Cell, NewCompletion
from rater.store.sealed.compute import ComputeUse
from rater.study.arms import Sampling, Steered, Unsteered, XVector
from rater.study.dimension import Dimension
from rater.study.scales import Likert
from rater.study.study import Study

VERSIONS = {"engine": "torch", "rater": "0.1.0", "torch": "2.13.0", "device": "cpu", "dtype": "torch.float32"}
NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
# what `rater generate` saves at once with its largest default batch
SAVED_TOGETHER = 16
N_TOKENS = 50
TEXT = "the love of a quiet river under “old” trees that we never saw again, and so on"


def make_study(n_completions: int) -> Study:
    """A study of two arms and 1,000 samples of each prompt."""
    samples = min(1_000, n_completions // 2)
    return Study(
        name="many",
        title="How happy are these texts?",
        consent="You will rate texts.",
        instructions="Say how happy each text is.",
        dimensions=(
            Dimension(name="happiness", question="How happy?", scale=Likert(low="not", high="very")),
        ),
        prompts=tuple(f"On day {number} I" for number in range(n_completions // samples // 2)),
        arms=(Unsteered(), Steered(name="love", additions=(XVector("Love", "Hate", coeff=5, at=6),))),
        sampling=Sampling(samples_per_prompt=samples, max_new_tokens=N_TOKENS, seed=1),
    )


def write_shards(folder: Path, study: Study, n_shards: int) -> None:
    """Write the files of all shards as generation does, with as many tokens and words as real ones have."""
    rng = np.random.default_rng(1)
    numbers = shard_numbers(study, n_shards)
    cells: dict[int, list[Cell]] = {}
    for cell in list_generated(study):
        cells.setdefault(numbers[cell.prompt_index, cell.sample], []).append(cell)
    with patch.object(os, "fsync"):  # a lost file is written again
        for number, own in cells.items():
            shard = Shard(number, n_shards)
            with ShardFile(
                shard_path(folder, study.name, shard), ShardHeader(study.name, study.hash, shard)
            ) as file:
                for step, begin in enumerate(range(0, len(own), SAVED_TOGETHER)):
                    made = [make_completion(cell, rng) for cell in own[begin : begin + SAVED_TOGETHER]]
                    file.save(made, VERSIONS, now=NOW + timedelta(seconds=step, microseconds=number))
                file.end_run(len(own), VERSIONS, ComputeUse("cpu", 60.0, len(own) * N_TOKENS, 2**30), now=NOW)
                file.end()


def make_completion(cell: Cell, rng: np.random.Generator) -> NewCompletion:
    """A completion of 50 tokens and about 200 characters."""
    tokens = tuple(rng.integers(0, 49_152, N_TOKENS).tolist())
    words = TEXT.split()
    text = " " + " ".join(words[token % len(words)] for token in tokens[:45])
    seed = int(rng.integers(0, 2**62))
    return NewCompletion(cell, seed, tokens, text, "length", round(float(rng.gamma(4)), 2), 0.125)


def measure_baseline(folder: Path) -> None:
    """Read all lines and insert their columns, without a check."""
    database = sqlite3.connect(folder / "baseline.db")
    database.execute(
        "CREATE TABLE completion (id INTEGER PRIMARY KEY, prompt, arm, sample, seed, token_ids, text, "
        "stop_reason, nll, repetition, at, UNIQUE (prompt, arm, sample))"
    )
    for path in sorted(folder.glob("*.shard.jsonl")):
        with path.open("rb") as file:
            lines = (json.loads(line) for line in file)
            database.executemany(
                "INSERT INTO completion VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    (
                        *(line[name] for name in ("prompt", "arm", "sample", "seed")),
                        json.dumps(line["token_ids"]),
                        *(line[name] for name in ("text", "stop_reason", "nll", "repetition", "at")),
                    )
                    for line in lines
                    if "arm" in line
                ),
            )
    database.commit()
    database.close()


def measure_gathering(folder: Path, study: Study) -> None:
    """Gather the shards of a folder into a new sealed database there."""
    gathered = gather(f"sqlite:///{folder / 'sealed.db'}", study, folder, now=NOW)
    sys.stdout.write(f"{gathered.n_completions:,} completions of {gathered.n_shards} shards\n")


def run_one(what: str, folder: Path, n_completions: int) -> None:
    """Measure one of the two in this process, and print its times and memory."""
    study = make_study(n_completions)
    wall, cpu = time.monotonic(), time.process_time()
    if what == "gather":
        measure_gathering(folder, study)
    else:
        measure_baseline(folder)
    seconds, cpu_seconds = time.monotonic() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sys.stdout.write(f"{what}: {seconds:.1f} s, {cpu_seconds:.1f} s of CPU time, {peak:.2f} GiB at most\n")


def main() -> None:
    """Write the shards, and measure both in a process of its own each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--completions", type=int, default=1_000_000)
    parser.add_argument("--shards", type=int, default=100)
    parser.add_argument("--only", choices=["baseline", "gather"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only:
        run_one(given.only, given.folder, given.completions)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shards(folder, make_study(given.completions), given.shards)
        size = sum(path.stat().st_size for path in folder.iterdir())
        sys.stdout.write(f"{size / 2**20:.0f} MiB in {given.shards} files\n")
        sys.stdout.flush()
        for what in ("baseline", "gather"):
            arguments = ("--only", what, "--folder", name, "--completions", str(given.completions))
            subprocess.run([sys.executable, __file__, *arguments], check=True)


if __name__ == "__main__":
    main()

"""Make the files of shards as generation would, without a model."""

from datetime import UTC, datetime
from pathlib import Path

from rater.generate.shard_file import ShardFile, ShardHeader, shard_path
from rater.generate.shards import Shard, list_shard
from rater.store.sealed.completions import Cell, NewCompletion
from rater.store.sealed.compute import ComputeUse
from rater.study.study import Study

NOW = datetime(2026, 2, 1, 12, tzinfo=UTC)
VERSIONS = {"engine": "torch", "rater": "0.1.0", "torch": "2.13.0", "device": "cpu", "dtype": "torch.float32"}
USE = ComputeUse("cpu", 2.5, 120, 2**30)


def completion(cell: Cell) -> NewCompletion:
    """A completion whose columns follow from its cell."""
    number = 100 * cell.prompt_index + cell.sample
    text = f" fell “{number}”\n  times 🌧 for {cell.arm}"
    return NewCompletion(cell, 2**62 + number, (number, number + 1), text, "length", 1.25, 0.1)


def write_shard(
    folder: Path,
    study: Study,
    shard: Shard,
    *,
    versions: dict[str, str] = VERSIONS,
    n: int | None = None,
) -> Path:
    """Write a shard's file; with n, only its first completions, and no end."""
    path = shard_path(folder, study.name, shard)
    with ShardFile(path, ShardHeader(study.name, study.hash, shard)) as file:
        cells = list_shard(study, shard)[:n]
        for begin in range(0, len(cells), 5):
            file.save([completion(cell) for cell in cells[begin : begin + 5]], versions, now=NOW)
        file.end_run(len(cells), versions, USE, now=NOW)
        if n is None:
            file.end()
    return path


def write_shards(folder: Path, study: Study, n_shards: int) -> list[Path]:
    """Write the files of all shards."""
    return [write_shard(folder, study, Shard(number, n_shards)) for number in range(1, n_shards + 1)]

"""Merge the files of all shards of a study into the sealed database."""

import contextlib
import gc
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rater.errors import StateError
from rater.generate.completion_store import Versions, version_shown
from rater.generate.freeze import Missing, freeze, look
from rater.generate.shard_file import (
    SUFFIX,
    RecordReader,
    SavedCompletion,
    ShardEnd,
    ShardHeader,
    require_same_header,
)
from rater.generate.shards import Shard, list_generated, shard_numbers
from rater.store.engine import disposing, writing
from rater.store.log import append_event
from rater.store.sealed.completions import Cell, NewCompletion, insert_saved_completions
from rater.store.sealed.compute import ComputeUse, sum_by_device
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import SealedEventRow
from rater.study.arms import model_of
from rater.study.state import State
from rater.study.study import Study

_CHUNK = 2_000


@dataclass(frozen=True)
class Gathered:
    """The result of gathering."""

    name: str
    n_completions: int
    n_shards: int
    compute: Sequence[ComputeUse]
    """By kind of device."""


def find_shards(study: Study, folder: Path) -> dict[Shard, Path]:
    """Find the files of all shards of a study, without reading more than their headers.

    Raises:
        StateError: a file is damaged, of another study or division, or there twice; or one is missing.
    """
    paths = sorted(folder.glob(f"*{SUFFIX}")) if folder.is_dir() else []
    if not paths:
        msg = (
            f"{folder} has no file of a shard (*{SUFFIX}). Generate the shards first. "
            "Run: rater generate FILE --shard 1/N --into FOLDER"
        )
        raise StateError(msg)
    found: dict[Shard, Path] = {}
    for path in paths:
        header = read_header(path)
        require_same_header(path, header, ShardHeader(study.name, study.hash, header.shard))
        if header.shard in found:
            msg = f"{path} and {found[header.shard].name} are both shard {header.shard}. Delete one of them."
            raise StateError(msg)
        found[header.shard] = path
    counts = Counter(shard.n_shards for shard in found)
    if len(counts) > 1:
        each = ", ".join(f"{n} of a division into {n_shards}" for n_shards, n in sorted(counts.items()))
        msg = f"{folder} has shards of different divisions: {each}. Keep those of one."
        raise StateError(msg)
    n_shards = next(iter(counts))
    missing = [number for number in range(1, n_shards + 1) if Shard(number, n_shards) not in found]
    if missing:
        them = "it" if len(missing) == 1 else "them"
        msg = f"Missing in {folder}: {_named(missing)} of {n_shards}. Generate {them}, then gather again."
        raise StateError(msg)
    return dict(sorted(found.items()))


def read_header(path: Path) -> ShardHeader:
    """Read the first line of a file.

    Raises:
        StateError: it is not the header of a shard.
    """
    header = next(iter(RecordReader(path)), None)
    if not isinstance(header, ShardHeader):
        msg = f"{path} has no header, so its shard has not begun. Generate the shard again."
        raise StateError(msg)
    return header


def _named(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10])) + (
        f" and {len(numbers) - 10} more" if len(numbers) > 10 else ""
    )
    return f"shard {shown}" if len(numbers) == 1 else f"shards {shown}"


@contextlib.contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Pause the search for cyclic garbage.

    Each search walks the millions of objects in the lists of cells, which took a quarter of the CPU time of
    gathering. Rows are freed without it, since they are not cyclic.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@_without_garbage_collection()
def gather(sealed_url: str, study: Study, folder: Path, *, now: datetime, restart: bool = False) -> Gathered:
    """Check the files of all shards, and insert their completions in one transaction.

    Costs about 45 s of CPU time and 0.8 GiB for a million completions: less than three times what parsing
    their lines and inserting them unchecked takes (`tests/benchmarks/gather.py`).

    Args:
        sealed_url: The sealed database.
        study: The study.
        folder: The folder with the files, and with no other study's.
        now: The time.
        restart: Delete the completions of an unpublished study first.

    Raises:
        StateError: the study has completions already; or a shard is missing, unfinished, damaged, or of
            another study, division, version, engine, device or precision. Nothing is saved then.
    """
    before = look(sealed_url, study, restart=restart)
    if _has_generated(study, before):
        msg = (
            f"Study {study.name!r} has {before.n_made} of its {study.n_completions} completions already, and "
            "shards hold all of them. Add --restart to delete those, or finish them with rater generate."
        )
        raise StateError(msg)
    paths = find_shards(study, folder)
    missing = freeze(sealed_url, study, now=now, restart=restart)
    with disposing(open_sealed(sealed_url)) as sealed, writing(sealed) as session:
        check = _Check(study, n_shards=len(paths))
        for shard, path in paths.items():
            for chunk in check.read(shard, path):
                insert_saved_completions(
                    session, missing.study_id, chunk.saved, versions=dict(chunk.versions)
                )
        append_event(
            session,
            SealedEventRow,
            missing.study_id,
            kind=State.GENERATED,
            at=now,
            n_made=check.n_expected,
            versions=check.versions,
            compute=[use.as_detail() for use in check.compute()],
            shards={
                str(shard.number): [run.as_detail() for run in runs] for shard, runs in check.runs.items()
            },
        )
    return Gathered(study.name, check.n_expected, len(paths), check.compute())


def _has_generated(study: Study, before: Missing) -> bool:
    """Return whether a completion is stored that a shard would hold."""
    if not before.n_made:
        return False
    missing = set(before.cells)
    return any(cell not in missing for cell in list_generated(study))


class _Check:
    """Checks completions against the study, and the versions of all shards against each other."""

    def __init__(self, study: Study, *, n_shards: int) -> None:
        self._numbers = shard_numbers(study, n_shards)
        self._models = {arm.name: model_of(arm, study.model) for arm in study.arms}
        n_samples = [study.n_samples_of(arm.name) for arm in study.arms if self._models[arm.name] is not None]
        self._expected: Counter[int] = Counter()
        for (_, sample), number in self._numbers.items():
            self._expected[number] += sum(sample < n for n in n_samples)
        self._by_model: dict[str | None, tuple[Versions, Path]] = {}
        self._first: tuple[Versions, Path] | None = None
        self.runs: dict[Shard, list[ComputeUse]] = {}

    @property
    def versions(self) -> dict[str, dict[str, str]]:
        """The versions of each model."""
        return {model or "": dict(found) for model, (found, _) in self._by_model.items()}

    @property
    def n_expected(self) -> int:
        """The number of completions of all shards."""
        return self._expected.total()

    def compute(self) -> list[ComputeUse]:
        """Return the compute of all runs, by kind of device."""
        return sum_by_device(run for runs in self.runs.values() for run in runs)

    def read(self, shard: Shard, path: Path) -> Iterator["_Chunk"]:
        """Yield the completions of a shard, each chunk when it is checked."""
        cells: set[Cell] = set()
        has_ended = False
        runs = self.runs.setdefault(shard, [])
        for record in _chunks(path):
            if isinstance(record, ShardEnd):
                has_ended = True
            elif isinstance(record, ComputeUse):
                runs.append(record)
            else:
                for each, _ in record.saved:
                    self._add(shard, cells, each.cell, path)
                for model in {self._models[each.cell.arm] for each, _ in record.saved}:
                    self._require_versions(model, record.versions, path)
                yield record
        self._require_all(shard, len(cells), path, has_ended=has_ended)

    def _add(self, shard: Shard, cells: set[Cell], cell: Cell, path: Path) -> None:
        """Check that a completion is of this shard, and there once."""
        if (
            cell.arm not in self._models
            or self._numbers.get((cell.prompt_index, cell.sample)) != shard.number
        ):
            raise _wrong(path, f"the completion {tuple(cell)} is not of this shard")
        if cell in cells:
            raise _wrong(path, f"the completion {tuple(cell)} is there twice")
        cells.add(cell)

    def _require_all(self, shard: Shard, n: int, path: Path, *, has_ended: bool) -> None:
        """Check that a shard is complete."""
        expected = self._expected[shard.number]
        if not has_ended or n != expected:
            msg = (
                f"Shard {shard} is not finished: {path} has {n} of its {expected} completions. "
                f"Run: rater generate FILE --shard {shard} --into {path.parent}"
            )
            raise StateError(msg)

    def _require_versions(self, model: str | None, versions: Versions, path: Path) -> None:
        """Check that one installation made all completions of a model, and one engine those of the study."""
        first, where = self._by_model.setdefault(model, (versions, path))
        if versions is first and len(self._by_model) == 1:
            return
        self._first = self._first or (first, where)
        compared = ((name, first, where) for name in sorted({*first, *versions}))
        for name, earlier, made in (("engine", *self._first), *compared):
            here, there = version_shown(name, versions), version_shown(name, earlier)
            if here != there:
                msg = (
                    f"{path} was made with {name} {here}, but {made.name} with {there}. Arms may differ in "
                    "nothing but the intervention: generate all shards with one installation."
                )
                raise StateError(msg)


def _wrong(path: Path, reason: str) -> StateError:
    msg = f"{path} is damaged: {reason}. Delete the file, and generate the shard again."
    return StateError(msg)


@dataclass(frozen=True)
class _Chunk:
    """Completions with the same versions, each with the time when it was saved."""

    saved: list[tuple[NewCompletion, datetime]]
    versions: Versions


def _chunks(path: Path) -> Iterator[_Chunk | ComputeUse | ShardEnd]:
    """Yield the records of a file, with completions of the same versions in chunks."""
    chunk = _Chunk([], {})
    for record in RecordReader(path):
        if isinstance(record, SavedCompletion):
            if len(chunk.saved) == _CHUNK:
                yield chunk
                chunk = _Chunk([], chunk.versions)
            chunk.saved.append((record.completion, record.saved_at))
            continue
        if chunk.saved:
            yield chunk
        chunk = _Chunk([], record if isinstance(record, Mapping) else chunk.versions)
        if isinstance(record, ComputeUse | ShardEnd):
            yield record
    if chunk.saved:
        yield chunk

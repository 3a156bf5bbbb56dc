"""The file of a shard: one JSON object a line, appended to while the shard is generated.

The lines are, in order: the header with the study and the shard; then completions, each after the versions
that generated it, and the compute of each run; and, when nothing is missing, the end with the number of
completions and the SHA-256 of all bytes before it. No database is needed, so that a file may lie on a network
drive. It names arms: only its owner can read it.
"""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import portalocker

from rater.errors import StateError
from rater.generate.completion_store import Versions
from rater.generate.shards import Shard
from rater.store.engine import OWNER_ONLY, reraise_unusable_file
from rater.store.sealed.completions import Cell, NewCompletion
from rater.store.sealed.compute import ComputeUse

_FORMAT = 1
SUFFIX = ".shard.jsonl"


@dataclass(frozen=True)
class ShardHeader:
    """The study and the shard of a file."""

    study: str
    study_hash: str
    shard: Shard

    def as_line(self) -> dict[str, Any]:
        """Return the first line of the file."""
        return {
            "rater_shard": _FORMAT,
            "study": self.study,
            "hash": self.study_hash,
            "shard": self.shard.number,
            "of": self.shard.n_shards,
        }


@dataclass(frozen=True)
class ShardEnd:
    """The last line of a complete file."""

    n_completions: int
    sha256: str


@dataclass(frozen=True)
class SavedCompletion:
    """A completion in the file, with the time when it was saved."""

    completion: NewCompletion
    saved_at: datetime


Record = ShardHeader | Versions | SavedCompletion | ComputeUse | ShardEnd


def shard_path(folder: Path, study_name: str, shard: Shard) -> Path:
    """Return the path of a shard's file in a folder; numbers are padded, so that files sort."""
    width = len(str(shard.n_shards))
    return folder / f"{study_name}.{shard.number:0{width}}-of-{shard.n_shards}{SUFFIX}"


class RecordReader:
    """Reads the records of a file, whose end is checked against the bytes before it.

    Costs about 10 µs for each completion; no more than one line is held in memory. A last line that a killed
    process did not finish is left out.

    Raises:
        StateError: the file is damaged, or not the file of a shard; raised while it is read.
        DatabaseError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.digest = hashlib.sha256()
        """The digest of the lines that were read."""
        self.n_bytes = 0
        """Their length."""

    def __iter__(self) -> Iterator[Record]:
        """Yield the records in order."""
        n_completions, has_ended = 0, False
        with reraise_unusable_file(self._path, what="shard"), self._path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                if has_ended:
                    raise _damaged(self._path, number, "it has lines after its end")
                try:
                    record = _parse(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise _damaged(self._path, number, "it is not a line of a shard") from error
                if isinstance(record, ShardHeader) != (number == 1):
                    raise _damaged(self._path, number, "a file has one header, in its first line")
                if isinstance(record, ShardEnd):
                    has_ended = True
                    if record != ShardEnd(n_completions, self.digest.hexdigest()):
                        raise _damaged(self._path, number, "the lines before it have changed")
                n_completions += isinstance(record, SavedCompletion)
                self.digest.update(line)
                self.n_bytes += len(line)
                yield record


def _parse(line: Mapping[str, Any]) -> Record:
    if "arm" in line:
        completion = NewCompletion(
            cell=Cell(line["prompt"], line["arm"], line["sample"]),
            seed=line["seed"],
            token_ids=tuple(line["token_ids"]),
            text=line["text"],
            stop_reason=line["stop_reason"],
            nll=line["nll"],
            repetition=line["repetition"],
        )
        return SavedCompletion(completion, datetime.fromisoformat(line["at"]))
    if "versions" in line:
        return dict(line["versions"])
    if "run" in line:
        return ComputeUse.of_detail(line["run"])
    if "end" in line:
        return ShardEnd(line["end"], line["sha256"])
    if line["rater_shard"] != _FORMAT:
        msg = f"format {line['rater_shard']}"
        raise ValueError(msg)
    return ShardHeader(line["study"], line["hash"], Shard(line["shard"], line["of"]))


def _damaged(path: Path, number: int, reason: str) -> StateError:
    msg = f"{path} is damaged: line {number}: {reason}. Delete the file, and generate the shard again."
    return StateError(msg)


class ShardFile:
    """Saves the completions of a shard; a `CompletionStore`, used as a context manager.

    An existing file is continued.

    Raises:
        StateError: the file is of another study or shard, is damaged, cannot be written, or another process
            generates this shard.
    """

    def __init__(self, path: Path, header: ShardHeader) -> None:
        self._path, self._header = path, header
        self.cells: set[Cell] = set()
        """The completions that are saved."""
        self.is_complete = False
        """True if the file has its end."""
        self._versions: dict[str, list[Versions]] = {}
        self._last_versions: Versions | None = None
        self._digest = hashlib.sha256()
        self._file: BinaryIO | None = None

    def __enter__(self) -> Self:
        with reraise_unusable_file(self._path, what="shard"):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, OWNER_ONLY)
            self._file = os.fdopen(descriptor, "r+b")
        try:
            self._lock()
            self._continue()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._opened.close()

    def _lock(self) -> None:
        """Lock the file until it is closed, where the file system has locks."""
        try:
            portalocker.lock(self._opened, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.AlreadyLocked as error:
            msg = f"Another process generates shard {self._header.shard} into {self._path}."
            raise StateError(msg) from error
        except portalocker.LockException:
            return

    @property
    def _opened(self) -> BinaryIO:
        assert self._file is not None  # noqa: S101 (set by __enter__)
        return self._file

    def _continue(self) -> None:
        """Read what is saved, and cut off a last line that was not finished."""
        reader = RecordReader(self._path)
        for record in reader:
            if isinstance(record, ShardHeader):
                require_same_header(self._path, record, self._header)
            elif isinstance(record, SavedCompletion):
                self.cells.add(record.completion.cell)
                self._note_versions(record.completion.cell.arm)
            elif isinstance(record, ShardEnd):
                self.is_complete = True
            elif isinstance(record, Mapping):
                self._last_versions = record
        self._digest = reader.digest
        self._opened.truncate(reader.n_bytes)
        self._opened.seek(reader.n_bytes)
        if reader.n_bytes == 0:
            self._append([self._header.as_line()])

    def _note_versions(self, arm: str) -> None:
        known = self._versions.setdefault(arm, [])
        if self._last_versions is not None and self._last_versions not in known:
            known.append(self._last_versions)

    def _append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        content = "".join(
            json.dumps(line, separators=(",", ":"), ensure_ascii=False) + "\n" for line in lines
        ).encode()
        with reraise_unusable_file(self._path, what="shard"):
            self._opened.write(content)
            self._opened.flush()
            os.fsync(self._opened.fileno())
        self._digest.update(content)

    def versions_by_arm(self) -> Mapping[str, Sequence[Versions]]:
        """Return the distinct versions that generated the completions of each arm so far."""
        return self._versions

    def save(self, completions: Sequence[NewCompletion], versions: Versions, *, now: datetime) -> None:
        """Append completions; they are on the disk when this returns."""
        lines: list[Mapping[str, Any]] = []
        if versions != self._last_versions:
            lines.append({"versions": dict(versions)})
            self._last_versions = versions
        for each in completions:
            self.cells.add(each.cell)
            self._note_versions(each.cell.arm)
            lines.append(
                {
                    "prompt": each.cell.prompt_index,
                    "arm": each.cell.arm,
                    "sample": each.cell.sample,
                    "seed": each.seed,
                    "token_ids": each.token_ids,
                    "text": each.text,
                    "stop_reason": each.stop_reason,
                    "nll": each.nll,
                    "repetition": each.repetition,
                    "at": now.isoformat(),
                }
            )
        self._append(lines)

    def end_run(self, n_made: int, versions: Versions, use: ComputeUse, *, now: datetime) -> None:  # noqa: ARG002 (the versions are saved with the completions)
        """Append the compute of a run."""
        self._append([{"run": use.as_detail()}])

    def end(self) -> None:
        """Append the end: nothing is missing."""
        self._append([{"end": len(self.cells), "sha256": self._digest.hexdigest()}])
        self.is_complete = True


def require_same_header(path: Path, found: ShardHeader, wanted: ShardHeader) -> None:
    """Refuse the file of another study, of another version of this study, or of another shard.

    Raises:
        StateError: the header is not the wanted one.
    """
    if found.study != wanted.study:
        msg = (
            f"{path} is of study {found.study!r}, not {wanted.study!r}. Give each study a folder of its own."
        )
    elif found.study_hash != wanted.study_hash:
        msg = (
            f"{path} is of study {found.study!r} before its file changed (hash {found.study_hash[:12]}, now "
            f"{wanted.study_hash[:12]}). Undo the change, or delete its shards and generate them again."
        )
    elif found.shard != wanted.shard:
        msg = f"{path} is shard {found.shard}, not {wanted.shard}. Give its file its own name back."
    else:
        return
    raise StateError(msg)

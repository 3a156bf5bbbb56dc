"""Sealed completions: insert, list, and digest them; their seeds.

The digest is SHA-256 over these lines, each ended by a line feed, in UTF-8::

    rater completions 1
    salt <the publication's salt>
    [<the columns of the table completion but the study's number, in their order>]
    … one such line of canonical JSON for each completion, sorted by prompt, arm, sample and number

Times are ISO 8601 in UTC. It is salted, since it is kept next to the texts that raters see.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from rater.store.sealed.schema import CompletionRow


def read_seeds(session: Session, study_id: int) -> set[int]:
    """Read the seeds of a study's completions. Costs one query."""
    seeds = session.scalars(select(CompletionRow.seed).where(CompletionRow.study_id == study_id).distinct())
    return {seed for seed in seeds if seed is not None}


class Cell(NamedTuple):
    """The position of a completion in a study: prompt (from 0), arm, sample (from 0)."""

    prompt_index: int
    arm: str
    sample: int


@dataclass(frozen=True)
class NewCompletion:
    """A completion about to be stored."""

    cell: Cell
    seed: int | None
    token_ids: tuple[int, ...]
    text: str
    stop_reason: str
    nll: float | None = None
    """See the table; None where no model of ours made it."""
    repetition: float = 0.0


@dataclass(frozen=True)
class KeptCompletion:
    """A completion as read."""

    id: int
    cell: Cell
    text: str
    n_tokens: int
    stop_reason: str
    nll: float | None
    repetition: float


def read_cells(session: Session, study_id: int) -> set[Cell]:
    """Return the cells of a study that have a completion. Costs one query."""
    columns = (CompletionRow.prompt_index, CompletionRow.arm, CompletionRow.sample)
    return {Cell(*row) for row in session.execute(select(*columns).where(CompletionRow.study_id == study_id))}


def read_versions(session: Session, study_id: int) -> dict[str, list[dict[str, str]]]:
    """Read the distinct models and versions that generated each arm. Costs one query."""
    rows = session.execute(
        select(CompletionRow.arm, CompletionRow.versions).where(CompletionRow.study_id == study_id)
    ).all()
    versions: dict[str, list[dict[str, str]]] = {}
    for arm, made_by in rows:
        known = versions.setdefault(arm, [])
        if made_by not in known:
            known.append(made_by)
    return versions


def insert_completions(
    session: Session,
    study_id: int,
    completions: Sequence[NewCompletion],
    *,
    versions: dict[str, str],
    now: datetime,
) -> None:
    """Insert completions; one that another generator has inserted already is left unchanged."""
    insert_saved_completions(session, study_id, [(each, now) for each in completions], versions=versions)


def insert_saved_completions(
    session: Session,
    study_id: int,
    saved: Iterable[tuple[NewCompletion, datetime]],
    *,
    versions: dict[str, str],
) -> None:
    """Insert completions with the time of each; otherwise as `insert_completions`. Costs one statement."""
    rows = [
        {
            "study_id": study_id,
            "prompt_index": completion.cell.prompt_index,
            "arm": completion.cell.arm,
            "sample": completion.cell.sample,
            "seed": completion.seed,
            "token_ids": completion.token_ids,
            "text": completion.text,
            "stop_reason": completion.stop_reason,
            "nll": completion.nll,
            "repetition": completion.repetition,
            "versions": versions,
            "created_at": saved_at,
        }
        for completion, saved_at in saved
    ]
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    # the table and not its class: the rows of a bulk insert need no bookkeeping of objects
    session.execute(dialect.insert(CompletionRow.__table__).on_conflict_do_nothing(), rows)


def delete_completions(session: Session, study_id: int) -> None:
    """Delete a study's completions; foreign keys protect those of a published study."""
    session.execute(delete(CompletionRow).where(CompletionRow.study_id == study_id))


def read_completions(session: Session, study_id: int) -> list[KeptCompletion]:
    """Read a study's completions in order of prompt, arm and sample. Costs one query."""
    rows = session.scalars(
        select(CompletionRow)
        .where(CompletionRow.study_id == study_id)
        .order_by(CompletionRow.prompt_index, CompletionRow.arm, CompletionRow.sample)
    )
    return [
        KeptCompletion(
            id=row.id,
            cell=Cell(row.prompt_index, row.arm, row.sample),
            text=row.text,
            n_tokens=len(row.token_ids),
            stop_reason=row.stop_reason,
            nll=row.nll,
            repetition=row.repetition,
        )
        for row in rows
    ]


def digest_completions(session: Session, study_id: int, *, salt: str) -> str:
    """Digest every column of a study's completions. Costs one query."""
    columns = [column for column in CompletionRow.__table__.columns if column.name != "study_id"]
    rows = session.execute(
        select(*columns)
        .where(CompletionRow.study_id == study_id)
        .order_by(CompletionRow.prompt_index, CompletionRow.arm, CompletionRow.sample, CompletionRow.id)
        .execution_options(yield_per=1_000)
    )
    found = hashlib.sha256(f"rater completions 1\nsalt {salt}\n".encode())
    for row in rows:
        line = json.dumps(
            list(row), sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=datetime.isoformat
        )
        found.update(line.encode() + b"\n")
    return found.hexdigest()

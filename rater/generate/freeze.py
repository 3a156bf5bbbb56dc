"""Freeze a study by its hash, list its missing completions, and store those that come from files.

Needs no model and no torch.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from sqlalchemy.orm import Session

from rater.audit.cues import word_repetition
from rater.errors import StateError
from rater.store.engine import disposing, reading, writing
from rater.store.log import EventKind, append_event
from rater.store.sealed.completions import (
    Cell,
    NewCompletion,
    delete_completions,
    insert_completions,
    read_cells,
)
from rater.store.sealed.measurements import delete_measurements
from rater.store.sealed.open import create_sealed, open_sealed, open_sealed_if_begun
from rater.store.sealed.schema import SealedEventRow
from rater.store.sealed.studies import (
    SealedStudy,
    find_sealed_study,
    find_secrets,
    insert_sealed_study,
    replace_sealed_study,
)
from rater.study.arms import ExternalCompletions, model_of
from rater.study.external_completions import Slot, read_external_completions
from rater.study.study import Study

# Fields of a study that its completions depend on; changes of other fields keep the completions.
MAKES_COMPLETIONS = frozenset(
    {"arms", "chat", "concepts", "model", "prompts", "rated", "reference_arm", "sampling"}
)
_TURNS_OF_ITEM = re.compile(r"items\[\d+\]\.turns\b.*")
_CONCEPT_OF_ITEM = re.compile(r"items\[\d+\]\.concept")


@dataclass(frozen=True)
class Missing:
    """The missing completions of a frozen study."""

    study_id: int
    cells: list[Cell]
    n_made: int
    is_published: bool = False

    @classmethod
    def of(cls, study: Study, study_id: int, stored: Set[Cell], *, is_published: bool = False) -> "Missing":
        """Return the completions of a study that are not among those stored."""
        cells = [cell for cell in list_cells(study) if cell not in stored]
        return cls(study_id, cells, n_made=len(stored), is_published=is_published)


def freeze(sealed_url: str, study: Study, *, now: datetime, restart: bool = False) -> Missing:
    """Freeze a study, and return its missing completions. Costs a few queries.

    A study may change before it is published as long as its completions stay the same; with ``restart`` they
    are deleted and it may change in any way.

    Raises:
        StateError: the study changed; the message names the changes and the options.
    """
    with disposing(create_sealed(sealed_url)) as sealed, writing(sealed) as session:
        sealed_study = find_sealed_study(session, study.name)
        if sealed_study is None:
            sealed_study = insert_sealed_study(
                session,
                name=study.name,
                study_hash=study.hash,
                canonical_json=study.canonical_json(),
                now=now,
            )
        elif sealed_study.hash != study.hash or restart:
            _require_unpublished(session, sealed_study, study)
            _replace(session, sealed_study, study, now=now, restart=restart)
        stored_cells = read_cells(session, sealed_study.id)
        is_published = find_secrets(session, sealed_study.id) is not None
    return Missing.of(study, sealed_study.id, stored_cells, is_published=is_published)


def look(sealed_url: str, study: Study, *, restart: bool = False) -> Missing:
    """Return what `freeze` would return, without changing anything. Costs a few queries.

    Raises:
        StateError: as `freeze`.
    """
    stored_cells: set[Cell] = set()
    study_id = 0
    sealed = open_sealed_if_begun(sealed_url)
    if sealed is not None:
        with disposing(sealed), reading(sealed) as session:
            sealed_study = find_sealed_study(session, study.name)
            if sealed_study is not None:
                study_id = sealed_study.id
                if sealed_study.hash != study.hash or restart:
                    _require_unpublished(session, sealed_study, study)
                    _require_same_completions(session, sealed_study, study, restart=restart)
                stored_cells = set() if restart else read_cells(session, sealed_study.id)
    return Missing.of(study, study_id, stored_cells)


def first_samples(missing: Missing, n: int) -> Missing:
    """Return n of the missing completions, balanced over prompts and arms, the first samples first."""
    first = sorted(missing.cells, key=lambda cell: (cell.sample, cell.prompt_index))[:n]
    chosen = set(first)
    return replace(missing, cells=[cell for cell in missing.cells if cell in chosen])


def list_cells(study: Study) -> list[Cell]:
    """List a study's completions; those that share a prefill are adjacent."""
    return [
        Cell(prompt_index, arm, sample)
        for prompt_index in range(len(study.prompts))
        for arm in study.arm_names
        for sample in range(study.n_samples_of(arm))
    ]


def _require_unpublished(session: Session, sealed_study: SealedStudy, study: Study) -> None:
    if find_secrets(session, sealed_study.id) is None:
        return
    changes = study.changes_from(sealed_study.canonical_json)
    problem = (
        f"its file has changed since ({_listed(changes, study)})"
        if changes
        else "its completions cannot be replaced"
    )
    msg = (
        f"Study {study.name!r} is published and frozen, but {problem}. "
        "Undo the change, or give the study a new name."
    )
    raise StateError(msg)


def _replace(
    session: Session, sealed_study: SealedStudy, study: Study, *, now: datetime, restart: bool
) -> None:
    changes = study.changes_from(sealed_study.canonical_json)
    _require_same_completions(session, sealed_study, study, restart=restart)
    replace_sealed_study(
        session,
        sealed_study.id,
        study_hash=study.hash,
        canonical_json=study.canonical_json(),
        changes=changes,
        now=now,
    )
    if restart:
        delete_measurements(session, sealed_study.id, now=now)
        delete_completions(session, sealed_study.id)


def _require_same_completions(
    session: Session, sealed_study: SealedStudy, study: Study, *, restart: bool
) -> None:
    changes = study.changes_from(sealed_study.canonical_json)
    changed = [path for path in changes if _makes_completions(path, study)]
    if changed and not restart and read_cells(session, sealed_study.id):
        msg = (
            f"Study {study.name!r} has completions from before its file changed ({_listed(changed, study)}). "
            "Undo the change, give the study a new name, or add --restart to delete those completions."
        )
        raise StateError(msg)


def _makes_completions(path: str, study: Study) -> bool:
    if _TURNS_OF_ITEM.fullmatch(path):
        return True
    if study.concepts and _CONCEPT_OF_ITEM.fullmatch(path):
        return True
    return re.split(r"[.\[]", path, maxsplit=1)[0] in MAKES_COMPLETIONS


def _listed(paths: Sequence[str], study: Study) -> str:
    named = list(dict.fromkeys(_named(path, study) for path in paths))
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")


def _named(path: str, study: Study) -> str:
    """Return the name of a changed field; for the content of a file of completions, the file."""
    for number, arm in enumerate(study.arms):
        if isinstance(arm, ExternalCompletions) and path == f"arms[{number}].sha256":
            return f"what is in {arm.path}"
    return path


def take_external_completions(
    sealed_url: str, study: Study, missing: Missing, folder: Path, *, now: datetime
) -> Missing:
    """Store the missing completions of arms that come from files, in one transaction.

    Args:
        sealed_url: The sealed database.
        study: The study.
        missing: The missing completions.
        folder: The folder of the study file, to which paths are relative.
        now: The time.

    Returns:
        The completions that are still missing.

    Raises:
        StudyError: a file changed since the study was loaded, or does not fit it.
    """
    arms = {arm.name: arm for arm in study.arms if isinstance(arm, ExternalCompletions)}
    cells = [cell for cell in missing.cells if cell.arm in arms]
    if not cells:
        return missing
    read = {
        name: read_external_completions(
            arms[name],
            folder,
            study.rated_items,
            samples_per_prompt=study.n_samples_of(name),
            rated=study.rated_part,
        )
        for name in dict.fromkeys(cell.arm for cell in cells)
    }
    texts = {cell: read[cell.arm].texts[Slot(cell.prompt_index, cell.sample)] for cell in cells}
    new = [
        NewCompletion(
            cell=cell,
            seed=None,
            token_ids=(),
            text=texts[cell],
            stop_reason="unknown",
            repetition=word_repetition(texts[cell]),
        )
        for cell in cells
    ]
    files = {arms[name].path: found.sha256 for name, found in read.items()}
    versions = {"rater": version("rater"), **files}
    with disposing(open_sealed(sealed_url)) as sealed, writing(sealed) as session:
        insert_completions(session, missing.study_id, new, versions=versions, now=now)
        append_event(
            session,
            SealedEventRow,
            missing.study_id,
            kind=EventKind.TAKEN,
            at=now,
            n_taken=len(new),
            files=files,
        )
    return replace(missing, cells=[cell for cell in missing.cells if cell.arm not in arms])


def cells_by_model(study: Study, cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Group cells by the model that generates them, the study's own first; cells of files are left out."""
    models = {arm.name: model_of(arm, study.model) for arm in study.arms}
    sorted_cells: dict[str, list[Cell]] = {study.model: []}
    for cell in cells:
        model = models[cell.arm]
        if model is not None:
            sorted_cells.setdefault(model, []).append(cell)
    return {model: made for model, made in sorted_cells.items() if made}

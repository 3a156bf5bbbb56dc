"""Freeze a study by its hash, and list its missing completions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.store.engine import disposing, reading, writing
from rater.store.sealed.completions import Cell, delete_completions, read_cells
from rater.store.sealed.open import create_sealed, open_sealed_if_begun
from rater.store.sealed.studies import (
    SealedStudy,
    find_sealed_study,
    find_secrets,
    insert_sealed_study,
    replace_sealed_study,
)
from rater.study.arms import ExternalCompletions
from rater.study.study import Study

# Fields of a study that its completions depend on; changes of other fields keep the completions.
MAKES_COMPLETIONS = frozenset({"arms", "chat", "model", "prompts", "sampling"})


@dataclass(frozen=True)
class Missing:
    """The missing completions of a frozen study."""

    study_id: int
    cells: list[Cell]
    n_made: int
    is_published: bool = False


def freeze(sealed_url: str, study: Study, *, now: datetime, restart: bool = False) -> Missing:
    """Freeze a study, and return its missing completions. Costs a few queries.

    A study may change before it is published as long as its completions stay the same; with ``restart`` they
    are deleted and it may change in any way.

    Raises:
        StateError: the study changed; the message names the changes and the options.
    """
    with disposing(create_sealed(sealed_url)) as sealed, writing(sealed) as session:
        kept = find_sealed_study(session, study.name)
        if kept is None:
            kept = insert_sealed_study(
                session,
                name=study.name,
                study_hash=study.hash,
                canonical_json=study.canonical_json(),
                now=now,
            )
        elif kept.hash != study.hash or restart:
            _require_unpublished(session, kept, study)
            _replace(session, kept, study, now=now, restart=restart)
        made = read_cells(session, kept.id)
        is_published = find_secrets(session, kept.id) is not None
    cells = [cell for cell in list_cells(study) if cell not in made]
    return Missing(kept.id, cells, n_made=len(made), is_published=is_published)


def look(sealed_url: str, study: Study, *, restart: bool = False) -> Missing:
    """Return what `freeze` would return, without changing anything. Costs a few queries.

    Raises:
        StateError: as `freeze`.
    """
    made: set[Cell] = set()
    study_id = 0
    sealed = open_sealed_if_begun(sealed_url)
    if sealed is not None:
        with disposing(sealed), reading(sealed) as session:
            kept = find_sealed_study(session, study.name)
            if kept is not None:
                study_id = kept.id
                if kept.hash != study.hash or restart:
                    _require_unpublished(session, kept, study)
                    _require_same_completions(session, kept, study, restart=restart)
                made = set() if restart else read_cells(session, kept.id)
    return Missing(study_id, [cell for cell in list_cells(study) if cell not in made], n_made=len(made))


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
        for sample in range(study.sampling.samples_per_prompt)
    ]


def _require_unpublished(session: Session, kept: SealedStudy, study: Study) -> None:
    if find_secrets(session, kept.id) is None:
        return
    changes = study.changes_from(kept.canonical_json)
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


def _replace(session: Session, kept: SealedStudy, study: Study, *, now: datetime, restart: bool) -> None:
    changes = study.changes_from(kept.canonical_json)
    _require_same_completions(session, kept, study, restart=restart)
    replace_sealed_study(
        session,
        kept.id,
        study_hash=study.hash,
        canonical_json=study.canonical_json(),
        changes=changes,
        now=now,
    )
    if restart:
        delete_completions(session, kept.id)


def _require_same_completions(session: Session, kept: SealedStudy, study: Study, *, restart: bool) -> None:
    changes = study.changes_from(kept.canonical_json)
    changed = [path for path in changes if path.split(".")[0].split("[")[0] in MAKES_COMPLETIONS]
    if changed and not restart and read_cells(session, kept.id):
        msg = (
            f"Study {study.name!r} has completions from before its file changed ({_listed(changed, study)}). "
            "Undo the change, give the study a new name, or add --restart to delete those completions."
        )
        raise StateError(msg)


def _listed(paths: Sequence[str], study: Study) -> str:
    named = list(dict.fromkeys(_named(path, study) for path in paths))
    return ", ".join(named[:5]) + (f" and {len(named) - 5} more" if len(named) > 5 else "")


def _named(path: str, study: Study) -> str:
    """Return the name of a changed field; for the content of a file of completions, the file."""
    for number, arm in enumerate(study.arms):
        if isinstance(arm, ExternalCompletions) and path == f"arms[{number}].sha256":
            return f"what is in {arm.path}"
    return path

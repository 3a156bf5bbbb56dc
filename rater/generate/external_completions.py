"""Store completions from files in the sealed database, without a model or torch."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from rater.audit.cues import word_repetition
from rater.generate.freeze import Missing
from rater.store.engine import disposing, writing
from rater.store.log import append_event
from rater.store.sealed.completions import Cell, NewCompletion, insert_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import SealedEventRow
from rater.study.arms import ExternalCompletions, model_of
from rater.study.external_completions import Slot, read_external_completions
from rater.study.study import Study


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
    samples = study.sampling.samples_per_prompt
    read = {
        name: read_external_completions(arms[name], folder, study.prompts, samples_per_prompt=samples)
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
            session, SealedEventRow, missing.study_id, kind="taken", at=now, n_taken=len(new), files=files
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

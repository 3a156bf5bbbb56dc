"""Make a study's missing completions, and keep each in the sealed database as it is made.

A completion depends on the study, its prompt, arm and sample alone, so that generation that was interrupted
ends, when it is run again, with the same rows as one that was not.
"""

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from importlib.metadata import version
from itertools import islice

from transformer_lens.model_bridge import TransformerBridge

from rater.audit.cues import word_repetition
from rater.errors import StateError
from rater.generate.estimate import kept_together
from rater.generate.freeze import Missing
from rater.steering.additions import resolve
from rater.steering.likelihood import unsteered_nlls
from rater.steering.prompts import render, set_off
from rater.steering.rows import Completion, Row, completion_seed
from rater.steering.sampler import generate
from rater.steering.vectors import SteeringVector
from rater.store.engine import disposing, reading, writing
from rater.store.log import append_event
from rater.store.sealed.completions import Cell, NewCompletion, insert_completions, read_versions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import SealedEventRow
from rater.study.arms import ExternalCompletions, Steered, model_of
from rater.study.study import Study


def make_completions(
    sealed_url: str,
    study: Study,
    missing: Missing,
    model: TransformerBridge,
    *,
    batch_size: int,
    clock: Callable[[], datetime],
    on_tokens: Callable[[int], None],
    on_completion: Callable[[int], None],
) -> None:
    """Make the missing completions, measure them, and keep them in groups as they are finished.

    Measuring takes a forward pass for those of a group that were steered; keeping it is one transaction.

    Args:
        sealed_url: where they are kept.
        study: what declares them.
        missing: which of them to make, all by one model (see `cells_by_model`).
        model: that model.
        batch_size: how many are decoded together; an interruption loses what was begun of these, and a group.
        clock: tells the time.
        on_tokens: called with the number of tokens that each step made.
        on_completion: called with the number of tokens of each completion that is durable.

    Raises:
        ModelError: an arm does not fit the model; nothing has been made then.
        StateError: some of the model's completions were made in another precision than it has now.
    """
    rows = _rows(study, missing.cells, model)
    versions = _versions(model)
    with disposing(open_sealed(sealed_url)) as sealed:
        with reading(sealed) as session:
            _require_one_dtype(study, missing, read_versions(session, missing.study_id), versions["dtype"])
        made = generate(model, rows, study.sampling, batch_size=batch_size, measure=True, on_tokens=on_tokens)
        while group := list(islice(made, kept_together(batch_size))):
            new = _measured(study, model, group)
            with writing(sealed) as session:
                insert_completions(session, missing.study_id, new, versions=versions, now=clock())
            for each in new:
                on_completion(len(each.token_ids))
        with writing(sealed) as session:
            detail = {"n_made": len(rows), "versions": versions}
            append_event(session, SealedEventRow, missing.study_id, kind="generated", at=clock(), **detail)


def _require_one_dtype(
    study: Study, missing: Missing, kept: Mapping[str, Sequence[Mapping[str, str]]], dtype: str
) -> None:
    """Refuse arms in different precisions: they must differ in nothing but what was done to the model."""
    models = {arm.name: model_of(arm, study.model) for arm in study.arms}
    now = {models[cell.arm] for cell in missing.cells}
    others = {
        made_by["dtype"]
        for arm, versions in kept.items()
        for made_by in versions
        if models[arm] in now and "dtype" in made_by and made_by["dtype"] != dtype
    }
    if others:
        other = min(others).removeprefix("torch.")
        msg = (
            f"Completions of study {study.name!r} were made in {other}, but its model is loaded in "
            f"{dtype.removeprefix('torch.')} now. Add --dtype {other}, or --restart to throw those away."
        )
        raise StateError(msg)


def _rows(study: Study, cells: Iterable[Cell], model: TransformerBridge) -> list[Row[Cell]]:
    cells = list(cells)
    needed = {cell.arm for cell in cells}
    vectors: dict[str, tuple[SteeringVector, ...]] = {}
    given: dict[tuple[int, str], str] = {}
    for number, arm in enumerate(study.arms):
        if arm.name not in needed or isinstance(arm, ExternalCompletions):
            continue
        additions = arm.additions if isinstance(arm, Steered) else ()
        vectors[arm.name] = resolve(model, additions, place=f"arms[{number}].additions")
        for index, prompt in enumerate(study.prompts):
            given[index, arm.name] = render(model.tokenizer, prompt, arm, chat=study.chat)
    return [
        Row(
            key=cell,
            prompt=given[cell.prompt_index, cell.arm],
            vectors=vectors[cell.arm],
            seed=_seed(study, cell),
            place=f"prompts[{cell.prompt_index}]",
        )
        for cell in cells
    ]


def _measured(
    study: Study, model: TransformerBridge, group: Sequence[Completion[Cell]]
) -> list[NewCompletion]:
    # As an unsteered arm would have had to write it: without an arm's own prefix or system prompt.
    plain = [
        render(model.tokenizer, study.prompts[made.key.prompt_index], None, chat=study.chat) for made in group
    ]
    nlls = unsteered_nlls(model, group, plain)
    return [
        NewCompletion(
            cell=made.key,
            seed=_seed(study, made.key),
            token_ids=made.token_ids,
            text=set_off(made.text, chat=study.chat),
            stop_reason=made.stop_reason,
            nll=nll,
            repetition=word_repetition(made.text),
        )
        for made, nll in zip(group, nlls, strict=True)
    ]


def _seed(study: Study, cell: Cell) -> int:
    """Derive the seed from the study's own prompt: arms that are given more share its random numbers."""
    return completion_seed(study.sampling.seed, study.prompts[cell.prompt_index], cell.sample)


def _versions(model: TransformerBridge) -> dict[str, str]:
    packages = ("rater", "torch", "transformers", "transformer_lens")
    parameter = next(model.parameters())
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "device": str(parameter.device),
        "dtype": str(parameter.dtype),
    }

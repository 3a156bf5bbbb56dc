"""Generate a study's missing completions, and store each in the sealed database when it is finished.

A completion depends only on the study, its prompt, arm and sample, so that generation that was interrupted
and run again ends with the same rows.
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
from rater.steering.batch import Completion, Row, completion_seed
from rater.steering.likelihood import unsteered_nlls
from rater.steering.prompts import render, set_off
from rater.steering.sampler import generate
from rater.steering.vectors import SteeringVector
from rater.store.engine import disposing, reading, writing
from rater.store.log import append_event
from rater.store.sealed.completions import Cell, NewCompletion, insert_completions, read_versions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import SealedEventRow
from rater.study.arms import ExternalCompletions, Steered, model_of
from rater.study.state import State
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
    """Generate and measure the missing completions, and store them in groups as they are finished.

    Measuring costs a forward pass for the steered ones of a group; storing is one transaction per group.

    Args:
        sealed_url: The sealed database.
        study: The study.
        missing: The completions to generate, all by one model (see `cells_by_model`).
        model: That model.
        batch_size: Number of completions that are decoded together; an interruption loses these and a group.
        clock: Returns the current time.
        on_tokens: Called with the number of tokens of each step.
        on_completion: Called with the number of tokens of each stored completion.

    Raises:
        ModelError: an arm does not fit the model; nothing is generated then.
        StateError: the model's earlier completions were generated in another precision.
    """
    rows = _rows(study, missing.cells, model)
    versions = _versions(model)
    with disposing(open_sealed(sealed_url)) as sealed:
        with reading(sealed) as session:
            _require_one_dtype(study, missing, read_versions(session, missing.study_id), versions["dtype"])
        completions = generate(
            model, rows, study.sampling, batch_size=batch_size, measure=True, on_tokens=on_tokens
        )
        while group := list(islice(completions, kept_together(batch_size))):
            new = _measured(study, model, group)
            with writing(sealed) as session:
                insert_completions(session, missing.study_id, new, versions=versions, now=clock())
            for each in new:
                on_completion(len(each.token_ids))
        with writing(sealed) as session:
            detail = {"n_made": len(rows), "versions": versions}
            append_event(
                session, SealedEventRow, missing.study_id, kind=State.GENERATED, at=clock(), **detail
            )


def _require_one_dtype(
    study: Study, missing: Missing, versions_by_arm: Mapping[str, Sequence[Mapping[str, str]]], dtype: str
) -> None:
    """Check that all arms use one precision: they must differ in nothing but the intervention."""
    models = {arm.name: model_of(arm, study.model) for arm in study.arms}
    now = {models[cell.arm] for cell in missing.cells}
    others = {
        made_by["dtype"]
        for arm, versions in versions_by_arm.items()
        for made_by in versions
        if models[arm] in now and "dtype" in made_by and made_by["dtype"] != dtype
    }
    if others:
        other = min(others).removeprefix("torch.")
        msg = (
            f"Completions of study {study.name!r} were made in {other}, but its model is loaded in "
            f"{dtype.removeprefix('torch.')} now. Add --dtype {other}, or --restart to delete those."
        )
        raise StateError(msg)


def _rows(study: Study, cells: Iterable[Cell], model: TransformerBridge) -> list[Row[Cell]]:
    cells = list(cells)
    by_concept = [{arm.name: arm for arm in arms} for arms in study.concrete_arms]
    concepts = [study.concept_number(item) for item in range(len(study.prompts))]
    vectors: dict[tuple[int, str], tuple[SteeringVector, ...]] = {}
    given: dict[tuple[int, str], str] = {}
    for item, name in dict.fromkeys((cell.prompt_index, cell.arm) for cell in cells):
        concept = concepts[item]
        arm = by_concept[concept][name]
        assert not isinstance(arm, ExternalCompletions)  # noqa: S101 (no model makes them)
        if (concept, name) not in vectors:
            additions = arm.additions if isinstance(arm, Steered) else ()
            place = f"arms[{study.arm_names.index(name)}].additions"
            if study.concepts:
                place += f" for the concept {study.concepts[concept].words!r}"
            vectors[concept, name] = resolve(model, additions, place=place)
        given[item, name] = render(model.tokenizer, study.prompts[item], arm, chat=study.chat)
    return [
        Row(
            key=cell,
            prompt=given[cell.prompt_index, cell.arm],
            vectors=vectors[concepts[cell.prompt_index], cell.arm],
            seed=_seed(study, cell),
            place=f"prompts[{cell.prompt_index}]",
        )
        for cell in cells
    ]


def _measured(
    study: Study, model: TransformerBridge, group: Sequence[Completion[Cell]]
) -> list[NewCompletion]:
    # The NLL is that of the unsteered arm: without an arm's own prefix or system prompt.
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
    """Return the seed, from the study's own prompt: arms with a prefix share its random numbers.

    Items with the same prompt continue its numbering of samples, so that their texts differ.
    """
    prompt = study.prompts[cell.prompt_index]
    n_before = study.prompts[: cell.prompt_index].count(prompt) * study.sampling.samples_per_prompt
    return completion_seed(study.sampling.seed, prompt, n_before + cell.sample)


def _versions(model: TransformerBridge) -> dict[str, str]:
    packages = ("rater", "torch", "transformers", "transformer_lens")
    parameter = next(model.parameters())
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "device": str(parameter.device),
        "dtype": str(parameter.dtype),
    }

"""Make a study's missing completions, and keep each in the sealed database as it is made.

A completion depends on the study, its prompt, arm and sample alone, so that generation that was interrupted
ends, when it is run again, with the same rows as one that was not.
"""

import platform
from collections.abc import Callable, Iterable
from datetime import datetime
from importlib.metadata import version

from transformer_lens.model_bridge import TransformerBridge

from rater.generate.freeze import Missing
from rater.steering.additions import resolve
from rater.steering.prefill import check_fits
from rater.steering.rows import Completion, Row, completion_seed
from rater.steering.sampler import generate
from rater.store.engine import disposing, writing
from rater.store.log import append_event
from rater.store.sealed.completions import Cell, NewCompletion, insert_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.schema import Event
from rater.study.arms import Steered
from rater.study.study import Study


def default_batch_size(n_completions: int) -> int:
    """Choose how many to decode together: a quarter, so that an interruption loses no more; 16 to 128.

    Below 16 the weights are read too often for what they make, above 128 little is gained.
    """
    return min(128, max(16, n_completions // 4))


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
    """Make the missing completions; each is durable (one transaction) before the next is waited for.

    Args:
        sealed_url: where they are kept.
        study: what declares them.
        missing: which of them to make.
        model: the study's model.
        batch_size: how many are decoded together; an interruption loses what was begun of these.
        clock: tells the time.
        on_tokens: called with the number of tokens that each step made.
        on_completion: called with the number of tokens of each completion that is durable.

    Raises:
        ModelError: an arm does not fit the model; nothing has been made then.
    """
    rows = _rows(study, missing.cells, model)
    seeds = {row.key: row.seed for row in rows}
    versions = _versions(model)
    with disposing(open_sealed(sealed_url)) as sealed:
        for made in generate(model, rows, study.sampling, batch_size=batch_size, on_tokens=on_tokens):
            new = _new(made, seeds[made.key])
            with writing(sealed) as session:
                insert_completions(session, missing.study_id, [new], versions=versions, now=clock())
            on_completion(len(made.token_ids))
        with writing(sealed) as session:
            detail = {"n_made": len(rows), "versions": versions}
            append_event(session, Event, missing.study_id, kind="generated", at=clock(), **detail)


def _rows(study: Study, cells: Iterable[Cell], model: TransformerBridge) -> list[Row[Cell]]:
    vectors = {
        arm.name: resolve(model, arm.additions, place=f"arms[{number}].additions")
        if isinstance(arm, Steered)
        else ()
        for number, arm in enumerate(study.arms)
    }
    for index, prompt in enumerate(study.prompts):
        for arm in study.arm_names:
            check_fits(
                model,
                prompt,
                vectors[arm],
                max_new_tokens=study.sampling.max_new_tokens,
                place=f"prompts[{index}]",
            )
    rows = []
    for cell in cells:
        prompt = study.prompts[cell.prompt_index]
        seed = completion_seed(study.sampling.seed, prompt, cell.sample)
        rows.append(Row(key=cell, prompt=prompt, vectors=vectors[cell.arm], seed=seed))
    return rows


def _new(made: Completion[Cell], seed: int) -> NewCompletion:
    return NewCompletion(
        cell=made.key, seed=seed, token_ids=made.token_ids, text=made.text, stop_reason=made.stop_reason
    )


def _versions(model: TransformerBridge) -> dict[str, str]:
    packages = ("rater", "torch", "transformers", "transformer_lens")
    parameter = next(model.parameters())
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "device": str(parameter.device),
        "dtype": str(parameter.dtype),
    }

"""Show what `rater check` shows of prompts: what each model is given, token by token, and what raters see."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rater.steering.prompts import Given
    from rater.study.arms import Arm, Outside, Steered
    from rater.study.study import Study


def require_long_prompts(study: "Study") -> bool:
    """Refuse prompts that are too short for what is added to them; say whether the tokenizer is there to say.

    Raises:
        ModelError: one is too short, or a tokenizer has no chat template, but the study needs one.
    """
    from rater.steering.lengths import require_long_enough
    from rater.steering.prompts import read_tokenizer
    from rater.study.arms import Steered

    steered = [(f"arms[{index}]", arm) for index, arm in enumerate(study.arms) if isinstance(arm, Steered)]
    tokenizer = read_tokenizer(study.model) if steered else None
    if tokenizer is None:
        return not steered
    for place, arm in steered:
        require_long_enough(tokenizer, study.prompts, arm, chat=study.chat, place=place)
    return True


def show_prompts(study: "Study", folder: Path) -> None:
    """Print, for the first prompt, the very text and token ids that each arm's model is given.

    Raises:
        ModelError: a tokenizer has no chat template, but the study needs one.
    """
    click.echo(f"\nThe first prompt of {len(study.prompts)}, {study.prompts[0]!r}, as it is given:")
    for line in _lines(study, folder):
        click.echo(f"  {line}")


def _by_what_is_given(study: "Study") -> "dict[Given | str, list[Arm]]":
    """Sort the arms that a model makes by what it is given; by the model's name where that is not known."""
    from rater.steering.prompts import give, read_tokenizer
    from rater.study.arms import Outside, model_of, models_needed

    tokenizers = {model: read_tokenizer(model) for model in models_needed(study.arms, study.model)}
    groups: dict[Given | str, list[Arm]] = {}
    for arm in study.arms:
        model = model_of(arm, study.model)
        if isinstance(arm, Outside) or model is None:
            continue
        tokenizer = tokenizers[model]
        given = None if tokenizer is None else give(tokenizer, study.prompts[0], arm, chat=study.chat)
        groups.setdefault(given or model, []).append(arm)
    return groups


def _lines(study: "Study", folder: Path) -> Iterator[str]:
    from rater.study.arms import Outside

    for shared, arms in _by_what_is_given(study).items():
        yield ", ".join(arm.name for arm in arms)
        if isinstance(shared, str):
            yield f"    not shown: the tokenizer of {shared} is not on this disk (or transformers is missing)"
        else:
            yield from (f"    {line}" for line in _given(shared))
            if study.chat:
                yield from (f"    {line}" for line in _misplaced(arms, shared))
    for arm in study.arms:
        if isinstance(arm, Outside):
            yield arm.name
            yield from (f"    {line}" for line in _outside(arm, study, folder))


def _given(given: "Given") -> Iterator[str]:
    yield f"text {given.text!r}"
    yield f"ids  {' '.join(map(str, given.ids))}"
    if given.own is not None and (given.own.first, given.own.last) != (1, len(given.ids) - 1):
        yield f"of which the prompt's own are {_run(*given.own)} (BOS is 0, the last {len(given.ids) - 1})"


def _misplaced(arms: "list[Arm]", given: "Given") -> Iterator[str]:
    """Say which additions are made to the template's words: the study's own are then not touched by them."""
    from rater.study.arms import Steered

    at_front = [arm.name for arm in arms if isinstance(arm, Steered) and _is_at_front(arm)]
    if at_front and given.own is not None:
        yield (
            f"{', '.join(at_front)}: what is added at the front begins at token 0, in the template, and not "
            f"in the prompt; position=({given.own.first}, …) would reach it, and when='all' every token"
        )


def _is_at_front(arm: "Steered") -> bool:
    from rater.study.arms import RandomVector

    placed = [
        each
        for addition in arm.additions
        for each in (addition.likes if isinstance(addition, RandomVector) else (addition,))
    ]
    return any(each.when in {"prompt", None} and each.position in ("front", None) for each in placed)


def _outside(arm: "Outside", study: "Study", folder: Path) -> Iterator[str]:
    from rater.study.outside import Place, read_outside

    samples = study.sampling.samples_per_prompt
    found = read_outside(arm, folder, study.prompts, samples_per_prompt=samples)
    yield f"raters see {study.prompts[0] + found.texts[Place(0, 0)]!r}"
    yield f"{len(found.texts)} texts from {arm.path}, SHA-256 {found.sha256}"
    n_joined = sum(not text[0].isspace() for text in found.texts.values())
    if n_joined:
        yield (
            f"{n_joined} of them begin without a space or line break, so that they stand right against their "
            "prompt"
        )


def _run(first: int, last: int) -> str:
    return f"token {first}" if first == last else f"tokens {first}–{last}"

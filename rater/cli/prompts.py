"""Show what `rater check` shows of prompts: what each model is given, token by token, and what raters see."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import click

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from rater.steering.prompts import Given, Span
    from rater.study.arms import Arm, Outside, Steered
    from rater.study.study import Study

Tokenizers: TypeAlias = "Mapping[str, PreTrainedTokenizerBase | None]"
"""By model; None where one does not lie on this disk."""
_LONGEST_SHOWN = 300
"""In characters, of a text from a file."""


@dataclass(frozen=True, kw_only=True)
class ShownPrompt:
    """What the study's first prompt becomes, for the arms that share it."""

    arms: tuple[str, ...]
    text: str | None = None
    """What the model is given, or of texts from a file what raters see; None where that is not known."""
    ids: tuple[int, ...] = ()
    """The tokens that the model is given, BOS first; texts from a file have none."""
    own: "Span | None" = None
    """Which of them are the prompt's own."""
    remarks: tuple[str, ...] = ()


def read_tokenizers(study: "Study") -> Tokenizers:
    """Read the tokenizer of each model that makes texts."""
    from rater.steering.prompts import read_tokenizer
    from rater.study.arms import models_needed

    return {model: read_tokenizer(model) for model in models_needed(study.arms, study.model)}


def require_long_prompts(study: "Study", tokenizers: Tokenizers) -> bool:
    """Refuse prompts that are too short for what is added to them; say whether the tokenizer is there to say.

    Raises:
        ModelError: one is too short, or a tokenizer has no chat template, but the study needs one.
    """
    from rater.steering.lengths import require_long_enough
    from rater.study.arms import Steered

    steered = [(f"arms[{index}]", arm) for index, arm in enumerate(study.arms) if isinstance(arm, Steered)]
    tokenizer = tokenizers[study.model] if steered else None
    if tokenizer is None:
        return not steered
    for place, arm in steered:
        require_long_enough(tokenizer, study.prompts, arm, chat=study.chat, place=place)
    return True


def show_prompts(study: "Study", tokenizers: Tokenizers, folder: Path) -> list[ShownPrompt]:
    """Show, for the first prompt, the very text and token ids that each arm's model is given.

    Raises:
        ModelError: a tokenizer has no chat template, but the study needs one.
    """
    from rater.study.arms import Outside

    made = [_made(study, given, arms) for given, arms in _by_what_is_given(study, tokenizers).items()]
    return made + [_outside(arm, study, folder) for arm in study.arms if isinstance(arm, Outside)]


def print_prompts(study: "Study", shown: list[ShownPrompt]) -> None:
    """Print what the first prompt becomes."""
    click.echo(f"\nThe first prompt of {len(study.prompts)}, {study.prompts[0]!r}, as it is given:")
    for each in shown:
        click.echo(f"  {', '.join(each.arms)}")
        for line in _lines(each):
            click.echo(f"      {line}")


def _lines(shown: ShownPrompt) -> Iterator[str]:
    if shown.text is not None:
        yield f"text {shown.text!r}" if shown.ids else f"raters see {_beginning(shown.text)}"
    if shown.ids:
        yield f"ids  {' '.join(map(str, shown.ids))}"
    last = len(shown.ids) - 1
    if shown.own is not None and (shown.own.first, shown.own.last) != (1, last):
        yield f"of which the prompt's own are {_run(*shown.own)} (BOS is 0, the last {last})"
    yield from shown.remarks


def _beginning(text: str) -> str:
    """Quote a text, of a long one where its prompt and it meet."""
    more = f" … ({len(text):,} characters)" if len(text) > _LONGEST_SHOWN else ""
    return f"{text[:_LONGEST_SHOWN]!r}{more}"


def _run(first: int, last: int) -> str:
    return f"token {first}" if first == last else f"tokens {first}–{last}"


def _by_what_is_given(study: "Study", tokenizers: Tokenizers) -> "dict[Given | str, list[Arm]]":
    """Sort the arms that a model makes by what it is given; by the model's name where that is not known."""
    from rater.steering.prompts import give
    from rater.study.arms import Outside, model_of

    groups: dict[Given | str, list[Arm]] = {}
    for arm in study.arms:
        model = model_of(arm, study.model)
        if isinstance(arm, Outside) or model is None:
            continue
        tokenizer = tokenizers[model]
        given = None if tokenizer is None else give(tokenizer, study.prompts[0], arm, chat=study.chat)
        groups.setdefault(given or model, []).append(arm)
    return groups


def _made(study: "Study", given: "Given | str", arms: "list[Arm]") -> ShownPrompt:
    names = tuple(arm.name for arm in arms)
    if isinstance(given, str):
        unknown = f"not shown: the tokenizer of {given} is not on this disk (or transformers is missing)"
        return ShownPrompt(arms=names, remarks=(unknown,))
    remarks = tuple(_misplaced(arms, given)) if study.chat else ()
    return ShownPrompt(arms=names, text=given.text, ids=given.ids, own=given.own, remarks=remarks)


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


def _outside(arm: "Outside", study: "Study", folder: Path) -> ShownPrompt:
    from rater.study.outside import Place, read_outside

    samples = study.sampling.samples_per_prompt
    found = read_outside(arm, folder, study.prompts, samples_per_prompt=samples)
    remarks = [f"{len(found.texts)} texts from {arm.path}, SHA-256 {found.sha256}"]
    n_joined = sum(not text[0].isspace() for text in found.texts.values())
    if n_joined:
        remarks.append(
            f"{n_joined} of them begin without a space or line break, so that they stand right against their "
            "prompt"
        )
    text = study.prompts[0] + found.texts[Place(0, 0)]
    return ShownPrompt(arms=(arm.name,), text=text, remarks=tuple(remarks))

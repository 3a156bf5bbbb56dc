"""Warnings about valid studies that are probably not as intended."""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path

from rater.study.arms import ExternalCompletions, Steered
from rater.study.forecast import forecast
from rater.study.model_checks import strength_is_zero
from rater.study.study import Study
from rater.study.visit import MTURK

_IGNORED_TOKENS = frozenset({tokenize.NL, tokenize.COMMENT})


def remarks(study: Study, file: Path) -> Iterator[str]:
    """Yield one sentence for each likely mistake; none of them prevents a study from running."""
    for number, arm in enumerate(study.arms):
        for index, addition in enumerate(arm.additions if isinstance(arm, Steered) else ()):
            if strength_is_zero(addition):
                field = next(
                    (name for name in ("coeff", "relative") if getattr(addition, name, None) == 0), "like"
                )
                what = "has strength 0" if field == "like" else "is 0"
                yield f"arms[{number}].additions[{index}].{field} {what}, so it adds nothing."
    yield from _equal_texts(study)
    for prompt in _joined(file, study.prompts):
        yield (
            f"The prompt {prompt!r} is written as two strings without a space between them: is a comma "
            "missing between two prompts?"
        )
    yield from _odd_prompts(study)
    rated = study.design.ratings_per_item
    if rated < 1:
        samples = study.sampling.samples_per_prompt
        yield (
            f"sampling.samples_per_prompt is {samples}, but {study.n_raters} raters see each completion "
            f"{rated:.2g} times on average: at least {1 - rated:.0%} of them will never be rated."
        )
    yield from _odd_visits(study)
    if len(study.prompts) == 1:
        yield "There is only one prompt, so results cannot generalise to other prompts."
    if study.n_raters == 1:
        yield "There is only one rater, so results cannot generalise to other raters."


def _equal_texts(study: Study) -> Iterator[str]:
    """Warn about identical texts: greedy sampling, and arms with identical declarations."""
    sampling = study.sampling
    is_greedy = sampling.temperature == 0 or sampling.top_k == 1
    if (
        is_greedy
        and sampling.samples_per_prompt > 1
        and any(not isinstance(a, ExternalCompletions) for a in study.arms)
    ):
        setting = "temperature is 0" if sampling.temperature == 0 else "top_k is 1"
        yield (
            f"sampling.{setting} (greedy decoding), so all {sampling.samples_per_prompt} samples of a prompt "
            "are identical in each arm; set samples_per_prompt=1."
        )
    arm_of: dict[str, str] = {}
    for arm in study.arms:
        declaration = repr(arm.model_dump(mode="json", exclude={"name", "dose"}))
        other = None if isinstance(arm, ExternalCompletions) else arm_of.setdefault(declaration, arm.name)
        if other not in {None, arm.name}:
            yield f"The arms {other} and {arm.name} have the same declaration, so their texts are identical."


def _odd_visits(study: Study) -> Iterator[str]:
    """Warn about settings that block or underpay raters of a recruitment platform."""
    site = study.recruitment
    if site is not None and study.reassign_after_hours is None:
        yield (
            "recruitment is set but reassign_after_hours is not: a rater who drops out keeps their place, so "
            "the study may never be completed. A value of 2 to 24 suits most studies."
        )
    if (
        site is not None
        and site.participant_id == MTURK.participant_id
        and {"assignmentId", "hitId"} & set(site.other_parameters)
    ):
        yield (
            "Mechanical Turk adds workerId only to an ExternalQuestion, which it shows in a frame from which "
            "these pages cannot submit a HIT. Use a survey-link HIT with a code, and add workerId to its "
            "link as docs/how-to/recruit.md shows."
        )
    if site is not None and not any((study.endings.finished.code, study.endings.finished.url)):
        yield "recruitment is set but endings.finished has neither code nor url: raters cannot be paid."
    expected = forecast(study).minutes_per_rater
    if study.minutes is not None and not expected / 2 <= study.minutes <= expected * 2:
        yield (
            f"minutes is {study.minutes}, but the estimated duration of a session is {expected:.0f} minutes."
        )


def _odd_prompts(study: Study) -> Iterator[str]:
    """Warn about prompts that end in a space: most tokenizers attach the space to the next word."""
    ends = [number for number, prompt in enumerate(study.prompts) if prompt[-1:] in {" ", "\t"}]
    if ends and not study.chat:
        others = f" ({len(ends)} prompts in all)" if len(ends) > 1 else ""
        yield (
            f"prompts[{ends[0]}] ends in a space{others}: most models continue such prompts worse, because "
            "their tokens begin with the space."
        )


def _joined(file: Path, prompts: Iterable[str]) -> list[str]:
    """Find prompts that Python concatenated from two literals, as it does if a comma is missing.

    A long prompt that is deliberately split over two lines has a space between its parts.
    """
    with tokenize.open(file) as source:
        tokens = [
            token
            for token in tokenize.generate_tokens(io.StringIO(source.read()).readline)
            if token.type not in _IGNORED_TOKENS
        ]
    texts = [ast.literal_eval(token.string) if token.type == tokenize.STRING else None for token in tokens]
    joints = {
        (one, other)
        for one, other in pairwise(texts)
        if isinstance(one, str) and isinstance(other, str) and _is_bare(one[-1:]) and _is_bare(other[:1])
    }
    return [prompt for prompt in prompts if any(one + other in prompt for one, other in joints)]


def _is_bare(character: str) -> bool:
    return bool(character) and not character.isspace()

"""The response model of a rehearsal, and its simulated raters.

It is the crossed random-effects model of `rater power`: raters, prompts and texts differ, and so does the
difference between the arms from rater to rater and from prompt to prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rater.analysis.pilot import assume
from rater.analysis.simulate import AnswerModel, ModelSDs, logits_of
from rater.bots.behaviours import (
    AnswerFrom,
    Character,
    Judge,
    ResponseModel,
    ShownText,
    TextQuality,
    make_judge,
)
from rater.errors import StudyError
from rater.publish.texts import published_text
from rater.rehearse.temp_databases import SyntheticKey, TempStudy
from rater.rendering.shown import shown_key
from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.publication import read_checks, read_items
from rater.store.sealed.completions import Cell, KeptCompletion
from rater.study.dimension import Dimension
from rater.study.protocol import Protocol
from rater.study.study import Study
from rater.study.targets import find_target

_SPREAD = ModelSDs()


@dataclass(frozen=True)
class SimulatedRaters:
    """The simulated raters of a rehearsal, and the effect that they see."""

    n_raters: int | None
    """Their number; None for the planned one."""
    effect: float
    """The true difference of the contrast on the primary scale; for pairs, the difference in preference from
    −1 to 1."""
    seed: int
    characters: tuple[Character, ...] = ()
    """Characters of the first bots; all others answer by the response model."""

    def character(self, number: int) -> Character:
        """Return the character of a bot by its number from 0."""
        return self.characters[number] if number < len(self.characters) else "effect"


def make_response_model(temporary: TempStudy, effect: float, rng: np.random.Generator) -> ResponseModel:
    """Draw the quality of each text, and read the answers that pass checks."""
    study = temporary.study
    logits = _logits(study, effect)
    return ResponseModel(
        qualities=_draw_qualities(study, temporary.synthetic_key, logits, rng),
        passing={**_practice(study), **_checks(temporary)},
        answers={each.name: _answer(each, logits) for each in study.dimensions},
        targets=_targets(study, temporary.synthetic_key),
        sd_severity=_SPREAD.rater,
        sd_slope=_primary_model(study).sd_of_slope(_SPREAD),
    )


def make_judges(
    simulated: SimulatedRaters, n_raters: int, model: ResponseModel, rng: np.random.Generator
) -> list[Judge]:
    """Make the behaviour of every bot."""
    streams = rng.spawn(n_raters)
    return [make_judge(simulated.character(number), model, stream) for number, stream in enumerate(streams)]


def _answer(dimension: Dimension, effect: float) -> AnswerFrom:
    """Return how bots answer: by the level of one text, the difference of two, or the order of several.

    Gumbel noise on the levels of several texts gives the orders of the Plackett–Luce model (Yellott 1977, J.
    Math. Psychol. 15:109–144), and differences of it are the logistic noise of the others. The odd text is
    found by the model of the triangle test (`rater.analysis.triangle_test`).
    """
    scale, model = dimension.scale, assume(dimension).with_effect(effect)
    return lambda levels, rng: model.respond(levels, scale, rng)


def _primary_model(study: Study) -> AnswerModel:
    return assume(study.simulated_as(study.primary))


def _logits(study: Study, points: float) -> float:
    try:
        return logits_of(points, _primary_model(study), _SPREAD) if points else 0.0
    except ValueError as error:
        msg = f"An effect of {points:g} is not possible on the scale of {study.primary!r}: {error}."
        raise StudyError(msg) from error


def _draw_qualities(
    study: Study, synthetic_key: SyntheticKey, effect: float, rng: np.random.Generator
) -> dict[ShownText, TextQuality]:
    first, second = study.contrast
    sides = {first: 0.5, second: -0.5}
    protocol = study.protocol
    prompts = rng.normal(0, _SPREAD.prompt, len(study.prompts))
    slopes = _primary_model(study).draw_slopes(effect, len(study.prompts), _SPREAD, rng)
    qualities: dict[ShownText, TextQuality] = {}
    for cell, completion in synthetic_key:
        side = sides.get(cell.arm, 0.0)
        level = prompts[cell.prompt_index] + slopes[cell.prompt_index] * side + rng.normal(0, _SPREAD.item)
        qualities[_shown(study, protocol, cell, completion)] = TextQuality(float(level), side)
    return qualities


def _shown(study: Study, protocol: Protocol, cell: Cell, completion: KeptCompletion) -> ShownText:
    return shown_key(protocol, study.prompts[cell.prompt_index], published_text(study, completion.text))


def _targets(study: Study, synthetic_key: SyntheticKey) -> dict[ShownText, dict[str, float]]:
    """Return the number of the option that is correct for each text, by dimension."""
    choices = {each.name: each.scale for each in study.dimensions if each.scale.has_target}
    if not choices:
        return {}
    items, targets, protocol = study.rated_items, study.analysis.targets, study.protocol
    return {
        _shown(study, protocol, cell, completion): {
            name: scale.answer(target)[0]
            for name, scale in choices.items()
            if (target := find_target(scale, cell.arm, items[cell.prompt_index].fields, targets))
        }
        for cell, completion in synthetic_key
    }


def _practice(study: Study) -> dict[ShownText, Mapping[str, tuple[float, float]]]:
    protocol = study.protocol
    return {shown_key(protocol, each.prompt, each.text): each.accepted for each in protocol.practice}


def _checks(temporary: TempStudy) -> dict[ShownText, Mapping[str, tuple[float, float]]]:
    """Read the answers that pass attention checks, which an attentive rater knows from the text."""
    with disposing(open_rating(temporary.rating_url)) as rating, reading(rating) as session:
        items = {item.id: item for item in read_items(session, temporary.published.id)}
        checks = read_checks(session, temporary.published.id)
    protocol = temporary.published.protocol
    return {
        shown_key(protocol, items[check.item_id].prompt, items[check.item_id].text): {
            dimension: (lowest, highest) for dimension, lowest, highest in check.accepted
        }
        for check in checks
    }

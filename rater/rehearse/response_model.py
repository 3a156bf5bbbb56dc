"""Make up what there is to be seen in a rehearsal's texts, and the bots who will see it.

What a bot feels follows the model from which `rater power` promises its power: raters, prompts and texts
differ, and so does the difference between the arms from rater to rater and from prompt to prompt.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rater.analysis.pilot import assume
from rater.analysis.simulate import ModelSDs, logits_of
from rater.bots.behaviours import Character, Feeling, Judge, ShownText, World, make_judge
from rater.errors import StudyError
from rater.publish.texts import published_text
from rater.rehearse.temp_databases import MadeUpKey, Throwaway
from rater.sanitize import sanitize_for_display
from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.publication import read_checks, read_items
from rater.study.protocol import Dimension
from rater.study.study import Study

_SPREAD = ModelSDs()


@dataclass(frozen=True)
class Cast:
    """Who rates in a rehearsal."""

    n_raters: int | None
    """How many; None for as many as are planned."""
    effect: float
    """How much higher the first arm of the contrast reads than the second, on the primary scale; of pairs,
    how much more often it is preferred, from −1 to 1."""
    seed: int
    characters: tuple[Character, ...] = ()
    """What some of them are like; all others see the effect and go straight through."""

    def character(self, number: int) -> Character:
        """Say what a bot is like, by its number from 0."""
        return self.characters[number] if number < len(self.characters) else "effect"


def make_world(throwaway: Throwaway, effect: float, rng: np.random.Generator) -> World:
    """Draw what each text is like, and note what passes the checks."""
    study = throwaway.study
    return World(
        feelings=_feelings(study, throwaway.made_up, _logits(study, effect), rng),
        passing={**_practice(study), **_checks(throwaway)},
        answers={each.name: _answer(each) for each in study.dimensions},
        sd_leaning=_SPREAD.rater,
        sd_slope=_SPREAD.rater_arm,
    )


def make_judges(cast: Cast, n_raters: int, world: World, rng: np.random.Generator) -> list[Judge]:
    """Make the judge in every bot."""
    streams = rng.spawn(n_raters)
    return [make_judge(cast.character(number), world, stream) for number, stream in enumerate(streams)]


def _answer(dimension: Dimension) -> Callable[[float], float]:
    simulated = assume(dimension)
    return lambda level: float(simulated.answer(np.array([level]))[0])


def _logits(study: Study, points: float) -> float:
    primary = next(each for each in study.dimensions if each.name == study.primary)
    try:
        return logits_of(points, assume(primary), _SPREAD) if points else 0.0
    except ValueError as error:
        msg = f"An effect of {points:g} cannot be seen on the scale of {study.primary!r}: {error}."
        raise StudyError(msg) from error


def _feelings(
    study: Study, made_up: MadeUpKey, effect: float, rng: np.random.Generator
) -> dict[ShownText, Feeling]:
    first, second = study.contrast
    sides = {first: 0.5, second: -0.5}
    prompts = rng.normal(0, _SPREAD.prompt, len(study.prompts))
    slopes = effect + rng.normal(0, _SPREAD.prompt_arm, len(study.prompts))
    found: dict[ShownText, Feeling] = {}
    for cell, kept in made_up:
        side = sides.get(cell.arm, 0.0)
        level = prompts[cell.prompt_index] + slopes[cell.prompt_index] * side + rng.normal(0, _SPREAD.item)
        shown = (
            sanitize_for_display(study.prompts[cell.prompt_index]),
            sanitize_for_display(published_text(study, kept.text)),
        )
        found[shown] = Feeling(float(level), side)
    return found


def _practice(study: Study) -> dict[ShownText, Mapping[str, tuple[float, float]]]:
    return {
        (sanitize_for_display(each.prompt), sanitize_for_display(each.text)): each.accepted
        for each in study.practice
    }


def _checks(throwaway: Throwaway) -> dict[ShownText, Mapping[str, tuple[float, float]]]:
    """Read what passes attention checks; an attentive rater knows it from the text."""
    with disposing(open_rating(throwaway.rating_url)) as rating, reading(rating) as session:
        items = {item.id: item for item in read_items(session, throwaway.published.id)}
        checks = read_checks(session, throwaway.published.id)
    return {
        (
            sanitize_for_display(items[check.item_id].prompt),
            sanitize_for_display(items[check.item_id].text),
        ): {dimension: (lowest, highest) for dimension, lowest, highest in check.accepted}
        for check in checks
    }

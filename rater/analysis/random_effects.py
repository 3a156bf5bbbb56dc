"""The random effects that a design can estimate, for the mixed models of all answers.

Both mixed models (`rater.analysis.mixed_model` and `rater.analysis.ordinal`) have the maximal random effects:
raters and prompts each have an intercept and a slope (the effect of the arm on them), uncorrelated under the
±1/2 coding, and texts an intercept. A model without the slopes takes the effect to be the same for all raters
and prompts; its type I error was .115 to .163 in complete designs (statistics.md section 4).

A term is left out only where the design, not the answers, cannot tell it from another term or from the error.
Texts are left out where each prompt has one text for each arm: the two texts of a prompt then have two
independent means, which the intercept and the slope of the prompt describe already. They are left out as well
where each text has one answer, since a text then differs from others as the error does.
"""

from dataclasses import dataclass

import numpy as np

from rater.analysis.contrast_data import Ratings
from rater.analysis.ordinal.design import has_both_arms
from rater.analysis.results import Counts
from rater.analysis.three_way import name_term


@dataclass(frozen=True)
class RandomTerms:
    """The random effects of a model, and notes on those that the design cannot estimate."""

    factors: tuple[str, ...]
    """With a random intercept: rater, prompt, item; with concepts also concept, rater_concept and
    prompt_concept (`Ratings.level`)."""
    slopes: tuple[str, ...]
    """The factors that have a random slope, too."""
    notes: tuple[str, ...]

    @property
    def formula(self) -> str:
        """The random effects in R's formula notation; x is the contrast."""
        terms = []
        for factor in self.factors:
            terms.append(f"(1 | {factor})")
            if factor in self.slopes:
                terms.append(f"(0 + x | {factor})")
        return " + ".join(terms)


def choose_random_terms(ratings: Ratings, n: Counts) -> RandomTerms:
    """Choose every random effect that the design can distinguish from the others and from the error."""
    x = np.where(ratings.is_first, 0.5, -0.5)
    factors, slopes, notes = [], [], []
    known: list[np.ndarray] = []
    for name in _factors(ratings):
        level, nouns = ratings.level(name), name_term(name)
        count = np.unique(level).size
        if any(_are_same(level, other) for other in known):
            continue  # each concept has one prompt, or each rater one concept
        known.append(level)
        if count == n.answers:
            each = name.replace("_", " × ")
            notes.append(
                f"each {each} has one answer, so differences between {nouns} are included in the error"
            )
            continue
        factors.append(name)
        if has_both_arms(level, x).sum() < 2:
            notes.append(
                f"no two {nouns} have answers to both arms, so the effect is assumed equal for all {nouns}"
            )
        elif 2 * count >= n.answers:
            notes.append(f"{nouns} have too few answers to estimate how the effect differs between them")
        else:
            slopes.append(name)
    n_texts = np.unique(np.column_stack([ratings.prompt, ratings.is_first]), axis=0).shape[0]
    if n.items == n_texts:
        notes.append(
            "each prompt has one text for each arm, so differences between texts are included in "
            "those between prompts"
        )
    elif n.items == n.answers:
        notes.append("each text has one answer, so differences between texts are included in the error")
    else:
        factors.append("item")
    return RandomTerms(tuple(factors), tuple(slopes), tuple(notes))


def _factors(ratings: Ratings) -> list[str]:
    if ratings.concepts is None:
        return ["rater", "prompt"]
    own = ["prompt_concept"] if ratings.concepts.is_crossed else []
    return ["rater", "concept", "prompt", "rater_concept", *own]


def _are_same(one: np.ndarray, other: np.ndarray) -> bool:
    """Return whether two factors divide the answers in the same way."""
    n_levels = np.unique(one).size
    if n_levels != np.unique(other).size:
        return False
    return bool(np.unique(one * (int(other.max(initial=0)) + 1) + other).size == n_levels)

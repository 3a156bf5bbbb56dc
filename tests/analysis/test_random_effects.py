import numpy as np
import pytest

from rater.analysis.contrast_data import Ratings
from rater.analysis.random_effects import choose_random_terms

RNG = np.random.default_rng(1)
RATER, PROMPT = (axis.ravel() for axis in np.indices((6, 6)))


def ratings(rater: np.ndarray, prompt: np.ndarray, arm: np.ndarray, item: np.ndarray) -> Ratings:
    return Ratings(("a", "b"), rater, prompt, item, arm == 0, RNG.normal(size=rater.size))


LATIN = (RATER + PROMPT) % 2
TEXT = PROMPT * 2 + LATIN


@pytest.mark.parametrize(
    ("some", "factors", "slopes", "note"),
    [
        (
            ratings(RATER, PROMPT, LATIN, TEXT * 2 + RATER // 2 % 2),
            ("rater", "prompt", "item"),
            ("rater", "prompt"),
            None,
        ),
        (
            ratings(RATER, PROMPT, LATIN, TEXT),
            ("rater", "prompt"),
            ("rater", "prompt"),
            "each prompt has one text for each arm",
        ),
        (
            ratings(RATER, PROMPT, LATIN, np.arange(36)),
            ("rater", "prompt"),
            ("rater", "prompt"),
            "each text has one answer",
        ),
        (
            ratings(RATER, PROMPT, RATER % 2, (PROMPT * 2 + RATER % 2) * 2 + RATER // 2 % 2),
            ("rater", "prompt", "item"),
            ("prompt",),
            "no two raters have answers to both arms",
        ),
        (
            ratings(np.arange(36), PROMPT, LATIN, TEXT),
            ("prompt",),
            ("prompt",),
            "each rater has one answer",
        ),
        (
            ratings(np.repeat(np.arange(18), 2), PROMPT, LATIN, TEXT),
            ("rater", "prompt"),
            ("prompt",),
            "raters have too few answers",
        ),
    ],
)
def test_a_term_is_left_out_where_the_design_cannot_estimate_it(
    some: Ratings, factors: tuple[str, ...], slopes: tuple[str, ...], note: str | None
) -> None:
    terms = choose_random_terms(some, some.count())

    assert (terms.factors, terms.slopes) == (factors, slopes)
    assert any(note in each for each in terms.notes) if note else not terms.notes


def test_the_formula_is_that_of_r() -> None:
    some = ratings(RATER, PROMPT, LATIN, TEXT * 2 + RATER // 2 % 2)

    assert choose_random_terms(some, some.count()).formula == (
        "(1 | rater) + (0 + x | rater) + (1 | prompt) + (0 + x | prompt) + (1 | item)"
    )

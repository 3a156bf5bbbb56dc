"""Find out whether a design can tell a difference between two arms from one between prompts or raters.

Where each prompt was shown in one arm only, or each rater saw one arm only, nothing can: whatever differs
between the arms differs between the prompts (or the raters) as well. Where raters saw each prompt in one
arm, but prompts appear in both arms over raters (counterbalanced, Latin square, arms drawn at random), the
arms can be told apart by a model of all answers, but there is no difference within a rater and prompt.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array, hstack
from scipy.sparse.linalg import lsqr

from rater.analysis.contrast_data import Ratings, cell_codes


@dataclass(frozen=True)
class Overlap:
    """The prompts, raters, and rater × prompt cells that the answers to two arms share."""

    contrast: tuple[str, str]
    n_answers: int
    n_first: int
    """Answers to the first arm."""
    n_paired: int
    """Answers whose rater answered both arms of their prompt."""
    n_prompts: int
    n_prompts_with_both: int
    n_raters: int
    n_raters_with_both: int
    is_aliased: bool
    """True if rater and prompt together, each adding a part, determine the arm of every answer."""

    @property
    def reason(self) -> str:
        """The reason why arms are confounded, as part of a sentence; empty if they are not."""
        if not self.n_answers:
            return ""
        first, second = self.contrast
        arms = f"“{first}” and “{second}”"
        if not self.n_prompts_with_both and not self.n_raters_with_both:
            units = "prompts and raters"
        elif not self.n_prompts_with_both:
            units = "prompts"
        elif not self.n_raters_with_both:
            units = "raters"
        else:
            units = ""
        if units:
            each = " and every ".join(unit.removesuffix("s") for unit in units.split(" and "))
            return (
                f"every {each} has answers to only one of {arms}: the arms are confounded with the {units}, "
                "and their effects cannot be separated"
            )
        if self.is_aliased:
            return (
                f"whether an answer is to {arms} is determined by its rater and prompt together: the arms "
                "are confounded with raters and prompts, and their effects cannot be separated"
            )
        return ""


def measure_overlap(ratings: Ratings) -> Overlap:
    """Count the prompts, raters and cells with answers to both arms. Costs a few passes over the answers."""
    in_cell, n_cells, _ = _shared(cell_codes(ratings.rater, ratings.prompt), ratings)
    _, with_both, n_prompts = _shared(ratings.prompt, ratings)
    _, raters_with_both, n_raters = _shared(ratings.rater, ratings)
    return Overlap(
        contrast=ratings.contrast,
        n_answers=ratings.answer.size,
        n_first=int(ratings.is_first.sum()),
        n_paired=int(in_cell.sum()),
        n_prompts=n_prompts,
        n_prompts_with_both=with_both,
        n_raters=n_raters,
        n_raters_with_both=raters_with_both,
        # A cell with both arms is an answer of each with the same rater and prompt.
        is_aliased=not n_cells and ratings.answer.size > 0 and _is_aliased(ratings),
    )


def why_confounded(ratings: Ratings) -> str:
    """Return why no test can tell the arms of some ratings apart; empty where one can."""
    return measure_overlap(ratings).reason


def _shared(code: np.ndarray, ratings: Ratings) -> tuple[np.ndarray, int, int]:
    """Mark the answers in units with both arms; count such units, and all units."""
    size = int(code.max(initial=-1)) + 1
    first = np.bincount(code[ratings.is_first], minlength=size) > 0
    second = np.bincount(code[~ratings.is_first], minlength=size) > 0
    both = first & second
    return both[code], int(both.sum()), int((first | second).sum())


def _is_aliased(ratings: Ratings) -> bool:
    """Return whether the arm is a sum of a part of the rater and a part of the prompt.

    Then a linear model with both as fixed effects has no estimate of the difference: the residuals of the
    arm (±1/2) on both are 0.
    """
    n = ratings.answer.size
    rows, ones = np.arange(n), np.ones(n)
    units = hstack([csr_array((ones, (rows, code))) for code in (ratings.rater, ratings.prompt)])
    x = np.where(ratings.is_first, 0.5, -0.5)
    residual = lsqr(units, x, atol=1e-12, btol=1e-12)[3]
    return bool(residual < 1e-6 * np.sqrt(n))

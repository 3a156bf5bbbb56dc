"""Set a model up from answers and groupings, refusing what no likelihood could say anything about."""

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rater.analysis.ordinal.design import Codes, Design, Factor, lay_out
from rater.analysis.ordinal.laplace import Laplace
from rater.analysis.ordinal.links import LINKS, Floats, Link, LinkName
from rater.analysis.ordinal.optimum import Optimum, minimise
from rater.analysis.sentences import counted
from rater.errors import RaterError

START_SD = 0.5
"""Where standard deviations start, in logits; nearer to 0 the likelihood is flat in them."""
RUN_OFF = 20.0
"""No estimate is this large in logits (odds of 500,000,000 to 1): it is on its way to infinity."""


class CannotFitError(RaterError):
    """The model has no estimate on these answers; the message completes "Not estimable, because …"."""


@dataclass(frozen=True)
class Model:
    """A design with its link, and the answers that its categories stand for."""

    design: Design
    link: Link
    categories: tuple[float, ...]

    def search(self, start: Floats | None = None, *, held: float | None = None) -> Optimum:
        """Fit, β free or held at a value."""
        laplace = Laplace(self.design, self.link, held=held)
        begin = self.start(held=held) if start is None else start
        return minimise(laplace.evaluate, begin, stop=has_run_off)

    def start(self, *, held: float | None = None) -> Floats:
        """Thresholds at the answers' own shares, no effect, correlations 0."""
        design = self.design
        shares = np.bincount(design.category, minlength=design.n_categories) / design.category.size
        cuts = self.link.quantile(np.cumsum(shares)[:-1])
        unit = float(np.sqrt(self.link.error_variance / LINKS["logit"].error_variance))
        scales = [START_SD * unit if row == column else 0.0 for row, column in design.scales]
        return np.array([cuts[0], *np.log(np.diff(cuts)), *([0.0] if held is None else []), *scales])


def has_run_off(point: Floats) -> bool:
    """Say whether a search is on its way to infinity."""
    return bool(np.abs(point).max() > RUN_OFF)


def set_up(
    answers: Floats,
    x: Floats,
    factors: Mapping[str, NDArray[np.generic]],
    *,
    link: LinkName,
    slopes: Collection[str],
    correlated: bool,
) -> Model:
    """Set a model up. Costs a sort of the answers for each factor.

    Raises:
        CannotFitError: If the answers are all the same, x does not vary, the two arms' answers do not
            overlap, or a factor has one level, as many as there are answers, or no level with a slope.
        RaterError: If the columns are of different lengths, or a slope is asked for of no factor.
    """
    _check_lengths(answers, x, factors, slopes)
    categories, category = np.unique(answers, return_inverse=True)
    if categories.size < 2:
        msg = f"all {answers.size} answers are the same ({categories[0]:g})"
        raise CannotFitError(msg)
    if np.ptp(x) == 0:
        msg = f"the contrast is {x[0]:g} for all {x.size} answers, so there is nothing to compare"
        raise CannotFitError(msg)
    if _is_separated(category, x):
        msg = (
            "every answer to one arm is at least as high as every answer to the other, "
            "so the odds ratio is infinite"
        )
        raise CannotFitError(msg)
    made = [
        _factor(name, level, x, has_slope=name in slopes, is_correlated=correlated and name in slopes)
        for name, level in factors.items()
    ]
    return Model(lay_out(category, x, made), LINKS[link], tuple(categories.tolist()))


def _check_lengths(
    answers: Floats, x: Floats, factors: Mapping[str, NDArray[np.generic]], slopes: Collection[str]
) -> None:
    if not answers.size:
        msg = "there are no answers"
        raise CannotFitError(msg)
    for name, column in {"x": x, **factors}.items():
        if column.shape != answers.shape:
            msg = f"{name} has shape {column.shape}, but there are {answers.size} answers; give one for each"
            raise RaterError(msg)
    unknown = set(slopes) - set(factors)
    if unknown:
        msg = f"slopes names {min(unknown)!r}, which is none of the factors {', '.join(factors) or '(none)'}"
        raise RaterError(msg)


def _factor(
    name: str, level: NDArray[np.generic], x: Floats, *, has_slope: bool, is_correlated: bool
) -> Factor:
    levels, codes = np.unique(level, return_inverse=True)
    if not 1 < levels.size < level.size:
        msg = (
            f"{name} has {counted(levels.size, 'level')} in {counted(level.size, 'answer')}, and how levels "
            "differ can be said of more than 1 level and more answers than levels"
        )
        raise CannotFitError(msg)
    if has_slope and not has_both(codes, x).any():
        msg = f"no {name} has answers to both arms, so its levels can have no effects of their own"
        raise CannotFitError(msg)
    return Factor(name, levels, codes, has_slope, is_correlated)


def has_both(level: Codes, x: Floats) -> NDArray[np.bool_]:
    """Say of each level whether its answers are to more than one arm; (levels,)."""
    n = int(level.max()) + 1
    lowest, highest = np.full(n, np.inf), np.full(n, -np.inf)
    np.minimum.at(lowest, level, x)
    np.maximum.at(highest, level, x)
    return highest > lowest


def _is_separated(category: Codes, x: Floats) -> bool:
    """Say whether β is infinite without random effects: ordered by x, the answers never fall (or rise).

    At every cut one arm then lies on one side, so the likelihood rises with |β| for ever (for logistic
    models Albert & Anderson 1984, Biometrika 71:1–10).
    """
    values = np.unique(x)
    ranges = [(category[x == value].min(), category[x == value].max()) for value in values]
    rises = all(before[1] <= after[0] for before, after in itertools.pairwise(ranges))
    falls = all(before[0] >= after[1] for before, after in itertools.pairwise(ranges))
    return rises or falls

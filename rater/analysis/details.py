"""Work out what stands behind and beside the tests of one dimension."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.agreement import Agreement, measure_agreement
from rater.analysis.cells import score_cells
from rater.analysis.contrasts import ArmContrast, compare_with_control, linear_trend
from rater.analysis.crossed import CellScores
from rater.analysis.effects import effect_sizes
from rater.analysis.ordinal.odds import ordinal_test
from rater.analysis.planned import Planned
from rater.analysis.quality import RaterQuality, Retest, rate_raters, retest
from rater.analysis.ratings import Ratings, select_ratings, unit_names
from rater.analysis.results import NotEstimable, Outcome, Quantity
from rater.analysis.scales import Judged, points_of
from rater.analysis.scope import Tested, make_tests
from rater.analysis.shrunken import shrink
from rater.analysis.units import UnitEffect, unit_effects


@dataclass(frozen=True)
class Material:
    """What the analysis of one dimension is made from."""

    frame: pd.DataFrame
    planned: Planned
    judged: Judged
    ratings: Ratings
    """The answers to the planned contrast."""
    tested: Tested


@dataclass(frozen=True, kw_only=True)
class Details:
    """Effect sizes, single prompts and raters, further arms, agreement and quality on one dimension."""

    effects: tuple[Quantity, ...]
    prompts: tuple[UnitEffect, ...]
    """Exploratory: the difference on each prompt, in the planned score."""
    raters: tuple[UnitEffect, ...]
    """Exploratory: the difference for each rater, in the planned score."""
    contrasts: tuple[ArmContrast, ...]
    """Every other arm against the control, where there are more than two arms."""
    ordinal: Outcome
    """The ordinal mixed model's test of the planned contrast, with its odds ratio in the settings."""
    trend: Outcome | None
    """The linear trend over doses, where the plan gives arms a dose."""
    agreement: Agreement | NotEstimable
    quality: tuple[RaterQuality, ...]
    """Blind to the arms; empty where it cannot be said which of two answers came first."""
    retest: Retest | None


def work_out_details(material: Material, *, rng: np.random.Generator) -> Details:
    """Work out the details of a dimension; up to 2,000 bootstrap replicates for each interval."""
    frame, planned, name = material.frame, material.planned, material.judged.name
    of_effects, of_agreement = rng.spawn(2)
    points = points_of(material.judged)
    agreement = measure_agreement(frame, name, points, alpha=planned.alpha, rng=of_agreement)
    prompts, raters = _units(material)
    return Details(
        effects=effect_sizes(
            material.ratings, material.tested.net_superiority, alpha=planned.alpha, rng=of_effects
        ),
        prompts=prompts,
        raters=raters,
        contrasts=_further_arms(frame, planned, name),
        ordinal=ordinal_test(material.ratings, alpha=planned.alpha),
        trend=_trend(frame, planned, name),
        agreement=agreement,
        quality=() if isinstance(agreement, NotEstimable) else rate_raters(frame, name, points),
        retest=retest(frame, name),
    )


def _units(material: Material) -> tuple[tuple[UnitEffect, ...], tuple[UnitEffect, ...]]:
    planned, ratings = material.planned, material.ratings
    cells = score_cells(ratings)
    if not cells.n.cells:
        return (), ()
    rater_names, prompt_names = unit_names(material.frame, planned.contrast, material.judged.name)
    scores = CellScores(cells.rater, cells.prompt, cells.score(planned.score), cells.weight, cells.n)
    shrunken = shrink(scores)
    return (
        unit_effects(
            [prompt_names[code] for code in cells.prompts],
            scores.prompt,
            scores.values,
            shrunken.prompts if shrunken else None,
            alpha=planned.alpha,
        ),
        unit_effects(
            [rater_names[code] for code in cells.raters],
            scores.rater,
            scores.values,
            shrunken.raters if shrunken else None,
            alpha=planned.alpha,
        ),
    )


def _further_arms(frame: pd.DataFrame, planned: Planned, dimension: str) -> tuple[ArmContrast, ...]:
    if set(frame.loc[frame["dimension"] == dimension, "arm"]) <= set(planned.contrast):
        return ()
    return compare_with_control(
        frame,
        dimension,
        planned.contrast[1],
        doses=planned.doses,
        test=lambda contrast: make_tests(select_ratings(frame, contrast, dimension), planned).primary,
    )


def _trend(frame: pd.DataFrame, planned: Planned, dimension: str) -> Outcome | None:
    if not planned.doses:
        return None
    return linear_trend(frame, dimension, planned.doses, alpha=planned.alpha)

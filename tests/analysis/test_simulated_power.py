"""Hold the planner's model against what it must do, and its power against statistics.md section 2."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.contrast_data import Ratings, select_ratings
from rater.analysis.plan import Planned
from rater.analysis.simulate import (
    ContinuousAnswers,
    ModelSDs,
    PairwiseAnswers,
    Trials,
    crossed,
    evenly_cut,
)
from rater.analysis.simulated_power import Assumed, PowerCurve, estimate_power, power_curve
from rater.runners.processes import LocalProcesses

SLIDER = ContinuousAnswers(low=0, high=100, middle=50, unit=20)


CHOICE = PairwiseAnswers(tie=0.5, degrees=2)


ASSUMED = Assumed(evenly_cut(5), ModelSDs())


def pairs(n_raters: int, n_prompts: int) -> Trials:
    rater, prompt = (axis.ravel() for axis in np.indices((n_raters, n_prompts)))
    return Trials(rater, prompt, prompt * 2, np.ones(rater.size, dtype=np.bool_), other_item=prompt * 2 + 1)


def test_power_is_what_the_reference_simulation_found(planned: Planned) -> None:
    """12 raters × 12 prompts, 2 texts a cell, 1 logit: .87 in 2,000 simulations (statistics.md section 2)."""
    power = estimate_power(
        crossed(12, 12, 2),
        ASSUMED,
        replace(planned, score="scale_points"),
        effect=1.0,
        rng=np.random.default_rng(3),
        n_simulations=400,
    )

    assert power.low < 0.87 < power.high


@pytest.mark.parametrize("assumed", [ASSUMED, Assumed(SLIDER, ModelSDs()), Assumed(CHOICE, ModelSDs())])
def test_without_an_effect_the_test_finds_one_in_few_studies_of_the_right_sign(
    planned: Planned, assumed: Assumed
) -> None:
    trials = pairs(12, 12) if isinstance(assumed.scale, PairwiseAnswers) else crossed(12, 12, 1)

    power = estimate_power(
        trials, assumed, planned, effect=0.0, rng=np.random.default_rng(4), n_simulations=300
    )

    assert 0.01 < power.share < 0.09


def test_drop_out_reduces_power(planned: Planned) -> None:
    trials = replace(crossed(8, 8, 1), place=np.tile(np.arange(16) / 16, 8))

    whole, left = (
        estimate_power(
            trials,
            replace(ASSUMED, drop_out=share),
            planned,
            effect=1.2,
            rng=np.random.default_rng(5),
            n_simulations=100,
        )
        for share in (0.0, 0.9)
    )

    assert left.share < whole.share - 0.1


def test_power_does_not_depend_on_the_number_of_workers(planned: Planned) -> None:
    def estimate(runner: LocalProcesses | None) -> float:
        return estimate_power(
            crossed(8, 8, 1),
            ASSUMED,
            planned,
            effect=1.0,
            rng=np.random.default_rng(5),
            n_simulations=60,
            runner=runner,
        ).share

    with LocalProcesses(2) as two, LocalProcesses(1) as one:
        shares = {estimate(None), estimate(one), estimate(two)}

    (share,) = shares
    assert 0 < share < 1


def test_the_narrower_scope_is_tested_by_its_own_test(planned: Planned) -> None:
    """With effects that differ between prompts, a claim about these prompts alone is found more often."""
    wide, narrow = (
        estimate_power(
            crossed(16, 4, 2),
            Assumed(evenly_cut(5), ModelSDs(prompt_arm=1.5)),
            replace(planned, scope=scope),
            effect=1.0,
            rng=np.random.default_rng(6),
            n_simulations=60,
        )
        for scope in ("raters+prompts", "raters")
    )

    assert narrow.share > wide.share + 0.2


def of_data_a(load: Callable[[str], pd.DataFrame]) -> Ratings:
    frame = load("a")
    return select_ratings(
        frame[frame["rater"].isin(["r01", "r02", "r03", "r04"])], ("steered", "unsteered"), "happiness"
    )


def curve_of(ratings: Ratings, planned: Planned) -> PowerCurve | None:
    return power_curve(ratings, planned, planned.in_order[0], rng=np.random.default_rng(0))


def test_larger_differences_are_found_more_often(
    load: Callable[[str], pd.DataFrame], planned: Planned
) -> None:
    curve = curve_of(of_data_a(load), planned)

    assert curve is not None
    shares = [point.power.share for point in curve.points]
    assert curve.points[0].points == 0
    assert shares[0] <= 0.08
    assert shares[-1] > 0.6
    assert shares[-1] > shares[2] > shares[0]
    assert (curve.n.raters, curve.n.prompts) == (4, 10)


def test_answers_themselves_do_not_enter(load: Callable[[str], pd.DataFrame], planned: Planned) -> None:
    ratings = of_data_a(load)

    assert curve_of(ratings, planned) == curve_of(replace(ratings, answer=ratings.answer[::-1]), planned)


def test_no_curve_is_drawn_for_another_test_than_the_planned_one(
    load: Callable[[str], pd.DataFrame], planned: Planned
) -> None:
    assert curve_of(of_data_a(load), replace(planned, scope="raters")) is None

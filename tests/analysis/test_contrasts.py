from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.contrasts import linear_trend
from rater.analysis.planned import Planned
from rater.analysis.primary import analyze
from rater.analysis.reml import fit_reml
from rater.analysis.results import NotEstimable, Result
from rater.errors import StudyError

Load = Callable[[str], pd.DataFrame]
DOSES = {"unsteered": 0.0, "low": 1.0, "high": 4.0}


@pytest.fixture(scope="module")
def dosed() -> pd.DataFrame:
    """Eight raters × six prompts × three arms, where a unit of dose adds half a point on average."""
    rng = np.random.default_rng(11)
    rater, prompt, arm = (axis.ravel() for axis in np.indices((8, 6, 3)))
    names = np.array(list(DOSES))[arm]
    slope = 0.5 + rng.normal(0, 0.1, 8)[rater]
    level = 2 + slope * np.array(list(DOSES.values()))[arm] + rng.normal(0, 0.7, rater.size)
    return pd.DataFrame(
        {
            "rater": [f"r{n}" for n in rater],
            "item": [f"p{p}{name}" for p, name in zip(prompt, names, strict=True)],
            "prompt": [f"p{n}" for n in prompt],
            "arm": names,
            "dimension": "happiness",
            "answer": np.clip(np.rint(level), 1, 5),
        }
    )


def test_every_other_arm_is_compared_with_the_control_in_the_order_of_doses(
    dosed: pd.DataFrame, planned: Planned
) -> None:
    plan = replace(planned, contrast=("high", "unsteered"), doses=DOSES)

    (found,) = analyze(dosed, plan).dimensions

    contrasts = found.details.contrasts
    assert [(each.arm, each.control, each.dose) for each in contrasts] == [
        ("low", "unsteered", 1.0),
        ("high", "unsteered", 4.0),
    ]
    assert contrasts[1].outcome == found.primary
    p_values = [each.outcome.p for each in contrasts if isinstance(each.outcome, Result)]
    assert contrasts[0].p_adjusted == max(p_values[0], 2 * p_values[1])
    assert contrasts[1].p_adjusted == 2 * p_values[1]


def test_two_arms_have_no_further_contrasts(load: Load, planned: Planned) -> None:
    (found,) = analyze(load("c"), planned).dimensions

    assert found.details.contrasts == ()
    assert found.details.trend is None


def test_the_trend_is_the_mean_slope_of_the_cells(dosed: pd.DataFrame) -> None:
    trend = linear_trend(dosed, "happiness", DOSES, alpha=0.05)

    slopes = [
        np.polyfit(cell["arm"].map(DOSES), cell["answer"], 1)[0]
        for _, cell in dosed.groupby(["rater", "prompt"])
    ]
    assert isinstance(trend, Result)
    assert trend.estimate == pytest.approx(np.mean(slopes), abs=1e-9)
    assert trend.interval is not None
    assert trend.interval.low > 0
    assert trend.settings["table"] == "complete"
    assert trend.n.cells == 48


def test_a_trend_over_two_doses_is_the_two_way_test_a_unit_of_dose(load: Load, planned: Planned) -> None:
    frame = load("a")
    plan = replace(planned, score="scale_points", doses={"steered": 2.0, "unsteered": 0.0})

    (found,) = analyze(frame, plan).dimensions

    assert isinstance(found.details.trend, Result)
    assert isinstance(found.primary, Result)
    assert found.details.trend.estimate == pytest.approx(found.primary.estimate / 2)
    assert found.details.trend.p == pytest.approx(found.primary.p)


def test_cells_with_missing_doses_weigh_less(dosed: pd.DataFrame) -> None:
    """Doses 0 and 1 have a sum of squares of 1/2, doses 0, 1 and 4 one of 26/3."""
    gaps = dosed[(dosed["arm"] != "high") | (dosed["rater"] > "r3")]

    trend = linear_trend(gaps, "happiness", DOSES, alpha=0.05)

    cells = [
        (cell["rater"].iloc[0], cell["prompt"].iloc[0], np.polyfit(doses, cell["answer"], 1)[0], len(cell))
        for _, cell in gaps.groupby(["rater", "prompt"])
        for doses in [cell["arm"].map(DOSES)]
    ]
    rater, prompt, slope, size = map(np.array, zip(*cells, strict=True))
    rater, prompt = (np.unique(names, return_inverse=True)[1] for names in (rater, prompt))
    fit = fit_reml(rater, prompt, slope, np.where(size == 2, 1 / 2, 26 / 3), free=(True, True))
    assert fit is not None
    assert isinstance(trend, Result)
    assert trend.settings["table"] == "incomplete or unequal"
    assert trend.estimate == pytest.approx(fit.estimate, abs=1e-9)
    assert trend.standard_error == pytest.approx(fit.standard_error, abs=1e-9)


def test_arms_of_one_dose_have_no_trend(dosed: pd.DataFrame) -> None:
    trend = linear_trend(dosed[dosed["arm"] == "low"], "happiness", DOSES, alpha=0.05)

    assert isinstance(trend, NotEstimable)
    assert trend.reason == "no rater has answered texts of the same prompt at two doses"


def test_doses_that_do_not_differ_are_refused(planned: Planned) -> None:
    with pytest.raises(StudyError, match="doses has only the dose 1; a trend needs two"):
        replace(planned, doses={"steered": 1.0})

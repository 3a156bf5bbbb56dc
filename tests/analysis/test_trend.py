from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.answer_scale import Judged, Preferences, Rated
from rater.analysis.cell_scores import name_prompts_by_concept
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.reml import RemlFit, fit_reml
from rater.analysis.results import NotEstimable, Outcome, Result
from rater.analysis.trend import LINEAR, MONOTONE, DoseResponse, dose_response, monotone_scores, trend
from rater.errors import StudyError
from rater.study.scales import Likert

Load = Callable[[str], pd.DataFrame]
HAPPINESS = Rated("happiness", "How happy?", Likert(points=5, low="not", high="very"))
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


def linear(frame: pd.DataFrame) -> Outcome:
    return respond(frame).linear


def respond(frame: pd.DataFrame, judged: Judged = HAPPINESS) -> DoseResponse:
    return dose_response(frame, judged, DOSES, alpha=0.05, rng=np.random.default_rng(0))


def test_the_trend_is_the_mean_slope_of_the_cells(dosed: pd.DataFrame) -> None:
    trend = linear(dosed)

    slopes = [
        np.polyfit(cell["arm"].map(DOSES), cell["answer"], 1)[0]
        for _, cell in dosed.groupby(["rater", "prompt"])
    ]
    assert isinstance(trend, Result)
    assert trend.estimate == pytest.approx(4 * np.mean(slopes), abs=1e-9)
    assert respond(dosed).slope == pytest.approx(np.mean(slopes), abs=1e-9)
    assert trend.interval is not None
    assert trend.interval.low > 0
    assert trend.settings["table"] == "complete"
    assert trend.n.cells == 48


def test_a_trend_over_two_doses_is_the_two_way_test(load: Load, planned: Planned) -> None:
    frame = load("a")
    plan = replace(planned, score="scale_points", doses={"steered": 2.0, "unsteered": 0.0})

    (found,) = analyze(frame, plan).dimensions

    doses = found.details.dose_response
    assert doses is not None
    assert isinstance(doses.linear, Result)
    assert isinstance(found.primary, Result)
    assert doses.linear.estimate == pytest.approx(found.primary.estimate)
    assert doses.slope == pytest.approx(found.primary.estimate / 2)
    assert doses.is_one_test
    assert doses.linear.p == pytest.approx(found.primary.p)
    assert isinstance(doses.monotone, Result)
    assert doses.monotone.estimate == pytest.approx(found.primary.estimate)


def test_cells_with_missing_doses_weigh_less(dosed: pd.DataFrame) -> None:
    """Doses 0 and 1 have a sum of squares of 1/2, doses 0, 1 and 4 one of 26/3."""
    gaps = dosed[(dosed["arm"] != "high") | (dosed["rater"] > "r3")]

    trend = linear(gaps)

    cells = [
        (cell["rater"].iloc[0], cell["prompt"].iloc[0], np.polyfit(doses, cell["answer"], 1)[0], len(cell))
        for _, cell in gaps.groupby(["rater", "prompt"])
        for doses in [cell["arm"].map(DOSES)]
    ]
    rater, prompt, slope, size = map(np.array, zip(*cells, strict=True))
    rater, prompt = (np.unique(names, return_inverse=True)[1] for names in (rater, prompt))
    fit = fit_reml(rater, prompt, slope, np.where(size == 2, 1 / 2, 26 / 3), free=(True, True))
    assert isinstance(fit, RemlFit)
    assert isinstance(trend, Result)
    assert trend.settings["table"] == "incomplete or unequal"
    assert trend.estimate == pytest.approx(4 * fit.estimate, abs=1e-9)
    assert trend.standard_error == pytest.approx(4 * fit.standard_error, abs=1e-9)


def test_arms_of_one_dose_have_no_trend(dosed: pd.DataFrame) -> None:
    trend = linear(dosed[dosed["arm"] == "low"])

    assert isinstance(trend, NotEstimable)
    assert trend.reason == "no rater has answered texts of the same prompt at two doses"


def test_doses_that_do_not_differ_are_refused(planned: Planned) -> None:
    with pytest.raises(StudyError, match="doses has only the dose 1; a trend needs two"):
        replace(planned, doses={"steered": 1.0})


def test_the_monotone_contrast_is_abelson_and_tukeys() -> None:
    """Their table 1 for k = 4: −.866, −.134, .134, .866, here scaled to rise by 1."""
    scores = monotone_scores([0.0, 1.0, 2.0, 8.0])

    assert list(scores.values()) == pytest.approx([0.0, 0.4226, 0.5774, 1.0], abs=1e-4)
    assert list(scores) == [0.0, 1.0, 2.0, 8.0]


def test_the_monotone_trend_sees_a_plateau_that_the_linear_trend_hardly_sees() -> None:
    """All of the effect is there at dose 1 of 0, 1, 10, 100."""
    doses = {"a": 0.0, "b": 1.0, "c": 10.0, "d": 100.0}
    rng = np.random.default_rng(5)
    rater, prompt, arm = (axis.ravel() for axis in np.indices((10, 10, 4)))
    frame = pd.DataFrame(
        {
            "rater": rater.astype(str),
            "prompt": prompt.astype(str),
            "arm": np.array(list(doses))[arm],
            "item": [f"{p}-{a}" for p, a in zip(prompt, arm, strict=True)],
            "dimension": "happiness",
            "answer": 50 + 6.0 * (arm > 0) + rng.normal(0, 12, rater.size),
        }
    )

    found = dose_response(frame, HAPPINESS, doses, alpha=0.05, rng=rng)

    assert isinstance(found.linear, Result)
    assert isinstance(found.monotone, Result)
    assert found.monotone.p < 0.05 < found.linear.p


def test_the_curve_never_turns_starts_at_0_and_lies_in_its_interval(dosed: pd.DataFrame) -> None:
    found = respond(dosed)

    lowest, low, high = found.curve
    assert found.direction == "rising"
    assert (lowest.dose, lowest.rise, lowest.fitted, lowest.arms) == (0.0, None, 0.0, ("unsteered",))
    assert isinstance(high.rise, Result)
    assert low.fitted is not None
    assert high.fitted is not None
    assert 0 <= low.fitted <= high.fitted
    assert high.fitted == pytest.approx(high.rise.estimate)
    assert high.fitted_interval is not None
    assert high.fitted_interval.low < high.fitted < high.fitted_interval.high
    assert high.n == 48


def test_a_falling_response_has_a_falling_curve(dosed: pd.DataFrame) -> None:
    found = respond(dosed.assign(answer=6 - dosed["answer"]))

    assert found.direction == "falling"
    assert found.curve[2].fitted == pytest.approx(-(respond(dosed).curve[2].fitted or 0))


def test_choices_between_doses_have_a_slope_through_the_origin() -> None:
    """Each choice has the difference of its doses for x: sum(x y) / sum(x²) in every cell."""
    judged = Rated("happiness", "Which is happier?", Preferences())
    rng = np.random.default_rng(2)
    pairs = [("low", "unsteered"), ("high", "unsteered"), ("high", "low")]
    rater, prompt, pair = (axis.ravel() for axis in np.indices((6, 5, 3)))
    frame = pd.DataFrame(
        {
            "rater": rater.astype(str),
            "prompt": prompt.astype(str),
            "arm": [pairs[n][0] for n in pair],
            "other_arm": [pairs[n][1] for n in pair],
            "item": [f"{p}{n}" for p, n in zip(prompt, pair, strict=True)],
            "dimension": "happiness",
            "answer": np.sign(rng.normal(0.4, 1, rater.size)),
        }
    )

    found = respond(frame, judged)

    x = np.array([1.0, 4.0, 3.0])[pair]
    slopes = [
        (x * frame["answer"])[at].sum() / (x[at] ** 2).sum()
        for at in frame.groupby(["rater", "prompt"]).indices.values()
    ]
    assert isinstance(found.linear, Result)
    assert found.linear.estimate == pytest.approx(4 * np.mean(slopes))
    assert [point.mean for point in found.curve] == [None, None, None]
    assert [point.n for point in found.curve] == [60, 60, 60]
    assert isinstance(found.curve[2].rise, Result)


def test_equally_spaced_doses_make_one_test_and_others_two(dosed: pd.DataFrame) -> None:
    """The contrasts (−1, 0, 1) of three equally spaced doses are the same; of doses 0, 1, 4 they are not."""
    spaced = {"unsteered": 0.0, "low": 0.1, "high": 0.2}

    one = dose_response(dosed, HAPPINESS, spaced, alpha=0.05, rng=np.random.default_rng(0))
    two = respond(dosed)

    assert isinstance(one.linear, Result)
    assert isinstance(one.monotone, Result)
    assert (one.is_one_test, two.is_one_test) == (True, False)
    assert one.linear.estimate == pytest.approx(one.monotone.estimate)
    assert one.linear.p == pytest.approx(one.monotone.p)


def test_arms_are_described_in_the_order_of_their_doses(dosed: pd.DataFrame, planned: Planned) -> None:
    plan = replace(planned, contrast=("high", "unsteered"), doses=DOSES)

    (found,) = analyze(dosed, plan).dimensions

    assert [each.arm for each in found.arms] == ["unsteered", "low", "high"]


@pytest.mark.parametrize("test", [LINEAR, MONOTONE])
def test_under_a_crossed_null_the_trend_is_found_in_about_5_percent(test: str) -> None:
    """12 raters × 12 prompts whose slopes differ: 400 studies without a trend on average."""
    rng, found = np.random.default_rng(9), 0
    rater, prompt, arm = (axis.ravel() for axis in np.indices((12, 12, 4)))
    base = pd.DataFrame(
        {"rater": rater, "prompt": prompt, "item": prompt * 4 + arm, "dimension": "happiness"}
    )
    levels = [0.0, 1.0, 2.0, 3.0]
    scores = monotone_scores(levels) if test == MONOTONE else dict(zip(levels, levels, strict=True))
    for _ in range(400):
        dose = arm.astype(float)
        slopes = rng.normal(0, 0.3, 12)[rater] + rng.normal(0, 0.3, 12)[prompt]
        items = rng.normal(0, 0.5, 48)[prompt * 4 + arm]
        frame = base.assign(arm=dose, answer=slopes * dose + items + rng.normal(0, 1, rater.size))
        outcome = trend(frame, HAPPINESS, scores, test, alpha=0.05)
        found += isinstance(outcome, Result) and outcome.p < 0.05

    assert 0.02 < found / 400 < 0.085


def simulate_with_fixed_concepts(rng: np.random.Generator) -> pd.DataFrame:
    """12 raters × 4 prompts × 6 concepts × 3 doses; the slopes of these concepts have the mean 0."""
    rater, prompt, concept, dose = (axis.ravel() for axis in np.indices((12, 4, 6, 3)))
    slope = (
        rng.normal(0, 0.4, 12)[rater] + rng.normal(0, 0.6, 4)[prompt] + np.linspace(-1, 1, 6)[concept]
    ) / 2
    text = rng.normal(0, 0.5, (4, 6, 3))[prompt, concept, dose]
    frame = pd.DataFrame(
        {
            "rater": rater.astype(str),
            "prompt": prompt.astype(str),
            "concept": concept.astype(str),
            "item": [f"{each}" for each in zip(prompt, concept, dose, strict=True)],
            "arm": np.array(list(DOSES))[dose],
            "dimension": "happiness",
            "answer": slope * dose + text + rng.normal(0, 1, rater.size),
        }
    )
    return name_prompts_by_concept(frame).assign(arm=dose.astype(float))


def test_a_trend_over_fixed_concepts_counts_a_prompt_once_in_all_of_them() -> None:
    """With prompts counted once for each concept p < .05 in 16% of 300 such studies, with this test in 5%."""
    rng = np.random.default_rng(0)
    scores = {0.0: 0.0, 1.0: 0.5, 2.0: 1.0}

    found = [
        trend(
            simulate_with_fixed_concepts(rng), HAPPINESS, scores, LINEAR, alpha=0.05, scope="raters+prompts"
        )
        for _ in range(150)
    ]

    assert all(isinstance(each, Result) for each in found)
    assert {each.n.cells for each in found} == {12 * 24}
    assert 0.01 <= np.mean([isinstance(each, Result) and each.p < 0.05 for each in found]) <= 0.10
    first = found[0]
    assert isinstance(first, Result)
    assert first.claim == "The claim is about raters and prompts like those of this study."


def test_the_trend_has_the_claim_of_the_planned_scope() -> None:
    frame = simulate_with_fixed_concepts(np.random.default_rng(1)).assign(
        arm=lambda rows: rows["arm"].map(dict(enumerate(DOSES)))
    )
    rng = np.random.default_rng(0)

    fixed = dose_response(frame, HAPPINESS, DOSES, alpha=0.05, rng=rng)
    random = dose_response(frame, HAPPINESS, DOSES, alpha=0.05, rng=rng, scope="raters+prompts+concepts")

    assert isinstance(fixed.linear, Result)
    assert isinstance(random.linear, Result)
    assert "concepts" not in fixed.linear.claim
    assert "raters, prompts and concepts" in random.linear.claim
    assert fixed.linear.standard_error is not None
    assert random.linear.standard_error is not None
    assert random.linear.standard_error > fixed.linear.standard_error
    rise = random.curve[-1].rise
    assert isinstance(rise, Result)
    assert "concepts" in rise.claim

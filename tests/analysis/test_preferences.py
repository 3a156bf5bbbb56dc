"""Analyse choices between two texts: the two-way test on signs, the ranking of arms, and what goes wrong."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.answer_scale import Preferences, Rated
from rater.analysis.arm_strengths import ArmRanking
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, DimensionAnalysis, analyze
from rater.analysis.quasi_f import two_way
from rater.analysis.results import Estimate, NotEstimable, Result
from rater.errors import RaterError
from rater.report.export import to_json
from rater.study.analysis_plan import Exclusions

WHICH = Rated("happiness", "Which is happier?", Preferences(strongest=2))
PLANNED = Planned(contrast=("steered", "unsteered"), dimensions=(WHICH,), primary="happiness")
LEVELS = {"unsteered": 0.0, "steered": 0.8, "strong": 1.4}


def choices(*, n_raters: int = 10, n_prompts: int = 8, arms: int = 2, seed: int = 1) -> pd.DataFrame:
    """Every rater chooses between every two arms of every prompt; a smaller difference than .5 is a tie."""
    rng = np.random.default_rng(seed)
    names = list(LEVELS)[:arms]
    pairs = [(b, a) for n, a in enumerate(names) for b in names[n + 1 :]]
    rater, prompt, pair = (axis.ravel() for axis in np.indices((n_raters, n_prompts, len(pairs))))
    arm, other = (np.array([pairs[n][side] for n in pair]) for side in (0, 1))
    felt = np.array([LEVELS[a] - LEVELS[b] for a, b in zip(arm, other, strict=True)])
    felt = felt + rng.normal(0, 0.4, n_raters)[rater] + rng.normal(0, 0.4, n_prompts)[prompt]
    felt += rng.logistic(0, 1, rater.size)
    strength = 1 + (np.abs(felt) > 1.5)
    return pd.DataFrame(
        {
            "rater": [f"r{n}" for n in rater],
            "prompt": [f"p{n}" for n in prompt],
            "item": [f"p{p}-{a}" for p, a in zip(prompt, arm, strict=True)],
            "other_item": [f"p{p}-{a}" for p, a in zip(prompt, other, strict=True)],
            "arm": arm,
            "other_arm": other,
            "dimension": "happiness",
            "position": np.arange(rater.size) % (n_prompts * len(pairs)) + 1,
            "answer": np.where(np.abs(felt) < 0.5, 0.0, np.sign(felt) * strength),
            "arm_is_left": rng.random(rater.size) < 0.5,
        }
    )


def analyzed(frame: pd.DataFrame, planned: Planned = PLANNED) -> Analysis:
    """Analyse, and write as JSON, which refuses NaN."""
    analysis = analyze(frame, planned)
    assert "NaN" not in to_json(analysis)
    return analysis


def only(frame: pd.DataFrame, planned: Planned = PLANNED) -> DimensionAnalysis:
    (found,) = analyzed(frame, planned).dimensions
    return found


def test_the_test_is_the_two_way_t_on_the_signs_of_choices() -> None:
    frame = choices()

    found = only(frame)

    table = np.sign(frame["answer"].to_numpy()).reshape(10, 8)
    spread = two_way(table)
    error, df = spread.variance**0.5, spread.df
    assert isinstance(found.primary, Result)
    assert found.primary.estimate == pytest.approx(table.mean())
    assert (found.primary.standard_error, found.primary.df) == pytest.approx((error, df))
    assert found.other_score.estimate == pytest.approx(frame["answer"].mean())


def test_the_headline_names_the_preferred_arm() -> None:
    found = only(choices())

    assert analyzed(choices()).n.items == 16
    assert found.headline.startswith(
        "“steered” was preferred to “unsteered” on happiness: a rater shown both chooses “steered” 40 "
        "percentage points more often than “unsteered” (95% CI "
    )
    steered, unsteered = found.arms
    assert (steered.wins, steered.ties, steered.losses) == (unsteered.losses, unsteered.ties, unsteered.wins)
    assert steered.n == 80
    rate, ties = found.details.effects
    assert rate.estimate == pytest.approx(((steered.wins or 0) + (steered.ties or 0) / 2) / 80)
    assert ties.estimate == pytest.approx((steered.ties or 0) / 80)


def test_turning_the_contrast_turns_the_sign_and_names_the_same_winner() -> None:
    frame = choices()

    one, other = only(frame), only(frame, replace(PLANNED, contrast=("unsteered", "steered")))

    assert isinstance(one.primary, Result)
    assert isinstance(other.primary, Result)
    assert other.primary.estimate == -one.primary.estimate
    assert other.primary.p == pytest.approx(one.primary.p)
    assert other.headline.split(" (")[0] == one.headline.split(" (")[0]


@pytest.mark.parametrize(("scope", "test"), [("raters", "by-rater t"), ("prompts", "by-prompt t")])
def test_a_narrower_scope_has_its_one_way_test(scope: str, test: str) -> None:
    frame = choices()

    found = only(frame, replace(PLANNED, scope=scope))  # type: ignore[arg-type]  # parametrize gives any text

    unit = frame.assign(sign=np.sign(frame["answer"])).groupby(scope[:-1])["sign"].mean()
    assert isinstance(found.primary, Result)
    assert found.primary.test == test
    assert found.primary.standard_error == pytest.approx(unit.std() / np.sqrt(unit.size))
    assert len(found.sensitivity_tests) == 1


def test_more_than_two_arms_are_ranked_with_intervals_over_raters_and_prompts() -> None:
    found = only(choices(arms=3), replace(PLANNED, contrast=("strong", "unsteered")))

    ranking = found.details.ranking
    assert isinstance(ranking, ArmRanking)
    assert [each.arm for each in ranking.arms] == ["strong", "steered"]
    for each in ranking.arms:
        assert isinstance(each.beats_control, Estimate)
        assert each.beats_control.interval is not None
        assert (
            each.beats_control.interval.low < each.beats_control.estimate < each.beats_control.interval.high
        )
        assert each.beats_control.interval.low > 0.5
    assert isinstance(ranking.side, Estimate)
    assert ranking.side.interval is not None
    assert ranking.side.interval.low < 0 < ranking.side.interval.high
    assert [(each.arm, each.control) for each in found.details.contrasts] == [
        ("steered", "unsteered"),
        ("strong", "unsteered"),
    ]


@pytest.mark.slow
def test_the_rankings_interval_covers_a_crossed_truth() -> None:
    """60 studies without a difference, whose raters and prompts lean: the interval holds 0 in most."""
    covered, levels = 0, {"unsteered": 0.0, "steered": 0.0, "strong": 0.0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        frame = choices(arms=3, seed=seed)
        lean = rng.normal(0, 0.8, (10, 3))[:, None] + rng.normal(0, 0.8, (8, 3))
        arm, other = (
            frame[c].map({n: i for i, n in enumerate(levels)}).to_numpy() for c in ("arm", "other_arm")
        )
        rater, prompt = (frame[c].str[1:].astype(int).to_numpy() for c in ("rater", "prompt"))
        felt = lean[rater, prompt, arm] - lean[rater, prompt, other] + rng.logistic(0, 1, len(frame))
        found = only(frame.assign(answer=np.sign(felt))).details.ranking
        assert isinstance(found, ArmRanking)
        quantity = (
            found.arms[0].log_strength if found.arms[0].arm == "steered" else found.arms[1].log_strength
        )
        assert isinstance(quantity, Estimate)
        assert quantity.interval is not None
        covered += quantity.interval.low <= 0 <= quantity.interval.high

    assert covered >= 53


Change = Callable[[pd.DataFrame], pd.DataFrame]
CASES: dict[str, tuple[Change, str]] = {
    "one prompt": (
        lambda f: f[f["prompt"] == "p1"],
        (
            "only 1 prompt has answers to both arms, and the crossed random-effects t test needs at least 2 "
            "prompts"
        ),
    ),
    "one rater and one prompt": (
        lambda f: f[(f["prompt"] == "p1") & (f["rater"] == "r1")].assign(answer=1.0),
        "only 1 prompt has answers to both arms, and the by-prompt test needs at least 2 prompts",
    ),
    "no choices": (lambda f: f.head(0), "no rater has chosen between “steered” and “unsteered” yet"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_cannot_be_tested_is_a_sentence(case: str) -> None:
    change, reason = CASES[case]

    found = only(change(choices()))

    assert isinstance(found.primary, NotEstimable)
    assert found.headline == f"Not estimable on happiness, because {reason}."


@pytest.mark.parametrize(("answer", "p", "verdict"), [(0.0, 1.0, "inconclusive"), (1.0, 2 / 2**8, "higher")])
def test_choices_that_are_all_the_same_have_an_exact_test(answer: float, p: float, verdict: str) -> None:
    found = only(choices().assign(answer=answer))

    assert isinstance(found.primary, Result)
    assert (found.primary.estimate, found.primary.p, found.verdict) == (answer, p, verdict)


def test_one_rater_gets_the_test_by_prompt() -> None:
    found = only(choices(n_prompts=20).query("rater == 'r1'"))

    assert found.primary.test == "by-prompt t"
    assert "this rater, shown both, chooses" in found.headline
    assert "does not generalise to other raters" in found.headline


def test_an_arm_that_always_wins_has_no_finite_strength() -> None:
    frame = choices(arms=3)
    frame.loc[frame["arm"] == "strong", "answer"] = 1.0

    ranking = only(frame).details.ranking

    assert isinstance(ranking, NotEstimable)
    assert "won or lost all choices against the others" in ranking.reason


@pytest.mark.parametrize("answer", [3.0, -2.5, float("nan")])
def test_an_answer_off_the_scale_is_refused(answer: float) -> None:
    frame = choices()
    frame.loc[5, "answer"] = answer

    with pytest.raises(
        RaterError, match="whole numbers from −2 to 2, above 0 for the first arm, or 0 for neither"
    ):
        analyze(frame, PLANNED)


def test_a_choice_between_an_arm_and_itself_or_without_a_second_arm_is_refused() -> None:
    frame = choices()

    with pytest.raises(RaterError, match="is between two different arms"):
        analyze(frame.assign(other_arm=frame["arm"]), PLANNED)
    with pytest.raises(RaterError, match="has no column 'other_arm', but happiness is a choice"):
        analyze(frame.drop(columns="other_arm"), PLANNED)


def test_a_misspelt_arm_is_noted_with_the_arms_of_the_data() -> None:
    analysis = analyzed(choices(), replace(PLANNED, contrast=("steered", "plain")))

    assert "no rater has chosen between “steered” and “plain” yet" in analysis.dimensions[0].headline
    assert [note.message for note in analysis.notes] == [
        "the plan names the arm “plain”, which has no answers; arms with answers: steered, unsteered"
    ]


def test_a_rater_who_always_takes_the_same_side_is_excluded_and_one_of_the_same_arm_is_not() -> None:
    frame = choices(n_prompts=12)
    side = np.where(frame["arm_is_left"], 1.0, -1.0)
    frame["answer"] = np.where(
        frame["rater"] == "r1", side, np.where(frame["rater"] == "r2", 1.0, frame["answer"])
    )
    plan = replace(PLANNED, exclusions=Exclusions(max_same_answer_share=0.9))

    analysis = analyzed(frame, plan)

    assert analysis.exclusion is not None
    assert [(each.rater, each.reasons) for each in analysis.exclusion.raters] == [
        ("r1", ("the same answer in 100% of trials",))
    ]

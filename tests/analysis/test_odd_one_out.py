"""Hold the analysis of odd-one-out trials to simulated studies, whose truth is known."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest

from rater.analysis.crossed import compare
from rater.analysis.odd_one_out import describe_result
from rater.analysis.plan import Planned, plan_of
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Estimate, Interval, NotEstimable, Result
from rater.analysis.scope import make_primary
from rater.analysis.triangle_test import CHANCE, proportion_correct
from rater.publish.booklets import assign_booklets
from rater.study.analysis_plan import AnalysisPlan
from rater.study.arms import Sampling, Unsteered
from rater.study.design import Plan
from rater.study.dimension import Dimension
from rater.study.scales import OddOneOut
from rater.study.study import Study


def study(
    arms: Sequence[str] = ("base", "love"), *, n_prompts: int = 8, n_raters: int = 10, **plan: object
) -> Study:
    return Study(
        name="odd",
        title="Odd one out",
        consent="Consent.",
        instructions="Instructions.",
        prompts=tuple(f"prompt {number}" for number in range(n_prompts)),
        arms=tuple(Unsteered(name=name) for name in arms),
        allow_identical_arms=True,
        sampling=Sampling(samples_per_prompt=3 if len(arms) == 2 else 9),
        dimensions=(Dimension(name="odd", question="Which differs?", scale=OddOneOut()),),
        plan=Plan(raters=n_raters),
        analysis=AnalysisPlan(contrast=(arms[1], arms[0]), **plan),
    )


def simulate(
    declared: Study, rng: np.random.Generator, *, d_prime: float = 0.0, place: int | None = None
) -> pd.DataFrame:
    """Draw answers at a d' for all arms; with a place, it is always chosen."""
    correct = float(proportion_correct(np.array([d_prime]))[0])
    rows = []
    for rater, booklet in enumerate(assign_booklets(declared.design, rng)):
        for position, trial in enumerate(booklet, start=1):
            arms = [declared.arm_names[text.arm] for text in trial.shown]
            odd = next(each for each in range(3) if arms.count(arms[each]) == 1)
            others = [each for each in range(3) if each != odd]
            chosen = odd if rng.random() < correct else int(rng.choice(others))
            chosen = chosen if place is None else place
            ids = [f"{text.prompt}-{text.arm}-{text.sample}" for text in trial.shown]
            rows.append(
                {
                    "rater": f"r{rater}",
                    "prompt": f"prompt {trial.prompt}",
                    "dimension": "odd",
                    "position": position,
                    "item": ids[odd],
                    "arm": arms[odd],
                    "other_item": ids[others[0]],
                    "other_item_2": ids[others[1]],
                    "other_arm": arms[others[0]],
                    "odd_place": odd + 1,
                    "chosen_place": chosen + 1,
                    "answer": float(chosen == odd),
                }
            )
    return pd.DataFrame(rows)


def analysed(declared: Study, frame: pd.DataFrame) -> Analysis:
    planned: Planned = plan_of(declared)
    return analyze(frame, planned)


def test_the_proportion_correct_is_tested_against_a_third_with_its_d_prime() -> None:
    declared = study()
    frame = simulate(declared, np.random.default_rng(1), d_prime=2.5)

    found = analysed(declared, frame).dimensions[0]

    odd = found.details.odd_one_out
    assert odd is not None
    (contrast,) = odd.contrasts
    assert isinstance(found.primary, Result)
    assert isinstance(contrast.proportion, Estimate)
    assert contrast.proportion.estimate == pytest.approx(frame["answer"].mean())
    assert found.primary.estimate == pytest.approx(frame["answer"].mean() - CHANCE)
    assert found.primary.p == contrast.proportion.settings["p"] == contrast.p_adjusted
    assert found.primary.p < 0.001
    assert (found.verdict, found.naive.test) == ("higher", "naive binomial test")
    assert contrast.d_prime.low is not None
    assert contrast.d_prime.high is not None
    assert contrast.d_prime.low < 2.5 < contrast.d_prime.high
    assert "told “love” and “base” apart on odd: the odd one of three texts was found in" in found.headline


def test_asymmetry_is_the_difference_by_the_arm_of_the_odd_text() -> None:
    declared = study()
    frame = simulate(declared, np.random.default_rng(2), d_prime=1.0)
    frame.loc[frame["arm"] == "love", ["answer", "chosen_place"]] = np.column_stack(
        [np.ones(80), frame.loc[frame["arm"] == "love", "odd_place"]]
    )

    odd = analysed(declared, frame).dimensions[0].details.odd_one_out

    assert odd is not None
    contrast = odd.contrasts[0]
    by_arm = {each.arm: each.n_correct / each.n for each in contrast.by_odd_arm}
    assert by_arm["love"] == 1
    assert isinstance(contrast.asymmetry, Result)
    assert contrast.asymmetry.estimate == pytest.approx(1 - by_arm["base"])
    assert contrast.asymmetry.p < 0.01


def test_further_contrasts_are_adjusted_by_holm() -> None:
    declared = study(("base", "love", "hate"), n_prompts=4)
    frame = simulate(declared, np.random.default_rng(3), d_prime=2.0)

    details = analysed(declared, frame).dimensions[0].details

    assert details.odd_one_out is not None
    first, second = details.odd_one_out.contrasts
    assert (first.arm, first.other, first.is_primary) == ("love", "base", True)
    assert (second.arm, second.other) == ("hate", "base")
    assert first.n == second.n == len(frame) / 3
    assert second.p_adjusted == next(each.p_adjusted for each in details.contrasts if each.arm == "hate")


def test_a_rater_who_always_chooses_one_place_is_at_chance_and_seen_in_the_quality() -> None:
    declared = study(n_raters=9)
    frame = simulate(declared, np.random.default_rng(4), place=0)

    found = analysed(declared, frame).dimensions[0]

    assert frame["answer"].mean() == pytest.approx(CHANCE, abs=0.001)
    assert isinstance(found.primary, Result)
    assert found.primary.p > 0.5
    assert {each.longest_run for each in found.details.quality} == {16}
    assert found.details.odd_one_out is not None
    assert [place.n_chosen for place in found.details.odd_one_out.places] == [len(frame), 0, 0]


def test_guessing_is_significant_in_about_five_percent_of_studies() -> None:
    declared, rng = study(n_raters=12, n_prompts=12), np.random.default_rng(5)
    planned = plan_of(declared)
    outcomes = [
        make_primary(compare(simulate(declared, rng), planned.contrast, planned.in_order[0]), planned)
        for _ in range(200)
    ]

    n = sum(isinstance(each, Result) and each.rejects(0.05) for each in outcomes)
    assert n <= 18  # 200 × .05 plus 2.5 standard errors


def test_a_contrast_without_trials_is_not_estimable_with_its_reason() -> None:
    declared = study()
    frame = simulate(declared, np.random.default_rng(6))
    one_rater = frame[frame["rater"] == "r0"].head(1)

    found = analysed(declared, one_rater).dimensions[0]

    assert isinstance(found.primary, NotEstimable)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("higher", "Raters told “a” and “b” apart"),
        ("lower", "less often than by guessing"),
        ("equivalent", "hardly more often than by guessing"),
        ("inconclusive", "This is not evidence that they cannot be told apart."),
    ],
)
def test_the_headline_has_the_proportion_its_interval_and_d_prime(verdict: str, words: str) -> None:
    declared = study()
    result = analysed(declared, simulate(declared, np.random.default_rng(7), d_prime=2)).dimensions[0].primary
    assert isinstance(result, Result)
    assert isinstance(result.interval, Interval)

    sentence = describe_result(("a", "b"), "odd", result, p=0.01, verdict=verdict)

    assert words in sentence
    assert "p = .010" in sentence
    assert "by guessing 33%" in sentence
    assert "d' " in sentence

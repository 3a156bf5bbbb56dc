from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.analysis.multiple_comparisons import benjamini_hochberg, holm
from rater.analysis.plan import Planned, PlannedContrast
from rater.analysis.primary import analyze
from rater.analysis.results import NotEstimable, Result
from tests.analysis.conftest import HAPPINESS

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
    assert contrasts[0].p_adjusted == p_values[0]
    assert [each.is_primary for each in contrasts] == [False, True]
    assert contrasts[1].p_adjusted == p_values[1]


def test_two_arms_have_no_further_contrasts(load: Load, planned: Planned) -> None:
    (found,) = analyze(load("c"), planned).dimensions

    assert found.details.contrasts == ()
    assert found.details.dose_response is None


def test_a_random_control_is_a_family_of_its_own(dosed: pd.DataFrame, planned: Planned) -> None:
    plan = replace(planned, contrast=("high", "unsteered"), random_controls=("low",))

    (found,) = analyze(dosed, plan).dimensions

    contrasts = found.details.contrasts
    assert [(each.name, each.family) for each in contrasts] == [
        ("high − unsteered", "against the control"),
        ("low − unsteered", "against the control"),
        ("high − low", "against a random control"),
    ]
    assert isinstance(contrasts[2].outcome, Result)
    assert contrasts[2].p_adjusted == contrasts[2].outcome.p


def test_declared_contrasts_are_all_there_is_and_adjusted_within_their_family(
    dosed: pd.DataFrame, planned: Planned
) -> None:
    plan = replace(
        planned,
        contrast=("high", "unsteered"),
        contrasts=(
            PlannedContrast("more of it", "high", "low", "doses"),
            PlannedContrast("any of it", "low", "unsteered", "doses"),
            PlannedContrast("alone", "high", "unsteered", "whole"),
        ),
    )

    (found,) = analyze(dosed, plan).dimensions

    more, some, alone = found.details.contrasts
    assert (more.name, more.arm, more.control) == ("more of it", "high", "low")
    assert isinstance(more.outcome, Result)
    assert isinstance(some.outcome, Result)
    assert min(more.p_adjusted or 0, some.p_adjusted or 0) == 2 * min(more.outcome.p, some.outcome.p)
    assert isinstance(alone.outcome, Result)
    assert alone.p_adjusted == alone.outcome.p
    assert alone.is_primary


def test_a_contrast_of_an_unknown_arm_is_a_sentence_and_takes_no_alpha(
    dosed: pd.DataFrame, planned: Planned
) -> None:
    plan = replace(
        planned,
        contrast=("high", "unsteered"),
        contrasts=(PlannedContrast("a", "hihg", "low", "f"), PlannedContrast("b", "high", "low", "f")),
    )

    analysis = analyze(dosed, plan)

    missing, tested = analysis.dimensions[0].details.contrasts
    assert isinstance(missing.outcome, NotEstimable)
    assert missing.outcome.reason == "“hihg” has no answers yet"
    assert isinstance(tested.outcome, Result)
    assert tested.p_adjusted == tested.outcome.p
    assert "the plan names the arm “hihg”" in analysis.notes[-1].message


def test_a_family_is_adjusted_without_the_primary_contrast_even_the_other_way_round(
    dosed: pd.DataFrame, planned: Planned
) -> None:
    """Holm of the two others alone: the smaller p is doubled, not tripled."""
    plan = replace(
        planned,
        contrast=("high", "unsteered"),
        contrasts=(
            PlannedContrast("a", "unsteered", "high", "all"),
            PlannedContrast("b", "low", "unsteered", "all"),
            PlannedContrast("c", "high", "low", "all"),
        ),
    )

    (found,) = analyze(dosed, plan).dimensions

    primary, *others = found.details.contrasts
    assert isinstance(found.primary, Result)
    assert (primary.is_primary, primary.p_adjusted) == (True, found.primary.p)
    raw = [each.outcome.p for each in others if isinstance(each.outcome, Result)]
    assert min(each.p_adjusted or 0 for each in others) == 2 * min(raw)


def test_on_a_secondary_dimension_the_planned_contrast_has_the_p_that_its_headline_has(
    dosed: pd.DataFrame, planned: Planned
) -> None:
    names = ("happiness", "anger", "calm")
    frame = pd.concat([dosed.assign(dimension=name) for name in names])
    dimensions = tuple(HAPPINESS.model_copy(update={"name": name}) for name in names)
    plan = replace(planned, contrast=("high", "unsteered"), doses=DOSES, dimensions=dimensions)

    for found in analyze(frame, plan).dimensions[1:]:
        [own] = [each for each in found.details.contrasts if each.is_primary]
        assert own.p_adjusted == found.p_adjusted is not None


P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_adjusted_p_values_of_a_published_example_equal_those_of_r(reference: dict[str, Any]) -> None:
    """R: p.adjust(p, "holm"), p.adjust(p, "BH")."""
    example = reference["p_adjust_BH1995_example"]

    assert holm(example["p"]) == pytest.approx(example["holm"], abs=1e-12)
    assert benjamini_hochberg(example["p"]) == pytest.approx(example["BH"], abs=1e-12)


@pytest.mark.parametrize("letter", ["a", "c", "e"])
def test_adjusted_p_values_of_single_prompts_equal_those_of_r(reference: dict[str, Any], letter: str) -> None:
    theirs = reference[letter]["per_prompt_wilcoxon"]
    p_values = list(theirs["p"].values())

    assert holm(p_values) == pytest.approx(list(theirs["holm"].values()), abs=1e-12)
    assert benjamini_hochberg(p_values) == pytest.approx(list(theirs["BH"].values()), abs=1e-12)


@given(P_VALUES)
def test_holm_is_never_below_benjamini_hochberg_nor_that_below_the_raw_p(p_values: list[float]) -> None:
    adjusted = list(zip(p_values, benjamini_hochberg(p_values), holm(p_values), strict=True))

    assert all(p <= bh + 1e-12 and bh <= strict + 1e-12 and strict <= 1 for p, bh, strict in adjusted)


@given(P_VALUES)
def test_adjusted_p_values_keep_their_order(p_values: list[float]) -> None:
    adjusted = holm(sorted(p_values))

    assert adjusted == sorted(adjusted)


def test_an_empty_family_has_no_adjusted_p_values() -> None:
    assert holm([]) == []
    assert benjamini_hochberg([]) == []


def test_holm_never_adjusts_a_p_below_that_of_a_smaller_one() -> None:
    """By hand: 3 × 0.01; then 2 × 0.03; then 1 × 0.04, which may not be below the one before."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])

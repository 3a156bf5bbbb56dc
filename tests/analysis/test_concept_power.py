from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest

from rater.analysis.concept_power import (
    AssumedConcepts,
    ConceptPower,
    ConceptSDs,
    ConceptStudySize,
    estimate_concept_power,
    plan_concepts,
    simulate_tables,
)
from rater.analysis.group_answers import GroupAnswers
from rater.analysis.simulate import ContinuousAnswers, ModelSDs, evenly_cut
from rater.analysis.simulated_power import Power
from rater.study.rankings import Response

ASSUMED = AssumedConcepts(evenly_cut(5), ModelSDs(), ConceptSDs(), "scale_points", 0.05)
SIZE = ConceptStudySize(12, 8, 3)


def power_of(size: ConceptStudySize, effect: float, n: int = 800) -> Power:
    return estimate_concept_power(size, ASSUMED, effect=effect, rng=np.random.default_rng(2), n_simulations=n)


def test_the_power_without_an_effect_is_the_type_1_error() -> None:
    power = power_of(SIZE, 0.0)

    assert 0.025 < power.share < 0.075
    assert power.low < power.share < power.high


@pytest.mark.parametrize("changed", [{"n_raters": 24}, {"n_concepts": 16}, {"n_prompts": 6}])
def test_more_of_any_factor_finds_more(changed: dict[str, Any]) -> None:
    assert power_of(replace(SIZE, **changed), 0.8).share > power_of(SIZE, 0.8).share


@pytest.mark.parametrize("prompts", ["nested", "crossed"])
def test_effects_have_the_variances_that_are_assumed(prompts: Literal["nested", "crossed"]) -> None:
    """On a slider without ends the variance of a concept's mean is the sum of its components'."""
    scale = ContinuousAnswers(low=-1_000, high=1_000, middle=0, unit=1)
    only_concepts = ModelSDs(rater_arm=0, prompt_arm=0, item=0)
    assumed = replace(ASSUMED, scale=scale, spread=only_concepts, concepts=ConceptSDs(0, 3, 0))
    size = replace(SIZE, prompts=prompts)

    tables = simulate_tables(size, assumed, 300, effect=0.0, rng=np.random.default_rng(0))

    of_concepts = tables.mean(axis=(1, 2)).var()
    assert tables.shape == (300, 12, 3, 8)
    assert of_concepts == pytest.approx(9 + 2 * np.pi**2 / 3 / 36, rel=0.15)


def test_the_spread_of_concepts_is_added_to_that_of_prompts() -> None:
    added = ConceptSDs(concept=0.6, concept_arm=0.3, rater_concept_arm=0.0).added_to(
        ModelSDs(prompt=0.8, prompt_arm=0.4)
    )

    assert (added.prompt, added.prompt_arm) == pytest.approx((1.0, 0.5))


def test_half_and_twice_the_sizes_are_compared() -> None:
    plan = plan_concepts(SIZE, ASSUMED, effect=0.8, rng=np.random.default_rng(0), n_simulations=100)

    assert {size.n_raters for size in plan.powers} == {6, 12, 24}
    assert {size.n_concepts for size in plan.powers} == {4, 8, 16}
    assert {size.n_prompts for size in plan.powers} == {3, 6}
    assert set(plan.doubled) == {"raters", "prompts", "concepts"}


def made(raters: float, prompts: float, concepts: float) -> ConceptPower:
    sizes = {SIZE: 0.5, replace(SIZE, n_raters=24): raters, replace(SIZE, n_prompts=6): prompts}
    sizes[replace(SIZE, n_concepts=16)] = concepts
    return ConceptPower(SIZE, {size: Power(p, p - 0.02, p + 0.02, 2_000) for size, p in sizes.items()})


def test_the_sentence_names_what_helps_most() -> None:
    assert "More concepts help more than more raters or prompts" in made(0.6, 0.7, 0.8).sentence
    assert "More concepts help more than more raters." in made(0.6, 0.79, 0.8).sentence
    assert "no more than the simulation error" in made(0.6, 0.61, 0.62).sentence
    assert "12 raters × 8 concepts × 3 prompts each the power is 50%" in made(0.6, 0.7, 0.8).sentence


@pytest.mark.parametrize("response", ["ranking", "best_worst"])
def test_orders_of_texts_find_an_effect_and_keep_the_type_1_error(response: Response) -> None:
    assumed = replace(ASSUMED, scale=GroupAnswers(4, response))

    null, power = (
        estimate_concept_power(
            SIZE, assumed, effect=effect, rng=np.random.default_rng(3), n_simulations=600
        ).share
        for effect in (0.0, 1.0)
    )

    assert 0.02 < null < 0.08
    assert power > 0.5

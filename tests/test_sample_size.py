"""Plan a study's size with its own booklets."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from rater.analysis.concept_power import ConceptStudySize
from rater.analysis.difference_units import DifferenceUnit
from rater.analysis.pilot import Pilot
from rater.analysis.simulate import ModelSDs, evenly_cut
from rater.errors import StudyError
from rater.report.console.power import describe_power_bounds
from rater.sample_size import (
    PlanningAssumptions,
    bound_concept_power,
    default_points,
    plan_power,
    power_as_planned,
)
from rater.study.analysis_plan import AnalysisPlan
from rater.study.arms import Steered, XVector
from rater.study.dimension import Dimension
from rater.study.load import load_study
from rater.study.scales import BestWorst, Ranking
from rater.study.study import Study

SLIDER = {"kind": "slider", "minimum": 0, "maximum": 100, "low": "not", "high": "very"}


NUMBER = {"kind": "number", "minimum": 0, "maximum": 40}


PAIRWISE = {"kind": "pairwise", "tie": "Neither"}


def changed(study: Study, **fields: object) -> Study:
    return Study.model_validate({**study.model_dump(), **fields})


def asking(study: Study, scale: Mapping[str, object]) -> Study:
    return changed(study, dimensions=[{"name": "d", "question": "Well?", "scale": scale}])


def test_the_default_difference_is_an_eighth_of_the_scale(study: Study) -> None:
    assert default_points(study) == 0.5
    assert default_points(asking(study, SLIDER)) == 12.5
    assert default_points(asking(study, NUMBER)) == 5
    assert default_points(asking(study, PAIRWISE)) == 0.25


def test_more_raters_and_prompts_find_more(study: Study) -> None:
    plan = plan_power(study, 1.0, n_simulations=60)

    shares = {(size.n_raters, size.n_prompts): size.power.share for size in plan.sizes}
    assert sorted(shares) == [(r, p) for r in (3, 6, 12, 24) for p in (2, 4, 8, 12)]
    assert shares[24, 12] > shares[3, 2]
    assert shares[24, 12] > 0.9
    cheapest = plan.cheapest[0.8]
    assert cheapest is not None
    assert cheapest.power.share >= 0.8
    assert cheapest.rater_minutes == min(s.rater_minutes for s in plan.sizes if s.power.share >= 0.8)


def test_the_study_as_planned_has_the_power_of_its_size_in_the_table(study: Study) -> None:
    plan = plan_power(study, 1.0, n_simulations=50, seed=3)

    [same] = [size for size in plan.sizes if (size.n_raters, size.n_prompts) == (6, 4)]
    assert same.power == plan.planned


@pytest.mark.parametrize("scale", [SLIDER, NUMBER, PAIRWISE])
def test_every_scale_has_its_power_and_a_large_difference_is_found(
    study: Study, scale: Mapping[str, object]
) -> None:
    large = changed(asking(study, scale), prompts=[f"P{n}" for n in range(20)], plan={"raters": 20})
    points = default_points(large)

    none, some = (power_as_planned(large, factor * points, n_simulations=60) for factor in (0.01, 2.5))

    assert none.share < 0.2
    assert some.share > 0.9


def test_questions_asked_in_blocks_leave_fewer_trials_to_the_primary_one(study: Study) -> None:
    scale = {"kind": "likert", "points": 5, "low": "not", "high": "very"}
    both = [{"name": name, "question": "Well?", "scale": scale} for name in ("one", "two")]
    plan = {"raters": 10, "items_per_rater": 24}
    large = changed(study, dimensions=both, prompts=[f"P{n}" for n in range(12)], plan=plan)
    blocks = changed(large, plan={**plan, "asking": "blocks"})

    together, apart = (power_as_planned(each, 0.7, n_simulations=150) for each in (large, blocks))

    assert apart.share < together.share


def test_a_pilot_and_drop_out_change_the_plan(study: Study) -> None:
    varied = Pilot(evenly_cut(5), ModelSDs(rater_arm=1.5, prompt_arm=1.5), 12, 400, ())
    large = changed(study, prompts=[f"P{n}" for n in range(10)], plan={"raters": 10})

    assumed, learnt, left = (
        power_as_planned(large, 0.8, n_simulations=150, assumptions=given)
        for given in (None, PlanningAssumptions(varied), PlanningAssumptions(drop_out=0.9))
    )

    assert learnt.share < assumed.share - 0.1
    assert left.share < assumed.share - 0.1


def test_the_same_seed_gives_the_same_power(study: Study) -> None:
    assert power_as_planned(study, 1.0, n_simulations=50) == power_as_planned(study, 1.0, n_simulations=50)


def test_a_difference_larger_than_the_scale_is_refused(study: Study) -> None:
    with pytest.raises(StudyError, match="A difference of 6 is too large for this scale"):
        power_as_planned(study, 6, n_simulations=50)


def test_each_rater_of_a_small_booklet_needs_only_its_own_prompts(study: Study) -> None:
    small = changed(study, plan={"raters": 8, "items_per_rater": 4})

    assert 0 <= power_as_planned(small, 1.0, n_simulations=50).share <= 1


def test_repeats_and_checks_count_as_minutes_and_not_as_answers(study: Study) -> None:
    check = {"prompt": "Please", "text": " press 1.", "accepted": {"happiness": [1, 1]}}
    longer = changed(study, plan={"raters": 6, "repeats": 3, "checks": [check]})

    plain, with_checks = (plan_power(each, 1.0, n_simulations=50) for each in (study, longer))

    assert with_checks.sizes[0].rater_minutes > plain.sizes[0].rater_minutes
    assert np.isfinite([size.power.share for size in with_checks.sizes]).all()


def test_looks_over_which_alpha_is_spread_leave_a_little_less_for_the_end(study: Study) -> None:
    looks = {"at": [0.25, 0.5, 0.75, 1], "spending": "pocock"}
    alone, looked_at = (
        plan_power(changed(study, analysis={"interim_looks": each}), 1.0, n_simulations=200)
        for each in (None, looks)
    )

    assert alone.last_look is None
    assert looked_at.last_look == pytest.approx(0.0187716, abs=1e-5)
    assert looked_at.planned.share < alone.planned.share


def test_a_study_of_each_prompt_in_one_arm_is_planned_with_its_mixed_model(study: Study) -> None:
    plan = {**study.plan.model_dump(), "arms_per_prompt": "one", "raters": 12, "items_per_rater": None}
    one_arm = changed(study, plan=plan, analysis={**study.analysis.model_dump(), "score": "scale_points"})

    small, large = (power_as_planned(one_arm, points, n_simulations=30) for points in (0.1, 3.0))

    assert small.share < 0.4
    assert large.share > 0.5
    assert large.share > small.share


LIKERT = {"kind": "likert", "low": "no", "high": "yes"}


def test_a_composite_score_is_simulated_on_the_scale_of_its_parts(study: Study) -> None:
    dimensions = [{"name": name, "question": "Well?", "scale": LIKERT} for name in ("a", "b")]
    composite = {"name": "both", "of": ["a", "b"], "by": "minimum"}
    analysis = {
        "composites": [composite],
        "primary": "both",
        "coprimary": {"dimension": "b", "margin": 4},
    }
    two = changed(study, dimensions=dimensions, analysis=analysis, practice=[], auto_advance=False)

    plan = plan_power(two, 1.0, n_simulations=50)

    assert plan.simulated_as == "a"
    assert plan.coprimary is not None
    assert plan.coprimary.share > 0.9  # nearly any estimate is within four points
    assert plan.least_joint_power == pytest.approx(max(0, plan.planned.share + plan.coprimary.share - 1))
    assert default_points(two) == 0.5


def test_a_study_with_one_primary_test_has_no_joint_power(study: Study) -> None:
    plan = plan_power(study, 1.0, n_simulations=50)

    assert plan.coprimary is None
    assert plan.least_joint_power is None


@pytest.mark.parametrize(
    "scale",
    [
        BestWorst(texts=3, best="happiest", worst="saddest"),
        Ranking(texts=3, top="happiest", bottom="saddest"),
    ],
    ids=["best-worst", "ranking"],
)
def test_the_power_of_orders_of_texts_is_alpha_without_an_effect_and_grows_with_it(
    study: Study, scale: BestWorst | Ranking
) -> None:
    weak = Steered(name="weak", additions=(XVector("Quokka prompt", "Numbat prompt", coeff=1, at=17),))
    mood = Dimension(name="happiness", question="Which?", scale=scale)
    declared = study.model_copy(
        update={
            "dimensions": (mood,),
            "arms": (*study.arms, weak),
            "prompts": tuple(f"{prompt} {n}" for prompt in study.prompts for n in range(3)),
            "analysis": AnalysisPlan(contrast=("walrus-arm", "zebra-arm")),
        }
    )

    none, some, much = (
        power_as_planned(declared, points, n_simulations=100).share for points in (0.0, 0.4, 0.9)
    )

    assert default_points(declared) == 0.25
    assert none < 0.12
    assert none < some < much
    assert much > 0.7


def over_concepts(items_per_rater: int, scope: str = "raters+prompts+concepts") -> Study:
    study = load_study(Path(__file__).parents[1] / "experiments/templates/concepts.py")
    fields = {**study.model_dump(exclude={"items"}), "prompts": study.distinct_prompts}
    plan = {**fields["plan"], "items_per_rater": items_per_rater}
    return Study.model_validate({**fields, "plan": plan, "analysis": {"scope": scope}})


def test_the_power_over_concepts_of_complete_booklets_is_one_number() -> None:
    """Six concepts × four crossed prompts × four arms: a rater of all 96 texts sees everything."""
    study = over_concepts(96)

    bounds = bound_concept_power(study, 0.5, n_simulations=200)

    assert bounds is not None
    assert bounds.smaller == bounds.larger == ConceptStudySize(16, 6, 4, "crossed")


def test_the_power_over_concepts_of_half_the_texts_lies_between_two_complete_studies() -> None:
    bounds = bound_concept_power(over_concepts(48), 1.0, n_simulations=400)

    assert bounds is not None
    assert (bounds.smaller.n_prompts, bounds.larger.n_prompts) == (2, 4)
    assert bounds.least.share < bounds.most.share
    described = describe_power_bounds(bounds, 1.0, unit=DifferenceUnit("scale points"))
    assert f"is between {bounds.least.share:.0%} and {bounds.most.share:.0%} (" in described


def test_a_claim_without_concepts_has_no_such_power(study: Study) -> None:
    assert bound_concept_power(study, 0.5) is None
    assert bound_concept_power(over_concepts(96, "raters+prompts"), 0.5) is None

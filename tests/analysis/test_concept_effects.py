from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rater.analysis import analyze, read
from rater.analysis.concept_effects import ConceptEffects
from rater.analysis.contrast_data import select_ratings
from rater.analysis.external_plan import plan_for
from rater.analysis.mixed_model import mixed_model_test
from rater.analysis.primary import Analysis
from rater.analysis.results import NotEstimable, Result
from rater.errors import TableError
from rater.study.analysis_plan import Scope

REFERENCES = Path(__file__).parent.parent / "data" / "concepts"
CONTRAST = ("steered", "unsteered")


def analysis_of(name: str, scope: Scope | None = None) -> Analysis:
    frame = read(REFERENCES / f"{name}.csv")
    return analyze(frame, plan_for(frame, scope=scope, score="scale_points", test="cell_scores"))


@pytest.fixture(scope="module")
def nested() -> Analysis:
    return analysis_of("nested_unequal")


@pytest.fixture(scope="module")
def crossed() -> Analysis:
    return analysis_of("crossed_complete")


def effects_of(analysis: Analysis) -> ConceptEffects:
    effects = analysis.dimensions[0].details.concepts
    assert effects is not None
    return effects


def test_a_table_with_concepts_is_analysed_over_concepts(nested: Analysis, crossed: Analysis) -> None:
    assert nested.planned.scope == crossed.planned.scope == "raters+prompts+concepts"
    assert any("nested in them" in each for each in nested.planned.assumptions)
    assert any("crossed with them" in each for each in crossed.planned.assumptions)
    assert "9 raters × 5 concepts, 16 prompts" in nested.dimensions[0].headline
    assert "8 raters × 6 concepts × 4 prompts" in crossed.dimensions[0].headline
    assert "concepts like those of this study" in crossed.dimensions[0].headline
    assert (crossed.n.prompts, crossed.n.concepts) == (4, 6)


def test_the_raw_difference_of_a_concept_is_the_mean_of_its_cells(nested: Analysis) -> None:
    rows = pd.read_csv(REFERENCES / "nested_unequal.csv")
    rows = rows[rows["concept"] == "c02"]
    means = rows.groupby("arm")["answer"].mean()  # a complete design with one text in each cell

    found = next(each for each in effects_of(nested).effects if each.unit == "c02")

    assert found.raw == pytest.approx(means["steered"] - means["unsteered"])
    assert found.interval is not None
    assert found.interval.low < found.raw < found.interval.high
    assert found.p is not None
    assert found.p_adjusted is not None
    assert found.p <= found.p_adjusted


def test_shrunken_differences_are_those_of_lmer_and_nearer_to_the_mean(nested: Analysis) -> None:
    lmer = {"c01": -0.53177972, "c02": 1.1440181, "c03": 2.2793892, "c04": 0.8042124, "c05": 0.26467157}
    effects = effects_of(nested).effects

    assert {each.unit: each.shrunken for each in effects} == pytest.approx(lmer, abs=1e-5)
    raw, shrunken = (np.array([getattr(each, name) for each in effects]) for name in ("raw", "shrunken"))
    assert np.ptp(shrunken) < np.ptp(raw)


def test_the_planned_test_is_repeated_without_each_concept(nested: Analysis) -> None:
    effects = effects_of(nested)

    assert [each.concept for each in effects.without] == ["c01", "c02", "c03", "c04", "c05"]
    assert all(each.outcome.n.concepts == 4 for each in effects.without)
    assert all(isinstance(each.outcome, Result) for each in effects.without)
    assert "without “c03”" in effects.sentence  # the largest difference


def test_with_fixed_concepts_the_claim_names_none_but_their_effects_are_listed() -> None:
    analysis = analysis_of("crossed_complete", scope="raters+prompts")

    found = analysis.dimensions[0]
    assert isinstance(found.primary, Result)
    assert "concepts like those" not in found.headline
    assert "8 raters × 4 prompts" in found.headline
    assert len(effects_of(analysis).effects) == 6


def test_two_concepts_are_not_left_out() -> None:
    frame = read(REFERENCES / "nested_complete.csv")
    frame = frame[frame["concept"].isin(["c01", "c02"])]

    effects = effects_of(analyze(frame, plan_for(frame)))

    assert effects.without == ()
    assert effects.sentence == ""


def test_a_rater_alone_has_no_test_over_concepts() -> None:
    frame = read(REFERENCES / "nested_complete.csv")
    frame = frame[frame["rater"] == "r01"]

    primary = analyze(frame, plan_for(frame)).dimensions[0].primary

    assert isinstance(primary, NotEstimable)
    assert "only 1 rater" in primary.reason


def test_a_concept_must_be_named_in_every_row() -> None:
    rows = pd.read_csv(REFERENCES / "nested_complete.csv")
    rows.loc[3, "concept"] = ""

    with pytest.raises(TableError, match="concept is empty"):
        read(rows)


def test_the_linear_mixed_model_has_the_effects_of_concepts_that_lmer_has() -> None:
    """R: lmerTest::lmer(answer ~ x + (1 + x || rater) + (1 + x || concept) + (1 + x || prompt) + (1 + x ||
    rater_concept) + (1 | item)), x ±1/2 and rater_concept <- paste(rater, concept).
    """
    ratings = select_ratings(read(REFERENCES / "nested_missing.csv"), CONTRAST, "answer")

    outcome = mixed_model_test(ratings)

    assert isinstance(outcome, Result)
    assert outcome.estimate == pytest.approx(0.4975842278, abs=1e-7)
    assert outcome.standard_error == pytest.approx(0.3295027411, rel=1e-6)
    assert outcome.df == pytest.approx(14.83728763, rel=1e-4)
    assert outcome.settings["concept_effect_sd"] == pytest.approx(0.2151834, rel=1e-4)
    assert "concepts" in outcome.claim


def test_in_a_crossed_design_prompts_and_their_uses_for_concepts_have_effects() -> None:
    """R: as above, with (1 + x || prompt_concept), prompt_concept <- paste(prompt, concept)."""
    ratings = select_ratings(read(REFERENCES / "crossed_missing.csv"), CONTRAST, "answer")

    outcome = mixed_model_test(ratings)

    assert isinstance(outcome, Result)
    assert outcome.standard_error == pytest.approx(0.372173225, rel=1e-6)
    assert outcome.df == pytest.approx(9.29204486, rel=1e-4)
    assert outcome.settings["prompt_effect_sd"] == pytest.approx(0.3743025, rel=1e-4)


@pytest.mark.parametrize("name", ["crossed_complete", "nested_complete"])
def test_assigned_texts_without_an_answer_are_those_of_the_prompt_and_concept(name: str) -> None:
    assigned = pd.read_csv(REFERENCES / f"{name}.csv").assign(dimension="answer")
    kept = np.random.default_rng(0).random(len(assigned)) < 0.9
    frame = read(assigned[kept])

    missing = analyze(frame, plan_for(frame), assigned=assigned).dimensions[0].missing_answers

    assert missing is not None
    by_arm = {each.arm: (each.n, each.n_not_answered) for each in missing.counts}
    for arm in CONTRAST:
        rows = (assigned["arm"] == arm).to_numpy()
        assert by_arm[arm] == (int(rows.sum()), int((rows & ~kept).sum()))
    assert isinstance(missing.not_answered, Result)
    assert missing.not_answered.n.cells == len(assigned) // 2
    assert "prompt × concept" in missing.not_answered.method

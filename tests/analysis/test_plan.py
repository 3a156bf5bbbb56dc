"""The control is the unsteered arm, and every arm of a shipped study is compared with it."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pandas as pd
import pytest

from rater import AnalysisPlan, Prompted, Steered, Study, Unsteered, XVector, random_control
from rater.analysis.plan import Planned, plan_of
from rater.analysis.primary import Analysis, analyze
from rater.report.export import to_json
from rater.study.arms import RandomVector
from rater.study.load import load_study
from tests.unblind.conftest import changed

Load = Callable[[str], pd.DataFrame]


EXPERIMENTS = Path(__file__).parents[2] / "experiments"


FILES = sorted([*EXPERIMENTS.glob("*.py"), *EXPERIMENTS.glob("templates/*.py")])


LOVE = Steered(name="love", additions=(XVector("Love", "Hate", coeff=1, at=6),))


def comparisons(study: Study) -> set[tuple[str, str]]:
    """List the comparisons that the report of a study has, the primary one included."""
    further = plan_of(study).contrasts_among(study.arm_names)
    return {study.contrast, *((each.first, each.second) for each in further)}


def with_arms(study: Study, *arms: Steered | Unsteered | Prompted, contrast: tuple[str, str]) -> Study:
    changed = {"arms": arms, "analysis": AnalysisPlan(contrast=contrast), "blinding": None}
    return Study.model_validate({**dict(study), **changed})


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_arm_of_a_shipped_study_is_compared_with_its_unsteered_arm(path: Path) -> None:
    study = load_study(path)
    unsteered = [arm.name for arm in study.arms if isinstance(arm, Unsteered)]

    assert [study.control] == (unsteered or [study.contrast[1]])
    assert comparisons(study) >= {(arm, study.control) for arm in study.arm_names if arm != study.control}
    assert len({frozenset(pair) for pair in comparisons(study)}) == len(comparisons(study))


def test_the_template_of_a_prompted_baseline_reports_every_pair_of_arms() -> None:
    study = load_study(EXPERIMENTS / "templates" / "prompted_baseline.py")

    assert {frozenset(pair) for pair in comparisons(study)} == {
        frozenset(pair) for pair in combinations(study.arm_names, 2)
    }


def test_every_dose_is_compared_with_no_dose_and_with_the_random_control() -> None:
    study = load_study(EXPERIMENTS / "dose_response.py")
    doses = [arm.name for arm in study.arms if isinstance(arm, Steered) and arm.dose]

    assert len(doses) == 5
    assert comparisons(study) == {
        *((dose, "unsteered") for dose in doses),
        *((dose, "love-12-random") for dose in doses),
        ("love-12-random", "unsteered"),
    }


def test_the_control_is_the_unsteered_arm_wherever_it_is_in_the_contrast(study: Study) -> None:
    prompted = Prompted(prefix="Be happy. ")
    arms = (prompted, LOVE, Unsteered(name="plain"))

    for contrast in (("love", "plain"), ("plain", "love"), ("love", "prompted")):
        assert with_arms(study, *arms, contrast=contrast).control == "plain"


def test_a_random_control_in_the_contrast_does_not_replace_the_unsteered_arm(study: Study) -> None:
    chance = random_control(LOVE)
    declared = with_arms(study, Unsteered(), LOVE, chance, contrast=("love", "love-random"))

    assert comparisons(declared) == {
        ("love", "unsteered"),
        ("love-random", "unsteered"),
        ("love", "love-random"),
    }


def test_of_two_unsteered_arms_the_one_in_the_contrast_is_the_control(study: Study) -> None:
    arms = (Unsteered(name="first"), Unsteered(name="second"), LOVE)

    assert with_arms(study, *arms, contrast=("love", "second")).control == "second"
    assert with_arms(study, *arms, contrast=("love", "first")).control == "first"


def test_the_primary_contrast_keeps_its_direction_among_the_default_comparisons(study: Study) -> None:
    declared = with_arms(study, Unsteered(), LOVE, random_control(LOVE), contrast=("unsteered", "love"))

    assert comparisons(declared) == {
        ("unsteered", "love"),
        ("love-random", "unsteered"),
        ("love", "love-random"),
    }


@pytest.mark.parametrize(
    ("file", "n_shown", "n_ratings"),
    [
        ("dose_response", 8 * 7, 14 * 8 * 7 / (8 * 7 * 4)),
        ("love_vs_hate", 12 * 2, 3),
        ("templates/external_completions", 8, 12),
        ("templates/pairwise", 8, 3),
        ("templates/whole_visit", 8, 12),
    ],
)
def test_the_counts_in_the_comments_of_study_files_are_right(
    file: str, n_shown: int, n_ratings: float
) -> None:
    study = load_study(EXPERIMENTS / f"{file}.py")

    assert study.items_per_rater == n_shown
    assert study.design.ratings_per_item == n_ratings


def test_two_arms_in_the_other_direction_have_no_further_comparison(study: Study) -> None:
    declared = with_arms(study, Unsteered(), LOVE, contrast=("unsteered", "love"))

    assert comparisons(declared) == {("unsteered", "love")}


def test_the_plan_knows_doses_random_controls_and_changed_arms(study: Study) -> None:
    steered = study.arms[1]
    assert isinstance(steered, Steered)
    (vector,) = steered.additions
    assert isinstance(vector, XVector)
    chance = Steered(name="chance", additions=(RandomVector(like=vector, seed=1),))
    arms = [study.arms[0], steered.model_copy(update={"dose": 2.0}), chance]
    declared = changed(study, arms=[arm.model_dump() for arm in arms])

    plan = plan_of(declared)

    assert plan.doses == {"zebra-arm": 0.0, "walrus-arm": 2.0}
    assert plan.random_controls == ("chance",)
    assert plan.changed == ("walrus-arm", "chance")
    assert plan_of(study).doses == {}
    assert plan.seed != plan_of(study).seed


def analyzed(frame: pd.DataFrame, planned: Planned) -> Analysis:
    """Analyse, and write as JSON, which refuses NaN."""
    analysis = analyze(frame, planned)
    assert "NaN" not in to_json(analysis)
    return analysis


def test_a_misspelt_arm_is_noted_with_the_arms_of_the_data(load: Load, planned: Planned) -> None:
    analysis = analyzed(load("a"), replace(planned, contrast=("sterred", "unsteered")))

    assert analysis.dimensions[0].headline == (
        "Not estimable on happiness, because “sterred” has no answers yet."
    )
    assert [note.message for note in analysis.notes] == [
        "the plan names the arm “sterred”, which has no answers; arms with answers: steered, unsteered"
    ]


def test_a_dose_of_an_unknown_arm_is_noted(load: Load, planned: Planned) -> None:
    plan = replace(planned, contrast=("steered", "plain"), doses={"unsteered": 0.0, "steered": 1.0})

    assert "the plan names the arm “plain”" in analyzed(load("a"), plan).notes[0].message

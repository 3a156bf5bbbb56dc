"""`rater check` shows exactly the analysis that the study declares."""

import pytest
from rich.console import Console

from rater import (
    PROLIFIC,
    AnalysisPlan,
    BlindingQuestion,
    Composite,
    Contrast,
    CoprimaryTest,
    Exclusions,
    InterimLooks,
    Plan,
    Prompted,
    Steered,
    Study,
    Unsteered,
    XVector,
    dose_series,
)
from rater.report.console.check import analysis_lines, print_forecast
from rater.study.forecast import forecast


def test_a_study_that_declares_nothing_shows_its_primary_test_alone(study: Study) -> None:
    plain = study.model_copy(update={"analysis": AnalysisPlan(alpha=0.01)})

    [(label, said)] = analysis_lines(plain)

    assert label == "primary test"
    assert said == (
        "walrus-arm − zebra-arm on happiness in net superiority, generalising to raters+prompts, alpha 0.01"
    )


def test_the_control_is_named_with_the_comparisons_that_follow_from_it(study: Study) -> None:
    love = Steered(name="love", additions=(XVector("Love", "Hate", coeff=1, at=6),))
    arms = (Unsteered(name="plain"), love, Prompted(prefix="Be happy. "))
    plan = AnalysisPlan(contrast=("love", "prompted"))

    shown = dict(analysis_lines(study.model_copy(update={"arms": arms, "analysis": plan, "blinding": None})))

    assert shown["control"] == ("plain, the unsteered arm; by default all other arms are compared with it")
    assert shown["contrasts"] == ("love − plain, prompted − plain (against the control; Holm correction)")


def test_without_an_unsteered_arm_the_control_is_the_second_of_the_contrast(study: Study) -> None:
    arms = tuple(Prompted(name=name, prefix=f"Be {name}. ") for name in ("happy", "sad", "calm"))
    plan = AnalysisPlan(contrast=("happy", "calm"))

    shown = dict(analysis_lines(study.model_copy(update={"arms": arms, "analysis": plan, "blinding": None})))

    assert shown["control"].startswith("calm, the second arm of the primary contrast (no arm is unsteered)")
    assert shown["contrasts"].startswith("sad − calm (")


def test_all_declared_parts_of_the_plan_are_shown(study: Study) -> None:
    doses = dose_series(XVector("Love", "Hate", coeff=1, at=6), doses=(4, 2))
    plan = AnalysisPlan(
        score="scale_points",
        sesoi=0.3,
        contrasts=(
            Contrast(first="dose-4", second="dose-2", name="more"),
            Contrast(first="dose-2", second="unsteered", family="single"),
        ),
        exclusions=Exclusions(max_failed_checks=1, max_same_answer_share=0.9, unfinished="exclude"),
        interim_looks=InterimLooks(at=(0.5, 1), spending="none"),
    )
    asking = {
        "blinding": BlindingQuestion(question="Odd?", n_texts=0, labels=("Odd", "Plain")),
        "guessed_arms": ("dose-4",),
    }

    shown = analysis_lines(
        study.model_copy(update={"arms": (Unsteered(), *doses), "analysis": plan, **asking})
    )

    assert dict(shown[1:]) | {"contrasts": [value for label, value in shown if label == "contrasts"]} == {
        "SESOI": "0.3 in scale points; conclusion: larger, smaller (equivalent) or inconclusive",
        "contrasts": [
            "dose-4 − dose-2 (“more”) (declared contrasts; Holm correction)",
            "dose-2 − unsteered (single; Holm correction)",
        ],
        "doses": "unsteered 0, dose-2 2, dose-4 4; tests of a linear and a monotone trend, as one test if "
        "their contrasts coincide",
        "excluded raters": "more than 1 attention checks failed; or straight-lining: the same answer in more "
        "than 90% of trials on the primary dimension; or the booklet was not finished",
        "interim looks": "analyses at 50%, 100% of the planned answers, each at p < 0.05, without adjustment "
        "for repeated testing",
        "guesses": "after the last trial, about all texts at once: “Odd?” “Odd” is correct for dose-4",
    }


def test_a_mixed_model_is_named_with_the_primary_test(study: Study) -> None:
    plan = Plan(raters=6, arms_per_prompt="one")
    one_arm = study.model_copy(update={"plan": plan, "analysis": AnalysisPlan(score="scale_points")})

    shown = dict(analysis_lines(one_arm))

    assert shown["primary test"] == (
        "walrus-arm − zebra-arm on happiness in scale points, generalising to raters+prompts, alpha 0.05, "
        "by a linear mixed model of all answers"
    )


def test_composites_and_the_second_test_are_shown(study: Study) -> None:
    fluency = study.dimensions[0].model_copy(update={"name": "fluency"})
    plan = AnalysisPlan(
        composites=(Composite(name="overall", of=("happiness", "fluency"), by="harmonic_mean"),),
        primary="overall",
        coprimary=CoprimaryTest(dimension="fluency", margin=0.5),
    )
    changes = {"dimensions": (*study.dimensions, fluency), "analysis": plan, "blinding": None}

    shown = dict(analysis_lines(study.model_copy(update=changes)))

    assert "on overall" in shown["primary test"]
    assert shown["composite overall"].startswith("harmonic mean of happiness and fluency")
    assert "on fluency “walrus-arm” is worse than “zebra-arm” by less than 0.5" in shown["coprimary test"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"recruitment": PROLIFIC}, "assigned again after 4 hours without an answer; by default, since"),
        ({"reassign_after_hours": 12.0}, "assigned again after 12 hours without an answer"),
        ({}, "one per planned rater"),
    ],
)
def test_the_forecast_states_when_a_booklet_is_assigned_again(
    study: Study, changes: dict[str, object], words: str
) -> None:
    changed = study.model_copy(update={"recruitment": None, "reassign_after_hours": None, **changes})
    console = Console(record=True, width=200)

    print_forecast(changed, forecast(changed), console)

    assert words in console.export_text()

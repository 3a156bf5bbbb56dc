import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from rater.analysis.equivalence import Equivalence
from rater.analysis.plan import Planned, plan_analysis
from rater.analysis.primary import analyze
from rater.analysis.results import NotEstimable, Result
from rater.errors import RaterError, StudyError
from rater.study.analysis_plan import AnalysisPlan
from rater.study.dimension import Dimension
from rater.study.scales import Likert

Load = Callable[[str], pd.DataFrame]


def test_a_significant_difference_is_one_sentence(load: Load, planned: Planned) -> None:
    (found,) = analyze(load("a"), planned).dimensions

    assert found.verdict == "higher"
    assert found.headline == (
        "“steered” was rated higher than “unsteered” on happiness: a rater shown one of each rates “steered” "
        "higher 34 percentage points more often than lower (95% CI 20 to 49, p < .001, "
        "12 raters × 10 prompts; 0.77 scale points)."
    )


def test_a_contrast_the_other_way_round_is_lower_with_its_interval_turned(
    load: Load, planned: Planned
) -> None:
    (found,) = analyze(
        load("a"), replace(planned, contrast=("unsteered", "steered"), score="scale_points")
    ).dimensions

    assert found.verdict == "lower"
    assert found.headline == (
        "“unsteered” was rated lower than “steered” on happiness: answers to “unsteered” are "
        "0.77 scale points lower (95% CI 0.46 to 1.08, p < .001, 12 raters × 10 prompts; "
        "net superiority −34 percentage points)."
    )


def test_a_nonsignificant_result_is_never_called_no_effect(load: Load, planned: Planned) -> None:
    (found,) = analyze(load("c"), planned).dimensions

    assert found.verdict == "inconclusive"
    assert found.headline == (
        "No significant difference between “steered” and “unsteered” on happiness: the estimate is that a "
        "rater shown one of each rates “steered” higher 9 percentage points more often than lower "
        "(95% CI −16 to 33, p = .483, 5 raters × 8 prompts; 0.30 scale points). "
        "This is not evidence that there is no difference."
    )


def test_one_rater_is_tested_by_prompt_with_the_limit_of_the_claim(load: Load, planned: Planned) -> None:
    analysis = analyze(load("e"), replace(planned, score="scale_points", n_raters=12))

    (found,) = analysis.dimensions
    assert isinstance(found.primary, Result)
    assert found.primary.test == "by-prompt t"
    assert found.primary.p == pytest.approx(0.0479154030702227)
    assert [outcome.test for outcome in found.sensitivity_tests] == ["by-prompt signed-rank"]
    assert found.headline.endswith(
        "The claim is about this one rater, over prompts like those of this study; it does not generalise to "
        "other raters."
    )
    assert [note.message for note in analysis.notes] == [
        "1 of 12 planned raters has answered: the planned sample size was not reached"
    ]


@pytest.mark.parametrize(
    ("scope", "tests"),
    [
        ("raters+prompts", ["crossed t"]),
        ("raters", ["by-rater t", "by-rater sign-flip"]),
        ("prompts", ["by-prompt t", "by-prompt signed-rank"]),
    ],
)
def test_the_scope_of_the_plan_chooses_the_test(
    load: Load, planned: Planned, scope: str, tests: list[str]
) -> None:
    plan = AnalysisPlan.model_validate({"scope": scope})
    chosen = plan_analysis(plan, planned.dimensions, contrast=planned.contrast)

    (found,) = analyze(load("a"), chosen).dimensions

    assert [outcome.test for outcome in (found.primary, *found.sensitivity_tests)] == tests


def test_the_score_of_the_plan_is_the_one_in_the_headline(load: Load, planned: Planned) -> None:
    (found,) = analyze(load("a"), replace(planned, score="scale_points")).dimensions

    assert found.primary.score == "scale_points"
    assert found.other_score.score == "net_superiority"
    assert found.primary.estimate == pytest.approx(0.769444, abs=1e-6)


def test_intervals_cover_one_minus_alpha(load: Load, planned: Planned) -> None:
    """R: 0.769444 ± qt(.95, 10.4119981) × 0.1415874."""
    (found,) = analyze(load("a"), replace(planned, alpha=0.1, score="scale_points")).dimensions

    assert isinstance(found.primary, Result)
    assert found.primary.interval is not None
    assert found.primary.interval.low == pytest.approx(0.513849, abs=1e-6)  # tost.twoway.ci90
    assert "90% CI 0.51 to 1.03" in found.headline


def test_arms_are_described_with_every_point_of_the_scale(load: Load, planned: Planned) -> None:
    (found,) = analyze(load("e"), planned).dimensions

    steered, unsteered = found.arms
    assert (steered.arm, steered.n, steered.counts) == ("steered", 15, (0, 3, 2, 7, 3))
    assert steered.mean == pytest.approx(3.66666667)
    assert steered.median == 4.0
    assert (unsteered.arm, unsteered.counts) == ("unsteered", (2, 3, 8, 1, 1))


CONFOUNDED = (
    "every prompt has answers to only one of “steered” and “unsteered”: the arms are confounded with the "
    "prompts, and their effects cannot be separated"
)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda frame: frame[frame["rater"] == "nobody"], "no rater of 12 planned has answered it yet"),
        (lambda frame: frame[frame["arm"] == "unsteered"], "“steered” has no answers yet"),
        (
            lambda frame: frame[frame["prompt"] == "p01"],
            (
                "only 1 prompt has answers to both arms, and the crossed random-effects t test needs at "
                "least 2 prompts"
            ),
        ),
        (
            lambda frame: frame[(frame["arm"] == "steered") ^ (frame["prompt"] > "p05")],
            CONFOUNDED,
        ),
    ],
)
def test_too_little_data_is_a_sentence_and_no_number(
    load: Load, planned: Planned, change: Callable[[pd.DataFrame], pd.DataFrame], reason: str
) -> None:
    (found,) = analyze(change(load("a")), replace(planned, n_raters=12)).dimensions

    assert isinstance(found.primary, NotEstimable)
    assert found.verdict == "not estimable"
    assert found.headline == f"Not estimable on happiness, because {reason}."


def test_an_arm_with_one_answer_has_no_standard_deviation(load: Load, planned: Planned) -> None:
    (found,) = analyze(load("e").iloc[:1], planned).dimensions

    assert (found.arms[1].n, found.arms[1].mean, found.arms[1].sd) == (1, 3.0, None)
    assert (found.arms[0].n, found.arms[0].mean, found.arms[0].median) == (0, None, None)


def test_the_primary_dimension_comes_first_and_the_others_are_marked(load: Load, planned: Planned) -> None:
    fluency = Dimension(name="fluency", question="How fluent?", scale=Likert(low="not", high="very"))
    both = replace(planned, dimensions=(fluency, *planned.dimensions))

    analysis = analyze(load("e"), both)

    assert [(found.dimension.name, found.is_primary) for found in analysis.dimensions] == [
        ("happiness", True),
        ("fluency", False),
    ]
    assert (
        analysis.dimensions[1].headline == "Not estimable on fluency, because no rater has answered it yet."
    )


def test_secondary_dimensions_are_adjusted_by_holm_and_judged_by_that(load: Load, planned: Planned) -> None:
    """Data c shows p = .254 on scale points; as two further dimensions it is a family of two."""
    one = load("c")
    frame = pd.concat([load("a"), one.assign(dimension="fluency"), one.assign(dimension="calm")])
    scale = Likert(low="not", high="very")
    others = [Dimension(name=name, question="?", scale=scale) for name in ("fluency", "calm")]
    plan = replace(planned, dimensions=(*planned.dimensions, *others), score="scale_points")

    analysis = analyze(frame, plan)

    primary, fluency, calm = analysis.dimensions
    assert primary.p_adjusted is None
    assert fluency.p_adjusted == calm.p_adjusted == pytest.approx(2 * 0.25385476, abs=1e-5)
    assert "Holm-adjusted p = .508" in fluency.headline
    [note] = analysis.notes
    assert note.message == "p-values of the 2 secondary dimensions are adjusted (Holm correction)"


def test_a_secondary_difference_that_holm_takes_away_is_inconclusive(load: Load, planned: Planned) -> None:
    """Data e has p = .0479 on scale points, which a family of two doubles."""
    frame = pd.concat([load("e").assign(dimension=name) for name in ("happiness", "fluency", "calm")])
    scale = Likert(low="not", high="very")
    others = [Dimension(name=name, question="?", scale=scale) for name in ("fluency", "calm")]

    analysis = analyze(
        frame, replace(planned, dimensions=(*planned.dimensions, *others), score="scale_points")
    )

    assert [found.verdict for found in analysis.dimensions] == ["higher", "inconclusive", "inconclusive"]


def test_a_single_secondary_dimension_needs_no_adjusting(load: Load, planned: Planned) -> None:
    fluency = Dimension(name="fluency", question="?", scale=Likert(low="not", high="very"))
    frame = pd.concat([load("e"), load("e").assign(dimension="fluency")])

    analysis = analyze(frame, replace(planned, dimensions=(*planned.dimensions, fluency)))

    assert analysis.dimensions[1].p_adjusted == analysis.dimensions[0].primary.p  # type: ignore[union-attr]  # a Result
    assert analysis.notes == ()


def test_a_sesoi_is_tested_on_the_primary_dimension_in_units_of_the_score(
    load: Load, planned: Planned
) -> None:
    (found,) = analyze(load("a"), replace(planned, sesoi=0.3, score="scale_points")).dimensions
    (without,) = analyze(load("a"), planned).dimensions

    assert isinstance(found.equivalence, Equivalence)
    assert found.equivalence.p == pytest.approx(0.996300945, abs=1e-6)
    assert without.equivalence is None


def test_single_prompts_and_raters_have_effects_under_their_names(load: Load, planned: Planned) -> None:
    (found,) = analyze(load("a"), replace(planned, score="scale_points")).dimensions

    prompts = {effect.unit: effect for effect in found.details.prompts}
    raters = {effect.unit: effect for effect in found.details.raters}
    assert prompts["p05"].raw == pytest.approx(1.361111, abs=1e-6)
    assert raters["r11"].raw == pytest.approx(1.7, abs=1e-6)
    assert prompts["p05"].shrunken == pytest.approx(1.0834, abs=1e-3)


def test_an_answer_off_the_scale_is_refused_with_its_place(load: Load, planned: Planned) -> None:
    frame = load("e")
    frame.loc[0, "answer"] = 7.0

    with pytest.raises(RaterError) as refused:
        analyze(frame, planned)

    assert str(refused.value) == (
        "answer is 7 (rater r01, item p01u1), but happiness is answered with points 1 to 5."
    )


def test_a_frame_without_a_column_is_refused(load: Load, planned: Planned) -> None:
    with pytest.raises(RaterError, match="no column 'prompt'"):
        analyze(load("e").drop(columns="prompt"), planned)


def test_a_plan_with_an_unknown_primary_dimension_is_refused(planned: Planned) -> None:
    with pytest.raises(StudyError, match=r"Unknown primary dimension 'hapiness'\. Did you mean 'happiness'"):
        replace(planned, primary="hapiness")


def test_a_contrast_of_an_arm_with_itself_is_refused(planned: Planned) -> None:
    with pytest.raises(StudyError, match="compares the arm 'steered' with itself"):
        replace(planned, contrast=("steered", "steered"))


def test_the_order_of_rows_does_not_matter(load: Load, planned: Planned) -> None:
    frame = load("c")

    assert analyze(frame, planned) == analyze(frame.iloc[::-1], planned)


SAME_BYTES = """
import sys
from rater.analysis import analyze, plan_for, read
from rater.report.export import to_json
frame = read(sys.argv[1], arm="condition", answer="rating")
plan = plan_for(frame, contrast=("steered", "unsteered"), doses={"unsteered": 0.0, "steered": 1.0})
sys.stdout.write(to_json(analyze(frame, plan)))
"""


def test_the_same_answers_give_the_same_bytes_in_any_process() -> None:
    """A set's order differs from process to process; nothing that is written may follow it."""
    data = Path(__file__).parent.parent / "data" / "stats" / "data_c.csv"

    one, other = (
        subprocess.run(
            [sys.executable, "-c", SAME_BYTES, str(data)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    )

    assert len(one) > 10_000
    assert one == other


def test_progress_is_reported_for_every_bootstrap(load: Load, planned: Planned) -> None:
    told: list[tuple[int, int]] = []

    analyze(load("c"), planned, progress=lambda done, of: told.append((done, of)))

    assert all(0 < done <= of for done, of in told)
    assert sum(done == of for done, of in told) >= 5  # the effect sizes, and each coefficient of agreement

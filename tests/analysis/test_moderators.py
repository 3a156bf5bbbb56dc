"""Interactions with raters' characteristics are tested over raters and prompts."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from rater.analysis.crossed import compare
from rater.analysis.mixed_model_fit import MixedFit, fit_mixed_model
from rater.analysis.moderators import Moderation, moderate
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import NotEstimable, Result
from rater.study.dimension import Dimension
from rater.study.questionnaire import Question
from rater.study.scales import Slider

FIELD = Question(name="field", question="What do you study?", options=("Physics", "Law", "Art"))
AGE = Question(name="age", question="How old are you?", kind="number")
JUDGED = Dimension(
    name="happiness", question="How happy?", scale=Slider(minimum=0, maximum=100, low="no", high="yes")
)
PLANNED = Planned(
    contrast=("steered", "unsteered"),
    dimensions=(JUDGED,),
    primary="happiness",
    score="scale_points",
    questionnaire=(FIELD, AGE),
    moderators=("field", "age"),
)
GROUPS = ["Physics"] * 4 + ["Law"] * 4 + ["Art", None]
AGES = [20.0, 25.0, 30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, None]


def about() -> pd.DataFrame:
    rows = [
        (f"r{rater}", name, values[rater])
        for name, values in (("field", GROUPS), ("age", AGES))
        for rater in range(10)
    ]
    return pd.DataFrame(rows, columns=["rater", "question", "answer"], dtype=object)


def ratings(effect_in_law: float = 0.0, *, per_year: float = 0.0, seed: int = 1) -> pd.DataFrame:
    """Draw answers of 10 raters to 6 prompts; the difference is larger in Law, or with age."""
    rng = np.random.default_rng(seed)
    rows = []
    for rater, prompt in np.ndindex(10, 6):
        difference = 5 + effect_in_law * (GROUPS[rater] == "Law") + per_year * ((AGES[rater] or 40) - 40)
        for arm, sign in (("steered", 0.5), ("unsteered", -0.5)):
            answer = float(np.rint(50 + sign * difference + rng.normal(0, 3)))
            rows.append((f"r{rater}", f"p{prompt}", arm, f"{arm}{prompt}", "happiness", answer))
    return pd.DataFrame(rows, columns=["rater", "prompt", "arm", "item", "dimension", "answer"])


def moderated(frame: pd.DataFrame, planned: Planned = PLANNED) -> tuple[Moderation, ...]:
    compared = compare(frame, planned.contrast, planned.in_order[0])
    return moderate(compared, planned, JUDGED, about())


def result(outcome: Any) -> Result:
    assert isinstance(outcome, Result), outcome
    return outcome


def test_groups_are_compared_with_the_first_and_small_ones_are_left_out() -> None:
    field, _ = moderated(ratings())

    assert [(each.group, each.n_raters) for each in field.groups] == [("Physics", 4), ("Law", 4)]
    assert [each.name for each in field.interactions] == ["Law − Physics"]
    assert field.n_unknown == 1


def test_the_interaction_is_the_difference_between_the_groups() -> None:
    field, _ = moderated(ratings(effect_in_law=8))

    physics, law = (result(each.outcome).estimate for each in field.groups)
    (interaction,) = field.interactions
    assert result(interaction.outcome).estimate == pytest.approx(law - physics)
    assert result(interaction.outcome).p < 0.01
    assert result(interaction.outcome).interval is not None


def test_the_test_is_the_mixed_model_of_cell_scores() -> None:
    frame = ratings(effect_in_law=3)
    cells = frame.pivot(index=["rater", "prompt"], columns="arm", values="answer")
    difference = (cells["steered"] - cells["unsteered"]).reset_index(name="d")
    group = difference["rater"].map(dict(zip([f"r{n}" for n in range(10)], GROUPS, strict=True)))
    some = difference[group.isin(["Physics", "Law"])]
    x = np.where(group[some.index] == "Law", 0.5, -0.5)
    levels = {name: pd.factorize(some[name])[0] for name in ("rater", "prompt")}
    fit = fit_mixed_model(some["d"].to_numpy(), x, levels, slopes=("prompt",))

    field, _ = moderated(frame)

    assert isinstance(fit, MixedFit)
    found = result(field.interactions[0].outcome)
    assert found.estimate == pytest.approx(fit.estimate)
    assert found.standard_error == pytest.approx(fit.standard_error)
    assert found.df == pytest.approx(fit.df)


def test_a_number_changes_the_difference_per_standard_deviation() -> None:
    _, age = moderated(ratings(per_year=0.4))

    assert age.groups == ()
    (interaction,) = age.interactions
    assert interaction.name == "per SD (13.7)"
    outcome = result(interaction.outcome)
    assert outcome.estimate / np.std([age for age in AGES if age is not None], ddof=1) == pytest.approx(
        0.4, abs=0.15
    )
    assert outcome.p < 0.01
    assert outcome.n.raters == 9


def test_p_values_are_adjusted_over_all_moderators() -> None:
    field, age = moderated(ratings(effect_in_law=8, per_year=0.4))

    raw = [result(field.interactions[0].outcome).p, result(age.interactions[0].outcome).p]
    adjusted = [field.interactions[0].p_adjusted, age.interactions[0].p_adjusted]
    assert min(each for each in adjusted if each is not None) == pytest.approx(2 * min(raw))


def test_one_group_alone_has_no_interaction() -> None:
    only = [f"r{rater}" for rater in range(4)]
    frame = ratings()

    field, _ = moderated(frame[frame["rater"].isin(only)])

    (interaction,) = field.interactions
    assert isinstance(interaction.outcome, NotEstimable)
    assert "fewer than two groups" in interaction.outcome.reason
    assert interaction.p_adjusted is None


def test_equal_numbers_have_no_slope() -> None:
    frame = ratings()

    _, age = moderated(frame[frame["rater"].isin(["r0", "r9"])])

    assert isinstance(age.interactions[0].outcome, NotEstimable)


def test_the_random_slope_of_prompts_makes_the_test_cautious() -> None:
    """A difference between the groups on one prompt is not a claim about prompts in general."""
    frame = ratings()
    law = frame["rater"].isin([f"r{rater}" for rater in range(4, 8)])
    frame.loc[law & (frame["item"] == "steered0"), "answer"] += 40

    field, _ = moderated(frame)

    assert result(field.interactions[0].outcome).p > 0.05


def test_an_analysis_has_the_moderators_of_its_plan() -> None:
    analysis = analyze(ratings(effect_in_law=8), PLANNED, questionnaire=about())

    assert [each.name for each in analysis.moderations] == ["field", "age"]
    assert [each.name for each in analysis.characteristics] == ["field", "age"]


def test_without_answers_of_raters_there_is_no_moderation() -> None:
    compared = compare(ratings(), PLANNED.contrast, PLANNED.in_order[0])

    assert moderate(compared, PLANNED, JUDGED, None) == ()

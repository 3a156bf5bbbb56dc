"""Hold every kind of answer to the questions that the analysis asks of it.

A new scale needs an example in `conftest.SCALES`, and a new kind a table in `conftest.FRAMES`.
"""

import pkgutil
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from rater.analysis import answer_kinds
from rater.analysis.answer_kinds.kind import (
    NAMES,
    AnswerKind,
    Concluded,
    TableOptions,
    all_kinds,
    kind_named,
    kind_of,
)
from rater.analysis.answer_scale import Judged, as_scored
from rater.analysis.crossed import compare
from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import Result
from rater.analysis.scope import make_primary
from rater.analysis.simulate import ModelSDs
from rater.errors import RaterError
from rater.study.scales import CLASS_NAMES, StudyScale
from tests.analysis.answer_kinds.conftest import ARMS, FRAMES, SCALES, dimension

FrameOf = Callable[[StudyScale], pd.DataFrame]
each_scale = pytest.mark.parametrize("scale", SCALES, ids=lambda scale: type(scale).__name__)


def planned_for(scale: StudyScale) -> tuple[Planned, Judged]:
    judged = as_scored(dimension(scale))
    return Planned(contrast=ARMS, dimensions=(judged,), primary=judged.name), judged


def test_these_tests_have_an_example_of_each_scale_that_a_study_can_declare() -> None:
    assert {type(scale).__name__ for scale in SCALES} == set(CLASS_NAMES.values())


def test_each_module_of_the_package_is_a_kind_that_some_scale_has() -> None:
    modules = {module.name for module in pkgutil.iter_modules(answer_kinds.__path__)} - {"kind"}

    assert modules == set(NAMES) == set(FRAMES) == {scale.scored.analysed_as for scale in SCALES}


@pytest.mark.parametrize("name", NAMES)
def test_a_kind_is_found_by_the_name_of_its_module(name: str) -> None:
    kind = kind_named(name)

    assert isinstance(kind, AnswerKind)
    assert all_kinds()[name] is kind


@each_scale
def test_the_kind_of_a_dimension_is_that_of_its_scores(scale: StudyScale) -> None:
    _, judged = planned_for(scale)

    assert kind_of(dimension(scale)) is kind_of(judged) is kind_named(scale.scored.analysed_as)


@each_scale
def test_the_answers_of_a_study_are_analysed_and_told_in_a_sentence(
    scale: StudyScale, frame_of: FrameOf
) -> None:
    planned, judged = planned_for(scale)

    found = analyze(frame_of(scale), planned).dimensions[0]

    assert isinstance(found.primary, Result)
    assert found.primary.estimate > 0
    assert found.verdict == "higher"
    assert "“steered”" in found.headline
    assert "happiness" in found.headline
    assert "95% CI" in found.headline
    assert kind_of(judged).explain_score(planned, judged).endswith(".")


@each_scale
@pytest.mark.parametrize("verdict", ["higher", "lower", "equivalent", "inconclusive"])
def test_each_verdict_has_its_own_sentence(scale: StudyScale, verdict: str, frame_of: FrameOf) -> None:
    planned, judged = planned_for(scale)
    result = make_primary(compare(frame_of(scale), ARMS, judged), planned, judged)
    assert isinstance(result, Result)

    sentences = {
        each: kind_of(judged).write_sentence(Concluded(judged, ARMS, result, each))
        for each in ("higher", "lower", "equivalent", "inconclusive")
    }

    assert len(set(sentences.values())) == 4
    assert sentences[verdict].endswith(".")


@each_scale
def test_a_difference_lies_within_the_bounds_of_its_score(scale: StudyScale, frame_of: FrameOf) -> None:
    _, judged = planned_for(scale)
    kind = kind_of(judged)
    cells = compare(frame_of(scale), ARMS, judged).cells

    for score in ("net_superiority", "scale_points"):
        bounds = kind.bounds(score, judged)
        assert bounds is not None
        assert (cells.score(score) >= bounds[0] - 1e-12).all()
        assert (cells.score(score) <= bounds[1] + 1e-12).all()
    assert kind.naive_test(compare(frame_of(scale), ARMS, judged)).n.answers > 0


@each_scale
@pytest.mark.parametrize("is_short", [True, False])
def test_a_table_of_arms_has_a_number_below_each_heading(
    scale: StudyScale, frame_of: FrameOf, *, is_short: bool
) -> None:
    _, judged = planned_for(scale)
    kind = kind_of(judged)

    arms = kind.describe_arms(frame_of(scale), judged, ARMS)

    assert [arm.arm for arm in arms[:2]] == list(ARMS)
    assert {len(kind.tabulate_arm(arm)) for arm in arms} == {len(kind.head_arms(is_short=is_short))}


@each_scale
def test_the_response_model_of_a_kind_answers_and_grows_with_the_effect(scale: StudyScale) -> None:
    model, spread = kind_of(dimension(scale)).assume(dimension(scale)), ModelSDs()

    differences = [model.difference(effect, spread) for effect in (0.0, 0.5, 2.0)]

    assert differences[0] == pytest.approx(0, abs=1e-9)
    assert differences[0] < differences[1] < differences[2]
    if not scale.has_target:  # of labels the model has the score, and bots know the target
        levels = np.linspace(0, 1, scale.n_texts).tolist()
        answer = model.with_effect(1.0).respond(levels, scale, np.random.default_rng(1))
        assert scale.lowest <= answer <= scale.highest


@each_scale
def test_a_pilot_is_learnt_from_or_refused_with_the_reason(scale: StudyScale, frame_of: FrameOf) -> None:
    _, judged = planned_for(scale)
    frame = frame_of(scale)

    if scale.n_texts > 2:
        with pytest.raises(RaterError, match="plan without --pilot"):
            kind_of(judged).learn(frame, judged, ARMS, has_arms=True)
    else:
        pilot = kind_of(judged).learn(frame, judged, ARMS, has_arms=True)
        assert (pilot.n_raters, pilot.n_answers) == (6, len(frame))
        assert pilot.spread.rater_arm >= 0.5


@pytest.mark.parametrize("name", NAMES)
def test_the_first_kind_that_recognises_the_answers_of_a_table_is_its_own(name: str) -> None:
    rows = FRAMES[name]().assign(dimension="happiness", trial=0)
    rows = rows if name == "orders" else rows.drop(columns="trial")

    recognised = [
        each
        for each, kind in all_kinds().items()
        if kind.infer("happiness", rows, TableOptions()) is not None
    ]

    assert recognised[0] == name


@each_scale
def test_what_cannot_be_a_mixed_model_has_a_reason(scale: StudyScale) -> None:
    kind = kind_of(dimension(scale))

    assert bool(kind.why_no_mixed_model) == (scale.n_texts > 1)
    assert bool(kind.why_no_ordinal) == (scale.n_texts > 1)

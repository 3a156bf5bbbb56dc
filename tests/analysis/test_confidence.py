"""Confidence is compared between the arms, and the primary test is repeated on confident answers."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from rater.analysis.plan import Planned
from rater.analysis.primary import analyze
from rater.analysis.results import NotEstimable, Result
from rater.errors import RaterError

Load = Callable[[str], pd.DataFrame]


def with_confidence(frame: pd.DataFrame, confidence: object) -> pd.DataFrame:
    return frame.assign(confidence=pd.array(np.asarray(confidence, dtype=object), dtype="Int64"))


def test_without_confidence_there_is_no_section(load: Load, planned: Planned) -> None:
    (found,) = analyze(load("a"), planned).dimensions

    assert found.details.confidence is None


def test_the_mean_by_arm_counts_answers_with_a_confidence_only(load: Load, planned: Planned) -> None:
    frame = load("a")
    steered = (frame["arm"] == "steered").to_numpy()
    confidence = np.where(steered, 4, 2).astype(object)
    confidence[np.flatnonzero(steered)[:10]] = None

    (found,) = analyze(with_confidence(frame, confidence), planned).dimensions

    effects = found.details.confidence
    assert effects is not None
    assert [(each.arm, each.n_answers, each.n_given, each.mean) for each in effects.arms] == [
        ("steered", 360, 350, 4.0),
        ("unsteered", 360, 360, 2.0),
    ]
    assert effects.n_points == 4


def test_the_difference_in_confidence_is_a_crossed_t_over_raters_and_prompts(
    load: Load, planned: Planned
) -> None:
    frame, rng = load("a"), np.random.default_rng(5)
    lean = (frame["arm"] == "steered").to_numpy().astype(int)
    confidence = np.clip(rng.integers(1, 4, len(frame)) + lean, 1, 4)

    (found,) = analyze(with_confidence(frame, confidence), planned).dimensions

    assert found.details.confidence is not None
    difference = found.details.confidence.difference
    assert isinstance(difference, Result)
    assert difference.test == "confidence, crossed t"
    assert difference.estimate == pytest.approx(1, abs=0.2)
    assert difference.p < 0.001
    assert difference.df is not None
    assert difference.df < 100


def test_confident_answers_are_those_above_the_middle_and_have_the_planned_test(
    load: Load, planned: Planned
) -> None:
    frame, rng = load("a"), np.random.default_rng(6)
    confidence = rng.integers(1, 5, len(frame))

    (found,) = analyze(with_confidence(frame, confidence), planned).dimensions
    (alone,) = analyze(frame[confidence >= 3], planned).dimensions

    effects = found.details.confidence
    assert effects is not None
    assert effects.lowest_confident == 3
    assert effects.n_confident == (confidence >= 3).sum()
    assert effects.among_confident == alone.primary
    assert found.primary == analyze(frame, planned).dimensions[0].primary


def test_with_an_odd_number_of_points_the_middle_is_not_confident(load: Load, planned: Planned) -> None:
    frame = load("a")
    confidence = np.tile([1, 2, 3, 4, 5], len(frame) // 5)

    (found,) = analyze(with_confidence(frame, confidence), planned).dimensions

    assert found.details.confidence is not None
    assert (found.details.confidence.n_points, found.details.confidence.lowest_confident) == (5, 4)


def test_confident_answers_to_one_arm_alone_have_no_difference(load: Load, planned: Planned) -> None:
    frame = load("a")
    confidence = np.where(frame["arm"] == "steered", 4, 1)

    (found,) = analyze(with_confidence(frame, confidence), planned).dimensions

    assert found.details.confidence is not None
    assert isinstance(found.details.confidence.among_confident, NotEstimable)


def test_a_confidence_that_is_no_number_is_refused(load: Load, planned: Planned) -> None:
    frame = load("a").assign(confidence="high")

    with pytest.raises(RaterError, match="confidence is 'high'"):
        analyze(frame, planned)

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from rater.analysis.contrast_data import select_ratings
from rater.analysis.results import NotEstimable, Result
from rater.analysis.secondary import mann_whitney


@pytest.mark.parametrize("letter", ["a", "c", "e"])
def test_the_naive_test_is_wilcox_test_of_r(
    load: Callable[[str], pd.DataFrame], reference: dict[str, Any], letter: str
) -> None:
    ours = mann_whitney(select_ratings(load(letter), ("steered", "unsteered"), "happiness"))

    theirs = reference[letter]["ranksum_all_ratings"]
    assert isinstance(ours, Result)
    assert ours.statistic == theirs["U"]
    assert ours.p == pytest.approx(theirs["p_asym_cc_two.sided"], rel=1e-9)
    assert ours.estimate == pytest.approx(reference[letter]["effect_size_all_ratings"]["delta"], abs=1e-9)


def test_the_naive_result_claims_nothing(load: Callable[[str], pd.DataFrame]) -> None:
    ours = mann_whitney(select_ratings(load("e"), ("steered", "unsteered"), "happiness"))

    assert isinstance(ours, Result)
    assert ours.interval is None
    assert ours.warnings[0].endswith("Do not report it.")


def test_equal_answers_are_not_tested(load: Callable[[str], pd.DataFrame]) -> None:
    frame = load("e").assign(answer=3.0)

    ours = mann_whitney(select_ratings(frame, ("steered", "unsteered"), "happiness"))

    assert isinstance(ours, NotEstimable)
    assert ours.reason == "all 30 answers are the same (3)"


def test_the_arm_without_answers_is_named(load: Callable[[str], pd.DataFrame]) -> None:
    ours = mann_whitney(select_ratings(load("e"), ("steered", "sung"), "happiness"))

    assert isinstance(ours, NotEstimable)
    assert ours.reason == "“sung” has no answers"

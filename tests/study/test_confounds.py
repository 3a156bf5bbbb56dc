"""Confounds are described with the arm that has more of the property first."""

import pytest

from rater.study.confounds import Confound, describe_confound

LONGER = Confound(
    cue="length in words", first="a", second="b", auc=0.9, low=0.8, high=0.95, p=0.01, is_declared=False
)
SHORTER = Confound(
    cue="length in words", first="b", second="a", auc=0.1, low=0.05, high=0.2, p=0.01, is_declared=False
)


@pytest.mark.parametrize("confound", [LONGER, SHORTER])
def test_the_arm_with_more_of_the_property_is_named_first(confound: Confound) -> None:
    assert describe_confound(confound) == (
        "length in words: AUC 0.90 for “a” over “b”, 95% CI 0.80 to 0.95, adjusted p = .010"
    )

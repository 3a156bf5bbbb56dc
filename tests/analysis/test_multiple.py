from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.analysis.multiple import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20)


def test_the_example_of_benjamini_and_hochberg_is_adjusted_as_in_r(reference: dict[str, Any]) -> None:
    """R: p.adjust(p, "holm"), p.adjust(p, "BH")."""
    example = reference["p_adjust_BH1995_example"]

    assert holm(example["p"]) == pytest.approx(example["holm"], abs=1e-12)
    assert benjamini_hochberg(example["p"]) == pytest.approx(example["BH"], abs=1e-12)


@pytest.mark.parametrize("letter", ["a", "c", "e"])
def test_p_values_of_single_prompts_are_adjusted_as_in_r(reference: dict[str, Any], letter: str) -> None:
    theirs = reference[letter]["per_prompt_wilcoxon"]
    p_values = list(theirs["p"].values())

    assert holm(p_values) == pytest.approx(list(theirs["holm"].values()), abs=1e-12)
    assert benjamini_hochberg(p_values) == pytest.approx(list(theirs["BH"].values()), abs=1e-12)


@given(P_VALUES)
def test_an_adjusted_p_is_never_smaller_and_holm_never_below_bh(p_values: list[float]) -> None:
    adjusted = list(zip(p_values, benjamini_hochberg(p_values), holm(p_values), strict=True))

    assert all(p <= bh + 1e-12 and bh <= strict + 1e-12 and strict <= 1 for p, bh, strict in adjusted)


@given(P_VALUES)
def test_adjusting_keeps_the_order(p_values: list[float]) -> None:
    adjusted = holm(sorted(p_values))

    assert adjusted == sorted(adjusted)


def test_no_p_values_are_adjusted_to_none() -> None:
    assert holm([]) == []
    assert benjamini_hochberg([]) == []

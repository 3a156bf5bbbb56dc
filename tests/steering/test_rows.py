import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from rater.steering.rows import completion_seed, uniforms


def test_a_seed_is_the_same_everywhere() -> None:
    assert completion_seed(0, "I hate you because", 0) == 7594483813691865494
    assert uniforms(7, 3).tolist() == pytest.approx([0.46881749, 0.42614584, 0.3629817])


@given(st.integers(0, 2**63 - 1), st.text(), st.integers(0, 1000))
def test_a_seed_fits_a_signed_64_bit_column(study_seed: int, prompt: str, sample: int) -> None:
    assert 0 <= completion_seed(study_seed, prompt, sample) < 2**63


def test_each_name_changes_the_seed() -> None:
    seeds = {
        completion_seed(study_seed, prompt, sample)
        for study_seed in (0, 1, 10)
        for prompt in ("a", "b", "0/a")
        for sample in (0, 1, 10)
    }

    assert len(seeds) == 27


def test_random_numbers_are_in_the_unit_interval_and_spread_over_it() -> None:
    drawn = uniforms(3, 10_000)

    assert drawn.min() >= 0
    assert drawn.max() < 1
    quarters = np.histogram(drawn, bins=4, range=(0, 1))[0].tolist()
    assert quarters == pytest.approx([2500, 2500, 2500, 2500], abs=150)

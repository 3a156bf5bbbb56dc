from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rater.analysis.signs import sign_flip, signed_rank

# Data e, prompt by prompt.
DIFFERENCES = np.array([2, -1, 1, 0, 3, 1, 4, 1, 2, 0, 2, 1, 1, 0, -3], dtype=float)


def test_signed_ranks_of_data_e_are_exact_with_zeros_dropped() -> None:
    """R: exactRankTests::wilcox.exact(d) gives V = 64, p = 0.04541; scipy's default would give .0464."""
    found = signed_rank(DIFFERENCES)

    assert found.statistic == 64
    assert found.p == pytest.approx(0.04541015625, abs=1e-15)
    assert found.n == 12


def test_sign_flips_of_data_e_are_exact() -> None:
    found = sign_flip(DIFFERENCES, np.random.default_rng(0))

    assert found.statistic == 14
    assert found.p == 0.06884765625


def test_rounding_noise_does_not_break_ties() -> None:
    noisy = DIFFERENCES + np.linspace(-1, 1, 15) * 1e-14

    assert signed_rank(noisy) == signed_rank(DIFFERENCES)


@settings(deadline=None)
@given(st.lists(st.integers(-3, 3).map(float), min_size=1, max_size=8))
def test_matching_two_halves_counts_the_same_as_every_sign_pattern(differences: list[float]) -> None:
    values = np.array(differences)

    found = sign_flip(values, np.random.default_rng(0))

    sums = [abs(np.dot(signs, values)) for signs in product([-1, 1], repeat=values.size)]
    assert found.p == pytest.approx(np.mean(np.array(sums) >= abs(values.sum()) - 1e-9), abs=1e-12)


def test_many_differences_are_flipped_at_random_and_repeatably() -> None:
    values = np.concatenate([np.full(30, 1.0), np.full(20, -1.0)])

    one, other = (sign_flip(values, np.random.default_rng(7)) for _ in range(2))

    assert one == other
    # 30 or more, or 20 or fewer, heads of 50: 0.2026 exactly.
    assert one.p == pytest.approx(0.2026, abs=0.02)


def test_many_ranks_are_compared_with_the_normal_distribution() -> None:
    """R: wilcox.test(c(-49:-1, 1:201), exact = FALSE)$p.value."""
    values = np.concatenate([np.arange(-49, 0), np.arange(1, 202)]).astype(float)

    found = signed_rank(values)

    assert found.how == "normal approximation, zeros dropped"
    assert found.p < 1e-20

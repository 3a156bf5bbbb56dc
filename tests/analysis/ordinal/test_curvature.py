import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from rater.analysis.ordinal.curvature import Curvature, Layout
from rater.analysis.ordinal.design import Design, Factor, lay_out


def factor(name: str, n_levels: int, n: int, rng: np.random.Generator, *, has_slope: bool) -> Factor:
    level = np.concatenate([np.arange(n_levels), rng.integers(0, n_levels, n - n_levels)])
    return Factor(name, np.arange(n_levels), level, has_slope)


def design_of(*widths: tuple[int, bool], n: int = 60) -> Design:
    rng = np.random.default_rng(7)
    factors = [factor(f"f{size}", size, n, rng, has_slope=has_slope) for size, has_slope in widths]
    return lay_out(rng.integers(0, 3, n), rng.choice([-0.5, 0.5], n), factors)


def dense(design: Design, b: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    full = np.zeros((len(b), design.n_effects))
    np.put_along_axis(full, design.positions, b, axis=1)
    return np.eye(design.n_effects) + full.T @ (w[:, None] * full)


@pytest.mark.parametrize(
    "widths",
    [((9, False),), ((9, True),), ((9, True), (5, False)), ((4, True), (6, True), (13, False))],
)
def test_eliminating_a_factor_gives_what_the_whole_matrix_gives(widths: tuple[tuple[int, bool], ...]) -> None:
    design = design_of(*widths)
    rng = np.random.default_rng(1)
    b, w = rng.normal(size=design.z.shape), rng.uniform(0.1, 1, len(design.z))
    vector = rng.normal(size=design.n_effects)

    curvature = Curvature(Layout(design), b, w)

    whole = dense(design, b, w)
    inverse = np.linalg.inv(whole)
    assert curvature.log_determinant == pytest.approx(np.linalg.slogdet(whole)[1], rel=1e-12)
    assert_allclose(curvature.solve(vector), inverse @ vector, atol=1e-12)
    own = inverse[design.positions[:, :, None], design.positions[:, None, :]]
    assert_allclose(curvature.invert().times(b), np.einsum("ijk,ik->ij", own, b), atol=1e-12)


def test_the_factor_with_most_effects_is_eliminated() -> None:
    design = design_of((4, True), (6, False), (7, True))

    assert [each.n_levels for each in design.factors] == [7, 4, 6]


def test_blocks_of_the_inverse_are_those_of_each_factor() -> None:
    design = design_of((4, True), (6, True), (13, False))
    b = np.random.default_rng(2).normal(size=design.z.shape)
    w = np.ones(len(b))

    inverse = Curvature(Layout(design), b, w).invert()

    whole = np.linalg.inv(dense(design, b, w))
    assert_allclose(inverse.block(0, 13, 1)[:, 0, 0], np.diag(whole)[:13], atol=1e-12)
    assert_allclose(inverse.block(13, 6, 2)[2], whole[17:19, 17:19], atol=1e-12)
    assert_allclose(inverse.block(25, 4, 2)[3], whole[31:33, 31:33], atol=1e-12)

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import expit

from rater.analysis.ordinal.clmm import fit_clmm
from rater.analysis.ordinal.design import Factor, OrdinalDesign, lay_out
from rater.analysis.ordinal.laplace import BlockIndex, Hessian, Laplace
from rater.analysis.ordinal.links import LINKS, LinkName

H = 1e-5


def random_design(rng: np.random.Generator, *, has_slopes: bool, is_correlated: bool) -> OrdinalDesign:
    n, x = 80, rng.permutation(np.repeat([-0.5, 0.5], 40))
    factors = [
        Factor("rater", np.arange(5), rng.permutation(np.arange(n) % 5), has_slopes, is_correlated),
        Factor("prompt", np.arange(4), rng.permutation(np.arange(n) % 4), has_slopes),
        Factor("item", np.arange(16), rng.permutation(np.arange(n) % 16)),
    ]
    return lay_out(rng.permutation(np.arange(n) % 4), x, factors)


def slope_of(laplace: Laplace, point: NDArray[np.float64], index: int) -> float:
    move = np.zeros_like(point)
    move[index] = H
    return (laplace.evaluate(point + move).value - laplace.evaluate(point - move).value) / (2 * H)


@given(
    seed=st.integers(0, 2**32 - 1),
    link=st.sampled_from(["logit", "probit"]),
    has_slopes=st.booleans(),
    is_correlated=st.booleans(),
    is_beta_fixed=st.booleans(),
)
@settings(deadline=None, max_examples=25)
def test_the_gradient_equals_differences_of_the_value(
    seed: int,
    link: LinkName,
    *,
    has_slopes: bool,
    is_correlated: bool,
    is_beta_fixed: bool,
) -> None:
    rng = np.random.default_rng(seed)
    design = random_design(rng, has_slopes=has_slopes, is_correlated=has_slopes and is_correlated)
    laplace = Laplace(design, LINKS[link], fixed_beta=0.4 if is_beta_fixed else None)
    point = rng.normal(0, 0.6, laplace.first_scale + len(design.scales))

    gradient = laplace.evaluate(point).gradient

    differences = [slope_of(laplace, point, index) for index in range(point.size)]
    # The mode is found to a tolerance, whose noise in the differences grows with the gradient.
    assert_allclose(gradient, differences, rtol=1e-5, atol=1e-6 * max(10, abs(gradient).max()))


def test_with_one_factor_the_value_is_a_sum_of_one_dimensional_approximations() -> None:
    rng = np.random.default_rng(3)
    y, rater, x = rng.integers(0, 3, 60), np.arange(60) % 6, np.repeat([-0.5, 0.5], 30)
    laplace = Laplace(lay_out(y, x, [Factor("rater", np.arange(6), rater)]), LINKS["logit"])

    value = laplace.evaluate(np.array([-0.7, np.log(1.5), 0.9, 0.8])).value

    # θ = (−0.7, 0.8), β = 0.9, SD = 0.8; the integral of each rater from its own minimum and curvature.
    cuts = np.array([-np.inf, -0.7, 0.8, np.inf])

    def approximate(own: NDArray[np.bool_]) -> float:
        def penalised(u: float) -> float:
            eta = 0.9 * x[own] + 0.8 * u
            return float(-np.log(expit(cuts[y[own] + 1] - eta) - expit(cuts[y[own]] - eta)).sum() + u * u / 2)

        u = float(minimize_scalar(penalised, tol=1e-14).x)
        curvature = (penalised(u + 1e-4) - 2 * penalised(u) + penalised(u - 1e-4)) / 1e-8
        return penalised(u) + float(np.log(curvature)) / 2

    assert value == pytest.approx(sum(approximate(rater == each) for each in range(6)), abs=1e-5)


def test_the_sign_of_a_standard_deviation_does_not_matter() -> None:
    design = random_design(np.random.default_rng(4), has_slopes=True, is_correlated=False)
    laplace = Laplace(design, LINKS["logit"])
    point = np.array([-0.8, 0.1, 0.1, 0.5, 0.6, 0.4, 0.3, 0.5, 0.2])

    plus = laplace.evaluate(point)
    minus = laplace.evaluate(point * np.array([1, 1, 1, 1, -1, -1, -1, -1, -1]))

    assert plus.value == pytest.approx(minus.value, rel=1e-12)
    assert_allclose(plus.gradient[:4], minus.gradient[:4], atol=1e-9)
    assert_allclose(plus.gradient[4:], -minus.gradient[4:], atol=1e-9)


def test_at_a_standard_deviation_of_0_its_gradient_is_0_and_the_value_is_finite() -> None:
    design = random_design(np.random.default_rng(5), has_slopes=True, is_correlated=True)
    laplace = Laplace(design, LINKS["logit"])

    result = laplace.evaluate(np.array([-0.8, 0.1, 0.1, 0.5, 0, 0, 0, 0, 0, 0]))

    assert np.isfinite(result.value)
    assert_allclose(result.gradient[4:], 0, atol=1e-12)


def test_a_value_does_not_depend_on_earlier_evaluations() -> None:
    rng = np.random.default_rng(6)
    design = random_design(rng, has_slopes=True, is_correlated=True)
    point, other = rng.normal(0, 0.5, 10), rng.normal(0, 1.5, 10)
    used = Laplace(design, LINKS["probit"])
    used.evaluate(other)

    after, fresh = used.evaluate(point), Laplace(design, LINKS["probit"]).evaluate(point)

    assert after.value == pytest.approx(fresh.value, rel=1e-11)
    assert_allclose(after.gradient, fresh.gradient, atol=1e-7)


def factor(name: str, n_levels: int, n: int, rng: np.random.Generator, *, has_slope: bool) -> Factor:
    level = np.concatenate([np.arange(n_levels), rng.integers(0, n_levels, n - n_levels)])
    return Factor(name, np.arange(n_levels), level, has_slope)


def design_of(*widths: tuple[int, bool], n: int = 60) -> OrdinalDesign:
    rng = np.random.default_rng(7)
    factors = [factor(f"f{size}", size, n, rng, has_slope=has_slope) for size, has_slope in widths]
    return lay_out(rng.integers(0, 3, n), rng.choice([-0.5, 0.5], n), factors)


def dense(design: OrdinalDesign, b: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    rows = np.zeros((len(b), design.n_effects))
    np.put_along_axis(rows, design.positions, b, axis=1)
    return np.eye(design.n_effects) + rows.T @ (w[:, None] * rows)


@pytest.mark.parametrize(
    "widths",
    [((9, False),), ((9, True),), ((9, True), (5, False)), ((4, True), (6, True), (13, False))],
)
def test_the_hessian_with_a_factor_eliminated_equals_the_dense_matrix(
    widths: tuple[tuple[int, bool], ...],
) -> None:
    design = design_of(*widths)
    rng = np.random.default_rng(1)
    b, w = rng.normal(size=design.z.shape), rng.uniform(0.1, 1, len(design.z))
    vector = rng.normal(size=design.n_effects)

    hessian = Hessian(BlockIndex(design), b, w)

    full = dense(design, b, w)
    inverse = np.linalg.inv(full)
    assert hessian.log_determinant == pytest.approx(np.linalg.slogdet(full)[1], rel=1e-12)
    assert_allclose(hessian.solve(vector), inverse @ vector, atol=1e-12)
    own = inverse[design.positions[:, :, None], design.positions[:, None, :]]
    assert_allclose(hessian.invert().times(b), np.einsum("ijk,ik->ij", own, b), atol=1e-12)


def test_blocks_of_the_inverse_belong_to_their_factor() -> None:
    design = design_of((4, True), (6, True), (13, False))
    b = np.random.default_rng(2).normal(size=design.z.shape)
    w = np.ones(len(b))

    inverse = Hessian(BlockIndex(design), b, w).invert()

    full = np.linalg.inv(dense(design, b, w))
    assert_allclose(inverse.block(0, 13, 1)[:, 0, 0], np.diag(full)[:13], atol=1e-12)
    assert_allclose(inverse.block(13, 6, 2)[2], full[17:19, 17:19], atol=1e-12)
    assert_allclose(inverse.block(25, 4, 2)[3], full[31:33, 31:33], atol=1e-12)


def test_a_model_without_a_second_factor_sums_over_no_empty_axis(monkeypatch: pytest.MonkeyPatch) -> None:
    """NumPy's einsum over an empty axis returned memory that was not initialised, now and then."""
    original = np.einsum

    def einsum(subscripts: str, *operands: NDArray[np.float64]) -> NDArray[np.float64]:
        assert all(operand.size for operand in operands)
        return np.asarray(original(subscripts, *operands))

    monkeypatch.setattr(np, "einsum", einsum)
    rng = np.random.default_rng(1)
    answers, x = rng.integers(0, 4, 40).astype(float), np.tile([-0.5, 0.5], 20)

    for factors in ({}, {"rater": np.repeat(np.arange(10), 4)}):
        assert np.isfinite(fit_clmm(answers, x, factors).log_likelihood)

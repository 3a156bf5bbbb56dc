import numpy as np
import pytest

from rater.analysis.bradley_terry import Meetings, fit_strengths, has_maximum

ROUND_ROBIN = Meetings(np.array([0, 0, 1]), np.array([1, 2, 2]), np.zeros(3), 3)


def test_without_ties_the_fit_is_that_of_r_on_stiglers_citations() -> None:
    """R 4.2.2: ``glm(cbind(wins, losses) ~ 0 + X, binomial)``; the same as in BradleyTerry2's vignette.

    The journals are Biometrika, Comm. Statist., JASA and JRSS-B (Stigler 1994, Stat. Sci. 9:94–108).
    """
    meetings = Meetings(np.array([0, 0, 0, 1, 1, 2]), np.array([1, 2, 3, 2, 3, 3]), np.zeros(6), 4)
    wins, losses = [730, 498, 221, 68, 17, 142], [33, 320, 284, 813, 276, 325]
    counts = np.array([[won, 0, lost] for won, lost in zip(wins, losses, strict=True)], dtype=np.float64)

    fit = fit_strengths(meetings, counts[None], ties=False, sides=False)

    assert fit.log_strength[0] == pytest.approx([0, -2.94907250, -0.47956977, 0.26895406], abs=1e-7)
    assert fit.log_tie is None


def test_with_ties_and_sides_the_fit_is_that_of_r() -> None:
    """R 4.2.2: ``glm(n ~ 0 + factor(meeting) + b + c + tie + side, poisson)`` on the 18 outcomes."""
    first, second = np.array([0, 0, 0, 0, 1, 1]), np.array([1, 1, 2, 2, 2, 2])
    meetings = Meetings(first, second, np.array([1.0, -1, 1, -1, 1, -1]), 3)
    counts = np.array(
        [[20, 10, 12], [14, 9, 19], [9, 6, 25], [7, 8, 27], [15, 11, 16], [10, 7, 24]], dtype=np.float64
    )

    fit = fit_strengths(meetings, counts[None], ties=True, sides=True)
    without_sides = fit_strengths(meetings, counts[None], ties=True, sides=False)

    assert fit.log_strength[0] == pytest.approx([0, 0.160846877, 0.912317376], abs=1e-8)
    assert fit.log_tie == pytest.approx([-0.594983027], abs=1e-8)
    assert fit.side == pytest.approx([0.328971498], abs=1e-8)
    assert fit.log_likelihood == pytest.approx([-250.609994239], abs=1e-7)
    assert without_sides.log_strength[0] == pytest.approx([0, 0.161231028, 0.897684785], abs=1e-8)


def test_two_arms_have_a_closed_form() -> None:
    """Three outcomes and two parameters: λ = log(wins / losses) and τ = ties / √(wins × losses)."""
    meetings = Meetings(np.array([0]), np.array([1]), np.zeros(1), 2)

    fit = fit_strengths(meetings, np.array([[[30.0, 12, 20]], [[5.0, 1, 9]]]), ties=True, sides=False)

    assert fit.log_strength[:, 1] == pytest.approx(np.log([20 / 30, 9 / 5]))
    assert fit.log_tie is not None
    assert np.exp(fit.log_tie) == pytest.approx([12 / np.sqrt(600), 1 / np.sqrt(45)])


def test_arms_that_meet_equally_often_and_win_equally_often_are_equal() -> None:
    counts = np.full((1, 3, 3), 7.0)

    fit = fit_strengths(ROUND_ROBIN, counts, ties=True, sides=False)

    assert fit.log_strength == pytest.approx(np.zeros((1, 3)), abs=1e-12)
    assert fit.log_tie == pytest.approx([0.0], abs=1e-12)


@pytest.mark.parametrize(
    "counts",
    [
        [[3, 0, 2], [1, 0, 1], [2, 0, 2]],
        [[3, 0, 2], [4, 1, 0], [3, 0, 0]],  # the third arm never wins, but ties once
        [[2, 0, 0], [0, 0, 2], [2, 0, 0]],  # a circle
    ],
)
def test_a_fit_is_finite_if_nobody_is_split_off(counts: list[list[int]]) -> None:
    assert has_maximum(ROUND_ROBIN, np.array(counts, dtype=np.float64))


@pytest.mark.parametrize(
    "counts",
    [
        [[3, 0, 2], [4, 0, 0], [3, 0, 0]],  # the third arm never wins
        [[3, 0, 2], [0, 0, 0], [0, 0, 0]],  # the third arm meets nobody
    ],
)
def test_a_fit_is_infinite_if_an_arm_is_split_off(counts: list[list[int]]) -> None:
    assert not has_maximum(ROUND_ROBIN, np.array(counts, dtype=np.float64))


def test_a_table_that_runs_off_is_nan_and_spoils_no_other() -> None:
    counts = np.array([[[3.0, 0, 0]] * 3, [[3.0, 0, 2]] * 3])

    fit = fit_strengths(ROUND_ROBIN, counts, ties=False, sides=False)

    assert np.isnan(fit.log_strength[0]).all()
    assert np.isfinite(fit.log_strength[1]).all()

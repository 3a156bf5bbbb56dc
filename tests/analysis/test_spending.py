import json
from pathlib import Path

import pytest

from rater.analysis.spending import boundaries, cost_of_looks, spend
from rater.study.analysis_plan import Spending

SEQUENTIAL = json.loads((Path(__file__).parent.parent / "data" / "stats" / "sequential.json").read_text())


@pytest.mark.parametrize(("name", "how"), [("asOF", "obrien-fleming"), ("asP", "pocock")])
@pytest.mark.parametrize("looks", [2, 3, 4, 5, 10])
def test_boundaries_are_those_of_rpact(name: str, how: Spending, looks: int) -> None:
    """R: rpact 3.3, getDesignGroupSequential(kMax = looks, alpha = .025, typeOfDesign = name)."""
    shares = [look / looks for look in range(1, looks + 1)]

    theirs = SEQUENTIAL[f"{name}_K{looks}"]
    spent = [spend(how, share, 0.025) for share in shares]
    assert boundaries(shares, spent) == pytest.approx(theirs["z"], abs=1e-3)
    assert spent == pytest.approx(theirs["cumulative_alpha_one_sided"], abs=1e-6)


def test_one_look_is_an_ordinary_test() -> None:
    assert boundaries([1.0], [0.025]) == pytest.approx([1.959963985])
    assert boundaries([288], [0.05]) == pytest.approx([1.644853627])


def test_only_the_ratios_of_information_matter() -> None:
    assert boundaries([100, 150], [0.01, 0.02]) == pytest.approx(boundaries([2 / 3, 1], [0.01, 0.02]))


@pytest.mark.parametrize(
    ("information", "spent"),
    [
        ([], []),
        ([0.5, 0.5], [0.01, 0.02]),
        ([0.0, 1.0], [0.01, 0.02]),
        ([0.5, 1], [0.02, 0.02]),
        ([0.5, 1], [0.02]),
    ],
)
def test_information_and_spending_must_rise_together(information: list[float], spent: list[float]) -> None:
    with pytest.raises(ValueError, match="as many of one as of the other, rising from above 0"):
        boundaries(information, spent)


@pytest.mark.parametrize(("looks", "cost"), [(1, 0.05), (2, 0.083), (3, 0.107), (5, 0.142), (10, 0.193)])
def test_unplanned_looks_cost_what_armitage_mcpherson_and_rowe_found(looks: int, cost: float) -> None:
    """Their table 2: the chance that one of so many equally spaced tests at 5 % finds what is not there."""
    assert cost_of_looks([100 * look for look in range(1, looks + 1)]) == pytest.approx(cost, abs=6e-4)


def test_looks_too_close_to_integrate_over_do_not_spoil_those_that_follow() -> None:
    spent = [0.01, 0.010001, 0.02]

    close = boundaries([500_000, 500_001, 1_000_000], spent)
    assert close[2] == pytest.approx(boundaries([500_000, 1_000_000], [0.01, 0.02])[1], abs=2e-3)


def test_looking_at_the_same_answers_again_costs_nothing() -> None:
    assert cost_of_looks([400, 400, 400]) == pytest.approx(0.05)
    assert cost_of_looks([200, 400, 400]) == cost_of_looks([200, 400])


@pytest.mark.parametrize("sizes", [[], [0, 10]])
def test_a_look_is_at_some_answers(sizes: list[int]) -> None:
    with pytest.raises(ValueError, match="numbers of answers above 0"):
        cost_of_looks(sizes)

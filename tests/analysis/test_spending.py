import json
from pathlib import Path

import pytest

from rater.analysis.spending import Spending, boundaries, spend

SEQUENTIAL = json.loads((Path(__file__).parent.parent / "data" / "stats" / "sequential.json").read_text())


@pytest.mark.parametrize(("name", "how"), [("asOF", "obrien-fleming"), ("asP", "pocock")])
@pytest.mark.parametrize("looks", [2, 3, 4, 5, 10])
def test_boundaries_are_those_of_rpact(name: str, how: Spending, looks: int) -> None:
    """R: rpact 3.3, getDesignGroupSequential(kMax = looks, alpha = .025, typeOfDesign = name)."""
    shares = [look / looks for look in range(1, looks + 1)]

    theirs = SEQUENTIAL[f"{name}_K{looks}"]
    assert boundaries(how, shares) == pytest.approx(theirs["z"], abs=1e-3)
    spent = [spend(how, share, 0.025) for share in shares]
    assert spent == pytest.approx(theirs["cumulative_alpha_one_sided"], abs=1e-6)


def test_one_look_is_an_ordinary_test() -> None:
    assert boundaries("pocock", [1.0]) == pytest.approx([1.959963985])
    assert boundaries("obrien-fleming", [1.0], alpha=0.05) == pytest.approx([1.644853627])


@pytest.mark.parametrize("shares", [[], [0.5, 0.5], [0.0, 1.0], [0.5, 1.2]])
def test_shares_must_rise_to_at_most_one(shares: list[float]) -> None:
    with pytest.raises(ValueError, match="numbers that rise from above 0 to at most 1"):
        boundaries("pocock", shares)

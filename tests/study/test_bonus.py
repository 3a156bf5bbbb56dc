from decimal import Decimal

import pytest
from pydantic import ValidationError

from rater.study.bonus import Bonus
from rater.study.canonical import canonical_json


@pytest.mark.parametrize(("n_passed", "amount"), [(0, "0.50"), (3, "0.80")])
def test_a_bonus_is_flat_and_for_each_check_passed(n_passed: int, amount: str) -> None:
    bonus = Bonus(flat=Decimal("0.5"), per_check_passed=Decimal("0.1"))

    assert str(bonus.amount(n_checks_passed=n_passed)) == amount


def test_equal_amounts_have_one_hash() -> None:
    written = {canonical_json(Bonus.model_validate({"flat": each})) for each in (0.5, "0.50", Decimal("0.5"))}

    assert written == {'{"flat":"0.50"}'}


@pytest.mark.parametrize("given", [{}, {"flat": -1}, {"flat": 0.005}, {"flat": 5_000}])
def test_a_bonus_that_pays_nothing_or_no_amount_of_money_is_refused(given: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        Bonus.model_validate(given)

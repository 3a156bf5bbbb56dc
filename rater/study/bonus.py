"""The rule by which raters are paid a bonus, declared before data collection."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from rater.study.declaration import Declaration

_CENT = Decimal("0.01")


def _with_cents(amount: Decimal) -> Decimal:
    """Write equal amounts in one way, so that they have one hash."""
    return amount.quantize(_CENT)


Money = Annotated[Decimal, Field(ge=0, le=1_000, decimal_places=2), AfterValidator(_with_cents)]


class Bonus(Declaration):
    """A bonus for raters whose submission is approved, in the currency of the recruitment platform."""

    flat: Money = Decimal(0)
    """Amount for each rater. (experimenter)"""
    per_check_passed: Money = Decimal(0)
    """Amount for each attention check that a rater passed. (experimenter)"""
    per_extra_booklet: Money = Decimal(0)
    """Amount for each booklet after the first that a rater finished, without failing its attention checks by
    `check_rule`. (experimenter)"""

    def amount(self, *, n_checks_passed: int, n_extra_booklets: int = 0) -> Decimal:
        """Return the bonus of a rater, with two decimals."""
        extra = self.per_extra_booklet * n_extra_booklets
        return (self.flat + self.per_check_passed * n_checks_passed + extra).quantize(_CENT)

    @model_validator(mode="after")
    def _pays_something(self) -> Self:
        if not self.flat and not self.per_check_passed and not self.per_extra_booklet:
            msg = "all amounts are 0, so nobody is paid; valid: such as flat=0.5"
            raise ValueError(msg)
        return self

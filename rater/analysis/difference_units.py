"""The units in which true differences are planned, printed and rehearsed."""

from dataclasses import dataclass

from rater.analysis.sentences import number


@dataclass(frozen=True)
class DifferenceUnit:
    """A unit of differences, such as scale points."""

    name: str
    factor: float = 1.0
    """The factor that converts a difference to this unit: 100 for shares, from −1 to 1, in percent."""

    @property
    def is_condition(self) -> bool:
        """True if a difference is written as a clause ("if … are found") and not as a number."""
        return False

    def write(self, points: float, digits: int | None = None) -> str:
        """Return a difference with its unit; with ``digits``, that many decimals of scale points."""
        value = points * self.factor
        if digits is None:
            return f"{value:g} {self.name}"
        return f"{number(value, digits if self.factor == 1 else 0)} {self.name}"


PERCENTAGE_POINTS = DifferenceUnit("percentage points", 100.0)

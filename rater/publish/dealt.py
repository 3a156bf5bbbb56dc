"""Name what is dealt: completions, and the trials that show them."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple


class Completion(NamedTuple):
    """What is dealt: one sample of one prompt under one arm."""

    prompt: int
    arm: int
    sample: int


@dataclass(frozen=True)
class Trial:
    """One screen of a booklet."""

    shown: tuple[Completion, ...]
    """One completion, two from left to right, or none: then it is an attention check."""
    dimension: int | None = None
    """The one dimension asked; None for all."""
    is_repeat: bool = False
    check: int | None = None
    """Which of the plan's attention checks it is."""

    @cached_property
    def prompt(self) -> int | None:
        """The prompt shown; None for a check."""
        return self.shown[0].prompt if self.shown else None

    @cached_property
    def arms(self) -> tuple[int, ...]:
        """The arms shown, in the study's order."""
        return tuple(sorted(completion.arm for completion in self.shown))

"""Trials of a booklet, and how often each completion is used."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rater.study.design import Design


class CompletionIndex(NamedTuple):
    """One sample of one prompt under one arm."""

    prompt: int
    arm: int
    sample: int


@dataclass(frozen=True)
class Trial:
    """One screen of a booklet."""

    shown: tuple[CompletionIndex, ...]
    """One completion, or several from left to right, or none: then it is an attention check."""
    dimension: int | None = None
    """The one dimension asked; None for all."""
    is_repeat: bool = False
    check: int | None = None
    """The index of the plan's attention check; None for other trials."""

    @cached_property
    def prompt(self) -> int | None:
        """The prompt shown; None for a check."""
        return self.shown[0].prompt if self.shown else None

    @property
    def has_odd_text(self) -> bool:
        """True if two texts or more are of one arm, and one is of another arm."""
        return 1 < len(set(self.arms)) < len(self.arms)

    @cached_property
    def arms(self) -> tuple[int, ...]:
        """The arms shown, in the study's order."""
        return tuple(sorted(completion.arm for completion in self.shown))


_Count = tuple[int, int]
Integers: TypeAlias = NDArray[np.int_]


class Uses:
    """The number of times each completion was assigned, by dimension; None means all dimensions."""

    def __init__(self, design: Design) -> None:
        self._prompts = defaultdict[int | None, list[int]](lambda: [0] * design.n_prompts)
        """Counts of each prompt, by dimension."""
        self._samples = defaultdict[tuple[int | None, int], Integers](
            lambda: np.zeros((design.n_arms, design.n_samples), int)
        )
        """Counts of each arm and sample, by dimension and prompt."""
        counts = defaultdict[Hashable, Integers](lambda: np.zeros((design.n_texts, design.n_texts), int))
        self._has_odd_text = design.has_odd_text
        self._places = counts
        """By trial: a row for each text in the order of arms, with how often it was in each place."""
        self._places_of_prompt = counts.copy()
        """By prompt and arms: the same for each arm."""

    def of_prompts(self, dimension: int | None) -> list[_Count]:
        """Return for each prompt how often it was assigned on a dimension, and on all."""
        return list(zip(self._prompts[dimension], self._prompts[None], strict=True))

    def of_samples(self, dimension: int | None, prompt: int) -> Integers:
        """Return how often each arm (row) and sample (column) of a prompt was assigned.

        One assignment on the dimension weighs more than all on the others together.
        """
        overall = self._samples[None, prompt]
        weighted: Integers = self._samples[dimension, prompt] * (1 + overall.sum()) + overall
        return weighted

    def count_prompts(self, dimension: int | None, prompts: Iterable[int]) -> None:
        """Count prompts that were assigned."""
        for prompt in prompts:
            for name in {dimension, None}:
                self._prompts[name][prompt] += 1

    def count_completions(self, dimension: int | None, completions: Iterable[CompletionIndex]) -> None:
        """Count completions that were assigned."""
        for completion in completions:
            for name in {dimension, None}:
                self._samples[name, completion.prompt][completion.arm, completion.sample] += 1

    def of_places(self, trial: Trial) -> tuple[Integers, ...]:
        """Return how often each text was in each place of a trial, and each arm in those of its prompt.

        With an odd text, only the first.

        Args:
            trial: Its texts, in the order of arms.
        """
        if self._has_odd_text:
            return (self._places[trial.shown],)
        return self._places[trial.shown], self._places_of_prompt[trial.prompt, trial.arms]

    def count_places(self, trial: Trial, order: Sequence[int]) -> None:
        """Count a trial that was assigned with its texts in an order: the place of each, from 0."""
        for counts in self.of_places(trial):
            counts[range(len(order)), order] += 1

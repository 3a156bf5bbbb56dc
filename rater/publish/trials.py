"""Trials of a booklet, and how often each completion is used."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

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
    """One completion, two from left to right, or none: then it is an attention check."""
    dimension: int | None = None
    """The one dimension asked; None for all."""
    is_repeat: bool = False
    check: int | None = None
    """The index of the plan's attention check; None for other trials."""

    @cached_property
    def prompt(self) -> int | None:
        """The prompt shown; None for a check."""
        return self.shown[0].prompt if self.shown else None

    @cached_property
    def arms(self) -> tuple[int, ...]:
        """The arms shown, in the study's order."""
        return tuple(sorted(completion.arm for completion in self.shown))


_Count = tuple[int, int]


class Uses:
    """The number of times each completion was assigned, by dimension; None means all dimensions."""

    def __init__(self, design: Design) -> None:
        self._prompts = defaultdict[int | None, list[int]](lambda: [0] * design.n_prompts)
        """Counts of each prompt, by dimension."""
        self._samples = defaultdict[tuple[int | None, int, int], list[int]](lambda: [0] * design.n_samples)
        """Counts of each sample, by dimension, prompt and arm."""
        self._left = Counter[tuple[CompletionIndex, ...]]()
        """By pair, in the order of arms: how often its first was left, less how often right."""
        self._left_of_prompt = Counter[tuple[int | None, tuple[int, ...]]]()
        """By prompt and two arms, the same."""

    def of_prompts(self, dimension: int | None) -> list[_Count]:
        """Return for each prompt how often it was assigned on a dimension, and on all."""
        return list(zip(self._prompts[dimension], self._prompts[None], strict=True))

    def of_samples(self, dimension: int | None, prompt: int, arm: int) -> list[_Count]:
        """Return for each sample of a prompt and arm how often it was assigned on a dimension, and on all."""
        return list(zip(self._samples[dimension, prompt, arm], self._samples[None, prompt, arm], strict=True))

    def count_prompts(self, dimension: int | None, prompts: Iterable[int]) -> None:
        """Count prompts that were assigned."""
        for prompt in prompts:
            for name in {dimension, None}:
                self._prompts[name][prompt] += 1

    def count_completions(self, dimension: int | None, completions: Iterable[CompletionIndex]) -> None:
        """Count completions that were assigned."""
        for completion in completions:
            for name in {dimension, None}:
                self._samples[name, completion.prompt, completion.arm][completion.sample] += 1

    def lean(self, pair: Trial) -> int:
        """Return how much more often a pair's first was left than right, or that of its arms there."""
        return self._left[pair.shown] or self._left_of_prompt[pair.prompt, pair.arms]

    def count_side(self, pair: Trial, *, left: bool) -> None:
        """Count a pair that was assigned with its first on a side."""
        step = 1 if left else -1
        self._left[pair.shown] += step
        self._left_of_prompt[pair.prompt, pair.arms] += step

"""Deal completions into balanced booklets: one ordered list for each planned rater.

A booklet holds *sets*: one completion of every arm for one prompt. So each rater sees, for every prompt in
the booklet, all arms equally often, which the primary test needs.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from rater.errors import StudyError
from rater.study.study import Study

T = TypeVar("T")


@dataclass(frozen=True, order=True)
class Completion:
    """What is dealt: one sample of one prompt under one arm."""

    prompt: int
    arm: int
    sample: int


@dataclass(frozen=True)
class Design:
    """The counts that booklets are dealt from."""

    n_raters: int
    items_per_rater: int
    n_prompts: int
    n_arms: int
    n_samples: int

    def __post_init__(self) -> None:
        """Refuse counts that no balanced booklet has.

        Raises:
            StudyError: a booklet cannot hold whole sets, or would need a text twice.
        """
        most = self.n_prompts * self.n_arms * self.n_samples
        if self.items_per_rater % self.n_arms or not 0 < self.items_per_rater <= most:
            msg = (
                f"items_per_rater is {self.items_per_rater}, but it must be a multiple of the number of "
                f"arms ({self.n_arms}) and at most {most}."
            )
            raise StudyError(msg)

    @property
    def sets_per_rater(self) -> int:
        """How many sets (one completion of every arm for one prompt) a booklet holds."""
        return self.items_per_rater // self.n_arms


def design_of(study: Study) -> Design:
    """Take from a study the counts that booklets are dealt from."""
    return Design(
        n_raters=study.plan.raters,
        items_per_rater=study.items_per_rater,
        n_prompts=len(study.prompts),
        n_arms=len(study.arms),
        n_samples=study.sampling.samples_per_prompt,
    )


def deal_booklets(design: Design, rng: np.random.Generator) -> list[list[Completion]]:
    """Deal one booklet for each planned rater.

    Every booklet holds each arm equally often within each of its prompts, and no completion twice. Prompts
    differ by at most one set within a booklet and overall; completions of one prompt and arm differ by at
    most one rating overall. Two texts of one prompt stand next to each other only where that cannot be
    avoided. Apart from that the order is random.
    """
    prompt_uses: Counter[int] = Counter()
    sample_uses: Counter[Completion] = Counter()
    booklets = []
    for _ in range(design.n_raters):
        prompts = _choose_prompts(design, prompt_uses, rng)
        completions = [
            completion
            for prompt, n_sets in sorted(Counter(prompts).items())
            for arm in range(design.n_arms)
            for completion in _choose_samples(design, prompt, arm, n_sets, uses=sample_uses, rng=rng)
        ]
        booklets.append(_order(completions, rng))
    return booklets


def _choose_prompts(design: Design, uses: Counter[int], rng: np.random.Generator) -> list[int]:
    """Choose the prompts of a booklet's sets: all equally often, and the rest those used least so far."""
    rounds, rest = divmod(design.sets_per_rater, design.n_prompts)
    prompts = list(range(design.n_prompts)) * rounds + _least_used(
        range(design.n_prompts), uses, rest, rng=rng
    )
    uses.update(prompts)
    return prompts


def _choose_samples(
    design: Design,
    prompt: int,
    arm: int,
    n_sets: int,
    *,
    uses: Counter[Completion],
    rng: np.random.Generator,
) -> list[Completion]:
    candidates = [Completion(prompt, arm, sample) for sample in range(design.n_samples)]
    chosen = _least_used(candidates, uses, n_sets, rng=rng)
    uses.update(chosen)
    return chosen


def _least_used(candidates: Iterable[T], uses: Counter[T], n: int, *, rng: np.random.Generator) -> list[T]:
    shuffled = _shuffled(list(candidates), rng)
    return sorted(shuffled, key=lambda candidate: uses[candidate])[:n]


def _shuffled(values: list[T], rng: np.random.Generator) -> list[T]:
    return [values[index] for index in rng.permutation(len(values))]


def _order(completions: list[Completion], rng: np.random.Generator) -> list[Completion]:
    """Put completions in random order, one at a time, never stepping where a prompt must follow itself."""
    left, ordered = list(completions), list[Completion]()
    while left:
        allowed = _allowed(left, after=ordered[-1].prompt if ordered else None)
        ordered.append(left.pop(allowed[rng.integers(len(allowed))]))
    return ordered


def _allowed(left: list[Completion], after: int | None) -> list[int]:
    """Return the indices of what may come next so that the rest can still be kept apart (all if none can).

    n texts can be kept apart if no prompt has more than half of them, rounded up; right after a text of that
    prompt, rounded down.
    """
    counts = Counter(completion.prompt for completion in left)
    n_after = len(left) - 1
    crowded = {prompt for prompt, count in counts.items() if count > (n_after + 1) // 2}

    def leaves_rest_apart(prompt: int) -> bool:
        return prompt != after and crowded <= {prompt} and counts[prompt] - 1 <= n_after // 2

    allowed = [index for index, completion in enumerate(left) if leaves_rest_apart(completion.prompt)]
    return allowed or list(range(len(left)))

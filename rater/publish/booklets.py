"""Deal completions into balanced booklets: one ordered list of trials for each planned rater.

A pure function of the design and a random generator; see `rater.study.design` for what a set is. Choices are
random among those that keep the counts even: whatever was used least so far comes next.

Until the last step, a completion's ``arm`` is a label that means another arm in another prompt; see
`rater.publish.labels`. So nothing here can even arms out across prompts, which would reveal them.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rater.publish.blocks import block_orders
from rater.publish.dealt import Completion, Trial
from rater.publish.labels import ArmsOfLabels
from rater.publish.order import Ordering, arrange, shuffled
from rater.publish.pairs import choose_sides, pair_set
from rater.publish.uses import Uses
from rater.study.design import Design


def deal_booklets(
    design: Design,
    rng: np.random.Generator,
    *,
    added: Sequence[int] = (),
    label_rng: np.random.Generator | None = None,
) -> list[list[Trial]]:
    """Deal one booklet for each planned rater, and then for those who were added to the plan later.

    What is added goes on where dealing stopped: the booklets before it stay as they were, and the counts stay
    even over all of them.

    Every booklet holds each arm (or pair of arms) equally often within each of its prompts, and no completion
    twice except as a repeat. Prompts differ by at most one set within a block, within a booklet and overall;
    completions of one prompt and arm differ by at most one rating overall; either by at most one for each
    dimension overall where those are asked apart. Each of a pair is on the left as often as on the right, to
    within one. Two texts of one prompt follow each other only where that cannot be avoided, and the mean
    positions of prompts, and of arms within each prompt, even out over booklets. Apart from that the order
    is random.

    Args:
        design: The counts.
        rng: What booklets are drawn with.
        added: How many booklets were added to the plan, each time.
        label_rng: What draws the arms of the labels, so that they follow from nothing that a booklet shows;
            by default ``rng``.
    """
    arms, uses, ordering = ArmsOfLabels(design, label_rng or rng), Uses(design), Ordering()
    return [
        arms.put_in(arrange(_deal_blocks(design, dimensions, uses, rng), design, ordering, rng))
        for orders in block_orders(design, (design.n_raters, *added), rng)
        for dimensions in orders
    ]


def _deal_blocks(
    design: Design, dimensions: Sequence[int | None], uses: Uses, rng: np.random.Generator
) -> list[list[Trial]]:
    taken: set[Completion] = set()
    within = Counter[int]()  # sets of each prompt in this booklet so far
    blocks = []
    for dimension in dimensions:
        n_sets = design.sets_per_rater // len(dimensions)
        trials = [
            trial
            for prompt in _choose_prompts(design, n_sets, dimension, within=within, uses=uses, rng=rng)
            for trial in _deal_set(design, prompt, dimension, taken=taken, uses=uses, rng=rng)
        ]
        blocks.append(choose_sides(trials, uses, rng) if design.is_pairwise else trials)
    return blocks


def _choose_prompts(
    design: Design,
    n_sets: int,
    dimension: int | None,
    *,
    within: Counter[int],
    uses: Uses,
    rng: np.random.Generator,
) -> list[int]:
    """Choose the prompts of a block's sets: as evenly as can be, least used first, while samples are left."""
    most = design.n_samples // design.samples_per_set
    chosen: list[int] = []
    while len(chosen) < n_sets:
        counts = uses.of_prompts(dimension)
        can = shuffled([prompt for prompt in range(design.n_prompts) if within[prompt] < most], rng)
        can.sort(key=lambda prompt: (within[prompt], counts[prompt]))
        now = can[: n_sets - len(chosen)]
        within.update(now)
        uses.count_prompts(dimension, now)
        chosen += now
    return chosen


def _deal_set(
    design: Design,
    prompt: int,
    dimension: int | None,
    *,
    taken: set[Completion],
    uses: Uses,
    rng: np.random.Generator,
) -> list[Trial]:
    if design.is_pairwise:
        shown = pair_set(design, prompt, dimension, taken=taken, uses=uses, rng=rng)
    else:
        shown = [
            (_choose_sample(Completion(prompt, arm, 0), uses.of_samples(dimension, prompt, arm), taken, rng),)
            for arm in range(design.n_arms)
        ]
    for completions in shown:
        taken.update(completions)
        uses.count_completions(dimension, completions)
    return [Trial(completions, dimension) for completions in shown]


def _choose_sample(
    cell: Completion, counts: Sequence[tuple[int, int]], taken: set[Completion], rng: np.random.Generator
) -> Completion:
    """Choose a sample of a prompt and arm that is not in the booklet yet: one of those used least."""
    free = [n for n in range(len(counts)) if (cell.prompt, cell.arm, n) not in taken]
    least = min(counts[n] for n in free)
    rarest = [n for n in free if counts[n] == least]
    return cell._replace(sample=rarest[int(rng.integers(len(rarest)))])

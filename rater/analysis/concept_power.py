"""The power of a test over raters, prompts and concepts, for several numbers of each.

Studies are complete: every rater rates one text of each arm for every prompt of every concept. So doubling
the raters, the prompts or the concepts doubles the number of answers, and what helps most can be read off.

The level that a rater feels is that of `rater.analysis.simulate`, with effects of concepts added:
β x + a_r + a'_r x + b_p + b'_p x + g_c + g'_c x + h'_rc x + c_i + e, with x = ±1/2. All studies of a size are
drawn at once, and tested in closed form (`rater.analysis.quasi_f`).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import stats

from rater.analysis.quasi_f import Floats, three_way, two_way
from rater.analysis.sentences import counted
from rater.analysis.simulate import AnswerModel, ModelSDs
from rater.analysis.simulated_power import Power
from rater.study.analysis_plan import PlannedScore

# Studies of a size need some 0.1 ms each, so that a small simulation error costs little.
MIN_SIMULATIONS = 2_000
# Simulated answers at a time: some 100 MB.
_MAX_ANSWERS = 2_000_000


@dataclass(frozen=True)
class ConceptSDs:
    """Standard deviations of concepts in logits; the defaults are those that a careful planner assumes."""

    concept: float = 0.8
    concept_arm: float = 0.5
    """The SD of the effect over concepts."""
    rater_concept_arm: float = 0.3
    """The SD of a rater's effect over concepts, beyond those of the rater and the concept."""

    def added_to(self, spread: ModelSDs) -> ModelSDs:
        """Return the model of two factors in which a prompt has the spread of its concept as well."""
        return replace(
            spread,
            prompt=math.hypot(spread.prompt, self.concept),
            prompt_arm=math.hypot(spread.prompt_arm, self.concept_arm, self.rater_concept_arm),
        )


@dataclass(frozen=True)
class ConceptStudySize:
    """The size of a study of several concepts."""

    n_raters: int
    n_concepts: int
    n_prompts: int
    """For each concept where prompts are nested in them, and for all of them where they are crossed."""
    prompts: Literal["nested", "crossed"] = "nested"

    @property
    def n_texts(self) -> int:
        """The number of texts of the two arms that a rater sees."""
        return 2 * self.n_concepts * self.n_prompts

    @property
    def words(self) -> str:
        """The size in words."""
        each = " each" if self.prompts == "nested" else ""
        sizes = counted(self.n_raters, "rater"), counted(self.n_concepts, "concept")
        return f"{sizes[0]} × {sizes[1]} × {counted(self.n_prompts, 'prompt')}{each}"


@dataclass(frozen=True)
class PowerBounds:
    """The power of two complete studies, between which that of an incomplete one lies.

    Where a rater sees some of a concept's prompts, the study has more information than a complete study of as
    many prompts as a rater sees (as many answers about fewer prompts), and less than a complete study of all
    prompts (more answers about as many prompts).
    """

    smaller: ConceptStudySize
    """With as many prompts as a rater sees of a concept."""
    larger: ConceptStudySize
    """With all prompts."""
    least: Power
    most: Power


@dataclass(frozen=True)
class AssumedConcepts:
    """Assumptions of the simulation, and the test."""

    scale: AnswerModel
    spread: ModelSDs
    concepts: ConceptSDs
    score: PlannedScore
    alpha: float


@dataclass(frozen=True)
class ConceptPower:
    """The power of a size, and of those with twice as many raters, prompts and concepts, and others."""

    planned: ConceptStudySize
    powers: Mapping[ConceptStudySize, Power]

    @property
    def doubled(self) -> dict[str, Power]:
        """The power with twice as many raters, prompts or concepts."""
        size = self.planned
        return {
            "raters": self.powers[replace(size, n_raters=2 * size.n_raters)],
            "prompts": self.powers[replace(size, n_prompts=2 * size.n_prompts)],
            "concepts": self.powers[replace(size, n_concepts=2 * size.n_concepts)],
        }

    @property
    def sentence(self) -> str:
        """The sentence that compares what doubling each factor does to the power."""
        size, doubled = self.planned, self.doubled
        numbers = {"raters": size.n_raters, "prompts": size.n_prompts, "concepts": size.n_concepts}
        each = ", ".join(f"{2 * numbers[name]} {name}: {power.share:.0%}" for name, power in doubled.items())
        text = f"With {size.words} the power is {self.powers[size].share:.0%}. Doubled, {each}."
        best = max(doubled, key=lambda name: doubled[name].share)
        clearly = [name for name in doubled if name != best and doubled[name].high < doubled[best].low]
        if not clearly:
            return f"{text} The three differ by no more than the simulation error."
        return f"{text} More {best} help more than more {' or '.join(clearly)}."


def plan_concepts(
    planned: ConceptStudySize,
    assumed: AssumedConcepts,
    *,
    effect: float,
    rng: np.random.Generator,
    n_simulations: int = MIN_SIMULATIONS,
) -> ConceptPower:
    """Estimate the power of a size, and of those with half and twice as many raters, concepts and prompts.

    Costs 18 times ``n_simulations`` studies at most.

    Args:
        planned: The size, of at least 2 raters and concepts; if prompts are crossed, of at least 2 prompts.
        assumed: How answers come about, and how they are tested.
        effect: First arm minus second, in logits.
        rng: What the simulations draw from.
        n_simulations: Of each size.
    """
    fewest = 2 if planned.prompts == "crossed" else 1
    sizes = [
        replace(planned, n_raters=raters, n_concepts=concepts, n_prompts=prompts)
        for prompts in _multiples(planned.n_prompts, (1, 2), fewest)
        for raters in _multiples(planned.n_raters, (0.5, 1, 2), 2)
        for concepts in _multiples(planned.n_concepts, (0.5, 1, 2), 2)
    ]
    return ConceptPower(
        planned,
        {
            size: estimate_concept_power(size, assumed, effect=effect, rng=rng, n_simulations=n_simulations)
            for size in sizes
        },
    )


def estimate_concept_power(
    size: ConceptStudySize,
    assumed: AssumedConcepts,
    *,
    effect: float,
    rng: np.random.Generator,
    n_simulations: int,
) -> Power:
    """Simulate studies of a size, and count those in which the test finds the effect."""
    per_chunk = max(1, _MAX_ANSWERS // (size.n_raters * size.n_texts))
    n_found = 0
    for start in range(0, n_simulations, per_chunk):
        tables = simulate_tables(size, assumed, min(per_chunk, n_simulations - start), effect=effect, rng=rng)
        found = three_way(tables) if size.prompts == "crossed" else two_way(tables.mean(axis=-2))
        mean = tables.mean(axis=(-1, -2, -3))
        with np.errstate(divide="ignore", invalid="ignore"):
            t = mean / np.sqrt(found.variance)
        p = 2 * stats.t.sf(np.abs(np.nan_to_num(t)), np.maximum(found.df, 1e-9))
        # A significant difference in the wrong direction is not a success; without an effect both count.
        n_found += int(((p < assumed.alpha) & (mean * effect >= 0)).sum())
    interval = stats.binomtest(n_found, n_simulations).proportion_ci(method="wilson")
    return Power(n_found / n_simulations, float(interval.low), float(interval.high), n_simulations)


def simulate_tables(
    size: ConceptStudySize,
    assumed: AssumedConcepts,
    n_studies: int,
    *,
    effect: float,
    rng: np.random.Generator,
) -> Floats:
    """Draw the planned score of every cell; (studies, raters, prompts, concepts)."""
    raters, prompts, concepts = size.n_raters, size.n_prompts, size.n_concepts
    own = concepts if size.prompts == "nested" else 1
    sd, by_concept = assumed.spread, assumed.concepts

    def normal(scale: float, *shape: int) -> Floats:
        return scale * rng.standard_normal((n_studies, *shape))

    slope = (
        effect
        + normal(sd.rater_arm, raters, 1, 1)
        + normal(sd.prompt_arm, 1, prompts, own)
        + normal(by_concept.concept_arm, 1, 1, concepts)
        + normal(by_concept.rater_concept_arm, raters, 1, concepts)
    )
    texts = [normal(sd.item, 1, prompts, concepts) for _ in range(assumed.scale.n_shown)]

    def draw_level() -> Floats:
        return (
            normal(sd.rater, raters, 1, 1)
            + normal(sd.prompt, 1, prompts, own)
            + normal(by_concept.concept, 1, 1, concepts)
        )

    answers = assumed.scale.draw_differences(slope, texts, draw_level, rng)
    return np.sign(answers) if assumed.score == "net_superiority" else answers


def _multiples(n: int, factors: tuple[float, ...], fewest: int) -> list[int]:
    return sorted({max(fewest, math.ceil(n * factor)) for factor in factors})

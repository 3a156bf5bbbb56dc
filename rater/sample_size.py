"""Sample-size planning: the power of a study's own booklets and primary test for a given difference."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.concept_power import (
    MIN_SIMULATIONS,
    AssumedConcepts,
    ConceptPower,
    ConceptSDs,
    ConceptStudySize,
    PowerBounds,
    estimate_concept_power,
    plan_concepts,
)
from rater.analysis.difference_units import DifferenceUnit
from rater.analysis.joint_verdict import is_within_margin
from rater.analysis.pilot import Pilot, assume
from rater.analysis.plan import plan_analysis
from rater.analysis.sequential import level_at_the_end
from rater.analysis.simulate import (
    AnswerModel,
    ModelSDs,
    Trials,
    difference_of,
    logits_of,
    net_superiority_of,
)
from rater.analysis.simulated_power import Assumed, Power, estimate_power
from rater.errors import StudyError
from rater.publish.booklets import assign_booklets
from rater.publish.trials import CompletionIndex, Trial
from rater.runners.runner import Runner
from rater.study.concepts import CONCEPT
from rater.study.design import Design
from rater.study.forecast import forecast
from rater.study.study import Study

# The conventional targets of power (Cohen 1988, Statistical Power Analysis for the Behavioral Sciences).
TARGETS = (0.8, 0.9)
# Sizes to compare, as multiples of the planned one.
_RATERS = (0.5, 1, 2, 4)
_PROMPTS = (0.5, 1, 2, 3)
# Six halvings of four logits (an odds ratio of 55) leave 0.06. Simulated power is not exact enough for more:
# with 1,000 simulations a power of .8 has a standard error of .013.
_BISECTIONS = 6
_MAX_LOGITS = 4.0


@dataclass(frozen=True)
class Size:
    """One size of the study: its raters and prompts, its power and its cost."""

    n_raters: int
    n_prompts: int
    rater_minutes: float
    power: Power


@dataclass(frozen=True)
class PlanningAssumptions:
    """Assumptions about raters and texts; the defaults are those of a careful planner."""

    pilot: Pilot | None = None
    drop_out: float = 0.0
    """The share of raters who leave somewhere in their booklet."""
    mean_characters: Mapping[str, float] | None = None
    """Mean length of each arm's texts, if they exist already; see `rater.study.forecast`."""


@dataclass(frozen=True)
class PowerPlan:
    """The power of a study as planned and of other sizes."""

    points: float
    """The true difference, in points of the scale; for choices, in preference from −1 to 1."""
    net_superiority: float | None
    """The same difference as net superiority, if the primary test is on that."""
    planned: Power
    smallest_points: float | None
    """The smallest difference found in 80% of studies as planned; None if even a huge one is not."""
    sizes: list[Size]
    cheapest: dict[float, Size | None]
    """For each target power, the size that reaches it for the fewest rater-minutes."""
    unit: DifferenceUnit
    """The unit of differences; see `unit_of`."""
    model: AnswerModel
    """The response model assumed, or estimated from the pilot."""
    spread: ModelSDs
    """The variance components assumed, or estimated from the pilot."""
    last_look: float | None
    """The significance level of the final analysis, with alpha spending."""
    assumptions: PlanningAssumptions = field(default_factory=PlanningAssumptions)
    is_over_concepts: bool = False
    """True if the study's claim is over concepts too; the power is that of a claim about its own concepts."""
    coprimary: Power | None = None
    """The power of the coprimary test, if the arms do not differ on its dimension; None without one."""
    simulated_as: str | None = None
    """The part whose scale is used for a composite score; None if raters judge the primary dimension."""

    @property
    def least_joint_power(self) -> float | None:
        """The least power of both primary tests together, whatever their correlation (Bonferroni)."""
        return None if self.coprimary is None else max(0.0, self.planned.share + self.coprimary.share - 1)


def default_points(study: Study) -> float:
    """Return the default difference to plan for: an eighth of the scale, from end to end.

    Of odd-one-out trials it is the proportion correct above chance, .125: 46% of odd texts are found.

    Choices run from −1 (always the other) to 1, so theirs is 0.25.
    """
    judged = study.simulated_as(study.primary)
    return kind_of(judged).span(judged) / 8


def is_of_shares(study: Study) -> bool:
    """Return whether the primary difference is one of shares: of a choice between texts, or among labels."""
    return kind_of(study.simulated_as(study.primary)).is_of_shares


def unit_of(study: Study) -> DifferenceUnit:
    """Return the unit in which differences are printed; shares, from −1 to 1, are so in percentage points."""
    primary = study.primary_dimension
    return kind_of(primary).name_unit(primary)


def as_net_superiority(
    study: Study, points: float, assumptions: PlanningAssumptions | None = None
) -> float | None:
    """Convert a difference in scale points to net superiority, where that is what the primary test compares.

    None where it compares scale points, where texts are chosen between or labels among (whose difference is
    one already), and on a scale without points.
    """
    if study.analysis.score != "net_superiority" or is_of_shares(study):
        return None
    judged, pilot = study.simulated_as(study.primary), (assumptions or PlanningAssumptions()).pilot
    scale, spread = (pilot.scale, pilot.spread) if pilot else (assume(judged), ModelSDs())
    return net_superiority_of(logits_of(points, scale, spread), scale, spread)


def power_as_planned(
    study: Study,
    points: float,
    *,
    n_simulations: int,
    seed: int = 0,
    assumptions: PlanningAssumptions | None = None,
) -> Power:
    """Estimate a study's power as it is planned, for a difference in points of its scale."""
    planner = _Planner(
        study,
        assumptions or PlanningAssumptions(),
        n_simulations=n_simulations,
        rng=np.random.default_rng(seed),
    )
    return planner.power(study.design, planner.logits(points))


def plan_power(
    study: Study,
    points: float,
    *,
    n_simulations: int,
    seed: int = 0,
    assumptions: PlanningAssumptions | None = None,
    progress: Callable[[str], None] = lambda _: None,
    runner: Runner | None = None,
) -> PowerPlan:
    """Estimate the power of a study as planned and of smaller and larger ones.

    Costs about 25 times ``n_simulations`` simulations, of some milliseconds each. The result does not depend
    on the number of workers of the ``runner``.
    """
    assumed = assumptions or PlanningAssumptions()
    rng = np.random.default_rng(seed)
    planner = _Planner(study, assumed, n_simulations=n_simulations, rng=rng, runner=runner)
    design, effect = study.design, planner.logits(points)
    sizes: list[Size] = []
    planned: Power | None = None
    for n_prompts in _multiples(design.n_prompts, _PROMPTS):
        for n_raters in _multiples(design.n_raters, _RATERS):
            resized = _resized(design, n_raters, n_prompts)
            if resized is not None:
                progress(f"{n_raters} raters × {n_prompts} prompts")
                sizes.append(planner.size(resized, effect))
                if resized == design:
                    planned = sizes[-1].power  # the same simulations, so that one size has one power
    if planned is None:  # a size that is not among them: one rater, or one prompt
        progress("the study as planned")
        planned = planner.power(design, effect)
    simulated_as = study.simulated_as(study.primary)
    progress("the smallest difference that is found")
    return PowerPlan(
        points=points,
        net_superiority=as_net_superiority(study, points, assumed),
        planned=planned,
        smallest_points=planner.smallest_points(design),
        sizes=sizes,
        cheapest={
            target: min(
                (size for size in sizes if size.power.share >= target),
                key=lambda size: size.rater_minutes,
                default=None,
            )
            for target in TARGETS
        },
        unit=unit_of(study),
        model=planner.assumed.scale,
        spread=planner.assumed.spread,
        last_look=planner.level if planner.level != study.analysis.alpha else None,
        assumptions=assumed,
        coprimary=planner.coprimary_power(design),
        simulated_as=simulated_as.name if simulated_as.name != study.primary else None,
    )


class _Planner:
    """The constants of a plan's simulations: the study's scale, test, pace and random stream."""

    def __init__(
        self,
        study: Study,
        given: PlanningAssumptions,
        *,
        n_simulations: int,
        rng: np.random.Generator,
        runner: Runner | None = None,
    ) -> None:
        self._study = study
        judged, pilot = study.simulated_as(study.primary), given.pilot
        self.assumed = Assumed(
            scale=pilot.scale if pilot else assume(judged),
            spread=pilot.spread if pilot else ModelSDs(),
            drop_out=given.drop_out,
        )
        planned = plan_analysis(
            study.analysis, study.dimensions, contrast=study.contrast, test=study.planned_test
        )
        # The level of the final analysis without early stopping: interim analyses can only add to this power.
        self.level = level_at_the_end(planned.looks, planned.alpha)
        # the simulated studies have no concepts
        scope = "raters+prompts" if study.analysis.is_over_concepts else planned.scope
        self._planned = replace(planned, alpha=self.level, scope=scope)
        expected = forecast(study, given.mean_characters)
        self._minutes_per_trial = expected.minutes_per_trial
        trials = study.design.trials_per_rater * expected.minutes_per_trial
        self._minutes_around_trials = expected.minutes_per_rater - trials
        self._n_simulations = n_simulations
        self._rng = rng
        self._runner = runner

    def logits(self, points: float) -> float:
        try:
            return logits_of(points, self.assumed.scale, self.assumed.spread)
        except ValueError as error:
            msg = f"A difference of {error}."
            raise StudyError(msg) from error

    def power(self, design: Design, effect: float) -> Power:
        return estimate_power(
            _trials(self._study, design, self._rng),
            self.assumed,
            self._planned,
            effect=effect,
            rng=self._rng,
            n_simulations=self._n_simulations,
            runner=self._runner,
        )

    def coprimary_power(self, design: Design) -> Power | None:
        coprimary = self._study.analysis.coprimary
        if coprimary is None:
            return None
        judged = self._study.simulated_as(coprimary.dimension)
        return estimate_power(
            _trials(self._study, design, self._rng),
            replace(self.assumed, scale=assume(judged)),
            replace(self._planned, score=coprimary.score),
            effect=0.0,
            rng=self._rng,
            n_simulations=self._n_simulations,
            is_found=partial(is_within_margin, coprimary=coprimary, alpha=self.level),
            runner=self._runner,
        )

    def size(self, design: Design, effect: float) -> Size:
        per_rater = design.trials_per_rater * self._minutes_per_trial + self._minutes_around_trials
        minutes = design.n_raters * per_rater
        return Size(design.n_raters, design.n_prompts, minutes, self.power(design, effect))

    def smallest_points(self, design: Design) -> float | None:
        low, high = 0.0, _MAX_LOGITS
        if self.power(design, high).share < TARGETS[0]:
            return None
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            if self.power(design, middle).share < TARGETS[0]:
                low = middle
            else:
                high = middle
        return difference_of(high, self.assumed.scale, self.assumed.spread)


_Assigned = tuple[int, float, CompletionIndex, CompletionIndex | None]
"""Rater, place in the booklet, text, and the other text of a pair."""


def _assign(study: Study, design: Design, rng: np.random.Generator) -> list[_Assigned]:
    """Assign the design's booklets, and list the texts of trials that compare arms of the contrast."""
    arms = tuple(study.arm_names.index(name) for name in study.contrast)
    primary = study.dimensions.index(study.simulated_as(study.primary))
    return [
        (rater, place / len(booklet), *texts)
        for rater, booklet in enumerate(assign_booklets(design, rng))
        for place, trial in enumerate(booklet)
        if trial.shown and not trial.is_repeat and trial.dimension in {None, primary}
        for texts in _texts_of(trial, arms)
    ]


def _texts_of(trial: Trial, arms: tuple[int, ...]) -> list[tuple[CompletionIndex, CompletionIndex | None]]:
    """Return all texts of a group with an arm of the contrast, or the one text or pair of such arms.

    Of an odd-one-out trial with both arms it is the odd text.
    """
    if trial.has_odd_text:
        odd = [text for text in trial.shown if trial.arms.count(text.arm) == 1]
        return [(odd[0], None)] if set(trial.arms) == set(arms) else []
    if len(trial.shown) > 2:
        return [] if set(trial.arms).isdisjoint(arms) else [(text, None) for text in trial.shown]
    if not set(trial.arms) <= set(arms):
        return []
    first, *other = sorted(trial.shown, key=lambda completion: arms.index(completion.arm))
    return [(first, other[0] if other else None)]


def _trials(study: Study, design: Design, rng: np.random.Generator) -> Trials:
    """Assign the design's booklets and keep the trials of the contrast on the primary dimension."""
    arms = tuple(study.arm_names.index(name) for name in study.contrast)
    has_groups = design.n_texts > 2 and not design.has_odd_text
    assigned = _assign(study, design, rng)
    if not assigned:
        msg = f"No booklet of {design.n_raters} × {design.n_prompts} has a trial of the primary contrast."
        raise StudyError(msg)

    numbers = {prompt: number for number, prompt in enumerate(study.distinct_prompts)}
    own = [numbers[prompt] for prompt in study.prompts]

    def prompt_of(completion: CompletionIndex) -> int:
        """Return the prompt of an item; a larger study has new prompts that are shared in the same way."""
        repetition, item = divmod(completion.prompt, len(own))
        return repetition * len(numbers) + own[item]

    def number(completion: CompletionIndex) -> int:
        arm, n_arms = int(completion.arm == arms[0]), 2
        if has_groups:  # texts of other arms, too
            arm, n_arms = completion.arm, design.n_arms
        return (completion.prompt * n_arms + arm) * design.n_samples + completion.sample

    return Trials(
        rater=np.array([rater for rater, *_ in assigned]),
        prompt=np.array([prompt_of(first) for _, _, first, _ in assigned]),
        item=np.array([number(first) for _, _, first, _ in assigned]),
        is_first=np.array([first.arm == arms[0] for _, _, first, _ in assigned]),
        other_item=(
            np.array([number(other) for *_, other in assigned if other is not None])
            if design.n_texts == 2
            else None
        ),
        in_contrast=np.array([text.arm in arms for _, _, text, _ in assigned]) if has_groups else None,
        place=np.array([place for _, place, *_ in assigned]),
    )


def _resized(design: Design, n_raters: int, n_prompts: int) -> Design | None:
    """Change the numbers of raters and prompts; a booklet keeps its share of the prompts, in whole sets.

    Where several questions are asked in blocks, each block keeps as many sets as any other.
    None if a balanced booklet is not possible with this number of prompts.
    """
    unit = design.n_blocks
    sets = max(1, round(design.sets_per_rater * n_prompts / design.n_prompts / unit)) * unit
    most = n_prompts * design.max_sets_per_prompt // unit * unit
    if not most:
        return None
    return replace(
        design,
        n_raters=n_raters,
        n_prompts=n_prompts,
        items_per_rater=min(sets, most) * design.set_size,
        n_repeats=min(design.n_repeats, sets * design.set_size // 2),
    )


def _multiples(n: int, factors: Sequence[float]) -> list[int]:
    return sorted({max(2, math.ceil(n * factor)) for factor in factors})


def plan_concept_power(
    study: Study,
    points: float,
    planned: ConceptStudySize,
    *,
    n_simulations: int = MIN_SIMULATIONS,
    seed: int = 0,
    assumptions: PlanningAssumptions | None = None,
) -> ConceptPower:
    """Estimate the power of a study that is repeated over concepts, over raters, prompts and concepts.

    Raises:
        StudyError: If the difference is too large for the scale, the study's test is not on cell scores, or
            drop-out is assumed.
    """
    given = assumptions or PlanningAssumptions()
    if study.planned_test != "cell_scores":
        msg = f"analysis.test is {study.planned_test!r}; the power over concepts is that of 'cell_scores'"
        raise StudyError(msg)
    if given.drop_out:
        msg = f"drop_out is {given.drop_out:g}; the power over concepts is that of complete studies: 0"
        raise StudyError(msg)
    why_not = assume(study.simulated_as(study.primary)).why_not_over_concepts
    if why_not:
        msg = f"the power over concepts is not simulated, because {why_not}"
        raise StudyError(msg)
    assumed, effect = _assume_concepts(study, points, given.pilot)
    rng = np.random.default_rng(seed)
    return plan_concepts(planned, assumed, effect=effect, rng=rng, n_simulations=n_simulations)


def _assume_concepts(study: Study, points: float, pilot: Pilot | None) -> tuple[AssumedConcepts, float]:
    """Return the assumptions about a study over concepts, and the effect in logits of a difference."""
    judged, concepts = study.simulated_as(study.primary), ConceptSDs()
    scale, spread = (pilot.scale, pilot.spread) if pilot else (assume(judged), ModelSDs())
    try:
        effect = logits_of(points, scale, concepts.added_to(spread))
    except ValueError as error:
        msg = f"A difference of {error}."
        raise StudyError(msg) from error
    level = level_at_the_end(study.analysis.interim_looks, study.analysis.alpha)
    return AssumedConcepts(scale, spread, concepts, study.analysis.score, level), effect


def bound_concept_power(
    study: Study, points: float, *, n_simulations: int = MIN_SIMULATIONS, seed: int = 0
) -> PowerBounds | None:
    """Estimate the power of a study over raters, prompts and concepts, with the sizes of its own booklets.

    None where the claim is not over concepts, or the test is not one that can be simulated so. For a
    claim over raters and concepts alone, prompts are taken as nested in the concepts, which is conservative.
    Costs twice ``n_simulations`` studies, in closed form.

    Raises:
        StudyError: If the difference is too large for the scale.
    """
    if not study.analysis.is_over_concepts or study.planned_test != "cell_scores":
        return None
    if assume(study.simulated_as(study.primary)).why_not_over_concepts:
        return None
    assumed, effect = _assume_concepts(study, points, None)
    sizes = _concept_sizes(study)
    rng = np.random.default_rng(seed)
    least, most = (
        estimate_concept_power(size, assumed, effect=effect, rng=rng, n_simulations=n_simulations)
        for size in sizes
    )
    return PowerBounds(*sizes, least, most)


def _concept_sizes(study: Study) -> tuple[ConceptStudySize, ConceptStudySize]:
    """Return the complete studies with the prompts that a rater sees of a concept, and with all of them."""
    design, n_concepts = study.design, len({item.fields[CONCEPT] for item in study.items})
    # items share a prompt if it is used for several concepts
    is_shared = len(study.distinct_prompts) < len(study.items)
    is_crossed = is_shared and study.analysis.scope == "raters+prompts+concepts"
    every = len(study.items) / n_concepts
    seen = design.sets_per_rater / design.n_blocks / n_concepts
    smallest = 2 if is_crossed else 1
    own, all_prompts = (max(smallest, round(n)) for n in (min(seen, every), every))
    size = ConceptStudySize(design.n_raters, n_concepts, own, "crossed" if is_crossed else "nested")
    return size, replace(size, n_prompts=all_prompts)

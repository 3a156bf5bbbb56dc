"""The analysis plan with every default filled in, from a study or from a caller's options."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral, Real
from typing import get_args

import pandas as pd

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged, as_scored
from rater.analysis.reading_notes import reading_of
from rater.errors import StudyError, nearest
from rater.names import normalise_name
from rater.study.analysis_plan import (
    AnalysisPlan,
    CoprimaryTest,
    Exclusions,
    InterimLooks,
    PlannedScore,
    PlannedTest,
    Scope,
    Spending,
    require_mixed_model,
)
from rater.study.arms import ConceptSteered, RandomVector, Steered
from rater.study.composite import CompositeScore, make_composites
from rater.study.describe import dose_levels
from rater.study.questionnaire import Question
from rater.study.study import Study

AGAINST_CONTROL = "against the control"
AGAINST_RANDOM = "against a random control"


@dataclass(frozen=True)
class PlannedContrast:
    """A secondary contrast of two arms."""

    name: str
    first: str
    second: str
    family: str
    """Contrasts of one family are adjusted together by Holm's method."""


@dataclass(frozen=True, kw_only=True)
class ArmFacts:
    """The facts about the arms that the analysis needs."""

    control: str | None = None
    doses: Mapping[str, float] = field(default_factory=dict, hash=False)
    random_controls: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Spent:
    """The alpha spending of the last look (`rater.analysis.sequential`)."""

    how: Spending
    alpha: float
    """The two-sided significance level that all looks keep together."""
    share: float
    """The information fraction: the share of the planned answers."""
    earlier: tuple[float, ...] = ()
    """The information fractions of earlier looks with new answers."""


MIXED_MODEL_RULE = "the primary test is a linear mixed model of all answers"
"""The beginning of the assumption of a plan whose design asks for this model."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """The analysis plan: contrast, dimensions, scope, score, levels and exclusions.

    Raises:
        StudyError: If the contrast compares an arm with itself, the primary dimension is not among the
            dimensions, a SESOI is not above 0, doses are given but do not differ, or the test does not fit
            the scope, the score or the kind of answers.
    """

    contrast: tuple[str, str]
    """The two arms compared, first minus second."""
    dimensions: tuple[Judged, ...]
    """The dimensions in the study's order, then the composite scores."""
    primary: str
    """The name of the primary dimension."""
    scope: Scope = "raters+prompts"
    """The populations that the claim generalises to."""
    score: PlannedScore = "net_superiority"
    """The score that the primary test compares."""
    test: PlannedTest = "cell_scores"
    """The primary test: on the scores of rater × prompt cells, or a linear mixed model of all answers."""
    alpha: float = 0.05
    """The two-sided significance level of this analysis; intervals cover 1 − alpha."""
    sesoi: float | None = None
    """The smallest effect size of interest, in units of the score."""
    coprimary: CoprimaryTest | None = None
    """The second primary test, if the conclusion needs two."""
    doses: Mapping[str, float] = field(default_factory=dict, hash=False)
    """The dose of each arm that has one, where the trend over doses is to be tested."""
    contrasts: tuple[PlannedContrast, ...] = ()
    """Further comparisons; where there are none, every other arm is compared with the control."""
    control: str | None = None
    """The arm that every other arm is compared with; by default the second arm of the contrast."""
    random_controls: tuple[str, ...] = ()
    """Arms with an addition of chance direction, which every other changed arm is compared with."""
    changed: tuple[str, ...] = ()
    """Arms whose texts a rater is right to call changed; empty where nothing is known of that."""
    exclusions: Exclusions = field(default_factory=Exclusions)
    """The exclusion criteria."""
    questionnaire: tuple[Question, ...] = ()
    """The questions about the raters."""
    moderators: tuple[str, ...] = ()
    """The questions by which the primary difference is estimated."""
    looks: InterimLooks | None = None
    """When answers were to be seen by arm before the end."""
    spent: Spent | None = None
    """The spending of alpha, if the plan uses alpha spending and there was an interim look."""
    n_raters: int | None = None
    """The planned number of raters, if known."""
    assumptions: tuple[str, ...] = ()
    """Assumptions made by a rule because nothing was specified, in words."""
    seed: int = 0
    """Seeds what is random in an analysis (bootstraps, many sign-flips), so that it can be repeated."""

    @property
    def reason_for_mixed_model(self) -> str:
        """Return the assumption that chose the mixed model by the design; empty if none did."""
        return next((each for each in self.assumptions if each.startswith(MIXED_MODEL_RULE)), "")

    def __post_init__(self) -> None:
        if self.contrast[0] == self.contrast[1]:
            msg = f"contrast compares the arm {self.contrast[0]!r} with itself; name two arms"
            raise StudyError(msg)
        names = [dimension.name for dimension in self.dimensions]
        if self.primary not in names:
            msg = f"Unknown primary dimension {self.primary!r}." + nearest(self.primary, names)
            raise StudyError(msg)
        if self.coprimary is not None:
            require_coprimary(self.coprimary, primary=self.primary, names=names)
        if self.sesoi is not None and not self.sesoi > 0:
            msg = f"sesoi is {self.sesoi:g}; the smallest effect size of interest is above 0"
            raise StudyError(msg)
        _require_trend(self.doses)
        for contrast in self.contrasts:
            if contrast.first == contrast.second:
                msg = f"contrasts compares the arm {contrast.first!r} with itself; name two arms"
                raise StudyError(msg)
        if self.test == "mixed_model":
            self._require_mixed_model()

    def _require_mixed_model(self) -> None:
        why_not = kind_of(self.in_order[0]).why_no_mixed_model
        if why_not:
            msg = f"test is 'mixed_model', but {why_not}; valid: 'cell_scores'"
            raise StudyError(msg)
        try:
            require_mixed_model(scope=self.scope, score=self.score)
        except ValueError as error:
            msg = f"{error}, or test='cell_scores'"
            raise StudyError(msg) from error

    @property
    def rated(self) -> tuple[Judged, ...]:
        """The dimensions that raters judged, without composite scores."""
        return tuple(each for each in self.dimensions if not isinstance(each, CompositeScore))

    @property
    def primary_parts(self) -> tuple[str, ...]:
        """The dimensions that the primary one combines; itself if raters judged it."""
        primary = self.in_order[0]
        return primary.scale.of if isinstance(primary, CompositeScore) else (primary.name,)

    def contrasts_among(self, arms: Collection[str]) -> tuple[PlannedContrast, ...]:
        """List the contrasts to test where these arms have answers: the declared ones, or the default ones.

        By default every other arm is compared with the control, in the order of doses, and every other arm
        but the control with each random control; there are none with two arms.
        """
        if self.contrasts:
            return self.contrasts
        control = self.control_arm
        others = sorted(set(arms) - {control}, key=lambda arm: (self.doses.get(arm, math.inf), arm))
        if len(others) < 2 and set(others) <= set(self.contrast):
            return ()
        against_control = [(arm, control, AGAINST_CONTROL) for arm in others]
        against_random = [
            (arm, chance, AGAINST_RANDOM)
            for chance in self.random_controls
            if chance != control and chance in others
            for arm in others
            if arm not in self.random_controls
        ]
        return tuple(
            PlannedContrast(f"{first} − {second}", first, second, family)
            for arm, other, family in [*against_control, *against_random]
            for first, second in [self.contrast if {arm, other} == set(self.contrast) else (arm, other)]
        )

    def others_among(self, arms: Collection[str]) -> tuple[PlannedContrast, ...]:
        """List the same contrasts without the primary one, which is tested alone at alpha."""
        return tuple(each for each in self.contrasts_among(arms) if not self.is_primary(each))

    def is_primary(self, contrast: PlannedContrast) -> bool:
        """Return whether a contrast is the primary one, either way round."""
        return {contrast.first, contrast.second} == set(self.contrast)

    @property
    def control_arm(self) -> str:
        """The arm that every other arm is compared with by default."""
        return self.contrast[1] if self.control is None else self.control

    @property
    def in_order(self) -> tuple[Judged, ...]:
        """The dimensions, the primary one first."""
        return tuple(sorted(self.dimensions, key=lambda dimension: dimension.name != self.primary))


def plan_analysis(
    analysis: AnalysisPlan,
    dimensions: Sequence[Judged],
    *,
    contrast: tuple[str, str],
    test: PlannedTest | None = None,
    arms: ArmFacts | None = None,
    n_raters: int | None = None,
    seed: int = 0,
) -> Planned:
    """Fill in what the analysis plan leaves to the study: contrast, test, primary dimension, arms, raters."""
    known = arms or ArmFacts()
    return Planned(
        contrast=contrast,
        dimensions=(*map(as_scored, dimensions), *make_composites(analysis.composites, dimensions)),
        primary=analysis.primary or dimensions[0].name,
        scope=analysis.scope,
        score=analysis.score,
        test=test or analysis.test or "cell_scores",
        alpha=analysis.alpha,
        sesoi=analysis.sesoi,
        coprimary=analysis.coprimary,
        doses=known.doses,
        contrasts=tuple(
            PlannedContrast(
                each.name or f"{each.first} − {each.second}", each.first, each.second, each.family
            )
            for each in analysis.contrasts
        ),
        control=known.control,
        random_controls=known.random_controls,
        changed=known.changed,
        exclusions=analysis.exclusions,
        looks=analysis.interim_looks,
        n_raters=n_raters,
        seed=seed,
    )


def _require_trend(doses: Mapping[str, float]) -> None:
    if doses and len(set(doses.values())) < 2:
        msg = f"doses has only the dose {next(iter(doses.values())):g}; a trend needs two that differ"
        raise StudyError(msg)


def require_coprimary(test: CoprimaryTest, *, primary: str, names: Collection[str]) -> None:
    """Refuse a coprimary test on the primary dimension, or on an unknown one.

    Raises:
        StudyError: If it is one of these.
    """
    if test.dimension not in names:
        msg = f"Unknown coprimary dimension {test.dimension!r}." + nearest(test.dimension, names)
        raise StudyError(msg)
    if not test.margin > 0:
        msg = f"The margin of the coprimary test is {test.margin:g}; valid: above 0."
        raise StudyError(msg)
    if test.dimension == primary:
        msg = f"The coprimary dimension is {primary!r}, which is the primary one; name another one."
        raise StudyError(msg)


def require_limits(limits: object) -> None:
    """Refuse ends of a scale that are not two numbers, the lower one first.

    Raises:
        StudyError: If they are not.
    """
    if limits is None:
        return
    given = list(limits) if isinstance(limits, Sequence) and not isinstance(limits, str) else []
    is_pair = len(given) == 2 and all(isinstance(each, Real) for each in given)
    if not is_pair or not given[0] < given[1] or not all(map(math.isfinite, given)):
        shown = " to ".join(f"{each:g}" for each in given) if is_pair else repr(limits)
        msg = f"limits is {shown}; valid: two numbers, the lower one first"
        raise StudyError(msg)


def require_choice_options(
    *, are_choices: Sequence[bool], points: object, limits: tuple[float, float] | None, coding: object
) -> None:
    """Refuse options that do not fit the kind of the dimensions: choices between two texts, or ratings.

    Raises:
        StudyError: If an option would have no effect, or would not be that of a scale.
    """
    if coding is not None and not any(are_choices):
        msg = f"choices is {coding!r}, but no answer is a choice between texts: there is no column other_arm"
        raise StudyError(msg)
    if not are_choices or not all(are_choices):
        return
    if points is not None:
        msg = f"points is {points}, but all answers are choices between texts; give limits, such as -3 to 3"
        raise StudyError(msg)
    if limits is not None and (limits[0] != -limits[1] or limits[1] != round(limits[1])):
        msg = (
            f"limits is {limits[0]:g} to {limits[1]:g}, but all answers are choices between texts; valid: "
            "a whole number and its negative, such as -3 to 3"
        )
        raise StudyError(msg)


def require_options(
    *, points: object, sesoi: object, scope: object, score: object, test: object = None
) -> None:
    """Refuse options that are not of their kind.

    Raises:
        StudyError: If one is not; names the valid values.
    """
    if points is not None and (isinstance(points, bool) or not isinstance(points, Integral)):
        msg = f"points is {points!r}; valid: a whole number, or None"
        raise StudyError(msg)
    if sesoi is not None and (isinstance(sesoi, bool) or not isinstance(sesoi, Real)):
        msg = f"sesoi is {sesoi!r}; valid: a number above 0, or None"
        raise StudyError(msg)
    for name, value, valid in (
        ("scope", scope, (*get_args(Scope), None)),
        ("score", score, (*get_args(PlannedScore), None)),
        ("test", test, (*get_args(PlannedTest), None)),
    ):
        if value not in valid:
            msg = f"{name} is {value!r}; valid: {', '.join(map(repr, valid))}"
            raise StudyError(msg)


def points_of_labels(frame: pd.DataFrame) -> int | None:
    """Return the number of points of a frame whose answers were read by their labels; else None."""
    notes = reading_of(frame)
    return len(notes.labels) or None if notes is not None else None


def match_contrast(contrast: object, arms: Iterable[str]) -> tuple[str, str]:
    """Return the two arms of a frame that a contrast names.

    Raises:
        StudyError: If it does not name two arms that have answers.
    """
    if not isinstance(contrast, tuple | list) or len(contrast) != 2:
        msg = f"contrast is {contrast!r}; valid: two arms, the first minus the second"
        raise StudyError(msg)
    first, second = (_match(str(arm), "contrast", arms) for arm in contrast)
    return first, second


def match_doses(doses: Mapping[str, float] | None, arms: Iterable[str]) -> dict[str, float]:
    """Return doses under the names of the frame's arms.

    Raises:
        StudyError: If they are not numbers by arm, or name an arm without answers.
    """
    if doses is not None and not isinstance(doses, Mapping):
        msg = f"doses is {doses!r}; valid: the dose of each arm that has one, {{'arm': 1.5}}"
        raise StudyError(msg)
    matched: dict[str, float] = {}
    for arm, dose in (doses or {}).items():
        if isinstance(dose, bool) or not isinstance(dose, Real):
            msg = f"doses[{arm!r}] is {dose!r}; valid: a number"
            raise StudyError(msg)
        matched[_match(str(arm), "doses", arms)] = float(dose)
    return matched


def _match(name: str, field: str, arms: Iterable[str]) -> str:
    known = {normalise_name(arm): arm for arm in arms}
    if normalise_name(name) not in known:
        msg = f"{field} names the arm {name!r}, which has no answers.{nearest(name, known)}"
        raise StudyError(msg)
    return known[normalise_name(name)]


def plan_of(study: Study) -> Planned:
    """Fill in the study's analysis plan: contrast, arms, doses, raters, and a seed from the study's hash."""
    planned = plan_analysis(
        study.analysis,
        study.described_dimensions,
        contrast=study.contrast,
        test=study.planned_test,
        arms=ArmFacts(
            control=study.control,
            doses=dose_levels(study),
            random_controls=tuple(
                arm.name
                for arm in study.arms
                if (isinstance(arm, ConceptSteered) and arm.random_seed is not None)
                or (
                    isinstance(arm, Steered) and all(isinstance(each, RandomVector) for each in arm.additions)
                )
            ),
            changed=study.changed_arms,
        ),
        n_raters=study.n_raters,
        seed=int(study.hash[:16], 16),
    )
    return replace(planned, questionnaire=study.questionnaire, moderators=study.analysis.moderators)

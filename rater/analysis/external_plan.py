"""Plan the analysis of ratings that come without a study: contrast, scale and dimensions from the table.

Facts that a table does not have are taken by a stated rule and kept in `Planned.assumptions`, or asked for.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from rater.analysis.answer_kinds.kind import TableOptions, all_kinds, kind_of
from rater.analysis.answer_scale import ChoiceCoding, Judged
from rater.analysis.cell_scores import name_prompts_by_concept, read_concepts
from rater.analysis.contrast_data import (
    are_few_paired,
    first_showings,
    judged_only,
    measure_overlap,
    select_ratings,
)
from rater.analysis.plan import (
    MIXED_MODEL_RULE,
    Planned,
    match_contrast,
    match_doses,
    points_of_labels,
    require_choice_options,
    require_limits,
    require_options,
)
from rater.analysis.validation import validate_frame
from rater.errors import StudyError
from rater.name_lists import shell_argument
from rater.names import normalise_name
from rater.study.analysis_plan import CoprimaryTest, PlannedScore, PlannedTest, Scope
from rater.study.composite import CompositeRule, CompositeScore, make_composite

MAX_POINTS = 11
BASELINES = frozenset(
    {
        "unsteered", "base", "baseline", "control", "none", "original", "reference", "placebo", "vanilla",
        "plain", "default", "unmodified", "unchanged", "untreated", "off",
    }
)  # fmt: skip
"""Words in the name of an arm that every other arm is compared with."""


def plan_for(  # noqa: PLR0913 (each argument is a part of the plan)
    frame: pd.DataFrame,
    *,
    contrast: tuple[str, str] | None = None,
    points: int | None = None,
    limits: tuple[float, float] | None = None,
    choices: ChoiceCoding | None = None,
    scope: Scope | None = None,
    score: PlannedScore | None = None,
    test: PlannedTest | None = None,
    sesoi: float | None = None,
    doses: Mapping[str, float] | None = None,
    composites: Sequence[tuple[str, CompositeRule, tuple[str, ...]]] = (),
    primary: str | None = None,
    no_worse: tuple[str, float] | None = None,
) -> Planned:
    """Plan the analysis of a tidy frame of external ratings; the first dimension in it is the primary one.

    Args:
        frame: The frame that `read` returned.
        contrast: The two arms, first minus second; by default the second is named as a baseline.
        points: The number of points, from 1. Left out, it is the number of labels that `read` was given, or
            the highest answer if all are whole numbers from 1 to 11; otherwise answers are any numbers.
        limits: The lowest and the highest possible answer, for a scale that does not begin at 1.
        choices: The coding of choices between two texts: "signed" (above 0 for the text of ``arm``, 0 for
            neither, below 0 for the other text), "1/0" (won, lost) or "1/2" (the first, the second text).
            Left out, it is "signed", unless the answers look like one of the others.
        scope: What the claim generalises to; by default raters, prompts, and concepts if there are two.
        score: What the primary test compares. Left out, net superiority, or scale points in a mixed model.
        test: The primary test; by default the one that fits the design (`choose_test`).
        sesoi: The smallest effect size of interest, in units of the score.
        doses: The dose of each arm that has one.
        composites: Name, rule and dimensions of each composite score (`rater.study.composite`).
        primary: The primary dimension or composite score; by default the first dimension.
        no_worse: For a coprimary test, the dimension and the margin by which the first arm may be worse.

    Raises:
        RaterError: If the frame is not valid, or the arms to compare are unknown or have no answers.
    """
    require_options(points=points, sesoi=sesoi, scope=scope, score=score, test=test)
    frame = name_prompts_by_concept(validate_frame(frame))
    dimensions = _require_dimensions(frame, points=points, limits=limits, choices=choices)
    arms = arms_of(frame)
    chosen, why_concepts = _infer_scope(frame) if scope is None else (scope, "")
    taken, why = _infer_contrast(arms) if contrast is None else (match_contrast(contrast, arms), "")
    planned = Planned(
        contrast=taken,
        dimensions=(*dimensions, *_make_composites(composites, dimensions)),
        primary=normalise_name(primary) if primary else dimensions[0].name,
        scope=chosen,
        score=score or ("scale_points" if test == "mixed_model" else "net_superiority"),
        test=test or "cell_scores",
        sesoi=sesoi,
        coprimary=_make_coprimary(no_worse),
        doses=match_doses(doses, arms),
        assumptions=tuple(each for each in (why, why_concepts) if each),
    )
    is_open = test is None and chosen not in {"raters", "prompts"} and score != "net_superiority"
    return _with_test_by_design(planned, frame, has_score=score is not None) if is_open else planned


def _infer_scope(frame: pd.DataFrame) -> tuple[Scope, str]:
    """Take concepts as a random factor where there are two; return the scope and the rule."""
    concepts = read_concepts(frame)
    if concepts is None:
        return "raters+prompts", ""
    design = "crossed with them" if concepts.is_crossed else "nested in them"
    return "raters+prompts+concepts", (
        f"the claim is over concepts too, since the column “concept” has {len(concepts.names)}, with prompts "
        f"{design} (for these concepts only: --scope raters+prompts)"
    )


def _require_dimensions(
    frame: pd.DataFrame,
    *,
    points: int | None,
    limits: tuple[float, float] | None,
    choices: ChoiceCoding | None,
) -> tuple[Judged, ...]:
    points = points_of_labels(frame) if points is None and limits is None else points
    dimensions = infer_dimensions(frame, points=points, limits=limits, choices=choices)
    if not dimensions:
        msg = "there are no answers to analyse; give a table with a row for each answer"
        raise StudyError(msg)
    return dimensions


def _make_composites(
    declared: Sequence[tuple[str, CompositeRule, tuple[str, ...]]], dimensions: Sequence[Judged]
) -> list[CompositeScore]:
    """Return composite scores of external ratings.

    Raises:
        StudyError: If one does not fit the dimensions.
    """
    try:
        return [
            make_composite(normalise_name(name), rule, tuple(map(normalise_name, of)), dimensions)
            for name, rule, of in declared
        ]
    except ValueError as error:
        hint = " (--points or --limits sets the scale of all)" if "different scales" in str(error) else ""
        raise StudyError(f"{str(error)[:1].upper()}{str(error)[1:]}{hint}.") from error


def _make_coprimary(no_worse: tuple[str, float] | None) -> CoprimaryTest | None:
    if no_worse is None:
        return None
    name, margin = no_worse
    # names in a table need not be names of a study
    return CoprimaryTest.model_construct(dimension=normalise_name(name), margin=margin)


def _with_test_by_design(planned: Planned, frame: pd.DataFrame, *, has_score: bool) -> Planned:
    judged = next(each for each in planned.rated if each.name in planned.primary_parts)
    test, reason = choose_test(frame, planned.contrast, judged)
    if not reason:
        return replace(planned, test=test)
    if planned.sesoi is not None and not has_score:
        msg = (
            f"sesoi is {planned.sesoi:g}, without a unit, since {reason}; give score='scale_points' "
            "(--score) with it"
        )
        raise StudyError(msg)
    assumptions = (*planned.assumptions, reason)
    return replace(planned, test=test, score="scale_points", assumptions=assumptions)


def choose_test(frame: pd.DataFrame, contrast: tuple[str, str], judged: Judged) -> tuple[PlannedTest, str]:
    """Return the primary test and, for the mixed model, the reason, from the texts that raters were shown.

    Answers are not used, and a text that could not be judged counts as shown.
    """
    if kind_of(judged).why_no_mixed_model:
        return "cell_scores", ""
    overlap = measure_overlap(select_ratings(first_showings(frame), contrast, judged.name))
    has_both = 0 < overlap.n_first < overlap.n_answers
    if not has_both or overlap.reason_in_mixed_models:
        return "cell_scores", ""
    if not are_few_paired(overlap.n_paired, overlap.n_answers):
        return "cell_scores", ""
    reason = "no rater was shown both arms of a prompt"
    if overlap.n_paired:
        counts = f"{overlap.n_paired:,} of {overlap.n_answers:,}"
        reason = f"only {counts} texts were shown to raters who were shown both arms of the prompt"
    return "mixed_model", f"{MIXED_MODEL_RULE}, because {reason}"


def infer_dimensions(
    frame: pd.DataFrame,
    *,
    points: int | None = None,
    limits: tuple[float, float] | None = None,
    choices: ChoiceCoding | None = None,
) -> tuple[Judged, ...]:
    """Take the dimensions of a valid frame in their order there, each with the scale that its answers show.

    Raises:
        StudyError: If ``points`` or ``limits`` are not those of a scale.
    """
    if points is not None and not 2 <= points <= MAX_POINTS:
        msg = f"points is {points}; valid: 2 to {MAX_POINTS}, or none for answers that are any numbers"
        raise StudyError(msg)
    if limits is not None:
        if points is not None:
            msg = "points and limits are both given; a scale has points from 1, or limits"
            raise StudyError(msg)
        require_limits(limits)
    answered = judged_only(frame).dropna(subset=["answer"])
    given = TableOptions(points, limits, choices)
    dimensions = tuple(
        _infer(str(name), rows, given) for name, rows in answered.groupby("dimension", sort=False)
    )
    are_choices = [kind_of(each).is_preference for each in dimensions]
    require_choice_options(are_choices=are_choices, points=points, limits=limits, coding=choices)
    return dimensions


def arms_of(frame: pd.DataFrame) -> list[str]:
    """List the arms of a valid frame, those of second texts included."""
    others = set(frame["other_arm"].dropna()) if "other_arm" in frame.columns else set()
    return sorted(set(frame["arm"]) | others)


def is_baseline(arm: str) -> bool:
    """Return whether an arm's name has one of the words for a baseline."""
    words = re.sub(r"control[\W_]*vectors?", "", arm.casefold())  # which steer
    return not BASELINES.isdisjoint(re.split(r"[\W_]+", words))


def _infer(name: str, rows: pd.DataFrame, given: TableOptions) -> Judged:
    """Return the dimension as the first kind of answer reads it that recognises the answers."""
    inferred = (kind.infer(name, rows, given) for kind in all_kinds().values())
    return next(judged for judged in inferred if judged is not None)


def _infer_contrast(arms: list[str]) -> tuple[tuple[str, str], str]:
    """Take two arms as a contrast if one of them is the baseline; return the contrast and the rule.

    Raises:
        StudyError: If the frame has one arm, more than two, or no or two baselines; names each choice.
    """
    if len(arms) < 2:
        msg = f"all answers are of the arm {arms[0]!r}; to compare, there must be answers of two arms"
        raise StudyError(msg)
    baselines = [arm for arm in arms if is_baseline(arm)]
    if len(arms) == 2 and len(baselines) == 1:
        second = baselines[0]
        first = next(arm for arm in arms if arm != second)
        why = f"the contrast is “{first}” minus “{second}”, since “{second}” is the name of a baseline"
        return (first, second), why
    named = ", ".join(arms) if len(arms) <= 10 else f"{', '.join(arms[:10])}, …"
    msg = f"there are {len(arms)} arms ({named}); name the two to compare, "
    first = next(arm for arm in arms if [arm] != baselines)
    second = baselines[0] if len(baselines) == 1 else arms[1]
    if len(arms) > 2:
        raise StudyError(f"{msg}such as {_offer((first, second))}")
    offers = " or ".join(_offer(pair) for pair in ((first, second), (second, first)))
    raise StudyError(f"{msg}the first minus the second: {offers}")


def _offer(pair: tuple[str, str]) -> str:
    return f"contrast={pair!r}, or --contrast {shell_argument(pair)}"

"""Missing answers by arm, and the tipping point at which they would change the result.

Delta adjustment of a pattern-mixture model: if the difference on the missing answers of an arm were delta
less favourable than on those that are there, the difference would be

    d − delta f,  with the variance  SE(d)² + delta² SE(f)²,

f being the mean share of missing answers of that arm over rater × prompt cells. The tipping point is the
smallest delta at which the interval reaches 0.

An answer is missing where a rater could not judge a text, where the question did not apply to it, or where
the rater left before answering. The primary test
takes the missing answers to be like the others of their cell (missing at random), which no data can show. Two
things help: a test of whether more are missing in one arm, and the tipping point of a delta adjustment
(`rater.analysis.missing_answers`).

Where booklets are known, missing is what was assigned and not answered. Otherwise only this is known: cells
with answers to one arm alone lack the other, whether or not it was ever shown.
"""

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.cell_scores import CONCEPT, SHARED_PROMPT, CellScores, read_concepts
from rater.analysis.contrast_data import cell_codes, first_showings
from rater.analysis.crossed import OutcomeLabels, crossed_t
from rater.analysis.intervals import DIFFERENCE, Bounds, bounds_of
from rater.analysis.plan import Planned
from rater.analysis.results import Counts, NotEstimable, Outcome, Result
from rater.analysis.validation import flags

REFERENCE = (
    "Little 1993, J. Am. Stat. Assoc. 88:125–134; Carpenter & Kenward 2013, Multiple Imputation, ch. 10"
)


class MissingShare(NamedTuple):
    """A mean share of missing answers, with its standard error."""

    mean: float
    error: float


@dataclass(frozen=True)
class TippingPoint:
    """The difference on the missing answers of an arm at which the result is no longer significant."""

    arm: str
    share: float
    """The mean share of missing answers over cells."""
    delta: float | None
    """By how much the difference on the missing answers would have to be less favourable than on the others,
    in units of the planned score; None where no value however far would do."""
    value: float | None
    """The difference on the missing answers themselves: the estimate less ``delta``, in its direction."""
    is_possible: bool
    """True if that value is possible at all."""


def tip(
    arm: str, share: MissingShare, primary: Result, bounds: Bounds | None, *, alpha: float
) -> TippingPoint:
    """Find the tipping point of one arm; the primary result is significant."""
    quantile = float(stats.t.ppf(1 - alpha / 2, primary.df)) if primary.df else 0.0
    delta = tipping_delta(
        abs(primary.estimate),
        primary.standard_error or 0.0,
        share=share.mean,
        share_error=share.error,
        quantile=quantile,
    )
    if delta is None:
        return TippingPoint(arm, share.mean, None, None, is_possible=False)
    sign = 1.0 if primary.estimate > 0 else -1.0
    value = primary.estimate - sign * delta
    is_possible = bounds is None or bounds.low <= value <= bounds.high
    return TippingPoint(arm, share.mean, delta, value, is_possible=is_possible)


def tipping_delta(
    estimate: float, error: float, *, share: float, share_error: float, quantile: float
) -> float | None:
    """Solve (estimate − delta share)² = quantile² (error² + delta² share_error²) for the smallest delta > 0.

    None where no delta makes the interval reach 0. The estimate is positive and significant.
    """
    a = share**2 - (quantile * share_error) ** 2
    b = -2 * estimate * share
    c = estimate**2 - (quantile * error) ** 2
    if abs(a) < 1e-15:
        return -c / b if b else None
    discriminant = b**2 - 4 * a * c
    if discriminant < 0:
        return None
    roots = [(-b + sign * math.sqrt(discriminant)) / (2 * a) for sign in (-1, 1)]
    positive = [root for root in roots if root > 0]
    return min(positive) if positive else None


SlotSource = Literal["booklets", "cells"]
Kind = Literal["cannot_judge", "not_applicable", "not_answered"]
_KINDS: tuple[Kind, ...] = ("cannot_judge", "not_applicable", "not_answered")
CANNOT_JUDGE = "cannot judge, crossed t"
NOT_APPLICABLE = "not applicable, crossed t"
NOT_ANSWERED = "not answered, crossed t"
_TESTS: dict[Kind, tuple[str, str]] = {
    "cannot_judge": (CANNOT_JUDGE, "could not be judged"),
    "not_applicable": (NOT_APPLICABLE, "had a question that did not apply"),
    "not_answered": (NOT_ANSWERED, "were not answered"),
}
"""The name of each test, and what happened to the texts."""
ASSIGNED = ("rater", "item", "prompt", "arm", "dimension")
"""The columns of the frame of assigned texts; an empty dimension means all dimensions."""
_UNKNOWN: dict[SlotSource, str] = {
    "booklets": (
        "Raters who have not finished count as drop-outs. The reasons for missing answers, and their values, "
        "are unknown."
    ),
    "cells": (
        "The assignment of texts to raters is unknown: a rater with answers to one arm for a prompt counts "
        "as missing an answer to the other arm, whether or not it was shown. Answers missing in both arms, "
        "or in addition to others of their arm, are not counted."
    ),
}


@dataclass(frozen=True)
class MissingByArm:
    """The answers that are missing in one arm (or, for choices, to one pair of arms)."""

    arm: str
    n: int
    """The number of expected answers."""
    n_cannot_judge: int
    n_not_answered: int
    n_not_applicable: int = 0


@dataclass(frozen=True, kw_only=True)
class MissingAnswers:
    """Missing ratings on a dimension by arm, their tests, and the tipping points."""

    source: SlotSource
    counts: tuple[MissingByArm, ...]
    cannot_judge: Outcome | None
    """The share that could not be judged, first arm minus second; None where all could."""
    not_applicable: Outcome | None
    """The share to which the question did not apply, first arm minus second; None where it always did."""
    not_answered: Outcome | None
    """The share that was not answered, first arm minus second; None where all were."""
    tipping: tuple[TippingPoint, ...]
    """For each arm with missing answers; empty where the primary test is not significant."""
    unknown: str
    """The limits of this analysis, in one or two sentences."""
    reference: str = REFERENCE


def find_missing_answers(
    frame: pd.DataFrame,
    judged: Judged,
    planned: Planned,
    primary: Outcome,
    *,
    assigned: pd.DataFrame | None = None,
) -> MissingAnswers | None:
    """Find the answers that are missing on a dimension; None where none is. Costs some sorts of its rows.

    Args:
        frame: The tidy frame with its rows of "cannot judge" and "not applicable"; repeats are left out.
        judged: The dimension.
        planned: The contrast and alpha.
        primary: The planned test on this dimension.
        assigned: One row for each text that a rater was assigned, repeats and checks left out (`ASSIGNED`);
            None where that is not known.
    """
    pairwise = kind_of(judged).has_both_arms
    source: SlotSource = "cells" if assigned is None else "booklets"
    in_one_arm = planned.test == "mixed_model"
    slots = _slots(frame, judged, planned.contrast, assigned, in_one_arm=in_one_arm)
    if not slots[[*_KINDS]].to_numpy().any():
        return None
    return MissingAnswers(
        source=source,
        counts=_count(slots, planned.contrast),
        cannot_judge=_test(slots, "cannot_judge", planned, pairwise=pairwise),
        not_applicable=_test(slots, "not_applicable", planned, pairwise=pairwise),
        not_answered=_test(slots, "not_answered", planned, pairwise=pairwise),
        tipping=_tip(slots, judged, planned, primary, pairwise=pairwise),
        unknown=_UNKNOWN[source],
    )


def _slots(
    frame: pd.DataFrame,
    judged: Judged,
    contrast: tuple[str, str],
    assigned: pd.DataFrame | None,
    *,
    in_one_arm: bool,
) -> pd.DataFrame:
    """List one row for each answer that there should be: rater, prompt, arm, and how it is missing, if it is.

    Of answers about texts of two arms ``arm`` names both. With ``in_one_arm`` an answer needs no partner.
    """
    kind, dimension = kind_of(judged), judged.name
    rows = first_showings(frame)
    rows = rows[rows["dimension"] == dimension]
    opted_out = {kind: flags(rows, kind) for kind in ("cannot_judge", "not_applicable")}
    rows = rows.assign(**opted_out, not_answered=False)
    if assigned is not None:
        assigned = assigned[assigned["dimension"].isna() | (assigned["dimension"] == dimension)]
        done = pd.MultiIndex.from_arrays([rows["rater"].astype(str), rows["item"].astype(str)])
        of_assigned = pd.MultiIndex.from_arrays([assigned["rater"].astype(str), assigned["item"].astype(str)])
        left = _like(rows, assigned[~of_assigned.isin(done)])
        rows = pd.concat([rows, _not_answered(left)], ignore_index=True)
    elif not kind.has_both_arms and not in_one_arm:
        rows = pd.concat([rows, _without_partner(rows, contrast)], ignore_index=True)
    if kind.has_both_arms:
        rows = rows.assign(arm=kind.name_both_arms(rows))
    concepts = [name for name in (CONCEPT, SHARED_PROMPT) if name in rows.columns]
    return rows[["rater", "prompt", "arm", *_KINDS, *concepts]].astype(
        {"rater": str, "prompt": str, **dict.fromkeys(_KINDS, bool)}
    )


def _not_answered(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(cannot_judge=False, not_applicable=False, not_answered=True)


def _like(rows: pd.DataFrame, left: pd.DataFrame) -> pd.DataFrame:
    """Name the prompts of texts without an answer as the frame does, where it names them by concept."""
    if SHARED_PROMPT not in rows.columns or CONCEPT not in left.columns:
        return left
    prompt = left["prompt"].astype(str)
    columns = {"prompt": left[CONCEPT].astype(str) + " · " + prompt, SHARED_PROMPT: prompt}
    return left.assign(**columns)


def _without_partner(rows: pd.DataFrame, contrast: tuple[str, str]) -> pd.DataFrame:
    """List one missing answer for each rater × prompt with rows of one arm of the contrast alone."""
    cells = rows[rows["arm"].isin(contrast)][[*_cell_of(rows), "arm"]].drop_duplicates()
    alone = cells[~cells.duplicated(["rater", "prompt"], keep=False)]
    if len(alone) == len(cells):
        alone = alone.iloc[:0]  # nobody saw both arms of a prompt: that is the design, and nothing is missing
    other = alone["arm"].map({contrast[0]: contrast[1], contrast[1]: contrast[0]})
    return _not_answered(alone.assign(arm=other))


def _count(slots: pd.DataFrame, contrast: tuple[str, str]) -> tuple[MissingByArm, ...]:
    present = set(slots["arm"])
    arms = [*(arm for arm in contrast if arm in present), *sorted(present - set(contrast))]
    by_arm = slots.groupby("arm")[[*_KINDS]].agg(["size", "sum"])
    return tuple(
        MissingByArm(
            arm,
            n=int(by_arm.loc[arm, ("cannot_judge", "size")]),
            n_cannot_judge=int(by_arm.loc[arm, ("cannot_judge", "sum")]),
            n_not_applicable=int(by_arm.loc[arm, ("not_applicable", "sum")]),
            n_not_answered=int(by_arm.loc[arm, ("not_answered", "sum")]),
        )
        for arm in arms
    )


def _test(slots: pd.DataFrame, kind: Kind, planned: Planned, *, pairwise: bool) -> Outcome | None:
    """Test the difference of the shares between the arms, cell by cell, over raters and prompts."""
    if not slots[kind].any():
        return None
    name, what = _TESTS[kind]
    first, second = planned.contrast
    shares = [_shares(slots[slots["arm"] == arm], kind) for arm in planned.contrast]
    both = shares[0].merge(shares[1], on=_cell_of(slots), suffixes=("_1", "_2"))
    n = Counts(
        raters=both["rater"].nunique(),
        prompts=both["prompt"].nunique(),
        items=0,
        answers=int(both[["n_1", "n_2"]].to_numpy().sum()),
        cells=len(both),
    )
    reason = ""
    if pairwise:
        reason = "a pair that has no choice belongs to both of its arms"
    elif both.empty:
        reason = f"no rater was shown both “{first}” and “{second}” texts of the same prompt"
    if reason:
        return NotEstimable(test=name, score="answers", reason=reason, n=n)
    estimand = f"how much larger a share of “{first}” than of “{second}” texts {what}"
    about = OutcomeLabels(name, estimand, "answers", "difference of shares", bounds=DIFFERENCE)
    values = (both["share_1"] - both["share_2"]).to_numpy(dtype=np.float64)
    weight = (both["n_1"] * both["n_2"] / (both["n_1"] + both["n_2"])).to_numpy(dtype=np.float64)
    return crossed_t(_cell_scores(both, values, weight, n), about, alpha=planned.alpha)


def _shares(slots: pd.DataFrame, *kinds: str) -> pd.DataFrame:
    """Compute the share of missing answers in each rater × prompt cell: rater, prompt, concept, share, n."""
    missing = slots[list(kinds)].any(axis=1).astype(np.float64)
    grouped = slots.assign(missing=missing).groupby(_cell_of(slots))["missing"]
    return grouped.agg(share="mean", n="size").reset_index()


def _cell_of(slots: pd.DataFrame) -> list[str]:
    """Return the columns that name a cell and the concept of its prompt."""
    return ["rater", "prompt", *(name for name in (CONCEPT, SHARED_PROMPT) if name in slots.columns)]


def _cell_scores(
    cells: pd.DataFrame, values: NDArray[np.float64], weight: NDArray[np.float64], n: Counts
) -> CellScores:
    rater, prompt = (pd.factorize(cells[column], sort=True)[0] for column in ("rater", "prompt"))
    order = np.argsort(cell_codes(rater, prompt))
    concepts = read_concepts(cells)
    return CellScores(rater[order], prompt[order], values[order], weight[order], n, concepts)


def _tip(
    slots: pd.DataFrame, judged: Judged, planned: Planned, primary: Outcome, *, pairwise: bool
) -> tuple[TippingPoint, ...]:
    """Find the tipping point of each arm with missing answers, where the primary test is significant."""
    if not (isinstance(primary, Result) and primary.rejects(planned.alpha) and primary.standard_error):
        return ()
    first, second = planned.contrast
    arms = [f"{first} or {second}", f"{second} or {first}"] if pairwise else [first, second]
    points = []
    for arm in arms:
        own = slots[slots["arm"] == arm]
        if own[[*_KINDS]].to_numpy().any():
            shares = _shares(own, *_KINDS)
            share = MissingShare(float(shares["share"].mean()), _error_of_share(shares, planned.alpha))
            points.append(tip(arm, share, primary, bounds_of(primary.score, judged), alpha=planned.alpha))
    return tuple(points)


def _error_of_share(shares: pd.DataFrame, alpha: float) -> float:
    """Compute the standard error of the mean share over raters and prompts; 0 where it does not vary."""
    values = shares["share"].to_numpy(dtype=np.float64)
    n = Counts(
        raters=shares["rater"].nunique(),
        prompts=shares["prompt"].nunique(),
        items=0,
        answers=int(shares["n"].sum()),
        cells=len(shares),
    )
    about = OutcomeLabels("share of missing answers", "share of missing answers", "answers", "share")
    outcome = crossed_t(_cell_scores(shares, values, np.ones(len(shares)), n), about, alpha=alpha)
    return (outcome.standard_error or 0.0) if isinstance(outcome, Result) else 0.0

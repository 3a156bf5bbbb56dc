"""Exclude raters by the criteria that the study declared in advance, blind to the arms.

The primary test is repeated without exclusions, so that readers see their influence (statistics.md
section 5).
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.answer_scale import Judged
from rater.analysis.contrast_data import first_showings, judged_only
from rater.analysis.group_trials import PLACE, chosen_places
from rater.analysis.quality import paces_of
from rater.analysis.sentences import counted
from rater.analysis.validation import as_numbers, flags, validate_frame
from rater.errors import RaterError
from rater.study.analysis_plan import Exclusions
from rater.study.trial_times import count_sources

BLIND = (
    "rater",
    "item",
    "dimension",
    "answer",
    "position",
    "shown_ms",
    "hidden_ms",
    "answered_at",
    "first_answered_at",
    "is_repeat",
    "cannot_judge",
    "not_applicable",
    "arm_is_left",
)
"""The only columns of the frame that a criterion reads; the arm is not among them."""
CHECKS = ("rater", "n_checks", "n_passed", "finished", "left_why")
"""The columns of the frame of raters."""


@dataclass(frozen=True)
class Excluded:
    """An excluded rater, with the reasons."""

    rater: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """The excluded raters, and the criteria that could not be applied."""

    rules: tuple[str, ...]
    """The declared criteria, in words."""
    raters: tuple[Excluded, ...]
    n_answers: int
    """The number of their answers."""
    notes: tuple[str, ...]
    """Criteria that the data do not allow to apply, and the coverage of the time criterion."""
    n_server_timed: int = 0
    """Raters whose times come from the server, because the browser sent none."""
    n_untimed: int = 0
    """Raters without times, to whom the time criterion could not be applied."""


def excluded_raters(exclusion: Exclusion | None) -> frozenset[str]:
    """Return the ids of the raters who are excluded."""
    return frozenset(each.rater for each in exclusion.raters) if exclusion else frozenset()


def as_given(frame: pd.DataFrame, dimensions: Iterable[Judged]) -> pd.DataFrame:
    """Return a frame with the answers as raters gave them: labels and places instead of scores."""
    for judged in dimensions:
        frame = kind_of(judged).as_given(frame, judged)
    return frame


def exclude(
    frame: pd.DataFrame, checks: pd.DataFrame | None, rules: Exclusions, *, primary: Collection[str]
) -> Exclusion | None:
    """Apply the declared criteria; None if none is declared. Takes a few passes over the answers.

    Args:
        frame: The tidy frame; only its columns `BLIND` are read.
        checks: One row for each rater: rater, n_checks, n_passed, finished, left_why; None where unknown.
        rules: The declared criteria.
        primary: The primary dimension, on which equal answers are counted, or the parts of a composite score,
            on which equal combinations of answers are.

    Raises:
        RaterError: If the frame of raters lacks a column.
    """
    if not rules.any_declared:
        return None
    blind = frame[[column for column in BLIND if column in frame.columns]].assign(
        rater=lambda rows: rows["rater"].astype(str)
    )
    known = _known(checks)
    reasons: dict[str, list[str]] = {}
    descriptions, notes = [], []
    for criterion in _criteria(rules, primary):
        descriptions.append(criterion.description)
        excluded = criterion.find(blind, known)
        if excluded is None:
            notes.append(f"the criterion “{criterion.description}” was not applied: {criterion.unknown}")
            continue
        for rater, reason in excluded.items():
            reasons.setdefault(rater, []).append(reason)
    times = _describe_times(blind, rules)
    notes += times.notes
    present = set(blind["rater"])
    raters = tuple(Excluded(rater, tuple(reasons[rater])) for rater in sorted(reasons) if rater in present)
    names = {rater.rater for rater in raters}
    return Exclusion(
        rules=tuple(descriptions),
        raters=raters,
        n_answers=int(blind["rater"].isin(names).sum()),
        notes=tuple(notes),
        n_server_timed=times.n_server,
        n_untimed=times.n_untimed,
    )


@dataclass(frozen=True)
class _Times:
    """The coverage of the time criterion."""

    n_server: int = 0
    n_untimed: int = 0
    notes: tuple[str, ...] = ()


def _describe_times(blind: pd.DataFrame, rules: Exclusions) -> _Times:
    """Count the raters whose times come from the server or are unknown, if a criterion uses times."""
    if rules.min_median_seconds is None:
        return _Times()
    paces = paces_of(blind)
    n_server, n_untimed = count_sources(paces)
    notes = []
    if n_server:
        notes.append(
            f"the browsers of {counted(n_server, 'rater')} sent no times; for them the time criterion uses "
            "the times at which the server received the answers"
        )
    if n_untimed:
        notes.append(
            f"the time criterion could not be applied to {counted(n_untimed, 'rater')} without times"
        )
    return _Times(n_server, n_untimed, tuple(notes) if n_untimed < len(paces) else ())


@dataclass(frozen=True)
class _Criterion:
    description: str
    find: Callable[[pd.DataFrame, pd.DataFrame | None], dict[str, str] | None]
    """Raters who meet the criterion, with the reason; None if the data do not allow to apply it."""
    unknown: str
    """The reason why it may not be applicable."""


def _criteria(rules: Exclusions, primary: Collection[str]) -> list[_Criterion]:
    words, declared = rules.describe(), []
    if (max_failed := rules.max_failed_checks) is not None:
        declared.append(
            _Criterion(
                words["max_failed_checks"],
                lambda _, known: _failing(known, max_failed),
                "there are no data on attention checks",
            )
        )
    if (min_seconds := rules.min_median_seconds) is not None:
        declared.append(
            _Criterion(
                words["min_median_seconds"],
                lambda blind, _: _too_fast(blind, min_seconds),
                "there are no data on times",
            )
        )
    if (max_share := rules.max_same_answer_share) is not None:
        declared.append(
            _Criterion(
                words["max_same_answer_share"],
                lambda blind, _: _straightlining(blind[blind["dimension"].isin(primary)], max_share),
                "there are no answers on the primary dimension",
            )
        )
    if rules.unfinished == "exclude":
        declared.append(
            _Criterion(
                words["unfinished"],
                lambda _, known: _unfinished(known),
                "there are no data on finished visits",
            )
        )
    return declared


def _known(checks: pd.DataFrame | None) -> pd.DataFrame | None:
    if checks is None:
        return None
    valid = validate_frame(checks, needed=CHECKS, called="The frame of raters")
    counts = {name: as_numbers(valid, name) for name in ("n_checks", "n_passed")}
    for name, numbers in counts.items():
        if np.isnan(numbers).any():
            msg = f"{name} is missing for rater {valid['rater'][np.isnan(numbers)].iloc[0]}; give a number"
            raise RaterError(msg)
    counts = {name: numbers.astype(np.intp) for name, numbers in counts.items()}
    return valid.assign(
        rater=valid["rater"].astype(str), finished=flags(valid, "finished"), **counts
    ).sort_values("rater")


def _failing(known: pd.DataFrame | None, max_failed: int) -> dict[str, str] | None:
    if known is None:
        return None
    failed = known["n_checks"] - known["n_passed"]
    return {
        rater: f"failed {n_failed} of {n} attention checks"
        for rater, n_failed, n in zip(known["rater"], failed, known["n_checks"], strict=True)
        if n_failed > max_failed
    }


def _unfinished(known: pd.DataFrame | None) -> dict[str, str] | None:
    if known is None:
        return None
    left = known[~known["finished"]]
    return {
        rater: "did not finish" + (f" ({why})" if isinstance(why, str) and why else "")
        for rater, why in zip(left["rater"], left["left_why"], strict=True)
    }


def _too_fast(blind: pd.DataFrame, min_seconds: float) -> dict[str, str] | None:
    """Find raters whose median time per trial is below a bound."""
    medians = {rater: pace.median_s for rater, pace in paces_of(blind).items()}
    known = {rater: seconds for rater, seconds in medians.items() if seconds is not None}
    if not known:
        return None
    return {rater: f"median time {s:.1f} s" for rater, s in known.items() if s < min_seconds}


def _straightlining(rows: pd.DataFrame, max_share: float) -> dict[str, str] | None:
    """Find raters who gave the same answer, or chose the same side, in more than a share of their trials.

    Of an order of several texts, the place of the text put first counts.
    """
    rows = judged_only(first_showings(rows))
    if PLACE in rows.columns:
        rows = chosen_places(rows)
    if rows.empty:
        return None
    pressed = rows["answer"].to_numpy(dtype=np.float64)
    if "arm_is_left" in rows.columns and rows["arm_is_left"].notna().all():
        # For pairs, straight-lining means choosing the same side; raters do not know the arms.
        pressed = np.where(rows["arm_is_left"].to_numpy(dtype=np.bool_), -pressed, pressed)
    given = rows[["rater"]].assign(pressed=pressed)
    if rows["dimension"].nunique() > 1:  # the parts of a composite score, answered together
        in_order = given.assign(item=rows["item"]).loc[rows["dimension"].sort_values(kind="stable").index]
        given = in_order.groupby(["rater", "item"])["pressed"].agg(tuple).reset_index()[["rater", "pressed"]]
    counts = given.value_counts()
    per_rater = counts.groupby(level="rater")
    shares = (per_rater.max() / per_rater.sum()).sort_index()
    return {
        str(rater): f"the same answer in {share:.0%} of trials"
        for rater, share in shares.items()
        if share > max_share
    }

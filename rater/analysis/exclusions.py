"""Leave raters out by the rules that the study declared beforehand, without reading an arm.

The answers of raters left out still stand in the result without exclusions, so that whoever reads it sees
what the rules did (STATISTICS.md section 5).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rater.analysis.contrast_data import first_showings, judged_only
from rater.analysis.quality import paces_of
from rater.analysis.sentences import counted
from rater.analysis.validation import as_numbers, flags, validate_frame
from rater.errors import RaterError
from rater.study.analysis_plan import Exclusions
from rater.study.trial_times import count_sources

BLIND = (
    "rater",
    "dimension",
    "answer",
    "position",
    "shown_ms",
    "hidden_ms",
    "answered_at",
    "first_answered_at",
    "is_repeat",
    "cannot_judge",
    "arm_is_left",
)
"""The only columns of the frame that a rule reads, where they are there."""
CHECKS = ("rater", "n_checks", "n_passed", "finished", "left_why")
"""The columns of the frame of raters."""


@dataclass(frozen=True)
class Excluded:
    """A rater who is left out, and why."""

    rater: str
    reasons: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Who is left out by which rules, and which rules could not be applied."""

    rules: tuple[str, ...]
    """What was declared, in words."""
    raters: tuple[Excluded, ...]
    n_answers: int
    """How many answers of theirs are left out."""
    notes: tuple[str, ...]
    """Rules that the data say nothing about, and how far the rule on time could be applied."""
    n_server_timed: int = 0
    """Raters to whom the rule on time was applied by the server's own answer times."""
    n_untimed: int = 0
    """Raters to whom the rule on time could not be applied, since nothing is known of their times."""


def excluded_raters(exclusion: Exclusion | None) -> frozenset[str]:
    """Return the ids of the raters who are excluded."""
    return frozenset(each.rater for each in exclusion.raters) if exclusion else frozenset()


def exclude(
    frame: pd.DataFrame, checks: pd.DataFrame | None, rules: Exclusions, *, primary: str
) -> Exclusion | None:
    """Apply declared rules; None where none was declared. Costs a few passes over the answers.

    Args:
        frame: The tidy frame; only its columns `BLIND` are read.
        checks: One row for each rater: rater, n_checks, n_passed, finished, left_why; None where unknown.
        rules: What was declared.
        primary: The primary dimension, on which equal answers are counted.

    Raises:
        RaterError: If the frame of raters lacks a column.
    """
    if not rules.any_declared:
        return None
    blind = frame[[column for column in BLIND if column in frame.columns]].assign(
        rater=lambda rows: rows["rater"].astype(str)
    )
    known = _known(checks)
    found: dict[str, list[str]] = {}
    said, notes = [], []
    for rule in _rules(rules, primary):
        said.append(rule.words)
        broken = rule.find(blind, known)
        if broken is None:
            notes.append(f"the rule “{rule.words}” was not applied: {rule.without}")
            continue
        for rater, reason in broken.items():
            found.setdefault(rater, []).append(reason)
    times = _describe_times(blind, rules)
    notes += times.notes
    present = set(blind["rater"])
    raters = tuple(Excluded(rater, tuple(found[rater])) for rater in sorted(found) if rater in present)
    names = {rater.rater for rater in raters}
    return Exclusion(
        rules=tuple(said),
        raters=raters,
        n_answers=int(blind["rater"].isin(names).sum()),
        notes=tuple(notes),
        n_server_timed=times.n_server,
        n_untimed=times.n_untimed,
    )


@dataclass(frozen=True)
class _Times:
    """How far the rule on time could be applied."""

    n_server: int = 0
    n_untimed: int = 0
    notes: tuple[str, ...] = ()


def _describe_times(blind: pd.DataFrame, rules: Exclusions) -> _Times:
    """Count the raters whose times are the server's or unknown, where a rule reads them."""
    if rules.min_median_seconds is None:
        return _Times()
    paces = paces_of(blind)
    n_server, n_untimed = count_sources(paces)
    notes = []
    if n_server:
        notes.append(
            f"the browsers of {counted(n_server, 'rater')} sent no times; for them the rule on time rests on "
            "the server's own answer times"
        )
    if n_untimed:
        notes.append(f"the rule on time could not be applied to {counted(n_untimed, 'rater')} without times")
    return _Times(n_server, n_untimed, tuple(notes) if n_untimed < len(paces) else ())


@dataclass(frozen=True)
class _Rule:
    words: str
    find: Callable[[pd.DataFrame, pd.DataFrame | None], dict[str, str] | None]
    """Raters who break the rule, with the reason; None where the data do not say."""
    without: str


def _rules(rules: Exclusions, primary: str) -> list[_Rule]:
    words, chosen = rules.describe(), []
    if (most := rules.max_failed_checks) is not None:
        chosen.append(
            _Rule(
                words["max_failed_checks"],
                lambda _, known: _failing(known, most),
                "nothing is known of attention checks",
            )
        )
    if (least := rules.min_median_seconds) is not None:
        chosen.append(
            _Rule(
                words["min_median_seconds"],
                lambda blind, _: _too_fast(blind, least),
                "nothing is known of times",
            )
        )
    if (share := rules.max_same_answer_share) is not None:
        chosen.append(
            _Rule(
                words["max_same_answer_share"],
                lambda blind, _: _straight_lining(blind[blind["dimension"] == primary], share),
                "there are no answers on the primary dimension",
            )
        )
    if rules.unfinished == "exclude":
        chosen.append(
            _Rule(
                words["unfinished"], lambda _, known: _unfinished(known), "nothing is known of who finished"
            )
        )
    return chosen


def _known(checks: pd.DataFrame | None) -> pd.DataFrame | None:
    if checks is None:
        return None
    valid = validate_frame(checks, needed=CHECKS, called="The frame of raters")
    counts = {name: as_numbers(valid, name) for name in ("n_checks", "n_passed")}
    for name, numbers in counts.items():
        if np.isnan(numbers).any():
            msg = f"{name} is missing (rater {valid['rater'][np.isnan(numbers)].iloc[0]}); give a number"
            raise RaterError(msg)
    counts = {name: numbers.astype(np.intp) for name, numbers in counts.items()}
    return valid.assign(
        rater=valid["rater"].astype(str), finished=flags(valid, "finished"), **counts
    ).sort_values("rater")


def _failing(known: pd.DataFrame | None, most: int) -> dict[str, str] | None:
    if known is None:
        return None
    failed = known["n_checks"] - known["n_passed"]
    return {
        rater: f"failed {n_failed} of {n} attention checks"
        for rater, n_failed, n in zip(known["rater"], failed, known["n_checks"], strict=True)
        if n_failed > most
    }


def _unfinished(known: pd.DataFrame | None) -> dict[str, str] | None:
    if known is None:
        return None
    left = known[~known["finished"]]
    return {
        rater: "did not finish" + (f" ({why})" if isinstance(why, str) and why else "")
        for rater, why in zip(left["rater"], left["left_why"], strict=True)
    }


def _too_fast(blind: pd.DataFrame, least: float) -> dict[str, str] | None:
    """Find median times of whole trials that are below a bound."""
    medians = {rater: pace.median_s for rater, pace in paces_of(blind).items()}
    known = {rater: seconds for rater, seconds in medians.items() if seconds is not None}
    if not known:
        return None
    return {rater: f"median time {s:.1f} s" for rater, s in known.items() if s < least}


def _straight_lining(rows: pd.DataFrame, most: float) -> dict[str, str] | None:
    rows = judged_only(first_showings(rows))
    if rows.empty:
        return None
    pressed = rows["answer"].to_numpy(dtype=np.float64)
    if "arm_is_left" in rows.columns and rows["arm_is_left"].notna().all():
        # Of a pair, what repeats itself is the side, not the arm, which no rater knows.
        pressed = np.where(rows["arm_is_left"].to_numpy(dtype=np.bool_), -pressed, pressed)
    counts = pd.DataFrame({"rater": rows["rater"].to_numpy(), "pressed": pressed}).value_counts()
    per_rater = counts.groupby(level="rater")
    shares = (per_rater.max() / per_rater.sum()).sort_index()
    return {
        str(rater): f"one answer in {share:.0%} of trials" for rater, share in shares.items() if share > most
    }

"""Assess blinding: Bang's and James's blinding indices from raters' guesses of the arm.

An effective intervention is noticeable, so frequent correct guesses alone are not a flaw; what matters is the
effect among those who guessed wrong or did not know (statistics.md section 6).
"""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.cell_scores import CellScores, read_concepts
from rater.analysis.contrast_data import cell_codes
from rater.analysis.crossed import OutcomeLabels, crossed_t
from rater.analysis.intervals import DIFFERENCE, SHARE, clip
from rater.analysis.results import Counts, Interval, NotEstimable, Outcome
from rater.analysis.validation import validate_frame
from rater.errors import RaterError, nearest

DONT_KNOW = "don't know"
"""The value of the column ``guess`` for "don't know"; empty means not asked."""
GuessedArm = Literal["right", "wrong", "don't know"]
BANG = "Bang, Ni & Davis 2004, Control. Clin. Trials 25:143–156"
JAMES = "James et al. 1996, Stat. Med. 15:1421–1434"
ASKED = ("rater", "item", "arm", "guess")
"""The columns of the frame of guesses."""


@dataclass(frozen=True, kw_only=True)
class BlindingIndex:
    """An index computed from a table of independent guesses."""

    name: str
    estimate: float
    standard_error: float
    interval: Interval
    """Within what is possible."""
    unclipped_interval: Interval
    """The normal interval as computed."""
    p: float | None
    """Bang's: one-sided, that guesses are right no more often than wrong; None where nothing varies."""
    n: int
    reference: str


@dataclass(frozen=True, kw_only=True)
class Blinding:
    """The guesses of the arm, the blinding indices, and the primary test by guess."""

    counts: tuple[tuple[str, int, int, int], ...]
    """By arm of the contrast: how many guesses were right, wrong, and "don't know"."""
    by_arm: tuple[tuple[str, Outcome], ...]
    """Bang's index of each arm, tested over raters and prompts: right counts 1, wrong −1."""
    together: Outcome
    """The same over both arms."""
    bang: tuple[BlindingIndex, ...]
    """Bang's index of each arm, as if all guesses were independent."""
    james: BlindingIndex | None
    """James's index of both arms, as if all guesses were independent; None where it is not defined."""
    effects: tuple[tuple[GuessedArm, Outcome], ...]
    """The difference between the arms among texts whose arm was guessed right, wrong, or not."""
    n_given: int
    """All guesses, those about texts of further arms too."""


def bang_index(counts: Sequence[int], arm: str, *, alpha: float = 0.05) -> BlindingIndex:
    """Compute Bang's index of one arm from counts (right, wrong, don't know); at least one.

    (right − wrong) / n, from −1 (all wrong) over 0 (chance) to 1 (all right), with variance [p₁(1 − p₁) +
    p₂(1 − p₂) + 2 p₁p₂] / n. In R: ``BI::BI``.
    """
    right, wrong, unknown = counts
    n = right + wrong + unknown
    index = (right - wrong) / n
    p1, p2 = right / n, wrong / n
    error = math.sqrt(max(p1 * (1 - p1) + p2 * (1 - p2) + 2 * p1 * p2, 0.0) / n)
    return BlindingIndex(
        name=f"Bang's index, {arm}",
        estimate=index,
        standard_error=error,
        interval=clip(_normal(index, error, alpha), DIFFERENCE),
        unclipped_interval=_normal(index, error, alpha),
        p=float(stats.norm.sf(index / error)) if error > 0 else None,
        n=n,
        reference=BANG,
    )


def james_index(table: Sequence[Sequence[int]], *, alpha: float = 0.05) -> BlindingIndex | None:
    """Compute James's index from counts by arm (first guess, second guess, don't know).

    From 0 (all right) over .5 (chance) to 1 (nobody knows). With weights 0 for right, .5 for wrong and 1 for
    "don't know", {1 + P_DK + (1 − P_DK) K_D} / 2 is P_DK + d T² / 2e, where T = 1 − P_DK, and d and e are the
    observed and the expected weight of wrong guesses; the variance is that of the multinomial counts by the
    delta method. None where e is 0: one arm, or one guess, alone. In R: ``BI::BI``.
    """
    counts = np.asarray(table, dtype=np.float64)
    n = counts.sum()
    if n == 0:
        return None
    share = counts / n
    known = share[:, :2]
    arms, guesses = known.sum(axis=1), known.sum(axis=0)
    d = (known[0, 1] + known[1, 0]) / 2
    e = (arms[0] * guesses[1] + arms[1] * guesses[0]) / 2
    if e == 0:
        return None
    t = known.sum()
    index = float(1 - t + d * t**2 / (2 * e))
    d_slope = np.array([[0.0, 0.5], [0.5, 0.0]])
    e_slope = (guesses[::-1][:, None] + arms[::-1][None, :]) / 2  # of cell (i, j): guesses 1 − i, arms 1 − j
    slopes = np.ones((2, 3))
    slopes[:, :2] = t * d / e + d_slope * t**2 / (2 * e) - d * t**2 / (2 * e**2) * e_slope
    variance = ((share * slopes**2).sum() - (share * slopes).sum() ** 2) / n
    error = math.sqrt(max(float(variance), 0.0))
    return BlindingIndex(
        name="James's index",
        estimate=index,
        standard_error=error,
        interval=clip(_normal(index, error, alpha), SHARE),
        unclipped_interval=_normal(index, error, alpha),
        p=None,
        n=int(n),
        reference=JAMES,
    )


def check_blinding(
    frame: pd.DataFrame,
    contrast: tuple[str, str],
    dimension: str,
    *,
    alpha: float,
    test: Callable[[pd.DataFrame], Outcome],
) -> Blinding | NotEstimable | None:
    """Analyse the column ``guess`` of a frame; None where there is none.

    A rater's guesses resemble each other, and so do those about one prompt: the indices that count are the
    two-way t on guesses scored 1 (right), −1 (wrong) and 0 (don't know).

    Args:
        frame: The tidy frame.
        contrast: The two arms.
        dimension: The primary dimension, whose rows' guesses are read.
        alpha: Intervals cover 1 − alpha.
        test: Makes the primary test on some of the rows.

    Raises:
        RaterError: If a guess is neither an arm of the frame nor "don't know".
    """
    if "guess" not in frame.columns:
        return None
    rows = frame[(frame["dimension"] == dimension) & frame["arm"].isin(contrast) & frame["guess"].notna()]
    _check_guesses(rows, frame)
    if rows.empty:
        n = Counts(raters=0, prompts=0, items=0, answers=0, cells=0)
        return NotEstimable(test="blinding", score="answers", reason="no rater was asked to guess", n=n)
    right = (rows["guess"] == rows["arm"]).to_numpy()
    scored = np.where(right, 1, np.where(rows["guess"] == DONT_KNOW, 0, -1)).astype(np.intp)
    of_arm = [scored[(rows["arm"] == arm).to_numpy()] for arm in contrast]
    counts = [tuple(int((of == value).sum()) for value in (1, -1, 0)) for of in of_arm]
    (right_1, wrong_1, unknown_1), (right_2, wrong_2, unknown_2) = counts
    kinds: tuple[tuple[GuessedArm, int], ...] = (("right", 1), ("wrong", -1), ("don't know", 0))
    return Blinding(
        counts=((contrast[0], right_1, wrong_1, unknown_1), (contrast[1], right_2, wrong_2, unknown_2)),
        by_arm=tuple(
            (arm, _guess_t(rows[rows["arm"] == arm], of, f"“{arm}”", alpha=alpha))
            for arm, of in zip(contrast, of_arm, strict=True)
        ),
        together=_guess_t(rows, scored, "both arms", alpha=alpha),
        bang=tuple(
            bang_index(of, arm, alpha=alpha) for arm, of in zip(contrast, counts, strict=True) if sum(of)
        ),
        james=james_index([(right_1, wrong_1, unknown_1), (wrong_2, right_2, unknown_2)], alpha=alpha),
        effects=tuple((kind, test(rows[scored == value])) for kind, value in kinds),
        n_given=int(((frame["dimension"] == dimension) & frame["guess"].notna()).sum()),
    )


def attach_guesses(
    frame: pd.DataFrame, guesses: pd.DataFrame, contrast: tuple[str, str], changed: Collection[str]
) -> pd.DataFrame | NotEstimable:
    """Add the answers to the blinding question to the answers about the same texts, as guessed arms.

    "Changed" is a guess of the arm of the contrast that was changed, "unchanged" of the other one.

    Args:
        frame: The tidy frame, without repeats.
        guesses: One row for each guess: rater, item, arm, guess (changed, unchanged or unsure).
        contrast: The two arms.
        changed: The arms whose texts it is right to call changed.

    Raises:
        RaterError: If a column is missing, a guess is none of the three, or a rater guessed an item twice.
    """
    asked = validate_frame(guesses, needed=ASKED, called="The frame of guesses")
    asked = asked.assign(rater=asked["rater"].astype(str), item=asked["item"].astype(str))
    _check_asked(asked)
    if asked.empty:
        return frame.assign(guess=None)  # nobody was asked, whatever the arms are
    n = Counts(
        raters=asked["rater"].nunique(), prompts=0, items=asked["item"].nunique(), answers=len(asked), cells=0
    )
    status = [arm in changed for arm in contrast]
    if status[0] == status[1]:
        both = "both arms compared were changed" if status[0] else "neither of the arms compared was changed"
        reason = f"{both}, so guesses cannot distinguish them"
        return NotEstimable(test="blinding", score="answers", reason=reason, n=n)
    arm_of = {"changed": contrast[status.index(True)], "unchanged": contrast[status.index(False)]}
    guessed = asked["guess"].map({**arm_of, "unsure": DONT_KNOW})
    by_text = pd.Series(guessed.to_numpy(), index=pd.MultiIndex.from_frame(asked[["rater", "item"]]))
    at = pd.MultiIndex.from_arrays([frame["rater"].astype(str), frame["item"].astype(str)])
    return frame.assign(guess=by_text.reindex(at).to_numpy())


def _check_asked(asked: pd.DataFrame) -> None:
    wrong = asked[~asked["guess"].isin(["changed", "unchanged", "unsure"])]
    if not wrong.empty:
        msg = f"guess is {wrong['guess'].iloc[0]!r} (rater {wrong['rater'].iloc[0]}); "
        raise RaterError(msg + "valid: changed, unchanged, unsure")
    twice = asked[asked.duplicated(["rater", "item"])]
    if not twice.empty:
        msg = (
            f"rater {twice['rater'].iloc[0]} guessed about item {twice['item'].iloc[0]} twice; keep one guess"
        )
        raise RaterError(msg)


def _check_guesses(rows: pd.DataFrame, frame: pd.DataFrame) -> None:
    valid = {*frame["arm"].unique(), DONT_KNOW}
    for guess in rows["guess"].unique():
        if guess not in valid:
            msg = f"guess is {guess!r}, which is not an arm." + nearest(str(guess), map(str, valid))
            raise RaterError(msg)


def _guess_t(rows: pd.DataFrame, scored: NDArray[np.intp], of: str, *, alpha: float) -> Outcome:
    rater, prompt = (pd.factorize(rows[column], sort=True)[0] for column in ("rater", "prompt"))
    codes, at, cell = np.unique(cell_codes(rater, prompt), return_index=True, return_inverse=True)
    size = np.bincount(cell, minlength=codes.size)
    n = Counts(
        raters=np.unique(rater).size,
        prompts=np.unique(prompt).size,
        items=rows["item"].nunique(),
        answers=len(rows),
        cells=codes.size,
    )
    test = "Bang's index, crossed t"
    if not codes.size:
        return NotEstimable(test=test, score="answers", reason=f"no guess was made of {of}", n=n)
    estimand = f"how much more often the arm of texts of {of} is guessed right than wrong"
    values = np.bincount(cell, weights=scored, minlength=codes.size) / size
    concepts = read_concepts(rows)
    scores = CellScores(rater[at], prompt[at], values, size.astype(np.float64), n, concepts)
    about = OutcomeLabels(test, estimand, "answers", "guess score", bounds=DIFFERENCE)
    return crossed_t(scores, about, alpha=alpha)


def _normal(middle: float, error: float, alpha: float) -> Interval:
    half = float(stats.norm.ppf(1 - alpha / 2)) * error
    return Interval(middle - half, middle + half, 1 - alpha)

"""Take the choices between two arms' texts out of a tidy frame, and score each rater × prompt cell.

A row is one choice: ``arm`` and ``other_arm`` are the arms of the two texts, and ``answer`` is
above 0 where the text of ``arm`` was preferred, 0 for neither, and the larger the stronger. A cell's scores
go through the tests of `rater.analysis.crossed` and `rater.analysis.by_unit_tests` as those of single
ratings do.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from rater.analysis.cell_scores import Concepts, read_concepts
from rater.analysis.contrast_data import Cells, cell_codes, count_prompts
from rater.analysis.results import Counts, Estimate, Interval, NotEstimable, Outcome, Quantity, Result
from rater.errors import RaterError

Floats = NDArray[np.float64]
ITEMS = ("item", "other_item", "other_item_2")
"""The columns of the texts of a pair; of an odd-one-out trial the odd text is first."""


@dataclass(frozen=True)
class Preferred:
    """The choices between two arms on one dimension; arrays run over choices.

    Raters, prompts and pairs of texts are codes 0, 1, … in the sorted order of their ids.
    """

    contrast: tuple[str, str]
    rater: NDArray[np.intp]
    prompt: NDArray[np.intp]
    pair: NDArray[np.intp]
    answer: Floats
    """Above 0 where the first arm of the contrast is preferred."""
    concepts: Concepts | None = None
    """The concepts of the prompts, by code."""
    chance: float | None = None
    """Of odd-one-out trials, the probability of the odd text by guessing. An answer is then 1 if it was
    chosen and 0 otherwise, minus this."""

    def count(self) -> Counts:
        """Count what is there; items are pairs of texts."""
        n_prompts, n_concepts = count_prompts(np.unique(self.prompt), self.concepts)
        return Counts(
            raters=np.unique(self.rater).size,
            prompts=n_prompts,
            items=np.unique(self.pair).size,
            answers=self.answer.size,
            cells=np.unique(cell_codes(self.rater, self.prompt)).size,
            concepts=n_concepts,
        )


def require_pairs(frame: pd.DataFrame, dimension: str) -> None:
    """Refuse rows of a pairwise dimension without the two arms of the choice.

    Raises:
        RaterError: If the column ``other_arm`` is missing, or a choice is not between two arms.
    """
    if "other_arm" not in frame.columns:
        msg = f"The frame has no column 'other_arm', but {dimension} is a choice between two texts."
        raise RaterError(msg)
    rows = frame[frame["dimension"] == dimension]
    alone = rows["other_arm"].isna() | (rows["other_arm"] == rows["arm"])
    if alone.any():
        row = rows[alone].iloc[0]
        msg = (
            f"other_arm is {row['other_arm']!r} next to the arm {row['arm']!r} (rater {row['rater']}, item "
            f"{row['item']}); a choice on {dimension} is between two different arms"
        )
        raise RaterError(msg)


def pair_of(frame: pd.DataFrame) -> "pd.Series[str]":
    """Name the pair of texts of each row, the same whichever of the two is named first."""
    item = frame["item"].astype(str)
    other = (
        frame["other_item"].astype(str) if "other_item" in frame.columns else frame["other_arm"].astype(str)
    )
    low, high = item.where(item <= other, other), other.where(item <= other, item)
    return low + " | " + high


def select_preferences(frame: pd.DataFrame, contrast: tuple[str, str], dimension: str) -> Preferred:
    """Select the choices between two arms on a dimension, turned to the first one. Costs one sort."""
    rows = frame[frame["dimension"] == dimension]
    as_is = ((rows["arm"] == contrast[0]) & (rows["other_arm"] == contrast[1])).to_numpy()
    turned = ((rows["arm"] == contrast[1]) & (rows["other_arm"] == contrast[0])).to_numpy()
    chosen = rows[as_is | turned]
    sign = np.where(as_is[as_is | turned], 1.0, -1.0)
    rater, prompt = (pd.factorize(chosen[column], sort=True)[0] for column in ("rater", "prompt"))
    return Preferred(
        contrast,
        rater=rater,
        prompt=prompt,
        pair=pd.factorize(pair_of(chosen), sort=True)[0],
        answer=sign * chosen["answer"].to_numpy(dtype=np.float64) + 0.0,  # 0.0: no minus zero
        concepts=read_concepts(chosen),
    )


def score_preferences(chosen: Preferred) -> Cells:
    """Score each rater × prompt: how much more often, and how much more strongly, the first is preferred."""
    codes, at, cell = np.unique(
        cell_codes(chosen.rater, chosen.prompt), return_index=True, return_inverse=True
    )
    size = np.bincount(cell, minlength=codes.size)
    raters, rater = np.unique(chosen.rater[at], return_inverse=True)
    prompts, prompt = np.unique(chosen.prompt[at], return_inverse=True)
    signed = np.sign(chosen.answer) if chosen.chance is None else chosen.answer
    signs, strengths = (
        np.bincount(cell, weights=values, minlength=codes.size) / np.maximum(size, 1)
        for values in (signed, chosen.answer)
    )
    return Cells(
        contrast=chosen.contrast,
        rater=rater,
        prompt=prompt,
        n_first=size,
        n_second=size,
        net_superiority=signs,
        scale_points=strengths,
        raters=raters,
        prompts=prompts,
        n=chosen.count(),
        n_unpaired=0,
        is_pairwise=True,
        concepts=chosen.concepts and chosen.concepts.take(prompts),
        chance=chosen.chance,
    )


def win_rate(net_superiority: Outcome, contrast: tuple[str, str]) -> Quantity:
    """Turn net superiority into the share of choices won, a choice of neither counting as half."""
    name, found = "win rate", net_superiority
    if isinstance(found, NotEstimable):
        return NotEstimable(test=name, score="answers", reason=found.reason, n=found.n)
    halved, whole = (
        each and Interval((each.low + 1) / 2, (each.high + 1) / 2, each.level)
        for each in (found.interval, found.unclipped_interval)
    )
    return Estimate(
        name=name,
        estimand=f"how often “{contrast[0]}” is preferred to “{contrast[1]}”, neither counting as half",
        estimate=(found.estimate + 1) / 2,
        interval=halved,
        unclipped_interval=whole,
        n=found.n,
        method=f"(net superiority + 1) / 2; {found.method}",
        reference="Vargha & Delaney 2000, J. Educ. Behav. Stat. 25:101–132",
        warnings=found.warnings,
        settings={},
    )


def tie_rate(chosen: Preferred) -> Quantity:
    """Estimate the share of choices without a preference, without an interval over raters and prompts."""
    n, name = chosen.count(), "ties"
    if not n.answers:
        return NotEstimable(test=name, score="answers", reason="there are no choices", n=n)
    return Estimate(
        name=name,
        estimand="the share of choices of neither text",
        estimate=float((chosen.answer == 0).mean()),
        interval=None,
        n=n,
        method="share of all choices between the two arms",
        reference="Davidson 1970, J. Am. Stat. Assoc. 65:317–328",
        warnings=("no interval: it is described, not tested",),
    )


def sign_test(chosen: Preferred) -> Outcome:
    """Make the naive test, which takes all choices as independent: the sign test, ties dropped.

    In R: ``binom.test(wins, wins + losses)``.
    """
    n, wins, losses = chosen.count(), int((chosen.answer > 0).sum()), int((chosen.answer < 0).sum())
    if not wins + losses:
        reason = "no text was preferred in any choice" if n.answers else "there are no choices"
        return NotEstimable(test="naive sign test", score="answers", reason=reason, n=n)
    first, second = chosen.contrast
    return Result(
        test="naive sign test",
        estimand=f"how much more often “{first}” is preferred than “{second}”, all choices pooled",
        score="answers",
        estimate=(wins - losses) / n.answers,
        interval=None,
        standard_error=None,
        symbol="wins",
        statistic=float(wins),
        df=None,
        p=float(stats.binomtest(wins, wins + losses).pvalue),
        n=n,
        claim="It counts every choice as if another rater had made it about another prompt.",
        method="exact binomial test of wins against losses, ties dropped",
        reference="Dixon & Mood 1946, J. Am. Stat. Assoc. 41:557–566",
    )


def as_single_texts(frame: pd.DataFrame, dimension: str) -> pd.DataFrame:
    """Make each pair of texts on a dimension one text, of which every answer is a judgement.

    So agreement and quality are about pairs: an answer is above 0 where the text of the arm named first in
    the study was preferred, on whichever side it was shown.
    """
    rows = frame[frame["dimension"] == dimension]
    arms = rows["arm"].astype(str) + " or " + rows["other_arm"].astype(str)
    return rows.assign(item=pair_of(rows), arm=arms)


def one_row_a_text(frame: pd.DataFrame) -> pd.DataFrame:
    """List all texts of each pair or odd-one-out trial, for what is asked of single texts."""
    others = [name for name in ITEMS[1:] if name in frame.columns] or ["other_arm"]
    rest = [frame.assign(item=frame[name], arm=frame["other_arm"]) for name in others]
    return pd.concat([frame, *rest], ignore_index=True)

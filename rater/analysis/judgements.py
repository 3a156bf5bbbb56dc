"""Lay out who gave which item which answer, without its arm: what agreement and quality are computed from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.results import Counts
from rater.errors import RaterError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judgements:
    """One answer for each rater × item that has one; arrays run over answers."""

    rater: NDArray[np.intp]
    item: NDArray[np.intp]
    value: NDArray[np.intp]
    """The answer's place in `values`."""
    values: Floats
    """The points of the scale, or the different answers where it has no points; in order."""
    raters: tuple[str, ...]
    n_items: int
    n: Counts

    @property
    def answer(self) -> Floats:
        """The answers themselves."""
        return self.values[self.value]

    @property
    def n_raters(self) -> int:
        """How many raters there are."""
        return len(self.raters)

    def among(self, n_raters: int, rng: np.random.Generator) -> "Judgements":
        """Keep the answers of so many raters drawn at random, or all where there are no more."""
        if n_raters >= self.n_raters:
            return self
        drawn = np.sort(rng.choice(self.n_raters, n_raters, replace=False))
        kept = np.isin(self.rater, drawn)
        return Judgements(
            rater=np.searchsorted(drawn, self.rater[kept]),
            item=self.item[kept],
            value=self.value[kept],
            values=self.values,
            raters=tuple(self.raters[index] for index in drawn),
            n_items=self.n_items,
            n=self.n,
        )

    def table(self) -> Floats:
        """Spread the answers over rater × item; NaN where there is none."""
        table = np.full((self.n_raters, self.n_items), np.nan)
        table[self.rater, self.item] = self.answer
        return table


def first_judgements(frame: pd.DataFrame, dimension: str, points: int | None) -> Judgements:
    """Take each rater's first answer to each item on a dimension. Costs one sort of the rows.

    Args:
        frame: The tidy frame; its arms are not read.
        dimension: The dimension's name.
        points: How many points its scale has, from 1; None for a scale without points.

    Raises:
        RaterError: If a rater answered an item twice, and no column ``position`` says which came first.
    """
    rows = frame[frame["dimension"] == dimension]
    rows = rows.assign(rater=rows["rater"].astype(str), item=rows["item"].astype(str))
    if rows.duplicated(["rater", "item"]).any():
        if "position" not in rows.columns:
            again = rows[rows.duplicated(["rater", "item"])].sort_values(["rater", "item"]).iloc[0]
            msg = (
                f"rater {again['rater']} answered item {again['item']} more than once, and no column "
                "'position' says which came first; name the column of the texts' ids as the item"
            )
            raise RaterError(msg)
        rows = rows.sort_values("position", kind="stable").drop_duplicates(["rater", "item"])
    answers = rows["answer"].to_numpy(dtype=np.float64)
    values = np.unique(answers) if points is None else np.arange(1.0, points + 1)
    rater, raters = pd.factorize(rows["rater"], sort=True)
    item, items = pd.factorize(rows["item"], sort=True)
    n = Counts(
        raters=len(raters),
        prompts=rows["prompt"].nunique(),
        items=len(items),
        answers=answers.size,
        cells=answers.size,
    )
    value = np.searchsorted(values, answers)
    return Judgements(rater, item, value, values, tuple(raters), len(items), n)

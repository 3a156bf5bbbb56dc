"""Compare two arms cell by cell, whether texts were rated one at a time or chosen between."""

from dataclasses import dataclass

import pandas as pd

from rater.analysis.cells import Cells, score_cells
from rater.analysis.crossed import CellScores
from rater.analysis.preferences import Preferred, score_preferences, select_preferences
from rater.analysis.ratings import Ratings, select_ratings
from rater.study.analysis_plan import Score


@dataclass(frozen=True)
class Compared:
    """The cells of one contrast on one dimension, with the names behind their codes."""

    answers: Ratings | Preferred
    cells: Cells
    raters: tuple[str, ...]
    prompts: tuple[str, ...]

    def scores(self, score: Score) -> CellScores:
        """One of the two scores of every cell."""
        cells = self.cells
        return CellScores(cells.rater, cells.prompt, cells.score(score), cells.weight, cells.n)


def compare(frame: pd.DataFrame, contrast: tuple[str, str], dimension: str, *, pairwise: bool) -> Compared:
    """Select and score the answers to a contrast. Costs one sort of its rows."""
    rows = frame[(frame["dimension"] == dimension) & frame["arm"].isin(contrast)]
    if pairwise:
        rows = rows[rows["other_arm"].isin(contrast)]
        preferred = select_preferences(rows, contrast, dimension)
        return _named(rows, preferred, score_preferences(preferred))
    ratings = select_ratings(rows, contrast, dimension)
    return _named(rows, ratings, score_cells(ratings))


def _named(rows: pd.DataFrame, answers: Ratings | Preferred, cells: Cells) -> Compared:
    # The codes come from the same call (`select_ratings`); categories are not in the order of their names.
    raters, prompts = (pd.factorize(rows[column], sort=True)[1] for column in ("rater", "prompt"))
    return Compared(
        answers,
        cells,
        tuple(str(raters[code]) for code in cells.raters),
        tuple(str(prompts[code]) for code in cells.prompts),
    )

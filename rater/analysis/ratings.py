"""Take one contrast on one dimension out of a tidy frame, as arrays that every test shares."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.results import Counts
from rater.analysis.validation import flags


@dataclass(frozen=True)
class Ratings:
    """The answers of two arms on one dimension; arrays run over answers.

    Raters, prompts and items are codes 0, 1, … in the sorted order of their ids.
    """

    contrast: tuple[str, str]
    rater: NDArray[np.intp]
    prompt: NDArray[np.intp]
    item: NDArray[np.intp]
    is_first: NDArray[np.bool_]
    answer: NDArray[np.float64]

    def take(self, keep: NDArray[np.bool_]) -> "Ratings":
        """Keep some of the answers; codes stay as they are."""
        return Ratings(
            self.contrast,
            rater=self.rater[keep],
            prompt=self.prompt[keep],
            item=self.item[keep],
            is_first=self.is_first[keep],
            answer=self.answer[keep],
        )

    def count(self) -> Counts:
        """Count what is there; a cell is a rater × prompt that has answers to both arms."""
        cell = cell_codes(self.rater, self.prompt)
        both = _marked(cell[self.is_first], cell) & _marked(cell[~self.is_first], cell)
        return Counts(
            raters=int(_marked(self.rater, self.rater).sum()),
            prompts=int(_marked(self.prompt, self.prompt).sum()),
            items=int(_marked(self.item, self.item).sum()),
            answers=self.answer.size,
            cells=int(both.sum()),
        )


def _marked(codes: NDArray[np.intp], among: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Mark which codes occur, in an array as long as the largest needs: many times faster than sorting."""
    marks = np.zeros(int(among.max(initial=-1)) + 1, dtype=np.bool_)
    marks[codes] = True
    return marks


def cell_codes(rater: NDArray[np.intp], prompt: NDArray[np.intp]) -> NDArray[np.intp]:
    """Number the rater × prompt cells, rater by rater, with gaps where a cell has no answers."""
    return np.asarray(rater * (prompt.max(initial=0) + 1) + prompt, dtype=np.intp)


def select_ratings(frame: pd.DataFrame, contrast: tuple[str, str], dimension: str) -> Ratings:
    """Select the answers to a contrast on a dimension. Costs one sort of the rows."""
    chosen = frame[(frame["dimension"] == dimension) & frame["arm"].isin(contrast)]
    rater, prompt, item = (
        pd.factorize(chosen[column], sort=True)[0] for column in ("rater", "prompt", "item")
    )
    return Ratings(
        contrast,
        rater=rater,
        prompt=prompt,
        item=item,
        is_first=(chosen["arm"] == contrast[0]).to_numpy(dtype=np.bool_),
        answer=chosen["answer"].to_numpy(dtype=np.float64),
    )


def first_showings(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave repeated trials out, where the frame says which they are.

    Raises:
        RaterError: If a row does not say whether it is one.
    """
    return frame[~flags(frame, "is_repeat")]


def judged_only(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out the answers of who could not judge, where the frame says which they are."""
    return frame[~flags(frame, "cannot_judge")]

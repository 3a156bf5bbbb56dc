"""The data of one contrast on one dimension: ratings, rater × prompt cells, cell scores, and their overlap.

Where each prompt was shown in one arm only, or each rater saw one arm only, the arms are confounded: whatever
differs between the arms differs between the prompts (or the raters) as well. Where raters saw each prompt in
one arm, but prompts appear in both arms over raters (counterbalanced, Latin square, arms drawn at random),
the arms can be separated by a model of all answers, but there is no difference within a rater and prompt.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array, hstack
from scipy.sparse.linalg import lsqr

from rater.analysis.cell_scores import CellScores, Concepts, Unit, read_concepts
from rater.analysis.results import UNUSED, Counts
from rater.analysis.sentences import estimand
from rater.analysis.validation import flags, opted_out
from rater.study.analysis_plan import PlannedScore


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
    concepts: Concepts | None = None
    """The concepts of the prompts, by code."""
    unit: Unit = "prompt"
    """The unit that `prompt` numbers."""

    def take(self, keep: NDArray[np.bool_]) -> "Ratings":
        """Keep some of the answers; codes stay as they are."""
        return Ratings(
            self.contrast,
            rater=self.rater[keep],
            prompt=self.prompt[keep],
            item=self.item[keep],
            is_first=self.is_first[keep],
            answer=self.answer[keep],
            concepts=self.concepts,
            unit=self.unit,
        )

    def level(self, factor: str) -> NDArray[np.intp]:
        """Return the level of each answer of a factor of the mixed models.

        With concepts, a prompt that is used for several of them is a level of ``prompt``, and each of its
        uses one of ``prompt_concept``; ``rater_concept`` is the answers of a rater about a concept.
        """
        if self.concepts is None or factor in {"rater", "item"}:
            return np.asarray(getattr(self, factor), dtype=np.intp)
        concept = self.concepts.of_prompt[self.prompt]
        if factor == "concept":
            return concept
        if factor == "rater_concept":
            return self.rater * len(self.concepts.names) + concept
        return self.concepts.shared[self.prompt] if factor == "prompt" else self.prompt

    def without_concepts(self) -> "Ratings":
        """Take concepts as fixed: a prompt is then the same for all of them."""
        if self.concepts is None:
            return self
        return replace(self, prompt=self.concepts.shared[self.prompt], concepts=None)

    def by_concept(self) -> "Ratings":
        """Put concepts in the prompts' place where they are a factor: what is resampled together."""
        if self.concepts is None:
            return self
        return replace(self, prompt=self.concepts.of_prompt[self.prompt], concepts=None, unit="concept")

    def count(self) -> Counts:
        """Count what is there; a cell is a rater × prompt that has answers to both arms."""
        cell = cell_codes(self.rater, self.prompt)
        both = _marked(cell[self.is_first], cell) & _marked(cell[~self.is_first], cell)
        n_prompts, n_concepts = count_prompts(
            np.flatnonzero(_marked(self.prompt, self.prompt)), self.concepts
        )
        return Counts(
            raters=int(_marked(self.rater, self.rater).sum()),
            prompts=n_prompts,
            items=int(_marked(self.item, self.item).sum()),
            answers=self.answer.size,
            cells=int(both.sum()),
            concepts=n_concepts,
        )


def count_prompts(prompts: NDArray[np.intp], concepts: Concepts | None) -> tuple[int, int]:
    """Count different prompts, and their concepts: 0 where there are not two."""
    kept = concepts and concepts.take(prompts)
    if kept is None:
        return prompts.size, 0
    return kept.n_prompts, len(kept.names)


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
        concepts=read_concepts(chosen),
    )


def first_showings(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave repeated trials out, where the frame marks them.

    Raises:
        RaterError: If the mark of a row is missing.
    """
    return frame[~flags(frame, "is_repeat")]


def judged_only(frame: pd.DataFrame) -> pd.DataFrame:
    """Drop the answers "cannot judge" and "not applicable", which are not scores, if the frame marks them."""
    return frame[~opted_out(frame)]


@dataclass(frozen=True)
class Cells:
    """Both scores of every cell that has answers to both arms; arrays run over cells.

    Raters and prompts are numbered anew, without gaps, in the order of their ids.
    """

    contrast: tuple[str, str]
    rater: NDArray[np.intp]
    prompt: NDArray[np.intp]
    n_first: NDArray[np.intp]
    n_second: NDArray[np.intp]
    net_superiority: NDArray[np.float64]
    """The share of pairs (one answer of each arm) where the first is higher, minus where it is lower."""
    scale_points: NDArray[np.float64]
    """The mean of the first arm's answers minus the mean of the second's."""
    raters: NDArray[np.intp]
    """The code in `Ratings` of each rater here."""
    prompts: NDArray[np.intp]
    """The code in `Ratings` of each prompt here."""
    n: Counts
    """The numbers of raters, prompts, items, answers and cells."""
    n_unpaired: int
    """The number of answers outside all cells, because the rater answered only one arm for the prompt."""
    is_pairwise: bool = False
    """True if answers are choices between texts of both arms; a cell has as many of one as of the other."""
    concepts: Concepts | None = None
    """The concepts of the prompts, by their code here."""
    chance: float | None = None
    """Of odd-one-out trials, the probability of the odd text by guessing; scores are proportions minus it."""

    def estimand(self, score: PlannedScore) -> str:
        """Return the estimand of a score in words."""
        if self.chance is not None:
            first, second = self.contrast
            return (
                f"how much more often than by guessing the odd one of three texts of “{first}” and "
                f"“{second}” is found"
            )
        return estimand(score, self.contrast, pairwise=self.is_pairwise)

    def scores(self, name: PlannedScore) -> CellScores:
        """One of the two scores of every cell, with its weight and concept."""
        return CellScores(self.rater, self.prompt, self.score(name), self.weight, self.n, self.concepts)

    def score(self, name: PlannedScore) -> NDArray[np.float64]:
        """One of the two scores, by name."""
        return self.net_superiority if name == "net_superiority" else self.scale_points

    @property
    def warnings(self) -> tuple[str, ...]:
        """A warning with the number of answers outside all cells, if there are any."""
        if not self.n_unpaired:
            return ()
        total = self.n.answers + self.n_unpaired
        do = "does" if self.n_unpaired == 1 else "do"
        return (f"{self.n_unpaired:,} of {total:,} answers {do} {UNUSED}",)

    @property
    def no_cells(self) -> str:
        """The reason for a missing cell; empty if there is a cell."""
        if self.n.cells:
            return ""
        first, second = self.contrast
        if self.is_pairwise:
            return f"no rater has chosen between “{first}” and “{second}” texts"
        return f"no rater has answered both “{first}” and “{second}” texts of the same prompt"

    @property
    def weight(self) -> NDArray[np.float64]:
        """The inverse of a cell score's relative variance, 1 / (1/n_first + 1/n_second)."""
        return self.n_first * self.n_second / (self.n_first + self.n_second)


def score_cells(ratings: Ratings) -> Cells:
    """Score the cells of a contrast (statistics.md section 2). Costs one sort of the answers.

    Net superiority is computed from mid-ranks within the cell rather than from all pairs:
    mean of sign(y_i − y_j) = 2 U / (n_first n_second) − 1, with U the Mann–Whitney count of the cell.
    """
    code = cell_codes(ratings.rater, ratings.prompt)
    n_codes = int(code.max(initial=-1)) + 1
    per_arm = [np.bincount(code[arm], minlength=n_codes) for arm in (ratings.is_first, ~ratings.is_first)]
    used = ratings.take(((per_arm[0] > 0) & (per_arm[1] > 0))[code])
    codes, cell = np.unique(cell_codes(used.rater, used.prompt), return_inverse=True)
    first, size = used.is_first, codes.size
    n_first = np.bincount(cell[first], minlength=size)
    n_second = np.bincount(cell[~first], minlength=size)
    rank_sum = np.bincount(cell[first], weights=_mid_ranks(cell, used.answer)[first], minlength=size)
    superior = rank_sum - n_first * (n_first + 1) / 2
    # The first answer of each cell has its rater and prompt.
    _, at = np.unique(cell, return_index=True)
    raters, rater = np.unique(used.rater[at], return_inverse=True)
    prompts, prompt = np.unique(used.prompt[at], return_inverse=True)
    return Cells(
        contrast=ratings.contrast,
        rater=rater,
        prompt=prompt,
        n_first=n_first,
        n_second=n_second,
        net_superiority=2 * superior / (n_first * n_second) - 1,
        scale_points=mean_differences(cell, first, used.answer),
        raters=raters,
        prompts=prompts,
        n=used.count(),
        n_unpaired=ratings.answer.size - used.answer.size,
        concepts=ratings.concepts and ratings.concepts.take(prompts),
    )


def mean_differences(
    unit: NDArray[np.intp], is_first: NDArray[np.bool_], answer: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Subtract the second arm's mean from the first's in every unit 0, 1, …; each must have both arms."""
    size = int(unit.max(initial=-1)) + 1
    means = [
        np.bincount(unit[arm], weights=answer[arm], minlength=size) / np.bincount(unit[arm], minlength=size)
        for arm in (is_first, ~is_first)
    ]
    return np.asarray(means[0] - means[1], dtype=np.float64)


def _mid_ranks(cell: NDArray[np.intp], answer: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank the answers within their cell from 1; ties share the mean of their ranks."""
    order = np.lexsort((answer, cell))
    sorted_cell, sorted_answer = cell[order], answer[order]
    starts_cell = np.diff(sorted_cell, prepend=-1) != 0
    starts_tie = starts_cell | (np.diff(sorted_answer, prepend=np.inf) != 0)
    at_tie, at_cell = np.flatnonzero(starts_tie), np.flatnonzero(starts_cell)
    length = np.diff(at_tie, append=answer.size)
    # A run of ties from position i to j (counted from its cell's start) has the mean rank (i + j) / 2 + 1.
    first_rank = at_tie - at_cell[np.cumsum(starts_cell)[at_tie] - 1] + 1
    ranks = np.empty(answer.size)
    ranks[order] = np.repeat(first_rank + (length - 1) / 2, length)
    return ranks


@dataclass(frozen=True)
class Overlap:
    """The prompts, raters, and rater × prompt cells that the answers to two arms share."""

    contrast: tuple[str, str]
    n_answers: int
    n_first: int
    """Answers to the first arm."""
    n_paired: int
    """Answers whose rater answered both arms of their prompt."""
    n_prompts: int
    n_prompts_with_both: int
    n_raters: int
    n_raters_with_both: int
    is_aliased: bool
    """True if rater and prompt together, each adding a part, determine the arm of every answer."""

    @property
    def reason_in_mixed_models(self) -> str:
        """The reason why arms are confounded where raters are a random sample; empty if they are not.

        Raters who answered one arm each can then be compared: their own levels are part of the error.
        """
        return self.reason if self.n_raters_with_both or not self.n_prompts_with_both else ""

    @property
    def reason(self) -> str:
        """The reason why arms are confounded, as part of a sentence; empty if they are not."""
        if not self.n_answers:
            return ""
        first, second = self.contrast
        arms = f"“{first}” and “{second}”"
        if not self.n_prompts_with_both and not self.n_raters_with_both:
            units = "prompts and raters"
        elif not self.n_prompts_with_both:
            units = "prompts"
        elif not self.n_raters_with_both:
            units = "raters"
        else:
            units = ""
        if units:
            each = " and every ".join(unit.removesuffix("s") for unit in units.split(" and "))
            return (
                f"every {each} has answers to only one of {arms}: the arms are confounded with the {units}, "
                "and their effects cannot be separated"
            )
        if self.is_aliased:
            return (
                f"whether an answer is to {arms} is determined by its rater and prompt together: the arms "
                "are confounded with raters and prompts, and their effects cannot be separated"
            )
        return ""


def are_few_paired(n_paired: int, n_answers: int) -> bool:
    """Return whether less than half of the answers are in rater × prompt cells with both arms.

    Tests on cells are then replaced by a model of all answers or, where they are planned, come with it.
    """
    return 2 * n_paired < n_answers


def measure_overlap(ratings: Ratings) -> Overlap:
    """Count the prompts, raters and cells with answers to both arms. Costs a few passes over the answers."""
    in_cell, n_cells, _ = _shared(cell_codes(ratings.rater, ratings.prompt), ratings)
    _, with_both, n_prompts = _shared(ratings.prompt, ratings)
    _, raters_with_both, n_raters = _shared(ratings.rater, ratings)
    return Overlap(
        contrast=ratings.contrast,
        n_answers=ratings.answer.size,
        n_first=int(ratings.is_first.sum()),
        n_paired=int(in_cell.sum()),
        n_prompts=n_prompts,
        n_prompts_with_both=with_both,
        n_raters=n_raters,
        n_raters_with_both=raters_with_both,
        # A cell with both arms is an answer of each with the same rater and prompt.
        is_aliased=not n_cells and ratings.answer.size > 0 and _is_aliased(ratings),
    )


def why_confounded(ratings: Ratings) -> str:
    """Return the reason why no test can separate the arms; empty where one can."""
    return measure_overlap(ratings).reason


def _shared(code: np.ndarray, ratings: Ratings) -> tuple[np.ndarray, int, int]:
    """Mark the answers in units with both arms; count such units, and all units."""
    size = int(code.max(initial=-1)) + 1
    first = np.bincount(code[ratings.is_first], minlength=size) > 0
    second = np.bincount(code[~ratings.is_first], minlength=size) > 0
    both = first & second
    return both[code], int(both.sum()), int((first | second).sum())


def _is_aliased(ratings: Ratings) -> bool:
    """Return whether the arm is a sum of a part of the rater and a part of the prompt.

    Then a linear model with both as fixed effects has no estimate of the difference: the residuals of the
    arm (±1/2) on both are 0.
    """
    n = ratings.answer.size
    rows, ones = np.arange(n), np.ones(n)
    units = hstack([csr_array((ones, (rows, code))) for code in (ratings.rater, ratings.prompt)])
    x = np.where(ratings.is_first, 0.5, -0.5)
    residual = lsqr(units, x, atol=1e-12, btol=1e-12)[3]
    return bool(residual < 1e-6 * np.sqrt(n))

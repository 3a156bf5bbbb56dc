"""One number for each cell of raters × prompts, with the concepts that the prompts belong to.

A concept factor repeats a study over many concepts. Its prompts are crossed with the concepts, if the same
prompts are used for several of them, or nested in them, if every concept has prompts of its own. In both
cases a prompt is here one prompt of one concept: crossed prompts count once for each concept, and `shared`
has the prompt without its concept. What differs between the designs is which random effects cells share.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.results import Counts, Setting

Codes = NDArray[np.intp]
Floats = NDArray[np.float64]
Unit: TypeAlias = Literal["prompt", "concept"]

CONCEPT, SHARED_PROMPT = "concept", "shared_prompt"
"""Columns of a frame: a row's concept, and its prompt where that is used for several concepts."""


@dataclass(frozen=True)
class Concepts:
    """The concepts of some prompts, of which there are at least two; codes run from 0 without gaps."""

    names: tuple[str, ...]
    of_prompt: Codes
    """(prompts,): the concept of each prompt."""
    shared: Codes
    """(prompts,): the prompt without its concept; two prompts have the same where they differ in nothing but
    the concept."""

    @property
    def is_crossed(self) -> bool:
        """True if some prompts are used for several concepts."""
        return self.n_prompts < self.shared.size

    @property
    def n_prompts(self) -> int:
        """The number of different prompts."""
        return int(self.shared.max()) + 1

    def take(self, prompts: Codes) -> "Concepts | None":
        """Keep some prompts, in this order; None if fewer than two concepts are left."""
        kept, of_prompt = np.unique(self.of_prompt[prompts], return_inverse=True)
        if kept.size < 2:
            return None
        shared = np.unique(self.shared[prompts], return_inverse=True)[1]
        return Concepts(tuple(self.names[code] for code in kept), of_prompt, shared)


def read_concepts(rows: pd.DataFrame) -> Concepts | None:
    """Return the concepts of the prompts of some rows; None if there are not two.

    Prompts are numbered as by ``pd.factorize(rows["prompt"], sort=True)``. Costs one sort of the rows.
    """
    if CONCEPT not in rows.columns or rows[CONCEPT].nunique() < 2:
        return None
    prompt = pd.factorize(rows["prompt"], sort=True)[0]
    first = rows.iloc[np.unique(prompt, return_index=True)[1]]
    if first[CONCEPT].isna().any():
        return None
    of_prompt, names = pd.factorize(first[CONCEPT], sort=True)
    shared = pd.factorize(first[SHARED_PROMPT if SHARED_PROMPT in rows.columns else "prompt"], sort=True)[0]
    return Concepts(tuple(map(str, names)), of_prompt, shared)


def name_prompts_by_concept(frame: pd.DataFrame) -> pd.DataFrame:
    """Give prompts that are used for several concepts a name for each, and keep their own.

    The column `SHARED_PROMPT` then has the prompt's own name. A frame without concepts, or whose prompts are
    nested in them, is returned as it is.
    """
    if CONCEPT not in frame.columns or SHARED_PROMPT in frame.columns:
        return frame
    pairs = frame[["prompt", CONCEPT]].drop_duplicates()
    if not pairs["prompt"].duplicated().any():
        return frame
    prompt = frame["prompt"].astype(str)
    named = frame[CONCEPT].astype(str) + " · " + prompt
    columns = {"prompt": named, SHARED_PROMPT: prompt}
    # A text without an id is named by prompt and arm (`rater.analysis.tidy_frame`).
    if (frame["item"].astype(str) == prompt + " · " + frame["arm"]).all():
        columns["item"] = named + " · " + frame["arm"]
    return frame.assign(**columns)


@dataclass(frozen=True)
class CellScores:
    """One number for each rater × prompt cell; codes run from 0 without gaps."""

    rater: Codes
    prompt: Codes
    values: Floats
    weight: Floats
    """The variance of a cell is the residual variance divided by its weight."""
    n: Counts
    """Of the rater × prompt cells."""
    concepts: Concepts | None = None
    """The concepts of the prompts, where they are a random factor."""
    unit: Unit = "prompt"
    """The unit that `prompt` numbers."""

    @property
    def n_raters(self) -> int:
        """The number of raters."""
        return int(self.rater.max(initial=-1)) + 1

    @property
    def n_prompts(self) -> int:
        """The number of prompts; those that are crossed with concepts count once for each."""
        return int(self.prompt.max(initial=-1)) + 1

    @property
    def concept(self) -> Codes:
        """(cells,): the concept of each cell."""
        assert self.concepts is not None  # noqa: S101 (callers ask where there are concepts)
        return self.concepts.of_prompt[self.prompt]

    @property
    def shared_prompt(self) -> Codes:
        """(cells,): the prompt of each cell without its concept."""
        assert self.concepts is not None  # noqa: S101 (as above)
        return self.concepts.shared[self.prompt]

    def average(self, unit: Unit) -> "CellScores":
        """Average the cells of each rater over the prompts of a concept, or over the concepts of a prompt.

        Cells are weighted by their weights, and the mean has the sum of them. The result has no concepts.
        """
        level = self.concept if unit == "concept" else self.shared_prompt
        size = int(level.max()) + 1
        codes, cell = np.unique(self.rater * size + level, return_inverse=True)
        weight = np.bincount(cell, weights=self.weight).astype(np.float64)
        values = np.bincount(cell, weights=self.weight * self.values) / weight
        return CellScores(codes // size, codes % size, values, weight, self.n, unit=unit)


@dataclass(frozen=True)
class Spread:
    """The mean of cell scores with its standard error, degrees of freedom and method."""

    estimate: float
    standard_error: float
    df: float
    method: str
    reference: str
    settings: dict[str, Setting]
    warnings: tuple[str, ...] = ()

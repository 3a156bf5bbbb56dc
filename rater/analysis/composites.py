"""Compute composite scores: each rater's answers about a text on several dimensions, combined into one.

A composite is a dimension of its own in the frame, so that the tests of the others are its tests too. It is
missing where a part is, and `count_composites` reports how often.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rater.analysis.answer_scale import Judged
from rater.analysis.contrast_data import first_showings
from rater.analysis.sentences import counted
from rater.analysis.validation import flags
from rater.errors import RaterError
from rater.study.composite import CompositeRule, CompositeScore

_ANSWER = ("rater", "item", "prompt", "concept", "arm", "is_repeat", "position")
"""The columns that identify an answer of a rater about a text."""


@dataclass(frozen=True, kw_only=True)
class CompositeCount:
    """The scores of one arm: how many there are, and how many are missing with a part."""

    composite: str
    arm: str
    n_scores: int
    n_missing: int
    """Rated texts without a score, because an answer to a part is missing."""
    n_without: tuple[tuple[str, int], ...]
    """For each part, the number of rated texts without an answer to it."""


def combine(parts: NDArray[np.float64], rule: CompositeRule) -> NDArray[np.float64]:
    """Combine answers (rows) to parts (columns); NaN where a part is missing.

    The harmonic mean n / Σ 1/x is 0 where a part is 0, its limit there.
    """
    if rule == "minimum":
        return np.asarray(parts.min(axis=1))  # NaN where one is
    if rule == "mean":
        return np.asarray(parts.mean(axis=1))
    with np.errstate(divide="ignore"):
        return np.asarray(parts.shape[1] / (1 / parts).sum(axis=1))


def composites_of(dimensions: Iterable[Judged]) -> list[CompositeScore]:
    """Return the composite scores among dimensions."""
    return [each for each in dimensions if isinstance(each, CompositeScore)]


def add_composites(frame: pd.DataFrame, dimensions: Iterable[Judged]) -> pd.DataFrame:
    """Add a row for each answer with a composite score. Costs a sort of the answers for each.

    A rater who could not judge a part could not judge the composite, and it does not apply where a part does
    not. Where a part was not answered, there is no row.

    Raises:
        RaterError: If a part is answered twice by a rater about one text, so that no single answer can be
            combined, or the frame has a dimension with the name of a composite.
    """
    composites = composites_of(dimensions)
    if not composites:
        return frame
    taken = next((each.name for each in composites if (frame["dimension"] == each.name).any()), None)
    if taken is not None:
        msg = f"the composite {taken!r} has the name of a dimension; give it another name"
        raise RaterError(msg)
    extended = pd.concat([frame, *(_rows(frame, each) for each in composites)], ignore_index=True)
    extended.attrs = dict(frame.attrs)
    return extended


def without_composites(frame: pd.DataFrame, dimensions: Iterable[Judged]) -> pd.DataFrame:
    """Return the rows that raters answered."""
    names = [each.name for each in composites_of(dimensions)]
    return frame[~frame["dimension"].isin(names)] if names else frame


@dataclass(frozen=True, eq=False)
class _Parts:
    """The answers to the parts of a composite score."""

    rows: pd.DataFrame
    """For each rated text of a rater, one of the rows about it."""
    answers: NDArray[np.float64]
    """Rated texts × parts; NaN without an answer."""
    is_there: NDArray[np.bool_]
    """True if there is a row, even of a rater who could not judge."""
    is_inapplicable: NDArray[np.bool_]
    """Rated texts: True if a part does not apply to it."""


def _collect(frame: pd.DataFrame, composite: CompositeScore) -> _Parts:
    of = composite.scale.of
    part_rows = frame[frame["dimension"].isin(of)]
    keys = [name for name in _ANSWER if name in frame.columns]
    text = part_rows.groupby(keys, sort=False, dropna=False).ngroup().to_numpy()
    part = part_rows["dimension"].map({name: place for place, name in enumerate(of)}).to_numpy(dtype=np.intp)
    twice = pd.Series(text * len(of) + part).duplicated().to_numpy()
    if twice.any():
        row = part_rows[twice].iloc[0]
        msg = (
            f"rater {row['rater']} answered {row['dimension']} twice about item {row['item']}, so the "
            f"composite {composite.name!r} cannot be computed within an answer; give each text its own id "
            "(--item)"
        )
        raise RaterError(msg)
    shape = (int(text.max(initial=-1)) + 1, len(of))
    answers, is_there = np.full(shape, np.nan), np.zeros(shape, dtype=np.bool_)
    answers[text, part] = part_rows["answer"].to_numpy(dtype=np.float64)
    is_there[text, part] = True
    is_inapplicable = np.zeros(shape[0], dtype=np.bool_)
    is_inapplicable[text[flags(part_rows, "not_applicable")]] = True
    return _Parts(part_rows[~pd.Series(text).duplicated().to_numpy()], answers, is_there, is_inapplicable)


def _rows(frame: pd.DataFrame, composite: CompositeScore) -> pd.DataFrame:
    """Return the rows of a composite score; further columns are those of one of its parts."""
    parts = _collect(frame, composite)
    scores = combine(parts.answers, composite.scale.rule)
    rows: pd.DataFrame = parts.rows.assign(dimension=composite.name, answer=scores)
    of_single_answers = {name: None for name in ("comment", "confidence") if name in rows.columns}
    is_missing = np.isnan(scores)
    marks = {
        "cannot_judge": is_missing & ~parts.is_inapplicable,
        "not_applicable": is_missing & parts.is_inapplicable,
    }
    marks = {name: mark for name, mark in marks.items() if name in rows.columns}
    rows = rows.assign(**of_single_answers, **marks)
    keeps_row = np.logical_or.reduce([~is_missing, *marks.values()]) & parts.is_there.all(axis=1)
    return rows.loc[np.asarray(keeps_row)]


def count_composites(frame: pd.DataFrame, dimensions: Iterable[Judged]) -> tuple[CompositeCount, ...]:
    """Count the scores of each composite in each arm; repeated trials are left out."""
    counts = []
    for composite in composites_of(dimensions):
        parts = _collect(first_showings(frame), composite)
        is_missing = np.isnan(parts.answers)
        arms = parts.rows["arm"].to_numpy()
        for arm in sorted(set(arms.tolist())):
            of_arm = is_missing[arms == arm]
            n_missing = int(of_arm.any(axis=1).sum())
            without = zip(composite.scale.of, of_arm.sum(axis=0).tolist(), strict=True)
            counts.append(
                CompositeCount(
                    composite=composite.name,
                    arm=arm,
                    n_scores=len(of_arm) - n_missing,
                    n_missing=n_missing,
                    n_without=tuple(without),
                )
            )
    return tuple(counts)


def describe_missing(counts: Sequence[CompositeCount]) -> list[str]:
    """Describe how many scores of each composite are missing; nothing where none is."""
    sentences = []
    for name in dict.fromkeys(each.composite for each in counts):
        of = [each for each in counts if each.composite == name]
        n_missing, n_scores = (
            sum(getattr(each, field) for each in of) for field in ("n_missing", "n_scores")
        )
        if n_missing:
            arms = ", ".join(f"{each.n_missing:,} of “{each.arm}”" for each in of if each.n_missing)
            rated = counted(n_missing + n_scores, "rated text")
            sentences.append(
                f"{name} is missing for {n_missing:,} of {rated}, because a part has no answer ({arms})"
            )
    return sentences

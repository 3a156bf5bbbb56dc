"""Read ratings from elsewhere into the tidy frame that every analysis takes, and plan their analysis."""

from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd

from rater.analysis.planned import Planned
from rater.analysis.scales import Judged, Numbers, Rated
from rater.errors import RaterError, StudyError, nearest
from rater.study.analysis_plan import Scope, Score
from rater.study.protocol import Likert

CARRIED = ("position", "shown_ms", "guess")
"""Columns that are read under these names where they are there."""
EMPTY = frozenset({"", "NA", "NaN", "nan", "null", "None"})
"""How files write an answer that was not given."""
MOST_POINTS = 11


def read(
    source: str | Path | TextIO | pd.DataFrame,
    *,
    rater: str = "rater",
    prompt: str = "prompt",
    arm: str = "arm",
    answer: str = "answer",
    item: str | None = None,
    dimension: str | None = None,
    drop_empty: bool = False,
) -> pd.DataFrame:
    """Read a table with one row for each answer: a CSV file, an open one, or a DataFrame.

    Args:
        source: The table. A CSV has a header and is in UTF-8.
        rater: The column that says who answered.
        prompt: The column that says what the text was an answer to.
        arm: The column that says what was done to the model.
        answer: The column with the answers, numbers.
        item: The column that says which text it was. Left out, it is ``item`` where there is such a column,
            and otherwise each prompt counts as having one text in each arm.
        dimension: The column that says what was judged. Left out, it is ``dimension`` where there is such a
            column, and otherwise all rows are of one dimension, named as the answers' column.
        drop_empty: Leave rows without an answer out instead of refusing them.

    Returns:
        The columns rater, item, prompt, arm, dimension (text) and answer (numbers), and position, shown_ms
        and guess where there are such.

    Raises:
        RaterError: If there is no such file or column, or a row lacks something or is no number; the row is
            named by its line, the header being line 1.
    """
    table = _load(source)
    wanted = {"rater": rater, "prompt": prompt, "arm": arm, "answer": answer}
    for name, column in {"item": item, "dimension": dimension}.items():
        if column is not None or name in table.columns:
            wanted[name] = column or name
    _check_columns(table, wanted)
    answered = ~table[answer].isin(EMPTY)
    if not answered.all() and not drop_empty:
        line, more = _first(~answered), int((~answered).sum())
        msg = (
            f"{answer} is empty in line {line} ({more} such in all); remove rows without an answer, "
            "or have them left out: drop_empty=True, or --drop-empty"
        )
        raise RaterError(msg)
    table = table[answered]
    frame = pd.DataFrame({name: _text(table[column], column) for name, column in wanted.items()})
    frame["answer"] = _numbers(table[answer], answer)
    if "item" not in frame.columns:
        frame["item"] = frame["prompt"] + " · " + frame["arm"]
    if "dimension" not in frame.columns:
        frame["dimension"] = answer
    for column in CARRIED:
        if column in table.columns:
            of_text = table[column].where(~table[column].isin(EMPTY), None)
            frame[column] = of_text if column == "guess" else _numbers(of_text.fillna("nan"), column)
    return frame.reset_index(drop=True)


def plan_for(
    frame: pd.DataFrame,
    *,
    contrast: tuple[str, str] | None = None,
    points: int | None = None,
    scope: Scope = "raters+prompts",
    score: Score = "net_superiority",
    sesoi: float | None = None,
    doses: Mapping[str, float] | None = None,
) -> Planned:
    """Plan the analysis of a tidy frame from elsewhere; the first dimension in it is the primary one.

    Args:
        frame: What `read` returned.
        contrast: The two arms, first minus second; left out, the only two there are, by name.
        points: How many points the scale has, from 1. Left out, it is the highest answer if all are whole
            numbers from 1 to 11, and otherwise the answers are taken as any numbers.
        scope: What the claim generalises to.
        score: What the primary test compares.
        sesoi: The smallest effect size of interest, in units of the score.
        doses: The dose of each arm that has one.

    Raises:
        StudyError: If the arms to compare cannot be told, or one has no answers.
    """
    dimensions = tuple(
        _judged(name, frame.loc[frame["dimension"] == name, "answer"].to_numpy(dtype=np.float64), points)
        for name in frame["dimension"].unique()
    )
    if not dimensions:
        msg = "there are no answers to analyse; give a table with a row for each answer"
        raise StudyError(msg)
    return Planned(
        contrast=_contrast(sorted(frame["arm"].unique()), contrast),
        dimensions=dimensions,
        primary=dimensions[0].name,
        scope=scope,
        score=score,
        sesoi=sesoi,
        doses=doses or {},
    )


def _load(source: str | Path | TextIO | pd.DataFrame) -> pd.DataFrame:
    """Read everything as text, so that a prompt named 007 or NA stays what it is."""
    if isinstance(source, pd.DataFrame):
        as_text = source.astype(object).where(source.notna(), "")
        return as_text.map(lambda value: value if isinstance(value, str) else f"{value}").reset_index(
            drop=True
        )
    try:
        return pd.read_csv(source, dtype=str, keep_default_na=False, skipinitialspace=True)
    except FileNotFoundError as error:
        msg = f"There is no file {source}; give a CSV with a row for each answer."
        raise RaterError(msg) from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError, IsADirectoryError) as error:
        msg = f"{source} cannot be read as a CSV in UTF-8 with a header: {error}"
        raise RaterError(msg) from error


def _check_columns(table: pd.DataFrame, wanted: Mapping[str, str]) -> None:
    columns = [str(column) for column in table.columns]
    for name, column in wanted.items():
        if column not in columns:
            msg = f"There is no column {column!r} for the {name}." + nearest(column, columns)
            raise RaterError(msg)
        if columns.count(column) > 1:
            msg = f"The column {column!r} for the {name} is there twice; rename one of them."
            raise RaterError(msg)


def _text(column: "pd.Series[str]", name: str) -> "pd.Series[str]":
    stripped = column.str.strip()
    empty = stripped == ""
    if empty.any():
        msg = f"{name} is empty in line {_first(empty)}; every row needs one"
        raise RaterError(msg)
    return stripped


def _numbers(column: "pd.Series[str]", name: str) -> "pd.Series[float]":
    numbers = pd.to_numeric(column, errors="coerce")
    wrong = (numbers.isna() & ~column.isin(EMPTY)) | np.isinf(numbers)
    if wrong.any():
        msg = f"{name} is {column[wrong].iloc[0]!r} in line {_first(wrong)}; it must be a number"
        raise RaterError(msg)
    return numbers.astype(np.float64)


def _first(rows: "pd.Series[bool]") -> int:
    """Name the first such row by its line in the file: the header is line 1."""
    return int(rows.index[rows][0]) + 2


def _judged(name: str, answers: np.ndarray, points: int | None) -> Judged:
    whole = bool((answers == np.rint(answers)).all())
    if points is None and whole and answers.min() >= 1 and answers.max() <= MOST_POINTS:
        points = max(int(answers.max()), 2)
    if points is None:
        return Rated(name, name, Numbers(float(answers.min()), float(answers.max())))
    if not 2 <= points <= MOST_POINTS:
        msg = f"points is {points}; valid: 2 to {MOST_POINTS}, or none for answers that are any numbers"
        raise StudyError(msg)
    return Rated(name, name, Likert(points=points, low="lowest", high="highest"))


def _contrast(arms: list[str], contrast: tuple[str, str] | None) -> tuple[str, str]:
    if contrast is None:
        if len(arms) != 2:
            msg = f"there are {len(arms)} arms ({', '.join(arms)}); name the two to compare as the contrast"
            raise StudyError(msg)
        return arms[0], arms[1]
    for arm in contrast:
        if arm not in arms:
            msg = f"contrast names the arm {arm!r}, which has no answers." + nearest(arm, arms)
            raise StudyError(msg)
    return contrast

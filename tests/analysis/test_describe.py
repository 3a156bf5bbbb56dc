"""The mean rating of every text, worked out by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rater.analysis.agreement import Agreement
from rater.analysis.describe import RATED_COLUMNS, rate_texts
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.analysis.results import Result
from rater.report.export import to_json
from rater.study.dimension import Dimension
from rater.study.scales import Likert, Pairwise

Load = Callable[[str], pd.DataFrame]


SCALE = Likert(low="not", high="very")


TEXTS = pd.DataFrame({"item": ["i1", "i2", "i3"], "text": [" one", " two", " three"]})


def answers(*rows: tuple[object, ...]) -> pd.DataFrame:
    columns = ["item", "dimension", "answer", "is_repeat", "cannot_judge"]
    return pd.DataFrame(rows, columns=columns).astype({"is_repeat": bool, "cannot_judge": bool})


def test_repeats_and_what_could_not_be_judged_do_not_count() -> None:
    frame = answers(
        ("i1", "joy", 2.0, False, False),
        ("i1", "joy", 5.0, False, False),
        ("i1", "joy", 1.0, True, False),
        ("i2", "joy", np.nan, False, True),
        ("i1", "calm", 4.0, False, False),
    )
    dimensions = [Dimension(name=name, question="?", scale=SCALE) for name in ("joy", "calm")]

    found = rate_texts(TEXTS, frame, dimensions)

    assert list(found.columns) == ["item", "text", *RATED_COLUMNS]
    rows = found.set_index(["dimension", "item"])
    assert list(rows.loc[("joy", "i1"), ["mean_rating", "n_ratings"]]) == [3.5, 2]
    assert list(rows.loc[("calm", "i1"), ["mean_rating", "n_ratings"]]) == [4.0, 1]
    assert rows["n_ratings"].tolist() == [2, 0, 0, 1, 0, 0]
    assert rows["mean_rating"].isna().tolist() == [False, True, True, False, True, True]


def test_a_preference_counts_for_one_text_of_a_pair_and_against_the_other() -> None:
    frame = pd.DataFrame(
        {
            "item": ["i1", "i1"],
            "other_item": ["i2", "i3"],
            "arm": ["a", "a"],
            "other_arm": ["b", "c"],
            "dimension": ["joy", "joy"],
            "answer": [1.0, -1.0],
        }
    )

    found = rate_texts(TEXTS, frame, [Dimension(name="joy", question="?", scale=Pairwise())])

    assert found["mean_rating"].tolist() == [0.0, -1.0, 1.0]
    assert found["n_ratings"].tolist() == [2, 1, 1]


def test_the_mean_without_excluded_raters_is_next_to_the_mean_of_all() -> None:
    frame = answers(("i1", "joy", 2.0, False, False), ("i1", "joy", 5.0, False, False))
    frame["rater"] = ["r1", "r2"]

    found = rate_texts(TEXTS, frame, [Dimension(name="joy", question="?", scale=SCALE)], excluded={"r2"})

    first = found.iloc[0]
    assert (first["mean_rating"], first["n_ratings"]) == (3.5, 2)
    assert (first["mean_rating_kept"], first["n_ratings_kept"]) == (2.0, 1)


def analyzed(frame: pd.DataFrame, planned: Planned) -> Analysis:
    """Analyse, and write as JSON, which refuses NaN."""
    analysis = analyze(frame, planned)
    assert "NaN" not in to_json(analysis)
    return analysis


def test_a_category_that_nobody_used_is_counted_as_zero(load: Load, planned: Planned) -> None:
    frame = load("a").assign(answer=lambda rows: rows["answer"].replace(3.0, 2.0))

    (found,) = analyzed(frame, planned).dimensions

    assert [arm.counts[2] for arm in found.arms] == [0, 0]
    assert found.verdict == "higher"


def test_the_number_of_the_first_point_moves_the_means_and_changes_nothing_else(
    load: Load, planned: Planned
) -> None:
    frame = load("a")
    shifted = frame.assign(answer=frame["answer"] - 4)
    scale = Likert(points=5, first=-3, low="not", high="very")
    judged = Dimension(name="happiness", question="?", scale=scale)

    (before,) = analyzed(frame, planned).dimensions
    (after,) = analyzed(shifted, replace(planned, dimensions=(judged,))).dimensions

    assert [arm.counts for arm in after.arms] == [arm.counts for arm in before.arms]
    assert [arm.mean for arm in after.arms] == pytest.approx([(arm.mean or 0) - 4 for arm in before.arms])
    assert isinstance(before.primary, Result)
    assert isinstance(after.primary, Result)
    assert (after.primary.estimate, after.primary.p) == pytest.approx(
        (before.primary.estimate, before.primary.p)
    )
    kept, moved = before.details.agreement, after.details.agreement
    assert isinstance(kept, Agreement)
    assert isinstance(moved, Agreement)
    assert moved.ac2.estimate == pytest.approx(kept.ac2.estimate)

"""Ratings by text: how every single text was rated, next to what it says and how it was made."""

from collections.abc import Collection, Iterable

import pandas as pd

from rater.analysis.preferences import one_row_a_text
from rater.analysis.ratings import first_showings, judged_only
from rater.analysis.scales import Judged, is_pairwise

RATED_COLUMNS = ("dimension", "mean_rating", "n_ratings", "mean_rating_kept", "n_ratings_kept")
"""What `rate_texts` adds to the table of texts."""


def rate_texts(
    texts: pd.DataFrame, frame: pd.DataFrame, dimensions: Iterable[Judged], *, excluded: Collection[str] = ()
) -> pd.DataFrame:
    """Add the mean rating and the number of ratings of each text: one row for each text and dimension.

    First showings that were judged count. Of texts chosen between, the mean is that of the preferences for
    this text: above 0 where it was preferred more strongly than the others next to it. ``mean_rating`` and
    ``n_ratings`` are over all raters, ``mean_rating_kept`` and ``n_ratings_kept`` without excluded ones.

    Args:
        texts: one row for each text, with its ``item``.
        frame: one row for each answer.
        dimensions: what was judged.
        excluded: ids of raters who are excluded from the tests.
    """
    judged = judged_only(first_showings(frame))
    kept = judged[~judged["rater"].astype(str).isin(excluded)] if excluded else judged
    return pd.concat([_rate(texts, judged, kept, dimension) for dimension in dimensions], ignore_index=True)


def _rate(texts: pd.DataFrame, judged: pd.DataFrame, kept: pd.DataFrame, dimension: Judged) -> pd.DataFrame:
    everyone, without_excluded = (_by_item(rows, dimension) for rows in (judged, kept))
    return texts.assign(
        dimension=dimension.name,
        mean_rating=texts["item"].map(everyone["mean"]).astype(float),
        n_ratings=texts["item"].map(everyone["size"]).fillna(0).astype("int64"),
        mean_rating_kept=texts["item"].map(without_excluded["mean"]).astype(float),
        n_ratings_kept=texts["item"].map(without_excluded["size"]).fillna(0).astype("int64"),
    )


def _by_item(judged: pd.DataFrame, dimension: Judged) -> pd.DataFrame:
    """Return the mean and the number of ratings of each item on a dimension."""
    rows = judged[judged["dimension"] == dimension.name]
    if is_pairwise(dimension):
        preferred = pd.concat([rows["answer"], -rows["answer"]], ignore_index=True)
        rows = one_row_a_text(rows).assign(answer=preferred)
    return rows.groupby("item")["answer"].agg(["mean", "size"])

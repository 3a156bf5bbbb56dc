"""Ratings by text: how every single text was rated, next to what it says and how it was made."""

from collections.abc import Iterable

import pandas as pd

from rater.analysis.preferences import one_row_a_text
from rater.analysis.ratings import first_showings, judged_only
from rater.analysis.scales import Judged, is_pairwise

RATED_COLUMNS = ("dimension", "mean_rating", "n_ratings")
"""What `rate_texts` adds to the table of texts."""


def rate_texts(texts: pd.DataFrame, frame: pd.DataFrame, dimensions: Iterable[Judged]) -> pd.DataFrame:
    """Add the mean rating and the number of ratings of each text: one row for each text and dimension.

    First showings that were judged count. Of texts chosen between, the mean is that of the preferences for
    this text: above 0 where it was preferred more strongly than the others next to it.

    Args:
        texts: one row for each text, with its ``item``.
        frame: one row for each answer.
        dimensions: what was judged.
    """
    judged = judged_only(first_showings(frame))
    return pd.concat([_rate(texts, judged, dimension) for dimension in dimensions], ignore_index=True)


def _rate(texts: pd.DataFrame, judged: pd.DataFrame, dimension: Judged) -> pd.DataFrame:
    rows = judged[judged["dimension"] == dimension.name]
    if is_pairwise(dimension):
        preferred = pd.concat([rows["answer"], -rows["answer"]], ignore_index=True)
        rows = one_row_a_text(rows).assign(answer=preferred)
    by_item = rows.groupby("item")["answer"].agg(["mean", "size"])
    return texts.assign(
        dimension=dimension.name,
        mean_rating=texts["item"].map(by_item["mean"]).astype(float),
        n_ratings=texts["item"].map(by_item["size"]).fillna(0).astype("int64"),
    )

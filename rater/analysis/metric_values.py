"""The values of a metric or a judge: one for each text or pair, how many are missing, and how consistent.

A value is the mean over repetitions. A pair is valued in both orders, and has a value only if both orders
have one: then a preference for the text in first place cancels out.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

VALUE_COLUMNS = ("item", "other_item", "repeat", "is_swapped", "value", "reason")
"""One row for each value. Of a pair, ``value`` is above 0 where the text of ``item`` is preferred to that of
``other_item``, and ``is_swapped`` is whether that text was shown second; of a single text ``other_item`` is
empty. ``reason`` is why ``value`` is missing."""
UNIT = ["item", "other_item"]


@dataclass(frozen=True, eq=False)
class MetricValues:
    """The values of one metric of a study's texts."""

    name: str
    kind: str
    dimension: str | None
    """The dimension whose question a judge answered; None for another metric."""
    description: str
    """The metric in words, for readers."""
    n_planned: int
    """The number of values that there would be if none was missing."""
    rows: pd.DataFrame
    """See `VALUE_COLUMNS`."""
    caution: str = ""
    """A doubt about the blinding of the metric, for readers; empty if there is none."""

    @cached_property
    def is_pairwise(self) -> bool:
        """True if it compares two texts."""
        return bool(self.rows["other_item"].notna().any())

    @cached_property
    def by_unit(self) -> "pd.Series[float]":
        """The value of each text, by item and other item (an empty text for a single one)."""
        rows = self.rows.assign(other_item=self.rows["other_item"].fillna(""))
        means = rows.groupby([*UNIT, "is_swapped"])["value"].mean().unstack("is_swapped")
        if self.is_pairwise and means.shape[1] < 2:
            return pd.Series([], dtype=float, index=means.index[:0])
        # the mean of both orders is missing where one of them is
        return means.mean(axis=1, skipna=False).dropna()


@dataclass(frozen=True, kw_only=True)
class ArmCoverage:
    """The values and failures of a metric for the texts of one arm."""

    arm: str
    n: int
    """Values, and texts without one; a pair counts for both of its arms."""
    n_failed: int


@dataclass(frozen=True, kw_only=True)
class ValueCoverage:
    """The number of values of a metric, and of texts without one."""

    n_planned: int
    n_values: int
    failures: tuple[tuple[str, int], ...]
    """The reasons for missing values, with their numbers, the most frequent first."""
    by_arm: tuple[ArmCoverage, ...]

    @property
    def n_failed(self) -> int:
        """The number of texts without a value."""
        return sum(n for _, n in self.failures)

    @property
    def n_not_measured(self) -> int:
        """The number of texts that were not measured yet."""
        return max(0, self.n_planned - self.n_values - self.n_failed)


def count_values(metric: MetricValues, arm_of: "pd.Series[str]") -> ValueCoverage:
    """Count values and failures, in all and by arm; ``arm_of`` has the arm of each item."""
    rows, has_failed = metric.rows, metric.rows["value"].isna()
    reasons = Counter(rows.loc[has_failed, "reason"].astype(str))
    shown = pd.concat(
        [pd.DataFrame({"arm": rows[name].map(arm_of), "failed": has_failed}) for name in UNIT]
    ).dropna(subset=["arm"])
    by_arm = shown.groupby("arm")["failed"].agg(["size", "sum"])
    return ValueCoverage(
        n_planned=metric.n_planned,
        n_values=int((~has_failed).sum()),
        failures=tuple(reasons.most_common()),
        by_arm=tuple(
            ArmCoverage(arm=str(arm), n=int(size), n_failed=int(failed))
            for arm, size, failed in by_arm.itertuples()
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Consistency:
    """The agreement of a metric with itself, over repetitions or over both orders of a pair."""

    over: str
    """``repetitions`` or ``orders``."""
    n: int
    """The texts or pairs that have several values."""
    share_equal: float
    """The share of them whose values are all equal; for orders, that prefer the same text."""
    mean_range: float
    """The mean of the largest minus the smallest value."""
    share_first: float | None = None
    """For orders: the share of preferences for the text that was shown first, of all that are not ties."""


def measure_consistency(metric: MetricValues) -> tuple[Consistency, ...]:
    """Compare a metric's values of the same text, or of the same pair in both orders."""
    rows = metric.rows.dropna(subset=["value"]).fillna({"other_item": ""})
    found = []
    repeated = rows.groupby([*UNIT, "is_swapped"])["value"]
    several = repeated.agg(["size", "min", "max"])
    several = several[several["size"] > 1]
    if len(several):
        found.append(
            Consistency(
                over="repetitions",
                n=len(several),
                share_equal=float((several["min"] == several["max"]).mean()),
                mean_range=float((several["max"] - several["min"]).mean()),
            )
        )
    if metric.is_pairwise:
        found += _over_orders(rows)
    return tuple(found)


def _over_orders(rows: pd.DataFrame) -> list[Consistency]:
    orders = rows.groupby([*UNIT, "is_swapped"])["value"].mean().unstack("is_swapped").dropna()
    if orders.shape[1] < 2 or orders.empty:
        return []
    as_is, swapped = (orders[order].to_numpy(dtype=np.float64) for order in (False, True))
    for_first = np.concatenate([np.sign(as_is), -np.sign(swapped)])
    chosen = for_first[for_first != 0]
    return [
        Consistency(
            over="orders",
            n=len(orders),
            share_equal=float((np.sign(as_is) == np.sign(swapped)).mean()),
            mean_range=float(np.abs(as_is - swapped).mean()),
            share_first=float((chosen > 0).mean()) if chosen.size else None,
        )
    ]

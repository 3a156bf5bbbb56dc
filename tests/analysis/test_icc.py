from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rater.analysis.agreement import (
    Agreement,
    measure_agreement,
)
from rater.analysis.results import Estimate, Quantity

Load = Callable[[str], pd.DataFrame]


def measure(frame: pd.DataFrame, points: Sequence[float] = range(1, 6)) -> Agreement:
    found = measure_agreement(frame, "happiness", points, alpha=0.05, rng=np.random.default_rng(3))
    assert isinstance(found, Agreement), found
    return found


def made(quantity: Quantity) -> Estimate:
    assert isinstance(quantity, Estimate), quantity
    return quantity


def ends(quantity: Quantity) -> tuple[float, float]:
    interval = made(quantity).interval
    assert interval is not None
    return interval.low, interval.high


def test_intraclass_correlations_of_a_complete_table_are_those_of_psych(
    load: Load, reference: dict[str, Any]
) -> None:
    """R: psych::ICC, rows ICC2 and ICC2k, with their intervals."""
    ours = measure(load("a"))

    theirs = reference["a"]["agreement"]["psych_ICC_aov"]
    for icc, name in [(ours.icc_single, "ICC2"), (ours.icc_mean, "ICC2k")]:
        assert made(icc).estimate == pytest.approx(theirs[name]["ICC"], abs=1e-9)
        assert ends(icc) == pytest.approx((theirs[name]["lower"], theirs[name]["upper"]), abs=1e-9)


def test_intraclass_correlations_of_a_table_with_gaps_are_those_of_lmer(
    load: Load, reference: dict[str, Any]
) -> None:
    """R: lme4::lmer(answer ~ 1 + (1|item) + (1|rater)); lmer itself stops within about 1e-6."""
    ours = measure(load("c"))

    theirs = reference["c"]["agreement"]["psych_ICC_lmer"]
    assert made(ours.icc_single).estimate == pytest.approx(theirs["ICC2"]["ICC"], abs=1e-5)
    assert made(ours.icc_mean).estimate == pytest.approx(theirs["ICC2k"]["ICC"], abs=1e-5)
    assert made(ours.icc_single).interval is None

"""Hold sentences about metrics: failures first, and a poor judge is called poor."""

from dataclasses import replace

import numpy as np
import pandas as pd

from rater.report.metric_remarks import remarks
from tests.analysis.test_measures import compared, texts


def told(values: "np.ndarray | pd.Series[float]", *, dimension: str | None = "happiness") -> str:
    return " ".join(remarks(compared(pd.Series(np.asarray(values, dtype=float)), dimension=dimension), 0.05))


def test_a_judge_at_random_is_called_indistinguishable_from_chance() -> None:
    drawn = np.random.default_rng(4).integers(1, 6, len(texts())).astype(float)

    text = told(drawn)

    assert "not distinguishable from chance: it cannot replace raters here" in text
    assert "so its agreement is lower." in text


def test_a_judge_who_knows_the_quality_is_not() -> None:
    text = told(np.clip(np.rint(texts()["quality"]), 1, 5))

    assert "chance: it cannot" not in text
    assert "this is not evidence that there is none" in text


def test_failures_come_first_with_their_arms() -> None:
    values = texts()["quality"].where(np.arange(len(texts())) % 4 > 0)

    text = told(values)

    assert text.startswith("It has no value for 12 of 48 texts: no answer (12). By arm: ")
    assert "not replaced by any value" in text


def test_a_different_error_names_its_direction() -> None:
    shown = texts()
    blind = shown["quality"] - np.where(shown["arm"] == "steered", 0.5, -0.5)

    assert "it puts “steered” lower than the raters do, by −" in told(blind)


def test_a_doubt_about_blinding_is_shown() -> None:
    found = replace(compared(texts()["quality"]), caution="The file had a column with arms.")

    assert remarks(found, 0.05)[0] == "The file had a column with arms."


def test_a_constant_metric_cannot_show_a_difference() -> None:
    assert "gave every text the same value" in told(texts()["quality"] * 0 + 3)

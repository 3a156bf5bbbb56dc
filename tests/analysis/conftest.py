"""Give tests the reference data sets, R's answers on them, and small frames."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from rater.analysis.plan import Planned
from rater.study.dimension import Dimension
from rater.study.scales import Likert

STATS = Path(__file__).parent.parent / "data" / "stats"
HAPPINESS = Dimension(
    name="happiness",
    question="How happy is this text?",
    scale=Likert(points=5, low="not at all happy", high="very happy"),
)


@pytest.fixture(scope="session")
def reference() -> dict[str, Any]:
    """R 4.2.2's answers (lme4 1.1.31, lmerTest 3.1.3, exactRankTests 0.8.35); see statistics.md."""
    content: dict[str, Any] = json.loads((STATS / "reference.json").read_text())
    return content


@pytest.fixture(scope="session")
def load() -> Callable[[str], pd.DataFrame]:
    """Read a reference data set by its letter as a tidy frame on the dimension happiness."""

    def read(letter: str) -> pd.DataFrame:
        frame = pd.read_csv(STATS / f"data_{letter}.csv")
        frame = frame.rename(columns={"condition": "arm", "rating": "answer"})
        return frame.assign(dimension="happiness", answer=frame["answer"].astype(float))

    return read


@pytest.fixture(scope="session")
def planned() -> Planned:
    return Planned(contrast=("steered", "unsteered"), dimensions=(HAPPINESS,), primary="happiness")

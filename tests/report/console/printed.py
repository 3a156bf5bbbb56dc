"""Analyses printed to a text, for tests of the console."""

import io
from pathlib import Path

import pandas as pd
from rich.console import Console

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis
from rater.report.console.analysis import Screen, print_analysis
from rater.study.dimension import Dimension
from rater.study.scales import Likert

STATS = Path(__file__).parents[2] / "data" / "stats"


PLANNED = Planned(
    contrast=("steered", "unsteered"),
    dimensions=(
        Dimension(
            name="happiness",
            question="How happy is this text?",
            scale=Likert(points=5, low="not at all happy", high="very happy"),
        ),
    ),
    primary="happiness",
)


def load(letter: str) -> pd.DataFrame:
    frame = pd.read_csv(STATS / f"data_{letter}.csv")
    frame = frame.rename(columns={"condition": "arm", "rating": "answer"})
    return frame.assign(dimension="happiness", answer=frame["answer"].astype(float))


def shown(analysis: Analysis, screen: Screen, *, width: int = 80, show_all: bool = True) -> str:
    stream = io.StringIO()
    print_analysis(analysis, Console(file=stream, width=width), screen, show_all=show_all)
    return stream.getvalue()

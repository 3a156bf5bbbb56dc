"""Give tests small answers, their analysis, and a report written once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.compose import compose
from rater.report.context import (
    Look,
    ReportContext,
    StudyFacts,
)
from rater.report.document import Bullets, Document, Prose, Section
from rater.report.folder import write_report
from rater.report.sections.inputs import Findings
from rater.study.dimension import Dimension
from rater.study.scales import Likert

FIRST = Look(number=1, at="2026-03-01 12:00 UTC", who="ada", why="curious", n_answers=20, is_interim=True)


STUDY = StudyFacts(
    name="a_study",
    study_hash="ab" * 32,
    commitment="cd" * 32,
    log_head="ef" * 32,
    looks=(FIRST, replace(FIRST, number=2, is_interim=False, n_answers=40)),
    n_planned_raters=6,
    n_started_raters=5,
    n_finished_raters=5,
    n_withdrawn_raters=0,
    items_per_rater=8,
    n_texts=8,
    model="a model",
    sampling="temperature 1",
    arms=(),
)


Made = Callable[..., pd.DataFrame]


HOSTILE = "</title><script>alert(1)</script> | *bold* `code` $x$ & <b>b</b>\n# heading\u202e\x07"


@pytest.fixture(scope="session")
def planned() -> Planned:
    """Compare steered with unsteered on a question that does not trust its readers."""
    question = f"How happy? {HOSTILE}".replace("\x07", "")  # a study refuses control characters
    scale = Likert(points=5, low="not <i>at all</i>", high="very | much")
    return Planned(
        contrast=("steered", "unsteered"),
        dimensions=(Dimension(name="happiness", question=question, scale=scale),),
        primary="happiness",
        sesoi=0.2,
    )


@pytest.fixture(scope="session")
def make() -> Made:
    """Simulate answers with times, positions and guesses."""

    def answers(
        n_raters: int, n_prompts: int, arms: tuple[str, ...] = ("unsteered", "steered")
    ) -> pd.DataFrame:
        rng = np.random.default_rng(1)
        rater, prompt, arm = (
            grid.ravel() for grid in np.indices((n_raters, n_prompts, len(arms)), dtype=np.intp)
        )
        felt = 3 + 0.7 * arm + rng.normal(0, 0.6, n_raters)[rater] + rng.normal(0, 1, rater.size)
        names = np.array(arms, dtype=object)
        frame = pd.DataFrame(
            {
                "rater": [f"r{code:04d}" for code in rater],
                "item": [f"i{p}-{a}" for p, a in zip(prompt, arm, strict=True)],
                "prompt": [f"{code} {HOSTILE}" for code in prompt],
                "arm": names[arm],
                "dimension": "happiness",
                "answer": np.clip(np.rint(felt), 1, 5),
                "shown_ms": np.rint(rng.lognormal(8.5, 0.5, rater.size)),
                "guess": names[rng.integers(0, len(arms), rater.size)],
            }
        )
        return frame.assign(position=frame.groupby("rater").cumcount() + 1)

    return answers


@pytest.fixture(scope="session")
def analysis(make: Made, planned: Planned) -> Analysis:
    """The analysis of 5 raters × 4 prompts."""
    return analyze(make(5, 4), planned)


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory, make: Made, analysis: Analysis) -> Path:
    """A report of 5 raters × 4 prompts, labelled, with hostile words wherever a study can put some."""
    folder = tmp_path_factory.mktemp("report") / "report"
    columns = {"rater": ("who answered", "experimenter")}
    about = ReportContext(title=HOSTILE, label="Permuted arms: not a result", columns=columns)
    write_report(folder, analysis, make(5, 4), about, json_about={"study": "a study"})
    return folder


def compose_report(analysis: Analysis, about: ReportContext) -> Document:
    return compose(Findings(analysis, about, {}), "0123")


def section(document: Document, anchor: str) -> Section:
    return next(each for each in document.sections if each.anchor == anchor)


def words(of: Section) -> str:
    said = []
    for block in of.blocks:
        if isinstance(block, Prose):
            said.append(block.text)
        elif isinstance(block, Bullets):
            said += block.items
    return "\n".join(said)


def texts_of(frame: pd.DataFrame, text: str = " fell on.") -> pd.DataFrame:
    """List the texts of a frame's items, each with its arm in its words."""
    columns = ["item", "prompt", "arm"]
    if "other_item" in frame:
        other = frame[["other_item", "prompt", "other_arm"]].set_axis(columns, axis=1)
        frame = pd.concat([frame[columns], other])
    items = frame[columns].drop_duplicates().sort_values("item", ignore_index=True)
    words = items["arm"] + text + items["item"]
    return items.assign(
        sample=0, text=words, n_characters=words.str.len(), n_tokens=7, nll=1.5, repetition=0.0
    )

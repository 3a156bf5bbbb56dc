"""Give tests small answers, their analysis, and a report written once."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, analyze
from rater.report.context import ReportContext
from rater.report.folder import write_report
from rater.study.protocol import Dimension
from rater.study.scales import Likert

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

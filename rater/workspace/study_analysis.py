"""An analysis with its data: the headline, tables and frames for a notebook, and files for everybody.

Figures and reports are imported when they are asked for: matplotlib takes half a second to load.
"""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import pandas as pd
from rich.console import Console

from rater.analysis.describe import rate_texts
from rater.analysis.plan import Planned
from rater.analysis.primary import Analysis, DimensionAnalysis
from rater.analysis.primary import analyze as analyze_ratings
from rater.analysis.results import Result
from rater.report.console.analysis import Screen, print_analysis
from rater.report.context import ReportContext
from rater.report.export import write_csv, write_json
from rater.workspace.analysis_input import AnalysisInput

Progress = Callable[[int, int], None]
"""Receives how many of how many bootstrap replicates are done."""


@dataclass(frozen=True, eq=False)
class StudyAnalysis:
    """A finished analysis; in a notebook it shows the headline, the tests and the main figure."""

    analysis: Analysis
    """Every result, the primary dimension first."""
    data: AnalysisInput
    """The answers with their plan and context."""

    @classmethod
    def of(cls, data: AnalysisInput, *, progress: Progress | None = None) -> "StudyAnalysis":
        """Analyse answers as planned.

        Args:
            data: The answers with their plan and context.
            progress: Receives how many of how many bootstrap replicates are done.

        Raises:
            RaterError: the answers cannot be analysed; see `rater.analysis.primary.analyze`.
        """
        analysis = analyze_ratings(
            data.frame,
            data.plan,
            raters=data.raters,
            guesses=data.guesses,
            assigned=data.assigned,
            questionnaire=data.questionnaire,
            texts=None if data.tables is None else data.tables.texts,
            metrics=data.metrics,
            progress=progress,
        )
        return cls(analysis, data)

    @classmethod
    def of_ratings(cls, frame: pd.DataFrame, plan: Planned, *, title: str = "ratings") -> "StudyAnalysis":
        """Analyse a tidy frame of external ratings, such as `rater.analysis.read` returns.

        Args:
            frame: One row for each answer; see `rater.analysis.analyze`.
            plan: The plan, such as `rater.analysis.plan_for` returns.
            title: Title of the report.

        Raises:
            RaterError: the answers cannot be analysed.
        """
        screen, about = Screen(title=title), ReportContext(title=title, source=title)
        return cls.of(AnalysisInput(frame=frame, plan=plan, screen=screen, about=about))

    @property
    def headline(self) -> str:
        """The answer to the study's question in one sentence."""
        return self.analysis.dimensions[0].headline

    @property
    def dimensions(self) -> tuple[DimensionAnalysis, ...]:
        """The results of every dimension, the primary one first."""
        return self.analysis.dimensions

    @property
    def frame(self) -> pd.DataFrame:
        """The answers with their arms, one row each; masked ids of texts under permuted arms."""
        return self.data.frame_for_files

    @property
    def interim_look(self) -> int | None:
        """The number of this look at the answers by arm; None where nothing was unblinded."""
        number = self.data.json_about.get("look")
        return None if number is None else int(str(number))

    @property
    def tests(self) -> pd.DataFrame:
        """The tests of every dimension, one row each.

        Columns: dimension, test, score, estimate, low, high, p, n_raters, n_prompts, n_answers, reason.
        Numbers of a test that is not estimable are missing, and ``reason`` explains why.
        """
        return pd.DataFrame(
            [
                {
                    "dimension": found.dimension.name,
                    "test": outcome.test,
                    "score": outcome.score,
                    **_numbers(outcome),
                    "n_raters": outcome.n.raters,
                    "n_prompts": outcome.n.prompts,
                    "n_answers": outcome.n.answers,
                    "reason": None if isinstance(outcome, Result) else outcome.sentence,
                }
                for found in self.dimensions
                for outcome in found.tests
            ]
        )

    def print(self, console: Console | None = None, *, show_all: bool = False) -> None:
        """Print the analysis as `rater analyze` does.

        Args:
            console: Where it is printed; by default standard output.
            show_all: Whether every table is printed, not only the tests.
        """
        print_analysis(self.analysis, console or Console(), self.data.screen, show_all=show_all)

    def report(self, folder: str | Path, *, progress: Callable[[str], None] = lambda _: None) -> list[str]:
        """Write the report with figures, data and methods to a folder; return remarks on what was left out.

        Costs some seconds. An interruption leaves an earlier report in place.

        Args:
            folder: An empty or new folder, or that of an earlier report.
            progress: Receives the current step in words.

        Raises:
            RaterError: the folder has anything but an earlier report in it, or cannot be written.
        """
        from rater.report.folder import write_report

        data = self.data
        return write_report(
            Path(folder),
            self.analysis,
            data.frame_for_files,
            data.about,
            json_about=data.json_about,
            tables=data.tables,
            progress=progress,
        )

    def write_json(self, path: str | Path) -> None:
        """Write every result as JSON."""
        label = self.data.about.label
        about = {**self.data.json_about, **({"label": label} if label else {})}
        write_json(self.analysis, Path(path), about)

    def write_csv(self, path: str | Path) -> Path | None:
        """Write the answers as CSV, and the texts with their mean answers next to it; return its path.

        External ratings have no texts, and so only one file.
        """
        path = Path(path)
        write_csv(self.frame, path)
        tables = self.data.tables
        if tables is None or tables.texts.empty:
            return None
        texts = texts_path(path)
        write_csv(rate_texts(tables.texts, self.data.frame, self.data.plan.dimensions), texts)
        return texts

    def _repr_html_(self) -> str:
        """Return the headline, warnings about the data, the primary tests and the main figure as HTML."""
        from rater.analysis.prepare import prepare
        from rater.report.document import Picture, blocks_to_html
        from rater.report.figures.draw import draw_main_figure
        from rater.report.figures.style import GRID, INK, MUTED, PAPER
        from rater.report.sections.data import first_warnings
        from rater.report.sections.inputs import analysed_rows, outcomes_table
        from rater.report.sections.result import caption_of_tests

        found, label = self.dimensions[0], self.data.about.label
        prepared = prepare(self.data.frame, self.analysis.planned).frame
        figure = draw_main_figure(self.analysis, analysed_rows(self.analysis, prepared), label=label)
        table = outcomes_table(
            caption_of_tests(self.analysis.planned, found),
            found.tests,
            self.analysis.planned.alpha,
            unit=found.dimension.scale.answer_unit,
        )
        blocks = [*first_warnings(self.analysis.diagnosis), table]
        blocks += [] if figure is None else [Picture(figure)]
        colours = f"--ink: {INK}; --muted: {MUTED}; --grid: {GRID}; --paper: {PAPER}"
        banner = f"<p><em>{escape(label)}</em></p>" if label else ""
        headline = f"<p><strong>{escape(self.headline)}</strong></p>"
        return f'<div style="{colours}; max-width: 60em">{banner}{headline}{blocks_to_html(blocks)}</div>'


def texts_path(csv_path: Path) -> Path:
    """Return the path of the file of texts that goes with a file of ratings."""
    return csv_path.with_name(f"{csv_path.stem}.texts{csv_path.suffix}")


def _numbers(outcome: object) -> dict[str, float | None]:
    if not isinstance(outcome, Result):
        return dict.fromkeys(("estimate", "low", "high", "p"))
    interval = outcome.interval
    return {
        "estimate": outcome.estimate,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "p": outcome.p,
    }

"""The input of all report sections, and tables that several sections share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from rater.analysis.contrast_data import first_showings, judged_only
from rater.analysis.exclusions import excluded_raters
from rater.analysis.primary import Analysis, DimensionAnalysis
from rater.analysis.results import NotEstimable, Outcome, Quantity, Result
from rater.analysis.sentences import label_score, sentence
from rater.analysis.simulated_power import PowerCurve
from rater.report.context import ReportContext
from rater.report.document import Block, Picture, Prose, Table
from rater.report.figures.fonts import FontPlan
from rater.report.figures.style import Drawn
from rater.report.numbers import bare_p, interval_text, level, name_of, optional, p_of, short_ids, statistic

MAX_ROWS = 200
"""Longer tables are truncated; results.json has all rows."""


def analysed_rows(analysis: Analysis, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that enter the tests: judged first showings of raters who are not excluded."""
    excluded = excluded_raters(analysis.exclusion)
    return judged_only(first_showings(frame[~frame["rater"].astype(str).isin(excluded)]))


@dataclass(frozen=True, eq=False)
class Findings:
    """The results of an analysis with their context, figures and tables."""

    analysis: Analysis
    about: ReportContext
    figures: Mapping[str, Drawn]
    curve: PowerCurve | None = None
    fonts: FontPlan = field(default_factory=FontPlan)
    """The fonts of the figures, and the names that are numbered in them."""
    frame: pd.DataFrame | None = None
    """All answers, with arms."""
    texts: pd.DataFrame | None = None
    """All texts with arm and measurements; None if they are not known."""
    comments: pd.DataFrame | None = None
    """The raters' comments at the end."""

    @property
    def tested(self) -> pd.DataFrame:
        """The answers that enter the tests."""
        assert self.frame is not None  # noqa: S101 (texts come with answers)
        return analysed_rows(self.analysis, self.frame)

    @property
    def primary(self) -> DimensionAnalysis:
        """The primary dimension."""
        return self.analysis.dimensions[0]

    @property
    def unit(self) -> str:
        """The unit of the answers of the primary dimension."""
        return self.primary.dimension.scale.answer_unit

    @property
    def score_label(self) -> str:
        """The name of the planned score, in tables."""
        return label_score(self.analysis.planned.score, self.unit)

    @property
    def alpha(self) -> float:
        """The significance level."""
        return self.analysis.planned.alpha

    @cached_property
    def raters(self) -> Mapping[str, str]:
        """The raters' ids as abbreviated in tables and figures."""
        tables = [table for table in (self.frame, self.comments) if table is not None]
        return short_ids(rater for table in tables for rater in table["rater"].unique())

    def rater(self, rater: object) -> str:
        """Return a rater's id as tables show it."""
        return self.raters.get(str(rater), str(rater))

    def picture(self, name: str) -> list[Block]:
        """Return a figure if it was drawn."""
        return [Picture(self.figures[name])] if name in self.figures else []


def warnings_of(named: Sequence[tuple[str, Outcome | Quantity]]) -> list[str]:
    """List each warning and each reason for a missing result once, after the first name that has it."""
    seen: set[str] = set()
    warnings = []
    for name, found in named:
        texts = list(found.warnings)
        if isinstance(found, NotEstimable):
            texts.insert(0, found.sentence)
        warnings += [f"{name}: {text}" for text in texts if text not in seen]
        seen.update(texts)
    return warnings


def outcomes_table(
    caption: str, outcomes: Sequence[Outcome], alpha: float, *, unit: str, main_first: bool = True
) -> Table:
    """Tabulate tests; estimate, interval and p come first, since a phone shows only a few columns.

    ``unit`` is that of the answers.
    """
    rows = [
        (
            label_score(outcome.score, unit),
            optional(outcome.estimate),
            interval_text(outcome),
            bare_p(p_of(outcome)),
            outcome.test,
            statistic(outcome) if isinstance(outcome, Result) else "–",
            f"{outcome.n.raters:,} × {outcome.n.prompts:,}",
            f"{outcome.n.answers:,}",
        )
        for outcome in outcomes
    ]
    header = ("score", "estimate", level(alpha), "p", "test", "statistic", "raters × prompts", "answers")
    return Table(caption, header, rows, marked=(0,) if main_first else (), text_at=(4,))


def quantities_table(caption: str, quantities: Sequence[tuple[str, Quantity]], alpha: float) -> Table:
    """Tabulate effect sizes or coefficients with their estimands."""
    rows = [
        (
            name,
            optional(quantity.estimate),
            interval_text(quantity),
            quantity.sentence if isinstance(quantity, NotEstimable) else sentence(quantity.estimand),
        )
        for name, quantity in quantities
    ]
    return Table(caption, ("quantity", "estimate", level(alpha), "meaning"), rows, text_at=(3,))


def effects_with_names(quantities: Sequence[Quantity]) -> list[tuple[str, Quantity]]:
    """Pair quantities with their names."""
    return [(name_of(quantity), quantity) for quantity in quantities]


def cut_rows(rows: Sequence[Sequence[str]]) -> tuple[Sequence[Sequence[str]], list[Block]]:
    """Truncate a long table, with a remark."""
    if len(rows) <= MAX_ROWS:
        return rows, []
    remark = f"{len(rows) - MAX_ROWS:,} more rows are in results.json."
    return rows[:MAX_ROWS], [Prose(remark)]

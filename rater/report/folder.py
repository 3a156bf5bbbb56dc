"""Write a report's folder: all of it or nothing, and never over anything that is no report."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from rater.analysis.exclusions import excluded_raters
from rater.analysis.prepared import prepare
from rater.analysis.primary import Analysis
from rater.analysis.ratings import select_ratings
from rater.analysis.scales import is_pairwise
from rater.analysis.sensitivity import PowerCurve, power_curve
from rater.analysis.texts import rate_texts
from rater.errors import RaterError
from rater.report.about import About, TextTables
from rater.report.compose import compose
from rater.report.export import Json, to_json, write_csv
from rater.report.figures.draw import draw_figures, plan_analysis_fonts
from rater.report.figures.style import Drawn
from rater.report.files import write_dictionary, write_table
from rater.report.place import FIGURES, require_folder
from rater.report.render import escape_markdown, to_html, to_markdown
from rater.report.sections.findings import Findings
from rater.report.sections.methods import method_paragraphs, references
from rater.tables.write import FIRST_COLUMNS, make_private, write_private
from rater.temp_files import temporary_folder

Say = Callable[[str], None]


def write_report(
    folder: Path,
    analysis: Analysis,
    frame: pd.DataFrame,
    about: About,
    *,
    json_about: Mapping[str, Json],
    tables: TextTables | None = None,
    say: Say = lambda _: None,
) -> list[str]:
    """Write a report's folder, which only its owner can read; return remarks on what was left out.

    An interruption leaves what was there before. Costs some seconds: figures a quarter of one each, the power
    curve up to ten.

    Raises:
        RaterError: The folder holds anything but an earlier report.
    """
    require_folder(folder)
    folder = folder.resolve()
    # Figures and files hang on the order of the rows, and that is nobody's decision.
    answers, analysed = _in_order(frame), _in_order(prepare(frame, analysis.planned).frame)
    with temporary_folder(f".{folder.name}-unfinished-", parent=folder.parent) as working:
        given = Findings(
            analysis,
            about,
            {},
            frame=analysed,
            texts=None if tables is None else tables.texts,
            comments=None if tables is None else tables.comments,
        )
        remarks = _fill(working, given, answers, json_about=json_about, say=say)
        if tables is not None:
            _write_texts(working, given, tables)
        _swap(working, folder)
    return remarks


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    known = [column for column in FIRST_COLUMNS if column in frame.columns]
    return frame.sort_values(known, kind="stable", ignore_index=True)


def _fill(
    working: Path, given: Findings, answers: pd.DataFrame, *, json_about: Mapping[str, Json], say: Say
) -> list[str]:
    analysis, about, tested = given.analysis, given.about, given.tested
    say("Writing the answers")
    remarks = _write_answers(working, answers, about)
    digest = hashlib.sha256((working / "answers.csv").read_bytes()).hexdigest()
    write_private(working / "results.json", to_json(analysis, {**json_about, "label": about.label}))
    curve = _curve(analysis, tested, say)
    fonts = plan_analysis_fonts(analysis)
    figures = draw_figures(analysis, tested, curve, label=about.label, fonts=fonts, say=say)
    remarks += [fonts.remark] if fonts.remark else []
    _write_figures(working / FIGURES, figures)
    say("Writing the report")
    findings = replace(given, figures=figures, curve=curve, fonts=fonts)
    document = compose(findings, digest)
    write_private(working / "report.html", to_html(document))
    write_private(working / "report.md", to_markdown(document))
    write_private(working / "methods.md", _methods(findings))
    return remarks


def _write_texts(working: Path, given: Findings, tables: TextTables) -> None:
    """Write the texts with how each was rated, and what raters wrote."""
    if not tables.comments.empty:
        write_csv(tables.comments, working / "comments.csv")
    if tables.texts.empty:
        return
    dimensions = [found.dimension for found in given.analysis.dimensions]
    frame, excluded = given.frame, excluded_raters(given.analysis.exclusion)
    assert frame is not None  # noqa: S101 (texts come with answers)
    rated = rate_texts(tables.texts, frame, dimensions, excluded=excluded)
    write_csv(rated, working / "texts.csv")
    write_dictionary(tables.meanings, rated, working / "texts.dictionary.json")


def _write_answers(working: Path, frame: pd.DataFrame, about: About) -> list[str]:
    write_csv(frame, working / "answers.csv")
    write_dictionary(about.columns, frame, working / "answers.dictionary.json")
    try:
        write_table(frame, working / "answers.parquet")
    except RaterError:
        return ["answers.parquet was left out: it needs pyarrow. Run: pip install pyarrow"]
    return []


def _curve(analysis: Analysis, frame: pd.DataFrame, say: Say) -> PowerCurve | None:
    planned, judged = analysis.planned, analysis.dimensions[0].dimension
    if is_pairwise(judged):
        return None
    ratings = select_ratings(frame, planned.contrast, judged.name)
    return power_curve(ratings, planned, judged, rng=np.random.default_rng(planned.seed), say=say)


def _write_figures(folder: Path, figures: Mapping[str, Drawn]) -> None:
    folder.mkdir()
    for name, drawn in figures.items():
        write_private(folder / f"{name}.svg", drawn.svg)
        make_private(folder / f"{name}.png")
        (folder / f"{name}.png").write_bytes(drawn.png)


def _methods(findings: Findings) -> str:
    paragraphs = [escape_markdown(text) for text in method_paragraphs(findings)]
    works = "\n".join(f"- {escape_markdown(work)}" for work in references(findings))
    return "# Methods\n\n" + "\n\n".join(paragraphs) + f"\n\n## References\n\n{works}\n"


def _swap(working: Path, folder: Path) -> None:
    """Put the finished folder in its place; an earlier report goes only once the new one is whole."""
    with temporary_folder(f".{folder.name}-earlier-", parent=folder.parent) as earlier:
        if folder.exists():
            folder.rename(earlier / folder.name)
        working.rename(folder)

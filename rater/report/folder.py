"""Write a report's folder atomically, and check beforehand that it is free."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.contrast_data import select_ratings
from rater.analysis.describe import rate_texts
from rater.analysis.exclusions import excluded_raters
from rater.analysis.prepare import prepare
from rater.analysis.primary import Analysis
from rater.analysis.simulated_power import PowerCurve, power_curve
from rater.errors import RaterError
from rater.report.compose import compose
from rater.report.context import ReportContext, TextTables
from rater.report.document import escape_markdown, to_html, to_markdown
from rater.report.export import Json, to_json, write_csv, write_dictionary, write_table
from rater.report.figures.draw import draw_figures, plan_analysis_fonts
from rater.report.figures.style import Drawn
from rater.report.sections.inputs import Findings
from rater.report.sections.methods import method_paragraphs, references
from rater.tables.write import FIRST_COLUMNS, make_private, write_private
from rater.temp_files import temporary_folder, why_folder_unwritable

FILES = frozenset(
    {
        "report.html",
        "report.md",
        "results.json",
        "methods.md",
        "answers.csv",
        "answers.parquet",
        "answers.dictionary.json",
        "comments.csv",
        "texts.csv",
        "texts.dictionary.json",
    }
)
FIGURES = "figures"


def require_folder(folder: Path) -> None:
    """Check a report's folder, before anything that cannot be undone.

    Raises:
        RaterError: The folder contains anything but an earlier report, it is a file, or its parent does not
            exist or is not writable.
    """
    if not folder.parent.is_dir():
        msg = (
            f"Cannot write the report to {folder}: the folder {folder.parent} does not exist. Create it "
            "first."
        )
        raise RaterError(msg)
    if folder.is_dir():
        other = sorted(path for path in folder.rglob("*") if not _is_ours(path, folder))
        if other:
            msg = (
                f"Cannot write the report to {folder}: it contains {other[0].relative_to(folder)}, which is "
                "not part of a report. Choose another folder, or an empty one."
            )
            raise RaterError(msg)
    elif folder.exists() or folder.is_symlink():
        msg = f"{folder} is not a folder. Choose a folder for the report, e.g. report."
        raise RaterError(msg)
    reason = why_folder_unwritable(folder.resolve().parent)  # it is written next to its place, and then moved
    if reason is not None:
        msg = f"Cannot write the report to {folder}: {reason}. Choose another folder."
        raise RaterError(msg)


def _is_ours(path: Path, folder: Path) -> bool:
    place = path.relative_to(folder)
    if path.is_symlink():
        return False
    if len(place.parts) == 1:
        return path.name in FILES or (path.name == FIGURES and path.is_dir())
    return place.parts[0] == FIGURES and len(place.parts) == 2 and path.suffix in {".svg", ".png"}


Progress = Callable[[str], None]


def write_report(
    folder: Path,
    analysis: Analysis,
    frame: pd.DataFrame,
    about: ReportContext,
    *,
    json_about: Mapping[str, Json],
    tables: TextTables | None = None,
    progress: Progress = lambda _: None,
) -> list[str]:
    """Write a report's folder, readable only by its owner; return remarks on omitted files.

    An interruption leaves the earlier state. Takes some seconds: 0.25 s per figure, up to 10 s for the power
    curve.

    Raises:
        RaterError: The folder contains anything but an earlier report.
    """
    require_folder(folder)
    folder = folder.resolve()
    # Figures and files depend on the order of rows, which has no meaning; sorting makes them reproducible.
    answers, analysed = _in_order(frame), _in_order(prepare(frame, analysis.planned).frame)
    with temporary_folder(f".{folder.name}-unfinished-", parent=folder.parent) as working:
        partial = Findings(
            analysis,
            about,
            {},
            frame=analysed,
            texts=None if tables is None else tables.texts,
            comments=None if tables is None else tables.comments,
        )
        remarks = _fill(working, partial, answers, json_about=json_about, progress=progress)
        if tables is not None:
            _write_texts(working, partial, tables)
        _swap(working, folder)
    return remarks


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    known = [column for column in FIRST_COLUMNS if column in frame.columns]
    return frame.sort_values(known, kind="stable", ignore_index=True)


def _fill(
    working: Path,
    partial: Findings,
    answers: pd.DataFrame,
    *,
    json_about: Mapping[str, Json],
    progress: Progress,
) -> list[str]:
    analysis, about, tested = partial.analysis, partial.about, partial.tested
    progress("Writing the answers")
    remarks = _write_answers(working, answers, about)
    digest = hashlib.sha256((working / "answers.csv").read_bytes()).hexdigest()
    write_private(working / "results.json", to_json(analysis, {**json_about, "label": about.label}))
    curve = _curve(analysis, tested, progress)
    fonts = plan_analysis_fonts(analysis)
    figures = draw_figures(analysis, tested, curve, label=about.label, fonts=fonts, progress=progress)
    remarks += [fonts.remark] if fonts.remark else []
    _write_figures(working / FIGURES, figures)
    progress("Writing the report")
    findings = replace(partial, figures=figures, curve=curve, fonts=fonts)
    document = compose(findings, digest)
    write_private(working / "report.html", to_html(document))
    write_private(working / "report.md", to_markdown(document))
    paragraphs = "\n\n".join(map(escape_markdown, method_paragraphs(findings)))
    works = "\n".join(f"- {escape_markdown(work)}" for work in references(findings))
    write_private(working / "methods.md", f"# Methods\n\n{paragraphs}\n\n## References\n\n{works}\n")
    return remarks


def _write_texts(working: Path, findings: Findings, tables: TextTables) -> None:
    """Write the texts with their ratings, and the raters' comments."""
    if not tables.comments.empty:
        write_csv(tables.comments, working / "comments.csv")
    if tables.texts.empty:
        return
    dimensions = [found.dimension for found in findings.analysis.dimensions]
    frame, excluded = findings.frame, excluded_raters(findings.analysis.exclusion)
    assert frame is not None  # noqa: S101 (texts come with answers)
    rated = rate_texts(tables.texts, frame, dimensions, excluded=excluded)
    write_csv(rated, working / "texts.csv")
    write_dictionary(tables.meanings, rated, working / "texts.dictionary.json")


def _write_answers(working: Path, frame: pd.DataFrame, about: ReportContext) -> list[str]:
    write_csv(frame, working / "answers.csv")
    write_dictionary(about.columns, frame, working / "answers.dictionary.json")
    try:
        write_table(frame, working / "answers.parquet")
    except RaterError:
        return ["answers.parquet was not written, because pyarrow is not installed. Run: pip install pyarrow"]
    return []


def _curve(analysis: Analysis, frame: pd.DataFrame, progress: Progress) -> PowerCurve | None:
    planned, judged = analysis.planned, analysis.dimensions[0].dimension
    if not kind_of(judged).has_power_curve:
        return None
    ratings = select_ratings(frame, planned.contrast, judged.name)
    return power_curve(ratings, planned, judged, rng=np.random.default_rng(planned.seed), progress=progress)


def _write_figures(folder: Path, figures: Mapping[str, Drawn]) -> None:
    folder.mkdir()
    for name, drawn in figures.items():
        write_private(folder / f"{name}.svg", drawn.svg)
        make_private(folder / f"{name}.png")
        (folder / f"{name}.png").write_bytes(drawn.png)


def _swap(working: Path, folder: Path) -> None:
    """Move the finished folder into place; an earlier report is removed only after that."""
    with temporary_folder(f".{folder.name}-earlier-", parent=folder.parent) as earlier:
        if folder.exists():
            folder.rename(earlier / folder.name)
        working.rename(folder)

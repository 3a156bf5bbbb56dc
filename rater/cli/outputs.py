"""Show what a command found: figures as JSON; an analysis on the screen, and in the files asked for."""

import contextlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from rater.cli.options import Command, OutputFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.status import Status

    from rater.analysis.diagnosis import Diagnosis
    from rater.analysis.primary import Analysis
    from rater.cli.subject import AnalysisInput


def echo_json(figures: object) -> None:
    """Print figures as JSON, in UTF-8 whatever the terminal speaks."""
    text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False)
    click.echo(text.encode(errors="backslashreplace"))  # a file's name may be no Unicode


def report_option(command: Command) -> Command:
    """Add ``--report``, a folder."""
    return click.option(
        "--report",
        "report_path",
        type=click.Path(path_type=Path),
        help="Write a report with figures and data to this folder.",
    )(command)


class Outputs(NamedTuple):
    """Where the results go, as far as that is asked for."""

    report_path: Path | None
    json_path: Path | None
    csv_path: Path | None
    show_all: bool = False
    """Whether every table is printed."""

    def require_writable(self) -> None:
        """Refuse a report's folder that cannot be written, before anything that cannot be undone.

        Files are refused where their options are read (see `OutputFile`), but for the file of texts, which
        goes with the ratings.

        Raises:
            RaterError: the file of texts cannot be written, or the report's folder holds anything but an
                earlier report or cannot be made.
        """
        if self.csv_path is not None:
            OutputFile().convert(texts_path(self.csv_path), None, None)
        if self.report_path is not None:
            from rater.report.place import require_folder

            require_folder(self.report_path)


@contextlib.contextmanager
def telling(step: str, *, only_on_terminal: bool = False) -> "Iterator[Status]":
    """Show on standard error that a longer step begins: a spinner, or a line where that is a file."""
    from rich.console import Console

    console = Console(stderr=True)
    if not (console.is_terminal or only_on_terminal):
        click.echo(f"{step} …", err=True)
    with console.status(step) as status:
        yield status


def show(data: "AnalysisInput", outputs: Outputs) -> None:
    """Analyse as planned, print the screen, and write what was asked for."""
    from rich.console import Console

    from rater.analysis.primary import analyze as analyze_ratings
    from rater.report.export import write_csv, write_json
    from rater.report.terminal import print_analysis

    with telling("Analysing") as status:

        def tell(done: int, of: int) -> None:
            status.update(f"Resampling raters and prompts: {done:,} of {of:,}")

        analysis = analyze_ratings(
            data.frame,
            data.plan,
            raters=data.raters,
            guesses=data.guesses,
            assigned=data.assigned,
            texts=None if data.tables is None else data.tables.texts,
            progress=tell,
        )
    print_analysis(analysis, Console(), data.screen, show_all=outputs.show_all)
    label = data.about.label
    if outputs.json_path is not None:
        write_json(analysis, outputs.json_path, {**data.json_about, **({"label": label} if label else {})})
        click.echo(f"All results are in {outputs.json_path}", err=True)
    if outputs.csv_path is not None:
        write_csv(data.frame_for_files, outputs.csv_path)
        click.echo(f"The tidy ratings are in {outputs.csv_path}", err=True)
        _write_texts(outputs.csv_path, data)
    if outputs.report_path is not None:
        with telling("Writing the report with its figures (about 10 s)") as status:
            remarks = _report(outputs.report_path, analysis, data, status)
        for remark in remarks:
            click.echo(remark, err=True)
        click.echo(f"The report is in {outputs.report_path / 'report.html'}", err=True)


def texts_path(csv_path: Path) -> Path:
    """Name the file of texts that goes with a file of ratings."""
    return csv_path.with_name(f"{csv_path.stem}.texts{csv_path.suffix}")


def _write_texts(csv_path: Path, data: "AnalysisInput") -> None:
    """Write the texts with how each was rated next to the ratings."""
    if data.tables is None or data.tables.texts.empty:
        return
    from rater.analysis.texts import rate_texts
    from rater.report.export import write_csv

    path = texts_path(csv_path)
    write_csv(rate_texts(data.tables.texts, data.frame, data.plan.dimensions), path)
    click.echo(f"The texts are in {path}", err=True)


def show_diagnosis(diagnosis: "Diagnosis", title: str, json_path: Path | None) -> None:
    """Print a diagnosis alone; exit with the code of a user's mistake where it refuses the ratings."""
    from rich.console import Console

    from rater.cli.options import USER_MISTAKE
    from rater.report.data_check import diagnosis_text
    from rater.report.export import as_json
    from rater.tables.write import write_private

    click.echo(diagnosis_text(diagnosis, title, width=Console().width))
    if json_path is not None:
        text = json.dumps(as_json(diagnosis), indent=2, ensure_ascii=False, allow_nan=False)
        write_private(json_path, text + "\n")
        click.echo(f"The diagnosis is in {json_path}", err=True)
    if diagnosis.refuses:
        click.get_current_context().exit(USER_MISTAKE)


def _report(folder: Path, analysis: "Analysis", data: "AnalysisInput", status: "Status") -> list[str]:
    from rater.report.folder import write_report

    return write_report(
        folder,
        analysis,
        data.frame_for_files,
        data.about,
        json_about=data.json_about,
        tables=data.tables,
        say=status.update,
    )

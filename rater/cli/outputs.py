"""Output of commands: JSON, the screen and report files; safe terminal streams.

Titles, names and texts may come from somebody else's archive, and may hold escape sequences that clear the
screen or write over a verdict. On standard output only colours and weights pass, as our own tables have them;
on standard error also what spinners and progress bars move the cursor by. Everything else becomes U+FFFD.
"""

import contextlib
import io
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO, cast

import click

from rater.cli.options import Command, OutputFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.status import Status

    from rater.analysis.diagnosis import Diagnosis
    from rater.workspace.analysis_input import AnalysisInput
    from rater.workspace.study_analysis import StudyAnalysis


_COLOUR = r"(?:[0-47]|2[2-7]|39|49|[34][0-7]|9[0-7]|10[0-7]|[34]8;5;\d{1,3}|[34]8;2;\d{1,3};\d{1,3};\d{1,3})"
_STYLE = rf"\x1b\[(?:{_COLOUR}(?:;{_COLOUR})*)?m"
_MOVES = r"\x1b\[(?:\d{0,3}[AK]|\?25[lh])|\r"
_CONTROLS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_REFUSED = {
    "stdout": re.compile(rf"({_STYLE})|{_CONTROLS}"),
    "stderr": re.compile(rf"({_STYLE}|{_MOVES})|{_CONTROLS}"),
}


class SafeStream:
    """A text stream that writes no control character but those of our own styles."""

    def __init__(self, stream: TextIO, refused: re.Pattern[str]) -> None:
        self.wrapped = stream
        self._refused = refused

    def write(self, text: str) -> int:
        """Write a text; controls other than our own become the replacement character."""
        self.wrapped.write(self._refused.sub(lambda found: found[1] or "\ufffd", text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


def prepare_streams() -> None:
    """Let neither a terminal's encoding nor closed streams stop a command, and no text steer the terminal.

    What an encoding cannot show becomes "?"; a closed standard input has no answers.
    """
    for name, refused in _REFUSED.items():
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
            setattr(sys, name, cast("TextIO", SafeStream(stream, refused)))
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 (for as long as the command runs)


def release_output() -> None:
    """Let a command draw on the whole screen, which makes texts safe by itself."""
    if isinstance(sys.stdout, SafeStream):
        sys.stdout = sys.stdout.wrapped


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
            from rater.workspace.study_analysis import texts_path

            OutputFile().convert(texts_path(self.csv_path), None, None)
        if self.report_path is not None:
            from rater.report.folder import require_folder

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


def show(data: "AnalysisInput", outputs: Outputs) -> "StudyAnalysis":
    """Analyse as planned, print the screen, and write what was asked for."""
    from rater.workspace.study_analysis import StudyAnalysis

    with telling("Analysing") as status:

        def tell(done: int, of: int) -> None:
            status.update(f"Resampling raters and prompts: {done:,} of {of:,}")

        result = StudyAnalysis.of(data, progress=tell)
    result.print(show_all=outputs.show_all)
    if outputs.json_path is not None:
        result.write_json(outputs.json_path)
        click.echo(f"All results are in {outputs.json_path}", err=True)
    if outputs.csv_path is not None:
        texts_path = result.write_csv(outputs.csv_path)
        click.echo(f"The tidy ratings are in {outputs.csv_path}", err=True)
        if texts_path is not None:
            click.echo(f"The texts are in {texts_path}", err=True)
    if outputs.report_path is not None:
        with telling("Writing the report with its figures (about 10 s)") as status:
            remarks = result.report(outputs.report_path, progress=status.update)
        for remark in remarks:
            click.echo(remark, err=True)
        click.echo(f"The report is in {outputs.report_path / 'report.html'}", err=True)
    return result


def show_diagnosis(diagnosis: "Diagnosis", title: str, json_path: Path | None) -> None:
    """Print a diagnosis alone; exit with the code of a user's mistake where it refuses the ratings."""
    from rich.console import Console

    from rater.cli.options import USER_MISTAKE
    from rater.report.console.analysis import diagnosis_text
    from rater.report.export import as_json
    from rater.tables.write import write_private

    click.echo(diagnosis_text(diagnosis, title, width=Console().width))
    if json_path is not None:
        text = json.dumps(as_json(diagnosis), indent=2, ensure_ascii=False, allow_nan=False)
        write_private(json_path, text + "\n")
        click.echo(f"The diagnosis is in {json_path}", err=True)
    if diagnosis.refuses:
        click.get_current_context().exit(USER_MISTAKE)

"""Output of commands: JSON, the screen and report files; safe terminal streams.

Titles, names and texts may come from another person's archive. They may contain escape sequences that clear
the screen or overwrite a verdict. Standard output passes colours and font weights only, which our own tables
use; standard error also passes the cursor movements of spinners and progress bars. All other control
characters become U+FFFD.
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
    """A text stream that replaces control characters, except those of our own styles."""

    def __init__(self, stream: TextIO, refused: re.Pattern[str]) -> None:
        self.wrapped = stream
        self._refused = refused

    def write(self, text: str) -> int:
        """Write a text; other control characters become the replacement character."""
        self.wrapped.write(self._refused.sub(lambda found: found[1] or "\ufffd", text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.wrapped, name)


def prepare_streams() -> None:
    """Make the standard streams safe against escape sequences, narrow encodings and closed streams.

    Characters that an encoding lacks become "?"; a closed standard input is empty.
    """
    for name, refused in _REFUSED.items():
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
            setattr(sys, name, cast("TextIO", SafeStream(stream, refused)))
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115 (open while the command runs)


def release_output() -> None:
    """Restore standard output for a command that draws on the whole screen and sanitises texts itself."""
    if isinstance(sys.stdout, SafeStream):
        sys.stdout = sys.stdout.wrapped


def echo_json(figures: object) -> None:
    """Print results as JSON, in UTF-8 whatever the terminal's encoding."""
    text = json.dumps(figures, indent=2, ensure_ascii=False, allow_nan=False)
    click.echo(text.encode(errors="backslashreplace"))  # file names may contain lone surrogates


def report_option(command: Command) -> Command:
    """Add ``--report``, a folder."""
    return click.option(
        "--report",
        "report_path",
        type=click.Path(path_type=Path),
        help="Write a report with figures and data to this folder.",
    )(command)


class Outputs(NamedTuple):
    """The requested outputs of an analysis."""

    report_path: Path | None
    json_path: Path | None
    csv_path: Path | None
    show_all: bool = False
    """Print every table, not only the tests."""

    def require_writable(self) -> None:
        """Require that the outputs can be written, before anything that cannot be undone.

        `OutputFile` checks the other files when the options are parsed.

        Raises:
            RaterError: the file of texts cannot be written, or the report's folder cannot be made or contains
                anything except an earlier report.
        """
        if self.csv_path is not None:
            from rater.workspace.study_analysis import texts_path

            OutputFile().convert(texts_path(self.csv_path), None, None)
        if self.report_path is not None:
            from rater.report.folder import require_folder

            require_folder(self.report_path)


@contextlib.contextmanager
def show_step(step: str, *, only_on_terminal: bool = False) -> "Iterator[Status]":
    """Show a longer step on standard error: a spinner, or a line if standard error is a file."""
    from rich.console import Console

    console = Console(stderr=True)
    if not (console.is_terminal or only_on_terminal):
        click.echo(f"{step} …", err=True)
    with console.status(step) as status:
        yield status


def show(data: "AnalysisInput", outputs: Outputs) -> "StudyAnalysis":
    """Run the planned analysis, print it, and write the requested outputs."""
    from rater.workspace.study_analysis import StudyAnalysis

    with show_step("Analysing") as status:

        def update(done: int, of: int) -> None:
            status.update(f"Resampling raters and prompts: {done:,} of {of:,}")

        result = StudyAnalysis.of(data, progress=update)
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
        with show_step("Writing the report with its figures (about 10 s)") as status:
            remarks = result.report(outputs.report_path, progress=status.update)
        for remark in remarks:
            click.echo(remark, err=True)
        click.echo(f"The report is in {outputs.report_path / 'report.html'}", err=True)
    return result


def show_diagnosis(diagnosis: "Diagnosis", title: str, json_path: Path | None) -> None:
    """Print a diagnosis; exit with code 2 if it refuses the ratings."""
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

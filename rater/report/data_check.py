"""Show the diagnosis of the ratings on the screen, before any result."""

import io

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from rater.analysis.diagnosis import Diagnosis
from rater.analysis.finding import Level

WORDS: dict[Level, str] = {"refuse": "Refused", "warn": "Warning", "note": "Note"}
_STYLES: dict[Level, str] = {"refuse": "bold red", "warn": "yellow", "note": "dim"}


def print_diagnosis(diagnosis: Diagnosis, console: Console, *, is_external: bool = True) -> None:
    """Print the rows that are used, the scales, and every finding.

    Of a study, whose scales are declared, only what is left out or suspicious is printed.
    """
    lines = [Text(line) for line in describe_rows(diagnosis, is_external=is_external)]
    for finding in diagnosis.findings:
        line = Text(f"{WORDS[finding.level]}: ", style=_STYLES[finding.level])
        lines.append(line.append(finding.message, style="default"))
    if not lines:
        return
    console.print()
    console.print(Text("Data", style="bold"))
    for line in lines:
        console.print(Padding(line, (0, 2)))


def diagnosis_text(diagnosis: Diagnosis, title: str, *, width: int) -> str:
    """Return the diagnosis alone as plain text."""
    plain = Console(file=io.StringIO(), width=width, color_system=None)
    with plain.capture() as capture:
        plain.print(title, markup=False, highlight=False)
        print_diagnosis(diagnosis, plain)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def describe_rows(diagnosis: Diagnosis, *, is_external: bool) -> list[str]:
    """Return the rows that are used and, of external ratings, their scales; a study declares its own."""
    if not is_external:
        return [diagnosis.used] if diagnosis.left_out else []
    return [diagnosis.used, *(f"Scale of {scale}." for scale in diagnosis.scales)]

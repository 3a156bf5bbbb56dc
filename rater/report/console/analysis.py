"""Print an analysis: the headline, then the diagnosis and the tests that it rests on.

Made for 80 columns. Only bold, dim and the terminal's own colours are used, so that it is readable on light
and dark backgrounds. Piped output is plain text without trailing blanks, in ASCII if the stream does not
support UTF-8.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.describe import ArmSummary
from rater.analysis.diagnosis import Diagnosis
from rater.analysis.findings import Level
from rater.analysis.multiple_comparisons import ArmContrast
from rater.analysis.primary import Analysis, DimensionAnalysis
from rater.analysis.results import NotEstimable, Outcome, Result
from rater.analysis.sentences import label_score, p_value, round_down
from rater.analysis.sequential import Seen
from rater.report.console.measures import print_metrics
from rater.report.console.secondary import (
    blinding_lines,
    exclusion_lines,
    further_lines,
    looks_line,
    moderator_lines,
)
from rater.report.numbers import (
    bare_p,
    interval_text,
    level,
    optional,
    p_of,
    remarks_on_bounds,
    scored,
    shorten_middle,
    sizes_of,
    statistic,
    which_counts,
)
from rater.study.scales import Choice

LABELS: dict[Level, str] = {"refuse": "Refused", "warn": "Warning", "note": "Note"}
_STYLES: dict[Level, str] = {"refuse": "bold red", "warn": "yellow", "note": "dim"}


def print_diagnosis(diagnosis: Diagnosis, console: Console, *, is_external: bool = True) -> None:
    """Print the rows that are analysed, the scales, and all findings.

    For a study, whose scales are declared, print only omitted rows and findings.
    """
    lines = [Text(line) for line in describe_rows(diagnosis, is_external=is_external)]
    for finding in diagnosis.findings:
        line = Text(f"{LABELS[finding.level]}: ", style=_STYLES[finding.level])
        lines.append(line.append(finding.message, style="default"))
    if not lines:
        return
    console.print()
    console.print(Text("Data", style="bold"))
    for line in lines:
        console.print(Padding(line, (0, 2)))


def diagnosis_text(diagnosis: Diagnosis, title: str, *, width: int) -> str:
    """Return the diagnosis as plain text."""
    plain = Console(file=io.StringIO(), width=width, color_system=None)
    with plain.capture() as capture:
        plain.print(title, markup=False, highlight=False)
        print_diagnosis(diagnosis, plain)
    return "\n".join(line.rstrip() for line in capture.get().splitlines())


def describe_rows(diagnosis: Diagnosis, *, is_external: bool) -> list[str]:
    """Return the rows that are analysed and, for external ratings, their scales; a study declares its own."""
    if not is_external:
        return [diagnosis.used] if diagnosis.left_out else []
    return [diagnosis.used, *(f"Scale of {scale}." for scale in diagnosis.scales)]


ASCII = str.maketrans(
    {"×": "x", "−": "-", "–": "-", "—": "-", "─": "-", "█": "#", "…": "...", "·": "-", "±": "+/-"}
    | dict.fromkeys("“”", '"')
)
MIN_BAR, MAX_BAR = 4, 18


@dataclass(frozen=True)
class Screen:
    """The context of an analysis on the console."""

    title: str
    completed_raters: int | None = None
    """The number of raters who have finished, if known."""
    planned_raters: int | None = None
    further_booklets: int = 0
    """Booklets finished by raters who had finished another one before."""
    looked_at: Sequence[Seen] = ()
    """All looks so far, this one last."""
    banner: str = ""
    """A highlighted first line, e.g. for a rehearsal or an exploratory analysis."""
    notes: Sequence[str] = ()
    """Printed last, after the notes of the analysis."""
    log_head: str = ""
    """The new head of the log, on a separate line so that it can be copied."""
    withdrawn_raters: int = 0
    """Raters who withdrew; none of their answers is used."""


def print_analysis(analysis: Analysis, console: Console, screen: Screen, *, show_all: bool = False) -> None:
    """Print an analysis: the headline and tests of each dimension, or all tables with ``show_all``."""
    ascii_only = console.options.ascii_only
    # A recording console is exported as a picture with styles.
    if (console.is_terminal or console.record) and not ascii_only:
        _print(analysis, console, screen, show_all=show_all)
        return
    plain = Console(file=io.StringIO(), width=console.width, color_system=None)
    with plain.capture() as capture:
        _print(analysis, plain, screen, show_all=show_all)
    text = "\n".join(line.rstrip() for line in capture.get().splitlines())
    if ascii_only:
        text = text.translate(ASCII).encode("ascii", errors="replace").decode()
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _print(analysis: Analysis, console: Console, screen: Screen, *, show_all: bool) -> None:
    if screen.banner:
        console.print(Text(f" {screen.banner} ", style="bold reverse"))
    console.print(Text(screen.title, style="bold"))
    sizes = sizes_of(
        analysis,
        n_finished=screen.completed_raters,
        n_planned=screen.planned_raters,
        n_further=screen.further_booklets,
        n_withdrawn=screen.withdrawn_raters,
    )
    console.print(Text(sizes, style="dim"))
    print_diagnosis(analysis.diagnosis, console, is_external=analysis.is_external)
    for found in analysis.dimensions:
        console.print()
        _print_dimension(analysis, found, console, show_all=show_all)
    print_metrics(analysis, console, show_all=show_all)
    if not show_all:
        more = (
            "All tables and effect sizes: --all. Report with figures: --report FOLDER. "
            "Meaning of a term: rater explain TERM."
        )
        console.print(Padding(Text(more, style="dim"), (0, 2)))
    notes = [*moderator_lines(analysis), *exclusion_lines(analysis), *blinding_lines(analysis)]
    notes += [*(note.message for note in analysis.notes), *screen.notes]
    if len(screen.looked_at) > 1:
        notes.append(looks_line(screen.looked_at, analysis.planned))
    if notes:
        console.print()
        _print_list(notes, console)
    if screen.log_head:
        console.print(Text(f"  log   {screen.log_head}"), soft_wrap=True)


def _print_dimension(
    analysis: Analysis, results: DimensionAnalysis, console: Console, *, show_all: bool
) -> None:
    dimension = results.dimension
    heading = Text(dimension.name, style="bold")
    heading.append(" · primary" if results.is_primary else " · secondary", style="dim")
    heading.append(f" · {dimension.question}", style="italic")
    console.print(heading)
    console.print()
    console.print(Padding(Text(results.headline, style="bold" if results.is_primary else ""), (0, 2)))
    console.print()
    if not (results.is_primary or show_all):
        return
    console.print(Padding(_arms_table(results), (0, 0, 1, 2)))
    if show_all and (points := dimension.scale.levels):
        console.print(Padding(_points_table(results, points, console.width - 2), (0, 0, 1, 2)))
    planned = analysis.planned
    tested = results.tests
    estimable = [outcome for outcome in tested if isinstance(outcome, Result)]
    if estimable:
        difference = kind_of(dimension).head_difference(planned.contrast)
        heading = Text(f"{difference}{which_counts(results)}", style="bold")
        console.print(Padding(heading, (0, 2)))
        console.print(
            Padding(_tests_table(estimable, planned.alpha, results.dimension.scale.answer_unit), (0, 0, 1, 2))
        )
    if show_all:
        _print_contrasts(results, planned.alpha, console)
    remarks = [*_remarks(results, tested), *further_lines(results, show_all=show_all)]
    if remarks:
        _print_list(remarks, console)
        console.print()
    # If the planned test is not estimable, the naive p-value would be the only one and be taken for a result.
    if show_all and results.is_primary and isinstance(results.primary, Result):
        _print_naive(results.naive, console)


def _print_contrasts(results: DimensionAnalysis, alpha: float, console: Console) -> None:
    for family in dict.fromkeys(contrast.family for contrast in results.details.contrasts):
        members = [contrast for contrast in results.details.contrasts if contrast.family == family]
        heading = Text(f"{family[:1].upper()}{family[1:]}, p-values with Holm correction", style="bold")
        console.print(Padding(heading, (0, 2)))
        console.print(Padding(_contrasts_table(members, alpha), (0, 0, 1, 2)))
    uncertain = [
        f"{each.name} ({round_down(each.outcome.df)})"
        for each in results.details.contrasts
        if isinstance(each.outcome, Result) and not each.outcome.has_enough_df and each.outcome.df is not None
    ]
    if uncertain:
        named = ", ".join(uncertain)
        _print_list([f"No usable interval, with fewer than 2 degrees of freedom: {named}"], console)
        console.print()


def _table() -> Table:
    return Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim"
    )


def _arms_table(results: DimensionAnalysis) -> Table:
    table = _table()
    kind = kind_of(results.dimension)
    table.add_column(kind.arm_noun, overflow="fold")
    for name in kind.head_arms(is_short=True):
        table.add_column(name, justify="right", no_wrap=True)
    for arm in results.arms:
        table.add_row(Text(arm.arm), *kind.tabulate_arm(arm))
    return table


def _points_table(results: DimensionAnalysis, points: Sequence[Choice], width: int) -> Table:
    """Return the answers at each point by arm, with bars if there is space."""
    labels = [point.numbered_label for point in points]
    room = min(26, max(map(len, labels)))
    each = (width - room) // len(results.arms)
    bar = min(MAX_BAR, each - 14)  # in addition to count, share and column gaps
    table = _table()
    table.add_column("answer", max_width=room, overflow="ellipsis", no_wrap=True)
    for arm in results.arms:
        name = shorten_middle(arm.arm, max(each - 2, 11))  # a count and a share take 11 columns
        table.add_column(Text(name), max_width=max(each - 2, 11), no_wrap=True)
    most = max((_share(arm, point) for arm in results.arms for point in range(len(points))), default=0)
    for point, label in enumerate(labels):
        table.add_row(Text(label), *(_point(arm, point, bar, most) for arm in results.arms))
    return table


def _point(arm: ArmSummary, point: int, bar: int, most: float) -> Text:
    share = _share(arm, point)
    text = Text(f"{arm.counts[point]:>5,} {share:>4.0%}")
    if bar >= MIN_BAR and most > 0:
        length = round(bar * share / most)
        drawn = Text("█" * length + " " * (bar - length) + " ", style="cyan")
        return drawn.append_text(Text(text.plain, style="default"))
    return text


def _share(arm: ArmSummary, point: int) -> float:
    return arm.counts[point] / arm.n if arm.n else 0.0


def _tests_table(results: Sequence[Result], alpha: float, unit: str) -> Table:
    table = _table()
    table.add_column("score")
    table.add_column("estimate", justify="right", no_wrap=True)
    table.add_column(level(alpha), no_wrap=True)
    table.add_column("test")
    table.add_column("statistic", no_wrap=True)
    table.add_column("p", no_wrap=True)
    for index, result in enumerate(results):
        table.add_row(
            label_score(result.score, unit),
            optional(result.estimate),
            interval_text(result),
            result.test,
            statistic(result),
            bare_p(p_of(result)),
            style="bold" if index == 0 else "",
        )
    return table


def _contrasts_table(contrasts: Sequence[ArmContrast], alpha: float) -> Table:
    table = _table()
    table.add_column("contrast", overflow="fold")
    table.add_column("estimate", justify="right", no_wrap=True)
    table.add_column(level(alpha), no_wrap=True)
    table.add_column("p", no_wrap=True)
    for contrast in contrasts:
        outcome = contrast.outcome
        mark = " (primary)" if contrast.is_primary else ""
        table.add_row(
            Text(f"{contrast.name}{mark}"),
            optional(outcome.estimate),
            interval_text(outcome),
            bare_p(contrast.p_adjusted),
        )
    return table


def _remarks(results: DimensionAnalysis, tested: Sequence[Outcome]) -> list[str]:
    """Return tests that are not estimable, and each warning once."""
    remarks = []
    unit = results.dimension.scale.answer_unit
    if isinstance(results.primary, Result) and results.primary.claim not in results.headline:
        remarks.append(results.primary.claim)
    # The headline has the reason if the primary test is not estimable.
    remarks += [
        f"{label_score(outcome.score, unit)}, {outcome.test}: {outcome.sentence}"
        for outcome in tested[1:]
        if isinstance(outcome, NotEstimable) and outcome.reason not in results.headline
    ]
    further = [contrast.outcome for contrast in results.details.contrasts]
    remarks += remarks_on_bounds(scored([*tested, *further], unit))
    primary, *others = tested
    remarks += primary.warnings
    for outcome in others:
        name = outcome.test if outcome.score == primary.score else label_score(outcome.score, unit)
        remarks += [f"{name}: {warning}" for warning in outcome.warnings if warning not in primary.warnings]
    return remarks


def _print_naive(naive: Outcome, console: Console) -> None:
    test = naive.test.removeprefix("naive ")
    result = naive.sentence if isinstance(naive, NotEstimable) else f"{statistic(naive)}, {p_value(naive.p)}."
    text = f"Naive test (ignores clustering; for comparison only): {test} {result}"
    console.print(Padding(Text(text, style="dim"), (0, 2)))


def _print_list(sentences: Sequence[str], console: Console) -> None:
    for sentence in sentences:
        full = sentence[:1].upper() + sentence[1:]
        console.print(Padding(Text(full if full.endswith(".") else f"{full}."), (0, 2)))

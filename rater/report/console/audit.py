"""Console output of `rater audit`: leaks, marks in the texts, and cues that distinguish arms."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rater.audit.findings import CONFOUND_LEVEL, Audit, Cue, Hit
from rater.publish.texts import describe_same_texts

_ACCESS = (
    "The rating database shows which texts of a prompt are assigned to the same rater, from which their arms "
    "could be guessed. Only the people who run the study should have access to it."
)


def print_audit(audit: Audit, console: Console, *, whole: bool = True, every_cue: bool = False) -> None:
    """Print an audit with its confounds, or with all cues.

    Args:
        audit: The result of the audit.
        console: The console.
        whole: Whether to print everything, or only the problems.
        every_cue: Whether to list the cues that do not distinguish arms.
    """
    console.print(Text(_verdict(audit), style="bold"), soft_wrap=True)
    for line in describe_same_texts(audit.same):
        console.print(Text(f"Warning: {line}", style="bold yellow"), soft_wrap=True)
    _print_hits("Leaks (publication is refused)", audit.leaks, console)
    _print_hits("In the texts", _of(audit, "content"), console)
    if whole:
        _print_hits("Words that the app itself uses in every study", _of(audit, "own"), console)
    cues = sorted(audit.cues if every_cue else audit.confounds, key=lambda cue: cue.p)
    if cues:
        console.print(Padding(_cue_table(cues), (1, 2, 0, 2)))
    if whole and not every_cue:
        console.print(Padding(Text(_describe_rest(audit)), (0, 2)))
    for line in _remarks(audit) if whole else []:
        console.print(Padding(Text(line, style="dim"), (0, 2)))


def _verdict(audit: Audit) -> str:
    problems = []
    if audit.leaks:
        problems.append(f"{_counted(len(audit.leaks), 'leak')}")
    if any(cue.refuses for cue in audit.cues):
        problems.append("an assignment of texts that is not random")
    if problems:
        return f"Audit: refused because of {' and '.join(problems)}."
    if audit.confounds:
        return f"Audit: no leak. Arms differ in properties other than meaning; {_confounds(audit)}."
    return "Audit: no leak, and no cue distinguishes arms."


def _confounds(audit: Audit) -> str:
    """List the confounds to declare, the declared ones, and those by chance."""
    names = {
        "declare as confounds": [
            c for c in audit.confounds if c.kind == "form" and c.name not in audit.declared
        ],
        "declared as confounds": [c for c in audit.confounds if c.name in audit.declared],
        "by chance": [c for c in audit.confounds if c.kind == "assignment"],
    }
    return "; ".join(
        f"{status}: {', '.join(dict.fromkeys(cue.name for cue in cues))}"
        for status, cues in names.items()
        if cues
    )


def _describe_rest(audit: Audit) -> str:
    """Count the cues that do not distinguish arms, with the range of their AUC."""
    rest = [cue for cue in audit.cues if not cue.is_confound]
    if not rest:
        return "No other cues were measured."
    aucs = [cue.auc for cue in rest]
    is_all = len(rest) == len(audit.cues)
    subject = (
        "No property of the texts or of their order distinguishes"
        if is_all
        else "The other properties do not distinguish"
    )
    return (
        f"{subject} arms ({_counted(len(rest), 'cue')}, AUC {min(aucs):.2f} to {max(aucs):.2f}, all adjusted "
        f"p ≥ {CONFOUND_LEVEL:g}); --all lists them."
    )


def _of(audit: Audit, severity: str) -> list[Hit]:
    return [hit for hit in audit.hits if hit.severity == severity]


def _print_hits(title: str, hits: Sequence[Hit], console: Console) -> None:
    if not hits:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column("kind")
    table.add_column("text")
    table.add_column("where")
    table.add_column("times", justify="right")
    for hit in hits:
        table.add_row(hit.what, Text(hit.mark), Text(hit.place), f"{hit.count:,}")
    console.print(Padding(table, (1, 2, 0, 2)))


def _cue_table(cues: Sequence[Cue]) -> Table:
    pairs = {(cue.first, cue.second) for cue in cues}
    which = f"{min(pairs)[0]} (and not of {min(pairs)[1]})" if len(pairs) == 1 else "the first arm"
    title = Text(f"Cues: probability that a text of {which} has more of it", style="bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    table.add_column("cue")
    table.add_column("arms" if len(pairs) > 1 else "", overflow="fold")
    table.add_column("AUC", justify="right")
    table.add_column("95% CI", no_wrap=True)
    table.add_column("p, adjusted", justify="right")
    table.add_column("")
    for cue in cues:
        interval = "–" if cue.low is None else f"{cue.low:.2f} to {cue.high:.2f}"
        p = "< 0.001" if cue.p < 0.001 else f"{cue.p:.3f}"
        arms = Text(f"{cue.first}, {cue.second}" if len(pairs) > 1 else "")
        style = "bold" if cue.is_confound else ""
        mark = "refused" if cue.refuses else "confound" if cue.is_confound else ""
        table.add_row(cue.name, arms, f"{cue.auc:.2f}", interval, p, mark, style=style)
    return table


def _remarks(audit: Audit) -> list[str]:
    n_bytes = "" if audit.n_bytes is None else f", {audit.n_bytes:,} bytes of its files"
    searched = (
        f"Searched for {_counted(audit.n_marks, 'mark')}: {_counted(audit.n_cells, 'value')} of the rating "
        f"database{n_bytes}, {_counted(audit.n_pages, 'reply', 'replies')} of the app with "
        f"{_counted(audit.n_trials_crawled, 'text')} shown."
    )
    lines = [searched]
    if audit.not_searched:
        lines.append(f"Not searched for, because too short or too common: {', '.join(audit.not_searched)}.")
    return [*lines, _ACCESS]


def _counted(n: int, noun: str, plural: str = "") -> str:
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"

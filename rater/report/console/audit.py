"""Print an audit: what would betray an arm, what names it in the texts, and what tells arms apart."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rater.audit.findings import CONFOUND_LEVEL, Audit, Cue, Hit
from rater.publish.texts import describe_same_texts

_HELD = (
    "Whoever holds the whole rating file sees which texts of a prompt are dealt to the same rater, and so "
    "may guess which are of different arms: keep it to who runs the study."
)


def print_audit(audit: Audit, console: Console, *, whole: bool = True, every_cue: bool = False) -> None:
    """Print an audit: the cues that stand out, or every one.

    Args:
        audit: what was found.
        console: where to print.
        whole: whether what was searched is said, too, or only what speaks against the study.
        every_cue: whether cues that tell no arms apart are listed one by one.
    """
    console.print(Text(_verdict(audit), style="bold"), soft_wrap=True)
    for line in describe_same_texts(audit.same):
        console.print(Text(f"Warning: {line}", style="bold yellow"), soft_wrap=True)
    _print_hits("Leaks, which refuse publication", audit.leaks, console)
    _print_hits("In the texts themselves", _of(audit, "content"), console)
    if whole:
        _print_hits("Also words of the app itself, for every study", _of(audit, "own"), console)
    cues = sorted(audit.cues if every_cue else audit.confounds, key=lambda cue: cue.p)
    if cues:
        console.print(Padding(_cue_table(cues), (1, 2, 0, 2)))
    if whole and not every_cue:
        console.print(Padding(Text(_describe_rest(audit)), (0, 2)))
    for line in _remarks(audit) if whole else []:
        console.print(Padding(Text(line, style="dim"), (0, 2)))


def _verdict(audit: Audit) -> str:
    found = []
    if audit.leaks:
        found.append(f"{_counted(len(audit.leaks), 'leak')}")
    if any(cue.refuses for cue in audit.cues):
        found.append("a dealing that chance does not give")
    if found:
        return f"Audit: refused, because of {' and '.join(found)}."
    if audit.confounds:
        return f"Audit: no leak. Arms differ in more than meaning; {_confounds(audit)}."
    return "Audit: no leak, and no cue that tells arms apart."


def _confounds(audit: Audit) -> str:
    """Name the confounds that are to be declared, those that are, and those that chance alone made."""
    names = {
        "declare as confounds": [
            c for c in audit.confounds if c.kind == "form" and c.name not in audit.declared
        ],
        "declared as confounds": [c for c in audit.confounds if c.name in audit.declared],
        "by chance": [c for c in audit.confounds if c.kind == "dealing"],
    }
    return "; ".join(
        f"{what}: {', '.join(dict.fromkeys(cue.name for cue in cues))}"
        for what, cues in names.items()
        if cues
    )


def _describe_rest(audit: Audit) -> str:
    """Count the cues that do not stand out, and say how far they are from chance."""
    rest = [cue for cue in audit.cues if not cue.is_confound]
    if not rest:
        return "No cue besides was measured."
    aucs = [cue.auc for cue in rest]
    other = " other" if len(rest) < len(audit.cues) else ""
    return (
        f"{_counted(len(rest), f'{other} cue'.strip())} told no arms apart (AUC {min(aucs):.2f} to "
        f"{max(aucs):.2f}, each adjusted p {CONFOUND_LEVEL:g} or more); --all lists them."
    )


def _of(audit: Audit, severity: str) -> list[Hit]:
    return [hit for hit in audit.hits if hit.severity == severity]


def _print_hits(title: str, hits: Sequence[Hit], console: Console) -> None:
    if not hits:
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    table.add_column("what")
    table.add_column("found")
    table.add_column("where")
    table.add_column("times", justify="right")
    for hit in hits:
        table.add_row(hit.what, Text(hit.mark), Text(hit.place), f"{hit.count:,}")
    console.print(Padding(table, (1, 2, 0, 2)))


def _cue_table(cues: Sequence[Cue]) -> Table:
    pairs = {(cue.first, cue.second) for cue in cues}
    which = f"{min(pairs)[0]} (and not of {min(pairs)[1]})" if len(pairs) == 1 else "the first arm"
    title = Text(f"Cues: the chance that a text of {which} has more of it", style="bold")
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    table.add_column("cue")
    table.add_column("arms" if len(pairs) > 1 else "", overflow="fold")
    table.add_column("AUC", justify="right")
    table.add_column("95 % CI", no_wrap=True)
    table.add_column("p, adjusted", justify="right")
    table.add_column("")
    for cue in cues:
        interval = "–" if cue.low is None else f"{cue.low:.2f} to {cue.high:.2f}"
        p = "< 0.001" if cue.p < 0.001 else f"{cue.p:.3f}"
        arms = Text(f"{cue.first}, {cue.second}" if len(pairs) > 1 else "")
        style = "bold" if cue.is_confound else ""
        table.add_row(cue.name, arms, f"{cue.auc:.2f}", interval, p, _mark(cue), style=style)
    return table


def _mark(cue: Cue) -> str:
    if cue.refuses:
        return "refused"
    return "confound" if cue.is_confound else ""


def _remarks(audit: Audit) -> list[str]:
    n_bytes = "" if audit.n_bytes is None else f", {audit.n_bytes:,} bytes of its files"
    searched = (
        f"Searched for {_counted(audit.n_marks, 'mark')}: {_counted(audit.n_cells, 'value')} of the rating "
        f"database{n_bytes}, {_counted(audit.n_pages, 'reply', 'replies')} of the app with "
        f"{_counted(audit.n_trials_crawled, 'text')} shown."
    )
    lines = [searched]
    if audit.not_searched:
        lines.append(f"Too short or too plain to search for: {', '.join(audit.not_searched)}.")
    return [*lines, _HELD]


def _counted(n: int, noun: str, plural: str = "") -> str:
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"

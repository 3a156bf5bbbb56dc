"""Print a sweep: every setting, a map of the effects, a legend, and a suggested setting."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rater.steering.sweep_results import MAX_NLL_RISE, SweepOutcome, SweepSetting, suggest


@dataclass(frozen=True)
class SweepTerms:
    """The terms for a sweep's columns."""

    effect: str
    """The measure of the effect, such as "occurrences of love, joy in a text"."""
    strength: str
    """``coeff`` or ``relative``, as the arm declares it."""
    places: dict[str, str]
    """The tokens that are changed, by position; all or generated ones where an arm changes these."""


def print_sweep(outcomes: Sequence[SweepOutcome], terms: SweepTerms, console: Console) -> None:
    """Print a sweep.

    Args:
        outcomes: one for each setting, and one of the unsteered model.
        terms: the terms for the columns.
        console: the terminal.
    """
    unsteered = next(outcome for outcome in outcomes if outcome.setting is None)
    console.print(Text("Every setting", style="bold"))
    console.print(_settings_table(outcomes, unsteered, terms))
    for position, place in terms.places.items():
        placed = {
            (each.setting.layer, each.setting.coeff): each
            for each in outcomes
            if each.setting is not None and each.setting.position == position
        }
        if placed:
            console.print(Text(f"Effect by layer and {terms.strength}, {place}", style="bold"))
            console.print(_map(placed, unsteered))
    for line in _legend(terms):
        console.print(Padding(Text(line, style="dim"), (0, 2)))
    console.print(Text(_suggestion(outcomes, unsteered, terms), style="bold"), soft_wrap=True)


def _settings_table(outcomes: Sequence[SweepOutcome], unsteered: SweepOutcome, terms: SweepTerms) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("layer", justify="right")
    table.add_column(terms.strength, justify="right")
    table.add_column("at")
    for heading in ("effect", "norm", "KL", "NLL", "repeated", "words", ""):
        table.add_column(heading, justify="right")
    for each in outcomes:
        table.add_row(
            *_place(each.setting, terms),
            f"{each.effect:.2f}",
            f"{each.ratio:.3g}",
            f"{each.kl:.2f}",
            f"{each.nll:.2f}",
            f"{each.repetition:.0%}",
            f"{each.n_words:.0f}",
            "✗" if each.is_degenerate(unsteered) else "",
        )
    return table


def _place(setting: SweepSetting | None, terms: SweepTerms) -> tuple[str, str, str]:
    if setting is None:
        return "–", "–", "unsteered"
    return str(setting.layer), f"{setting.coeff:g}", terms.places[setting.position].split()[0]


def _map(cells: dict[tuple[int, float], SweepOutcome], unsteered: SweepOutcome) -> Table:
    layers, coeffs = sorted({layer for layer, _ in cells}), sorted({coeff for _, coeff in cells})
    usable = [each.effect for each in cells.values() if not each.is_degenerate(unsteered)]
    highest = max(usable, default=0) or 1.0
    table = Table("layer", *[f"{coeff:g}" for coeff in coeffs])
    for layer in layers:
        row = [cells.get((layer, coeff)) for coeff in coeffs]
        table.add_row(f"{layer}", *[_cell(each, unsteered, highest) for each in row])
    return table


def _cell(outcome: SweepOutcome | None, unsteered: SweepOutcome, highest: float) -> str:
    if outcome is None:
        return ""
    if outcome.is_degenerate(unsteered):
        return f"[black on rgb(230,150,140)]{outcome.effect:.2f} ✗[/]"
    rest = 240 - int(140 * max(0.0, min(1.0, outcome.effect / highest)))
    return f"[black on rgb({rest},240,{rest})]{outcome.effect:.2f}[/]"


def _legend(terms: SweepTerms) -> list[str]:
    return [
        f"at: the tokens that are changed. effect: {terms.effect}. ✗: degenerate text.",
        "norm: largest norm of the addition over text tokens, as a share of the residual stream's norm.",
        "KL: divergence of the next token from the unsteered model, nats. words: mean length of a text.",
        "NLL: nats per token of the texts under the unsteered model.",
        "repeated: share of runs of three tokens that occurred before in the text.",
        f"degenerate: NLL more than {MAX_NLL_RISE:g} above the unsteered texts, or a third more repeated.",
    ]


def _suggestion(outcomes: Sequence[SweepOutcome], unsteered: SweepOutcome, terms: SweepTerms) -> str:
    best = suggest(outcomes)
    if best is None or best.setting is None:
        return "No setting has a larger effect than the unsteered model without degenerate text."
    layer, coeff, _ = _place(best.setting, terms)
    place = terms.places[best.setting.position]
    return (
        f"Suggested: layer {layer}, {terms.strength} {coeff}, {place}: effect {best.effect:.2f} (unsteered "
        f"{unsteered.effect:.2f}), NLL {best.nll:.2f} (unsteered {unsteered.nll:.2f}). Read its texts before "
        "you decide."
    )

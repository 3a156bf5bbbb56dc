"""Figures of effects on tokens: next tokens as a scatter and as a table, and lines over positions."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from matplotlib.figure import Figure

from rater.analysis.sentences import counted
from rater.report.figures.style import ARMS, GRID, INK, MUTED, PAPER, WIDTH, Sketch, arm_style, new_axes, wrap

# Probabilities below this are drawn at it, since a logarithmic axis has no 0.
_FLOOR = 1e-12
# Inches: a row of the table, and its title, heads and caption.
_ROW, _AROUND = 0.22, 1.2
# A text of more tokens has a label at every second one, and so on.
_MAX_LABELS = 48


@dataclass(frozen=True)
class NextToken:
    """A next token with its natural-log probabilities."""

    token: str
    unsteered: float
    steered: float

    @property
    def ratio(self) -> float:
        """The probability with steering, divided by that without."""
        return max(exp(self.steered), _FLOOR) / max(exp(self.unsteered), _FLOOR)


def sketch_next_tokens(tokens: Sequence[NextToken], prompt: str) -> Sketch:
    """Draw the ratio of both probabilities over the unsteered one, a labelled point for each token."""
    figure, axes = new_axes(4.2)
    axes.axhline(1, color=INK, linewidth=0.8)
    for each in tokens:
        colour = ARMS[0] if each.ratio >= 1 else ARMS[5]
        x = max(exp(each.unsteered), _FLOOR)
        axes.plot(x, each.ratio, "o", markersize=4, color=colour, markeredgecolor=PAPER)
        axes.annotate(
            _shown(each.token), (x, each.ratio), (3, 3), textcoords="offset points", fontsize=7, color=INK
        )
    axes.set_xscale("log")
    axes.set_yscale("log")
    for axis in (axes.xaxis, axes.yaxis):  # the default is mathematical notation, which our style turns off
        axis.set_major_formatter("{x:g}")
    axes.set_xlabel("probability without steering")
    axes.set_ylabel("probability with steering, divided by that")
    title = f"Next tokens after {wrap(repr(prompt), 60, lines=1)}"
    axes.set_title(title)
    n_up = sum(each.ratio > 1 for each in tokens)
    return Sketch(
        name="next-tokens",
        title=title,
        caption=f"{counted(len(tokens), 'token')}; above the line those that steering made likelier.",
        alt=f"Scatter of {counted(len(tokens), 'token')}, of which steering made {n_up} likelier.",
        figure=figure,
    )


def sketch_token_table(tokens: Sequence[NextToken], prompt: str) -> Sketch:
    """Draw a table of next tokens with both probabilities and their ratio, in the order given."""
    figure, axes = new_axes(_AROUND + _ROW * len(tokens))
    axes.set_axis_off()
    axes.set_xlim(0, 1)
    axes.set_ylim(len(tokens) + 0.5, -1)
    columns = ((0.02, "left"), (0.55, "right"), (0.75, "right"), (0.95, "right"))
    heads = ("token", "unsteered", "steered", "ratio")
    for (x, side), head in zip(columns, heads, strict=True):
        axes.text(x, -0.3, head, ha=side, weight="bold", fontsize=8)
    for row, each in enumerate(tokens):
        axes.axhline(row + 0.1, color=GRID, linewidth=0.6)
        cells = (
            _shown(each.token),
            f"{100 * exp(each.unsteered):.2f}%",
            f"{100 * exp(each.steered):.2f}%",
            f"{each.ratio:.3g}",
        )
        for (x, side), cell in zip(columns, cells, strict=True):
            axes.text(x, row + 0.75, cell, ha=side, fontsize=8, color=INK)
    title = f"Next tokens after {wrap(repr(prompt), 60, lines=1)}"
    axes.set_title(title)
    return Sketch(
        name="token-table",
        title=title,
        caption="Probabilities of the next token without and with steering, and the second over the first.",
        alt=f"Table of {counted(len(tokens), 'token')} with their probabilities.",
        figure=figure,
    )


def sketch_token_positions(
    tokens: Sequence[str],
    lines: Mapping[str, Sequence[float]],
    measure: str,
    *,
    touched: Collection[int] = (),
) -> Sketch:
    """Draw a measure at each token of a text, a line for each setting.

    Args:
        tokens: The tokens of the text, BOS first.
        lines: The values at each token, by the name of their setting.
        measure: The name of the measure and its unit.
        touched: Positions to which something was added, which are shaded.
    """
    figure = Figure(figsize=(WIDTH, 3.4), layout="constrained")
    axes = figure.subplots()
    for position in touched:
        axes.axvspan(position - 0.5, position + 0.5, color=GRID, alpha=0.6, linewidth=0)
    for index, (name, values) in enumerate(lines.items()):
        colour, marker, dash = arm_style(index)
        axes.plot(
            values,
            color=colour,
            marker=marker,
            linestyle=dash,
            markersize=4,
            linewidth=1.4,
            label=wrap(name, 30),
        )
    axes.axhline(0, color=MUTED, linewidth=0.8)
    step = 1 + (len(tokens) - 1) // _MAX_LABELS
    shown = range(0, len(tokens), step)
    axes.set_xticks(shown, [_shown(tokens[at]) for at in shown], rotation=60, ha="right")
    axes.set_ylabel(measure)
    figure.legend(loc="outside upper left", ncols=4)
    title = f"{measure[:1].upper()}{measure[1:]}, by token"
    shaded = " Shaded: tokens to which something was added." if touched else ""
    return Sketch(
        name="token-positions",
        title=title,
        caption=f"{counted(len(tokens), 'token')}, BOS first.{shaded}",
        alt=f"Lines over {counted(len(tokens), 'token')}: {', '.join(lines)}.",
        figure=figure,
    )


def _shown(token: str) -> str:
    """Return a token with its white space visible, in as few characters as a label may have."""
    visible = token.replace(" ", "␣").replace("\n", "↵").replace("\t", "⇥")
    return wrap(visible, 18, lines=1)

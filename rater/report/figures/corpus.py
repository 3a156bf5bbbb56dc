"""Figure of a corpus: the perplexity ratio of its texts by label, over layers or coefficients."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rater.analysis.sentences import counted
from rater.report.figures.style import INK, WIDTH, Sketch, arm_style, wrap

# Inches: the height of a panel, and of what is around the panels.
_PANEL, _AROUND = 2.4, 1.3


@dataclass(frozen=True)
class CorpusPoint:
    """The perplexity ratio of the texts of one label at one layer and coefficient."""

    label: str
    layer: int
    coeff: float
    ratio: float
    """Perplexity with steering, divided by that without."""
    interval: tuple[float, float] | None
    """Its 95% interval; None for a single text."""


@dataclass(frozen=True)
class CorpusReference:
    """The perplexity ratio of the texts of one label under an arm without layers, such as a prompted one."""

    label: str
    arm: str
    ratio: float


@dataclass(frozen=True)
class CorpusLabels:
    """Labels of a corpus figure."""

    study: str
    arm: str
    strength: str
    """``coeff`` or ``relative``."""
    counted: str
    """The tokens that are counted, in words."""
    n_texts: Mapping[str, int]
    """Number of texts by label."""


def sketch_corpus(
    points: Sequence[CorpusPoint], references: Sequence[CorpusReference], labels: CorpusLabels
) -> Sketch:
    """Draw lines over layers, a panel for each coefficient; or over coefficients for a single layer."""
    layers = sorted({point.layer for point in points})
    by_layer = len(layers) > 1
    panels = sorted({point.coeff for point in points}) if by_layer else layers
    figure = Figure(figsize=(WIDTH, _AROUND + _PANEL * len(panels)), layout="constrained")
    for axes, panel in zip(figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True):
        for index, label in enumerate(labels.n_texts):
            own = [each for each in points if each.label == label]
            if by_layer:
                line = [(float(each.layer), each) for each in own if each.coeff == panel]
            else:
                line = [(each.coeff, each) for each in own]
            _draw_line(axes, sorted(line, key=lambda each: each[0]), label, index)
            _draw_references(axes, [each for each in references if each.label == label], index)
        axes.axhline(1, color=INK, linewidth=0.8)
        axes.set_xlabel("layer" if by_layer else labels.strength)
        axes.set_ylabel("perplexity ratio")
        axes.set_title(f"{labels.strength} {panel:g}" if by_layer else f"layer {panel:g}")
    # next to the panel's own title, since a legend outside of the axes would cover that of the figure
    figure.axes[0].legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, borderaxespad=0.2)
    title = f"Perplexity of texts under {labels.arm} of {labels.study}"
    sizes = ", ".join(f"{counted(n, 'text')} of {label}" for label, n in labels.n_texts.items())
    caption = (
        "Perplexity with steering, divided by that without; below 1 the texts are likelier. "
        f"{labels.counted}. Bands: 95% bootstrap intervals over texts. {sizes}."
    )
    figure.suptitle(wrap(title, 80), x=0.01, ha="left", fontsize=11, weight="bold")
    figure.supxlabel(wrap(caption, 110, lines=3), x=0.01, ha="left", fontsize=7)
    return Sketch(
        name="corpus",
        title=title,
        caption=caption,
        alt=f"Lines of {counted(len(labels.n_texts), 'label')} over {counted(len(points), 'point')}.",
        figure=figure,
    )


def _draw_line(axes: Axes, line: Sequence[tuple[float, CorpusPoint]], label: str, index: int) -> None:
    colour, marker, dash = arm_style(index)
    x = [at for at, _ in line]
    intervals = [point.interval for _, point in line if point.interval is not None]
    if len(intervals) == len(line):
        lows, highs = zip(*intervals, strict=True) if intervals else ((), ())
        axes.fill_between(x, lows, highs, color=colour, alpha=0.2, linewidth=0)
    ratios = [point.ratio for _, point in line]
    axes.plot(x, ratios, color=colour, marker=marker, linestyle=dash, markersize=4, label=wrap(label, 30))


def _draw_references(axes: Axes, references: Sequence[CorpusReference], index: int) -> None:
    colour, _, _ = arm_style(index)
    for each in references:
        label = wrap(f"{each.label}, {each.arm}", 30)
        axes.axhline(each.ratio, color=colour, linestyle=":", linewidth=1.6, label=label)

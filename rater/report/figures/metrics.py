"""The figure of metrics: each text's value by its mean rating, a panel for each metric."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rater.analysis.measures import MetricComparison
from rater.analysis.sentences import counted, number
from rater.report.figures.style import MUTED, WIDTH, Sketch, arm_style, wrap

MAX_PANELS = 6


def sketch_metrics(compared: Sequence[MetricComparison], arms: Sequence[str], name: str) -> Sketch | None:
    """Draw a panel for each of up to six metrics, judges first and form last; None without rated texts."""
    drawn = sorted(
        (each for each in compared if each.points),
        key=lambda each: (not each.is_on_scale, each.kind == "text"),
    )
    shown = drawn[:MAX_PANELS]
    if not shown:
        return None
    n_columns = min(3, len(shown))
    n_rows = -(-len(shown) // n_columns)
    figure = Figure(figsize=(WIDTH, 0.8 + 2.4 * n_rows), layout="constrained")
    panels = figure.subplots(n_rows, n_columns, squeeze=False)
    order = [*arms, *sorted({point.arm for each in shown for point in each.points} - set(arms))]
    for panel in panels.flat[len(shown) :]:
        panel.set_axis_off()
    for panel, each in zip(panels.flat, shown, strict=False):
        _draw_metric(panel, each, order)
    handles = {
        label: handle
        for panel in panels.flat
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside upper left", ncols=min(4, len(handles)))
    correlations = [
        f"{each.name} "
        + ("not estimable" if each.correlation.estimate is None else number(each.correlation.estimate))
        for each in shown
    ]
    return Sketch(
        name=name,
        title="Metrics and judges next to the mean ratings",
        caption=_caption(shown, n_left=len(drawn) - len(shown)),
        alt=f"Rank correlations with the mean rating: {', '.join(correlations)}.",
        figure=figure,
    )


def _draw_metric(panel: Axes, found: MetricComparison, arms: Sequence[str]) -> None:
    for place, arm in enumerate(arms):
        points = [point for point in found.points if point.arm == arm]
        colour, marker, _ = arm_style(place)
        if points:
            panel.plot(
                [point.mean_rating for point in points],
                [point.value for point in points],
                linestyle="none",
                marker=marker,
                color=colour,
                markersize=4,
                alpha=0.7,
                label=wrap(arm, 30, 1),
            )
    if found.is_on_scale:
        values = [each for point in found.points for each in (point.mean_rating, point.value)]
        panel.plot(
            [min(values), max(values)], [min(values), max(values)], color=MUTED, linewidth=0.8, zorder=0
        )
    panel.set_title(wrap(found.name, 24, 1))
    panel.set_xlabel(wrap(f"mean rating, {found.dimension}", 30, 1))
    panel.set_ylabel("value")


def _caption(shown: Sequence[MetricComparison], *, n_left: int) -> str:
    noun = "pair" if shown[0].is_pairwise else "text"
    n = max(len(each.points) for each in shown)
    line = (
        " The line is equality of judge and mean rating." if any(each.is_on_scale for each in shown) else ""
    )
    more = f" {counted(n_left, 'more metric')} not drawn." if n_left else ""
    return (
        f"Each point is one of {counted(n, noun)}, by its mean rating and its value.{line} A difference "
        f"between the arms alone makes the points rise together; within an arm it does not.{more}"
    )

"""Draw how answers rise or fall with the dose."""

from rater.analysis.bounds import Bounds
from rater.analysis.results import Result
from rater.analysis.trend import DoseResponse
from rater.analysis.wording import coverage, number, p_value
from rater.report.figures.intervals import draw_interval, keep_within
from rater.report.figures.style import ARMS, INK, PAPER, Sketch, new_axes


def sketch_doses(found: DoseResponse, name: str, bounds: Bounds | None, *, alpha: float) -> Sketch:
    """Draw the rises over the lowest dose, each with its interval, and the curve that never turns."""
    figure, axes = new_axes(3.2)
    doses = [point.dose for point in found.curve]
    curve = [point for point in found.curve if point.fitted is not None]
    if curve:
        at = [point.dose for point in curve]
        lows = [
            point.fitted_interval.low if point.fitted_interval else (point.fitted or 0.0) for point in curve
        ]
        highs = [
            point.fitted_interval.high if point.fitted_interval else (point.fitted or 0.0) for point in curve
        ]
        axes.fill_between(at, lows, highs, color=ARMS[0], alpha=0.2, linewidth=0)
        axes.plot(
            at, [point.fitted or 0.0 for point in curve], color=ARMS[0], linewidth=1.8, label="fitted curve"
        )
    risen = [(point.dose, point.rise) for point in found.curve if isinstance(point.rise, Result)]
    for dose, rise in risen:
        draw_interval(axes, dose, rise.interval, colour=ARMS[1], width=1.2, upright=True)
    axes.plot(
        [dose for dose, _ in risen],
        [rise.estimate for _, rise in risen],
        "o",
        color=PAPER,
        markeredgecolor=ARMS[1],
        markersize=5,
        label="each dose alone",
    )
    keep_within(axes, bounds, upright=True)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(doses, [f"{dose:g}" for dose in doses])
    axes.set_xlabel("dose")
    axes.set_ylabel("rise over the lowest dose (points)")
    figure.legend(loc="outside upper left", ncols=2)
    sizes = ", ".join(f"{point.n:,} at {point.dose:g}" for point in found.curve)
    return Sketch(
        name=name,
        title="Dose and response",
        caption=(
            f"Rises over the dose {doses[0]:g} within rater and prompt, with {coverage(1 - alpha)} "
            "intervals of the two-way t (points) and of the pigeonhole bootstrap (band around the "
            f"isotonic curve). Answers: {sizes}." + _describe_trends(found)
        ),
        alt="Rises by dose: " + ", ".join(f"{dose:g}: {number(rise.estimate)}" for dose, rise in risen) + ".",
        figure=figure,
    )


def _describe_trends(found: DoseResponse) -> str:
    said = [
        f"{trend.test}, {p_value(trend.p)}"
        for trend in ((found.linear,) if found.is_one_test else (found.monotone, found.linear))
        if isinstance(trend, Result) and trend.has_enough_df
    ]
    return f" {'; '.join(said)[:1].upper()}{'; '.join(said)[1:]}." if said else ""

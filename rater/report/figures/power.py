"""Draw which differences a study of this design finds, and how often."""

from matplotlib.ticker import FuncFormatter

from rater.analysis.sensitivity import PowerCurve
from rater.analysis.wording import counted, number, significant
from rater.report.figures.style import ARMS, INK, MUTED, Sketch, new_axes


def sketch_power(curve: PowerCurve, estimate: float | None, name: str) -> Sketch:
    """Draw the power curve of the design, and where the estimate lies on it."""
    at = [point.points for point in curve.points]
    shares = [point.power.share for point in curve.points]
    figure, axes = new_axes(2.9)
    lows = [point.power.low for point in curve.points]
    highs = [point.power.high for point in curve.points]
    axes.fill_between(at, lows, highs, color=ARMS[0], alpha=0.25, linewidth=0)
    axes.plot(at, shares, color=ARMS[0], marker="o", markersize=4, linewidth=1.6)
    axes.axhline(0.8, color=MUTED, linewidth=0.8, linestyle="--")
    axes.annotate("80 %", (0, 0.8), xytext=(2, 2), textcoords="offset points", fontsize=8)
    if estimate is not None and abs(estimate) <= at[-1]:
        axes.axvline(abs(estimate), color=INK, linewidth=1, linestyle=":")
        axes.annotate(
            "estimated here",
            (abs(estimate), 0.02),
            xytext=(3, 0),
            textcoords="offset points",
            fontsize=8,
        )
    axes.set_ylim(0, 1.02)
    axes.set_xlim(0, at[-1])
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.0%}"))
    axes.set_xlabel("true difference in scale points")
    axes.set_ylabel("found in")
    n_simulations = curve.points[0].power.n_simulations
    n = curve.n
    return Sketch(
        name=name,
        title="What a study like this finds",
        caption=(
            f"How often the primary test, at p < {significant(curve.alpha)}, finds a true difference, in "
            f"{n_simulations:,} simulated studies "
            f"each of this very design ({counted(n.raters, 'rater')}, {counted(n.prompts, 'prompt')}, "
            f"{counted(n.answers, 'answer')}; raters, prompts and texts differ by 1.0, 0.8 and 0.5 "
            "logits, the effect by 0.5 over raters and over prompts), with Wilson 95 % bands. It says "
            "what this design could find, not whether this result is true."
        ),
        alt="Power curve: "
        + ", ".join(f"{number(x)} points {share:.0%}" for x, share in zip(at, shares, strict=True))
        + ".",
        figure=figure,
    )

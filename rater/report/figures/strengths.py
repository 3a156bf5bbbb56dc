"""The strength of each arm in choices and orders of texts, with its interval: a dot and a whisker per arm."""

from rater.analysis.arm_strengths import ArmRanking, ArmStrength
from rater.analysis.results import Estimate
from rater.analysis.sentences import coverage, describe_counts, number
from rater.report.figures.forest import draw_interval
from rater.report.figures.style import ARMS, INK, Sketch, new_axes, wrap
from rater.report.numbers import with_interval


def sketch_strengths(ranking: ArmRanking, name: str, *, alpha: float) -> Sketch:
    """Draw the log strength of all arms, the control at 0, from the strongest to the weakest."""
    rows = _in_order(ranking)
    figure, axes = new_axes(1.0 + 0.34 * len(rows))
    for row, (_, found) in enumerate(rows):
        if found is None:
            axes.plot(0, row, "o", color=INK, markersize=5, fillstyle="none")
            continue
        draw_interval(axes, row, found.interval, colour=ARMS[0], width=2.0)
        axes.plot(found.estimate, row, "o", color=ARMS[0], markersize=5)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(rows)), [wrap(arm, 32) for arm, _ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(f"log strength, relative to {wrap(ranking.control, 40, 1)}")
    return Sketch(
        name=name,
        title="Strength of each arm",
        caption=(
            f"{ranking.model} model; log strengths with {coverage(1 - alpha)} bootstrap intervals over "
            f"raters and prompts. The control has the log strength 0. {describe_counts(ranking.n)}."
        ),
        alt="Log strengths: " + ", ".join(_name(arm, found) for arm, found in rows) + ".",
        figure=figure,
    )


def _in_order(ranking: ArmRanking) -> list[tuple[str, Estimate | None]]:
    """List the arms with their estimates, and the control without one, in decreasing order."""
    estimated = [(each.arm, found) for each in ranking.arms if (found := _estimate(each)) is not None]
    others: list[tuple[str, Estimate | None]] = [*estimated]
    if all(arm != ranking.control for arm, _ in others):
        others.append((ranking.control, None))
    return sorted(others, key=lambda row: -(0.0 if row[1] is None else row[1].estimate))


def _estimate(each: ArmStrength) -> Estimate | None:
    return each.log_strength if isinstance(each.log_strength, Estimate) else None


def _name(arm: str, found: Estimate | None) -> str:
    return f"{arm} {number(0.0) if found is None else with_interval(found)}"

"""Draw how often each arm's text was preferred, where texts were chosen between."""

from rater.analysis.describe import ArmSummary
from rater.analysis.primary import DimensionAnalysis
from rater.analysis.wording import counted
from rater.report.figures.arms import MOST_ARMS
from rater.report.figures.shares import PARTS, draw_shares
from rater.report.figures.style import Sketch, new_axes


def sketch_choices(found: DimensionAnalysis, name: str) -> Sketch:
    """Draw the shares of choices won, tied and lost by each arm."""
    arms = [arm for arm in found.arms if arm.n][:MOST_ARMS]
    figure, axes = new_axes(1.1 + 0.55 * len(arms))
    rows = [(arm.arm, _parts(arm)) for arm in arms]
    draw_shares(figure, axes, rows, ("preferred", "neither", "the other preferred"))
    axes.set_xlabel("share of choices")
    n = found.primary.n
    return Sketch(
        name=name,
        title=f"Choices by arm: {found.dimension.name}",
        caption=(
            "How often the text of each arm was preferred among all choices that it was part of "
            f"({counted(n.raters, 'rater')} × {counted(n.prompts, 'prompt')}). No interval is drawn: "
            "choices of one rater, or about one prompt, are not independent."
        ),
        alt="Stacked bars. "
        + " ".join(
            f"{arm}: " + ", ".join(f"{count} {kind}" for kind, count in zip(PARTS, parts, strict=True)) + "."
            for arm, parts in rows
        ),
        figure=figure,
    )


def _parts(arm: ArmSummary) -> tuple[int, int, int]:
    return arm.wins or 0, arm.ties or 0, arm.losses or 0

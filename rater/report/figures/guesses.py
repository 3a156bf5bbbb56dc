"""Draw what raters guessed about the arms."""

from rater.analysis.blinding import Blinding
from rater.analysis.results import Result
from rater.analysis.wording import counted, number
from rater.report.figures.shares import draw_shares
from rater.report.figures.style import Sketch, new_axes


def sketch_guesses(blinding: Blinding, name: str) -> Sketch:
    """Draw the shares of right, unknown and wrong guesses by arm."""
    figure, axes = new_axes(1.1 + 0.55 * len(blinding.counts))
    rows = [(arm, (right, unknown, wrong)) for arm, right, wrong, unknown in blinding.counts]
    draw_shares(figure, axes, rows, ("right", "don't know", "wrong"))
    axes.set_xlabel("share of guesses")
    index = ""
    if isinstance(blinding.together, Result):
        index = f" Bang's index over both arms is {number(blinding.together.estimate)} (0 is chance)."
    return Sketch(
        name=name,
        title="What raters guessed",
        caption=(
            f"Guesses of the arm by {counted(blinding.together.n.raters, 'rater')}.{index} Steering that "
            "works is visible, so that right guesses are no defect by themselves."
        ),
        alt="Stacked bars. "
        + " ".join(
            f"{arm}: {right} right, {wrong} wrong, {unknown} did not know."
            for arm, right, wrong, unknown in blinding.counts
        ),
        figure=figure,
    )

"""Draw how far raters agree, coefficient by coefficient, and how each rater used the scale."""

from collections.abc import Sequence

from rater.analysis.agreement import Agreement
from rater.analysis.results import Estimate, Quantity
from rater.analysis.wording import counted, coverage, number
from rater.report.figures.intervals import draw_interval
from rater.report.figures.style import ARMS, INK, Sketch, new_axes, wrap


def coefficients(agreement: Agreement) -> list[tuple[str, Quantity]]:
    """List the coefficients of agreement in the order in which they are shown."""
    over_all = (
        agreement.krippendorff_ordinal,
        agreement.krippendorff_interval,
        agreement.krippendorff_nominal,
        agreement.ac2,
        agreement.icc_single,
        agreement.icc_mean,
        agreement.kappa,
    )
    named = [(_name(quantity), quantity) for quantity in over_all]
    by_arm = [(f"ordinal alpha within {arm}", quantity) for arm, quantity in agreement.krippendorff_by_arm]
    return [*named, *by_arm]


def sketch_agreement(agreement: Agreement, name: str) -> Sketch | None:
    """Draw every coefficient that could be estimated with its interval; None where none could."""
    made = [(label, each) for label, each in coefficients(agreement) if isinstance(each, Estimate)]
    if not made:
        return None
    figure, axes = new_axes(0.8 + 0.3 * len(made))
    for row, (_, each) in enumerate(made):
        draw_interval(axes, row, each.interval, colour=ARMS[0], width=2.0)
        axes.plot(each.estimate, row, "s", color=ARMS[0], markersize=5)
        axes.annotate(
            number(each.estimate),
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
        )
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(made)), [wrap(label, 40, 1) for label, _ in made])
    axes.set_ylim(len(made) - 0.5, -0.5)
    axes.set_xlim(left=max(-1.0, axes.get_xlim()[0]), right=1.0)
    axes.set_xlabel("agreement beyond chance: 0 is none, 1 is perfect")
    axes.grid(visible=False, axis="y")
    return Sketch(
        name=name,
        title="Agreement about single texts",
        caption=_caption([each for _, each in made]),
        alt="Coefficients of agreement: "
        + ", ".join(f"{label} {number(each.estimate)}" for label, each in made)
        + ".",
        figure=figure,
    )


def _caption(made: Sequence[Estimate]) -> str:
    n = made[0].n
    level = next((coverage(each.interval.level) for each in made if each.interval), "")
    intervals = f" with {level} bootstrap intervals (raters and texts resampled)" if level else ""
    return (
        f"Coefficients{intervals}; {counted(n.raters, 'rater')}, {counted(n.items, 'text')}, "
        f"{counted(n.answers, 'answer')}. Agreement is no measure of the effect: a difference between "
        "arms raises it, so the last lines give it within each arm."
    )


def _name(quantity: Quantity) -> str:
    return quantity.name if isinstance(quantity, Estimate) else quantity.test

"""Print what a study of this size would find, and what other sizes would."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rater.analysis.power import Power
from rater.power import PowerPlan, Size


def print_power(plan: PowerPlan, console: Console | None = None) -> None:
    """Print the power as planned, the smallest difference found, a table of sizes, and the cheapest."""
    console = console or Console()
    console.print(Text(f"As planned: {describe_power(plan.planned, plan.points)}"))
    if plan.smallest_points is None:
        console.print(Text("No difference, however large, would be found in 80 % of studies as planned."))
    else:
        console.print(Text(f"In 80 % of them it would find {plan.smallest_points:.2f} scale points or more."))
    console.print()
    console.print(_table(plan))
    console.print()
    for target, size in plan.cheapest.items():
        console.print(Text(f"{target:.0%} for the fewest rater-hours: {_describe_size(size)}"))
    console.print(
        Text(
            "Simulated through the primary test with the study's booklets; raters, prompts and texts differ "
            "by 1.0, 0.8 and 0.5 logits, the effect by 0.5 over raters and over prompts.",
            style="dim",
        )
    )


def describe_power(power: Power, points: float) -> str:
    """Say in a sentence how often a difference would be found."""
    return (
        f"a difference of {points:g} scale points would be found in {power.share:.0%} of studies "
        f"(± {(power.high - power.low) / 2:.0%})."
    )


def _table(plan: PowerPlan) -> Table:
    prompts = sorted({size.n_prompts for size in plan.sizes})
    raters = sorted({size.n_raters for size in plan.sizes})
    shares = {(size.n_raters, size.n_prompts): size.power.share for size in plan.sizes}
    table = Table(box=None, padding=(0, 2, 0, 0), title=f"Power for {plan.points:g} scale points")
    table.add_column("raters", justify="right")
    for n_prompts in prompts:
        table.add_column(f"{n_prompts} prompts", justify="right")
    for n_raters in raters:
        table.add_row(str(n_raters), *(f"{shares[n_raters, n]:.0%}" for n in prompts))
    return table


def _describe_size(size: Size | None) -> str:
    if size is None:
        return "none of these sizes reaches it"
    hours = size.rater_minutes / 60
    return (
        f"{size.n_raters} raters × {size.n_prompts} prompts ({hours:.1f} rater-hours, {size.power.share:.0%})"
    )

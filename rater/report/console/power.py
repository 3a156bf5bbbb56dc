"""Print what a study of this size would find, and what other sizes would."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rater.analysis.sentences import counted, number, significant
from rater.analysis.simulate import Spread
from rater.analysis.simulated_power import Power
from rater.sample_size import PowerPlan, Size


def print_power(plan: PowerPlan, console: Console | None = None) -> None:
    """Print the power as planned, the smallest difference found, a table of sizes, and the cheapest."""
    console = console or Console()
    planned = describe_power(
        plan.planned, plan.points, is_pairwise=plan.is_pairwise, net_superiority=plan.net_superiority
    )
    console.print(Text(f"As planned: {planned}"))
    if plan.smallest_points is None:
        console.print(Text("No difference, however large, would be found in 80 % of studies as planned."))
    else:
        smallest = _difference(plan.smallest_points, is_pairwise=plan.is_pairwise, digits=2)
        console.print(Text(f"In 80 % of them it would find {smallest} or more."))
    console.print()
    console.print(_table(plan))
    console.print()
    for target, size in plan.cheapest.items():
        console.print(Text(f"{target:.0%} for the fewest rater-hours: {_describe_size(size)}"))
    for line in _assumed(plan):
        console.print(Text(line, style="dim"))


def describe_power(
    power: Power, points: float, *, is_pairwise: bool = False, net_superiority: float | None = None
) -> str:
    """Return in a sentence how often a difference would be found, in the primary test's unit as well."""
    unit = "" if net_superiority is None else f" (net superiority {number(net_superiority)})"
    return (
        f"a difference of {_difference(points, is_pairwise=is_pairwise)}{unit} would be found in "
        f"{power.share:.0%} of studies (± {(power.high - power.low) / 2:.0%})."
    )


def _difference(points: float, *, is_pairwise: bool, digits: int | None = None) -> str:
    factor, unit = (100, "percentage points") if is_pairwise else (1, "scale points")
    value = factor * points
    return f"{value:g} {unit}" if digits is None else f"{number(value, 0 if is_pairwise else digits)} {unit}"


def describe_spread(spread: Spread) -> str:
    """Describe the standard deviations that a power simulation assumes."""
    return (
        "Simulated through the primary test with the study's booklets, with these standard deviations in "
        f"logits: raters {spread.rater:.1f}, prompts {spread.prompt:.1f}, texts {spread.item:.1f}, the "
        f"effect over raters {spread.rater_arm:.1f}, the effect over prompts {spread.prompt_arm:.1f}."
    )


def _assumed(plan: PowerPlan) -> list[str]:
    pilot = plan.assumptions.pilot
    lines = [describe_spread(plan.spread)]
    if plan.last_look is not None:
        lines.append(
            f"Tested at p < {significant(plan.last_look)}, as at the end of a study that was looked at as "
            "planned; an earlier look may find it sooner."
        )
    if plan.assumptions.drop_out:
        lines.append(f"{plan.assumptions.drop_out:.0%} of raters leave somewhere in their booklet.")
    if pilot is not None:
        size = f"{counted(pilot.n_answers, 'answer')} of {counted(pilot.n_raters, 'rater')}"
        lines.append(
            f"From the pilot's {size}: " + "; ".join(pilot.notes or ("everything was estimated",)) + "."
        )
    return lines


def _table(plan: PowerPlan) -> Table:
    prompts = sorted({size.n_prompts for size in plan.sizes})
    raters = sorted({size.n_raters for size in plan.sizes})
    shares = {(size.n_raters, size.n_prompts): size.power.share for size in plan.sizes}
    title = f"Power for {_difference(plan.points, is_pairwise=plan.is_pairwise)}"
    table = Table(box=None, padding=(0, 2, 0, 0), title=title)
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

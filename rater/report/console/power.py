"""Console output of `rater power`: power by effect and sample size."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from rater.analysis.concept_power import ConceptPower, ConceptSDs, ConceptStudySize, PowerBounds
from rater.analysis.difference_units import DifferenceUnit
from rater.analysis.pilot import assume
from rater.analysis.sentences import counted, number, sentence, significant
from rater.analysis.simulate import ModelSDs
from rater.analysis.simulated_power import Power
from rater.sample_size import (
    PowerPlan,
    Size,
    as_net_superiority,
    bound_concept_power,
    default_points,
    power_as_planned,
    unit_of,
)
from rater.study.study import Study

# enough for a standard error of the power of at most 1.6 percentage points
N_SIMULATIONS = 1_000


def print_power(plan: PowerPlan, console: Console | None = None) -> None:
    """Print planned power, smallest detectable difference, power by sample size, and the cheapest size."""
    console = console or Console()
    planned = describe_power(plan.planned, plan.points, unit=plan.unit, net_superiority=plan.net_superiority)
    console.print(Text(f"Planned design: {planned}"))
    if plan.coprimary is not None and plan.least_joint_power is not None:
        console.print(
            Text(
                f"Power of the coprimary test, if the arms do not differ on its dimension: "
                f"{plan.coprimary.share:.0%}; of both tests together at least {plan.least_joint_power:.0%}."
            )
        )
    if plan.smallest_points is None:
        console.print(Text("No difference, however large, is detected with 80% power in the planned design."))
    else:
        smallest = plan.unit.write(plan.smallest_points, 2)
        console.print(Text(f"Smallest difference detected with 80% power: {smallest}."))
    console.print()
    console.print(_table(plan))
    console.print()
    for target, size in plan.cheapest.items():
        console.print(Text(f"{target:.0%} power with the fewest rater-hours: {_describe_size(size)}"))
    for line in _assumed(plan):
        console.print(Text(line, style="dim"))


def describe_power(
    power: Power, points: float, *, unit: DifferenceUnit, net_superiority: float | None = None
) -> str:
    """Describe the power for a difference, also in the unit of the primary test."""
    net = "" if net_superiority is None else f" (net superiority {number(net_superiority)})"
    detect = "if" if unit.is_condition else "to detect a difference of"
    return (
        f"the power {detect} {unit.write(points)}{net} is "
        f"{power.share:.0%} (± {(power.high - power.low) / 2:.0%} simulation error)."
    )


def describe_power_bounds(bounds: PowerBounds, points: float, *, unit: DifferenceUnit) -> str:
    """Describe the power over raters, prompts and concepts: one number for a complete study, or two."""
    least, most = bounds.least, bounds.most
    error = f"± {(most.high - most.low) / 2:.0%} simulation error"
    of = f"the power to detect a difference of {unit.write(points)} over raters, prompts and concepts"
    if bounds.smaller == bounds.larger or f"{least.share:.0%}" == f"{most.share:.0%}":
        return f"{of} is {most.share:.0%} ({error})."
    return (
        f"{of} is between {least.share:.0%} and {most.share:.0%} ({error}): the powers of complete studies "
        f"with the {counted(bounds.smaller.n_prompts, 'prompt')} of a concept that a rater sees, and with "
        f"all {bounds.larger.n_prompts}."
    )


def describe_planned_power(study: Study) -> list[str]:
    """Simulate the power of a study as planned, and describe it in two sentences. Costs about a second."""
    points, unit, spread = default_points(study), unit_of(study), ModelSDs()
    model = assume(study.simulated_as(study.primary))
    bounds = bound_concept_power(study, points)
    if bounds is not None:
        described = describe_power_bounds(bounds, points, unit=unit)
        return [sentence(described), model.describe_spread(spread), describe_concept_spread(ConceptSDs())]
    power = power_as_planned(study, points, n_simulations=N_SIMULATIONS)
    net = as_net_superiority(study, points)
    as_net = "" if net is None else f" (net superiority {number(net)})"
    interval = f"95% CI {power.low:.0%} to {power.high:.0%}"
    true = "if" if unit.is_condition else "for a true difference of"
    return [
        (
            f"The power of the primary test {true} "
            f"{unit.write(points)}{as_net} is {power.share:.0%} ({interval}, "
            f"{power.n_simulations:,} simulated studies)."
        ),
        *([OF_THESE_CONCEPTS] if study.analysis.is_over_concepts else []),
        model.describe_spread(spread),
    ]


def describe_concept_spread(sds: ConceptSDs) -> str:
    """Describe the standard deviations of concepts that a power simulation assumes."""
    return (
        f"Standard deviations of concepts in logits: level {sds.concept:.1f}, effect by concept "
        f"{sds.concept_arm:.1f}, effect by rater and concept {sds.rater_concept_arm:.1f}."
    )


OF_THESE_CONCEPTS = (
    "This is for a claim about the concepts of this study; the planned claim over concepts has less power "
    "(rater power --concepts)."
)


def print_concept_power(plan: ConceptPower, points: float, *, unit: DifferenceUnit) -> None:
    """Print the power over raters, prompts and concepts by size, and what doubling each of them does."""
    console, sizes = Console(), list(plan.powers)
    each = "for each concept" if plan.planned.prompts == "nested" else "for all concepts"
    console.print(Text(f"Power for {unit.write(points)}"))
    for n_prompts in sorted({size.n_prompts for size in sizes}):
        console.print()
        console.print(Text(f"{counted(n_prompts, 'prompt')} {each}:"))
        console.print(_concept_table(plan, [size for size in sizes if size.n_prompts == n_prompts]))
    console.print()
    console.print(Text(plan.sentence))
    power = plan.powers[plan.planned]
    workload = (
        f"Every rater rates {counted(plan.planned.n_texts, 'text')} in the planned size. Doubling any of the "
        f"three doubles the ratings. Simulation error ± {(power.high - power.low) / 2:.0%}."
    )
    spread = f"The claim is over raters, prompts and concepts. {describe_concept_spread(ConceptSDs())}"
    for line in (workload, spread):
        console.print(Text(line, style="dim"))


def _concept_table(plan: ConceptPower, sizes: Sequence[ConceptStudySize]) -> Table:
    concepts = sorted({size.n_concepts for size in sizes})
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("raters", *(f"{n} concepts" for n in concepts)):
        table.add_column(heading, justify="right")
    for n_raters in sorted({size.n_raters for size in sizes}):
        row = {size.n_concepts: plan.powers[size].share for size in sizes if size.n_raters == n_raters}
        table.add_row(str(n_raters), *(f"{row[n]:.0%}" for n in concepts))
    return table


def _assumed(plan: PowerPlan) -> list[str]:
    pilot = plan.assumptions.pilot
    lines = [plan.model.describe_spread(plan.spread)]
    if plan.simulated_as is not None:
        lines.append(f"The composite score is simulated as one answer on the scale of {plan.simulated_as}.")
    if plan.is_over_concepts:
        lines.append(OF_THESE_CONCEPTS)
    if plan.last_look is not None:
        lines.append(
            f"Tested at p < {significant(plan.last_look)}, the level of the final analysis after all planned "
            "interim looks, which may detect the difference earlier."
        )
    if plan.assumptions.drop_out:
        lines.append(
            f"Drop-out: {plan.assumptions.drop_out:.0%} of raters leave before the end of their booklet."
        )
    if pilot is not None:
        size = f"{counted(pilot.n_answers, 'answer')} of {counted(pilot.n_raters, 'rater')}"
        lines.append(
            f"From the pilot's {size}: " + "; ".join(pilot.notes or ("all parameters were estimated",)) + "."
        )
    return lines


def _table(plan: PowerPlan) -> Table:
    prompts = sorted({size.n_prompts for size in plan.sizes})
    raters = sorted({size.n_raters for size in plan.sizes})
    shares = {(size.n_raters, size.n_prompts): size.power.share for size in plan.sizes}
    title = f"Power {'if' if plan.unit.is_condition else 'for'} {plan.unit.write(plan.points)}"
    table = Table(box=None, padding=(0, 2, 0, 0), title=title)
    table.add_column("raters", justify="right")
    for n_prompts in prompts:
        table.add_column(f"{n_prompts} prompts", justify="right")
    for n_raters in raters:
        table.add_row(str(n_raters), *(f"{shares[n_raters, n]:.0%}" for n in prompts))
    return table


def _describe_size(size: Size | None) -> str:
    if size is None:
        return "not reached by any of these sizes"
    hours = size.rater_minutes / 60
    return (
        f"{size.n_raters} raters × {size.n_prompts} prompts ({hours:.1f} rater-hours, {size.power.share:.0%})"
    )

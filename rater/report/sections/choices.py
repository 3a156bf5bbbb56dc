"""Choices among labels: identification by arm, confusion matrices, and biases towards labels and places."""

from rater.analysis.choices import ChoiceShare, ConfusionMatrix, Identification, LabelChoices
from rater.analysis.d_prime import REFERENCE as D_PRIME_REFERENCE
from rater.analysis.d_prime import DPrime
from rater.analysis.results import Estimate, NotEstimable
from rater.analysis.sentences import coverage, number
from rater.report.document import Block, Prose, Section, Table
from rater.report.numbers import bare_p, ends, optional
from rater.report.sections.inputs import Findings

TITLE = "Choices among labels"


def choices_section(findings: Findings) -> Section | None:
    """Show identification, confusion and bias on the primary dimension; None on another scale."""
    choices = findings.primary.details.choices
    if choices is None:
        return None
    if isinstance(choices, NotEstimable):
        return Section("choices", TITLE, [Prose(choices.sentence)])
    alpha = findings.alpha
    blocks: list[Block] = [identification_table(choices, alpha), Prose(_explain(choices))]
    blocks += findings.picture("confusion")
    blocks += [confusion_table(matrix) for matrix in (*choices.by_arm, *choices.by_dose)]
    blocks.append(_shares_table(choices.labels))
    if choices.places:
        blocks.append(_places_table(choices.places))
    return Section("choices", TITLE, blocks)


def identification_table(choices: LabelChoices, alpha: float) -> Table:
    """Tabulate how often the target was chosen for each arm, with d' and p against chance."""
    level = coverage(1 - alpha)
    of_proportion = ("proportion", f"{level} CI", "p against chance")
    header = ("arm", "answers", "target chosen", *of_proportion, "d'", f"{level} CI of d'")
    rows = [(each.arm, f"{each.n:,}", f"{each.n_correct:,}", *_estimates(each)) for each in choices.arms]
    caption = f"Identification by arm; chance is 1/{len(choices.options)} = {number(choices.chance)}"
    return Table(caption, header, rows)


def _estimates(each: Identification) -> tuple[str, ...]:
    found = each.proportion
    if not isinstance(found, Estimate):
        return optional(found.estimate), "–", "–", optional(each.d_prime.estimate), "–"
    return (
        number(found.estimate),
        ends(found.interval),
        bare_p(float(found.settings["p"])),
        optional(each.d_prime.estimate),
        d_prime_ends(each.d_prime),
    )


def d_prime_ends(d_prime: DPrime) -> str:
    """Return the ends of the interval of d' in words; infinite ones as ∞."""
    if d_prime.low is None and d_prime.high is None:
        return "–"
    low = "−∞" if d_prime.low is None else number(d_prime.low)
    high = "∞" if d_prime.high is None else number(d_prime.high)
    return f"{low} to {high}"


def _explain(choices: LabelChoices) -> str:
    found = next((each.proportion for each in choices.arms if isinstance(each.proportion, Estimate)), None)
    method = f" Intervals: {found.method} ({found.reference})." if found else ""
    none = (
        ""
        if choices.none is None
        else f" “{choices.none}” is never the target: raters who guess are below chance, and d' is too small."
    )
    return (
        f"Chance is the probability of the target for raters who guess among {len(choices.options)} labels."
        f"{none} d' is the distance between the target and the other labels in standard deviations, under an "
        f"unbiased choice among independent normal strengths ({D_PRIME_REFERENCE}). The p-values of single "
        f"arms are not adjusted; the comparison with a control arm is the primary test.{method}"
    )


def confusion_table(matrix: ConfusionMatrix) -> Table:
    """Tabulate the labels chosen for each target: counts, and shares of the row."""
    rows = [
        (target, *(f"{n:,} ({n / sum(counts):.0%})" if sum(counts) else "0" for n in counts))
        for target, counts in zip(matrix.targets, matrix.counts, strict=True)
    ]
    dose = (
        f", dose {matrix.dose:g}" if matrix.dose is not None and not matrix.name.startswith("dose ") else ""
    )
    header = ("target", *(f"“{label}” chosen" for label in matrix.chosen))
    return Table(f"Confusion matrix: {matrix.name}{dose}", header, rows)


def _shares_table(labels: tuple[ChoiceShare, ...]) -> Table:
    rows = [
        (
            each.name,
            f"{each.n_chosen:,}",
            f"{each.share:.0%}",
            f"{(each.n_target or 0) / each.n:.0%}",
        )
        for each in labels
    ]
    header = ("label", "chosen", "share of answers", "share of texts with this target")
    return Table("Labels chosen over all arms (bias towards labels)", header, rows)


def _places_table(places: tuple[ChoiceShare, ...]) -> Table:
    rows = [(each.name, f"{each.n_chosen:,}", f"{each.share:.0%}") for each in places]
    caption = f"Places chosen, each 1/{len(places)} without a bias towards places"
    return Table(caption, ("place on the page", "chosen", "share"), rows)

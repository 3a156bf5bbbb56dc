"""The raters: their characteristics, agreement, quality of their answers, and blinding."""

from collections.abc import Iterator

from rater.analysis.agreement import Agreement
from rater.analysis.blinding import Blinding
from rater.analysis.characteristics import Characteristic
from rater.analysis.quality import RaterQuality
from rater.analysis.results import NotEstimable, Outcome, Result
from rater.analysis.sentences import counted, number, sentence, significant
from rater.report.document import Block, Bullets, Prose, Section, Table
from rater.report.figures.raters import coefficients
from rater.report.numbers import bare_p, ends, level, optional, remarks_on_bounds, scored
from rater.report.sections.inputs import Findings, cut_rows, outcomes_table, quantities_table, warnings_of


def agreement_section(findings: Findings) -> Section:
    """Show all agreement coefficients, and test–retest agreement."""
    agreement = findings.primary.details.agreement
    title = "Agreement between raters"
    if isinstance(agreement, NotEstimable):
        return Section("agreement", title, [Prose(agreement.sentence)])
    blocks: list[Block] = [*findings.picture("agreement")]
    blocks.append(quantities_table("Coefficients of agreement", coefficients(agreement), findings.alpha))
    blocks += _shares(agreement)
    retest = findings.primary.details.retest
    if retest is not None:
        kappa = "" if retest.kappa is None else f", quadratic kappa {optional(retest.kappa)}"
        blocks.append(
            Prose(
                f"Test–retest agreement on texts shown twice to a rater: {counted(retest.n_pairs, 'pair')} "
                f"by {counted(retest.n_raters, 'rater')}; identical answers in {retest.same:.0%}{kappa}."
            )
        )
    warned = warnings_of([each for each in coefficients(agreement) if not isinstance(each[1], NotEstimable)])
    if warned:
        blocks.append(Bullets([sentence(warning) for warning in warned]))
    return Section("agreement", title, blocks)


def _shares(agreement: Agreement) -> list[Block]:
    if len(agreement.shares) > 12:
        return []
    max_share = max(share for _, share in agreement.shares)
    used = ", ".join(f"{value:g}: {share:.0%}" for value, share in agreement.shares)
    paradox = (
        " If nearly all answers are the same point, alpha and kappa are low by construction (kappa paradox); "
        "use AC2."
        if max_share > 0.7
        else ""
    )
    return [Prose(f"Shares of all answers: {used}.{paradox}")]


def raters_quality_section(findings: Findings) -> Section | None:
    """Show the quality indicators of each rater, which are blind to the arms."""
    quality = findings.primary.details.quality
    if not quality:
        return None
    rows, rest = cut_rows([_row(rater, findings) for rater in quality])
    header = (
        "rater",
        "answers",
        "mean",
        "SD",
        "severity",
        "points used",
        "entropy (bits)",
        "longest run",
        "median s",
        "agreement",
    )
    note = (
        f"Severity: mean difference from the other raters of the same texts, in {findings.unit}. "
        "Longest run: the longest series of identical answers (straight-lining). Agreement: Spearman's "
        "correlation with the mean of the other raters. Median s: median time per trial, in view before its "
        "first answer, or between answers received by the server if the browser sent no time. All indicators "
        "are blind to the arms, and raters are excluded only by criteria that were declared in advance."
    )
    table = Table("Quality indicators by rater", header, rows)
    return Section("raters-quality", "Rater quality", [table, *rest, Prose(note)])


def _row(rater: RaterQuality, findings: Findings) -> tuple[str, ...]:
    return (
        findings.rater(rater.rater),
        f"{rater.n:,}",
        optional(rater.mean),
        optional(rater.sd),
        optional(rater.severity),
        f"{rater.points_used}",
        optional(rater.entropy),
        "–" if rater.longest_run is None else f"{rater.longest_run}",
        optional(rater.median_s, 1),
        optional(rater.agreement),
    )


def course_section(findings: Findings) -> Section | None:
    """Show the answers over position and the times per answer."""
    blocks = [*findings.picture("positions"), *findings.picture("times")]
    return Section("course", "Answers over time", blocks) if blocks else None


def power_section(findings: Findings) -> Section | None:
    """Show the power of this design."""
    curve = findings.curve
    if curve is None:
        return None
    rows = [
        (
            optional(each.net_superiority),
            optional(each.points),
            f"{each.power.share:.0%}",
            f"{each.power.low:.0%} to {each.power.high:.0%}",
        )
        for each in curve.points
    ]
    table = Table(
        f"Power of this design, tested at p < {significant(curve.alpha)}",
        ("true net superiority", f"in {findings.unit}", "power", "95% CI of the simulation"),
        rows,
    )
    return Section("power", "Power of this design", [*findings.picture("power"), table])


def blinding_section(findings: Findings) -> Section | None:
    """Show guesses, indices, and the difference by kind of guess; None if raters were not asked."""
    blinding = findings.analysis.blinding
    if blinding is None:
        return None
    title = "Blinding"
    if isinstance(blinding, NotEstimable):
        return Section("blinding", title, [Prose(blinding.sentence)])
    counts = Table(
        "Guesses",
        ("arm", "correct", "wrong", "don't know"),
        [(arm, f"{right:,}", f"{wrong:,}", f"{unknown:,}") for arm, right, wrong, unknown in blinding.counts],
    )
    over_raters: list[Outcome] = [*(outcome for _, outcome in blinding.by_arm), blinding.together]
    indices = outcomes_table(
        "Bang's index over raters and prompts",
        over_raters,
        findings.alpha,
        unit=findings.unit,
        main_first=False,
    )
    names = [*(f"“{arm}”" for arm, _ in blinding.by_arm), "both arms"]
    rows = [(name, *row[1:]) for name, row in zip(names, indices.rows, strict=True)]
    indices = Table(indices.caption, ("arm", *indices.header[1:]), rows, text_at=(4,))
    effects = outcomes_table(
        "The primary test by guess",
        [outcome for _, outcome in blinding.effects],
        findings.alpha,
        unit=findings.unit,
        main_first=False,
    )
    rows = [(kind, *row[1:]) for (kind, _), row in zip(blinding.effects, effects.rows, strict=True)]
    effects = Table(effects.caption, ("guessed", *effects.header[1:]), rows, text_at=(4,))
    is_known = any(isinstance(outcome, Result) for _, outcome in blinding.effects)
    note = (
        "An effective intervention is noticeable, so frequent correct guesses alone are not a flaw. What "
        "matters is the difference in trials in which raters guessed wrong or did not know."
    )
    remarks = [
        *[("Bang's index", each) for each in over_raters],
        *scored([outcome for _, outcome in blinding.effects], findings.unit),
    ]
    on_bounds = [Prose(sentence(remark)) for remark in remarks_on_bounds(remarks)]
    blocks: list[Block] = [
        Prose(_describe_guesses(blinding, findings)),
        *findings.picture("guesses"),
        counts,
        indices,
        _simple(blinding, findings.alpha),
        effects
        if is_known
        else Prose("There are too few guesses of each kind for the primary test by guess."),
    ]
    return Section("blinding", title, [*blocks, Prose(note), *on_bounds])


def _describe_guesses(blinding: Blinding, findings: Findings) -> str:
    """Count the reported guesses, and name the arms for which the first answer is correct."""
    n_reported = sum(sum(counts) for _, *counts in blinding.counts)
    others = blinding.n_given - n_reported
    text = f"Raters gave {counted(blinding.n_given, 'guess', 'guesses')}"
    if others:
        text += (
            f"; {n_reported:,} are about the arms of the primary contrast and reported here, {others:,} are "
            "about other arms"
        )
    study = findings.about.study
    if study is None or not study.guessed_arms:
        return f"{text}."
    arms = ", ".join(f"“{arm}”" for arm in study.guessed_arms)
    return f"{text}. The first answer to the question is correct for texts of {arms}."


def _simple(blinding: Blinding, alpha: float) -> Table:
    indices = [*blinding.bang, *([blinding.james] if blinding.james else [])]
    rows = [
        (each.name, number(each.estimate), ends(each.interval), bare_p(each.p), f"{each.n:,}")
        for each in indices
    ]
    caption = "The indices under independence of all guesses, for comparison with other studies"
    return Table(caption, ("index", "estimate", level(alpha), "p, one-sided", "guesses"), rows)


def characteristics_section(findings: Findings) -> Section | None:
    """Show the answers to the questionnaire over all arms; None if there was none."""
    described = findings.analysis.characteristics
    if not described:
        return None
    rows = [row for each in described for row in _answers_to(each)]
    raters = counted(findings.analysis.n.raters, "rater")
    note = (
        f"Answers of the {raters} analysed, over all arms. Shares are of the raters who answered the "
        "question; if several answers are possible, they need not add up to 100%. Short texts are only "
        "counted, since they may identify their authors."
    )
    table = Table(
        "Characteristics of the raters", ("question", "answer", "n", "share or mean"), rows, n_text=2
    )
    return Section("characteristics", "Characteristics of the raters", [table, Prose(note)])


def _answers_to(each: Characteristic) -> Iterator[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str]] = [
        (option, f"{n:,}", f"{n / each.n_answered:.0%}" if each.n_answered else "–")
        for option, n in each.counts
    ]
    if each.kind == "number":
        ends = "" if each.lowest is None else f", from {each.lowest:g} to {each.highest:g}"
        spread = "" if each.sd is None else f" (SD {number(each.sd)}, median {optional(each.median)}{ends})"
        rows.append(("a number", f"{each.n_answered:,}", f"{optional(each.mean)}{spread}"))
    if each.kind == "text":
        rows.append(("a text", f"{each.n_answered:,}", "–"))
    rows += [
        (label, f"{n:,}", "–")
        for label, n in (("declined", each.n_declined), ("not known", each.n_missing))
        if n
    ]
    for place, row in enumerate(rows):
        yield ("" if place else each.question, *row)

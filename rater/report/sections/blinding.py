"""Say whether raters could tell the arms apart, and what the difference is where they could not."""

from rater.analysis.blinding import Blinding
from rater.analysis.results import NotEstimable, Outcome, Result
from rater.analysis.wording import counted, number, sentence
from rater.report.document import Block, Prose, Section, Table
from rater.report.numbers import bare_p, ends, level, remarks_on_bounds, scored
from rater.report.sections.findings import Findings, outcomes_table


def blinding_section(findings: Findings) -> Section | None:
    """Show the guesses, the indices, and the difference by kind of guess; None where nobody was asked."""
    found = findings.analysis.blinding
    if found is None:
        return None
    title = "Blinding"
    if isinstance(found, NotEstimable):
        return Section("blinding", title, [Prose(found.sentence)])
    counts = Table(
        "Guesses",
        ("arm", "right", "wrong", "don't know"),
        [(arm, f"{right:,}", f"{wrong:,}", f"{unknown:,}") for arm, right, wrong, unknown in found.counts],
    )
    over_raters: list[Outcome] = [*(outcome for _, outcome in found.by_arm), found.together]
    indices = outcomes_table(
        "Bang's index over raters and prompts", over_raters, findings.alpha, main_first=False
    )
    named = [*(f"“{arm}”" for arm, _ in found.by_arm), "both arms"]
    rows = [(name, *row[1:]) for name, row in zip(named, indices.rows, strict=True)]
    indices = Table(indices.caption, ("arm", *indices.header[1:]), rows, text_at=(4,))
    effects = outcomes_table(
        "The primary test by what was guessed",
        [outcome for _, outcome in found.effects],
        findings.alpha,
        main_first=False,
    )
    rows = [(kind, *row[1:]) for (kind, _), row in zip(found.effects, effects.rows, strict=True)]
    effects = Table(effects.caption, ("guessed", *effects.header[1:]), rows, text_at=(4,))
    is_known = any(isinstance(outcome, Result) for _, outcome in found.effects)
    note = (
        "Steering that works is visible, so a guess that is often right is no defect by itself; what "
        "matters is whether the difference is there among those who guessed wrong or did not know."
    )
    remarks = [
        *[("Bang's index", each) for each in over_raters],
        *scored([outcome for _, outcome in found.effects]),
    ]
    said = [Prose(sentence(remark)) for remark in remarks_on_bounds(remarks)]
    blocks: list[Block] = [
        Prose(_describe_guesses(found, findings)),
        *findings.picture("guesses"),
        counts,
        indices,
        _simple(found, findings.alpha),
        effects if is_known else Prose("Too few guesses of each kind to repeat the primary test by guess."),
    ]
    return Section("blinding", title, [*blocks, Prose(note), *said])


def _describe_guesses(found: Blinding, findings: Findings) -> str:
    """Count the guesses that are reported, and name the arms that the question's first answer means."""
    n_reported = sum(sum(counts) for _, *counts in found.counts)
    others = found.n_given - n_reported
    text = f"Raters gave {counted(found.n_given, 'guess', 'guesses')}"
    if others:
        text += (
            f"; {n_reported:,} are about the arms compared and reported here, {others:,} about further arms"
        )
    study = findings.about.study
    if study is None or not study.guessed_arms:
        return f"{text}."
    arms = ", ".join(f"“{arm}”" for arm in study.guessed_arms)
    return f"{text}. The first answer to the question is right for texts of {arms}."


def _simple(found: Blinding, alpha: float) -> Table:
    indices = [*found.bang, *([found.james] if found.james else [])]
    rows = [
        (each.name, number(each.estimate), ends(each.interval), bare_p(each.p), f"{each.n:,}")
        for each in indices
    ]
    caption = "The same indices as if all guesses were independent, for comparison with other studies"
    return Table(caption, ("index", "estimate", level(alpha), "p, one-sided", "guesses"), rows)

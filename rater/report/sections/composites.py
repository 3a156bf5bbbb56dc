"""Scores and verdicts from several dimensions: composite scores with their parts, and the joint criterion."""

from rater.analysis.composites import composites_of
from rater.analysis.joint_verdict import describe_criterion
from rater.analysis.sentences import coverage, label_score, sentence
from rater.report.document import Block, Prose, Section, Table
from rater.report.figures.arms import arms_in_order
from rater.report.numbers import bare_p, ends, optional, p_of
from rater.report.sections.inputs import Findings


def joint_section(findings: Findings) -> Section | None:
    """Show the coprimary test and the verdict of both primary tests; None where the plan has only one."""
    joint = findings.analysis.joint
    if joint is None:
        return None
    coprimary, primary = joint.coprimary, findings.primary.primary
    criterion = describe_criterion(coprimary, findings.analysis.planned.contrast)
    p_primary = bare_p(p_of(primary))
    rows = [
        (f"the arms differ on {findings.primary.dimension.name}", p_primary, _is_shown(joint.has_effect)),
        (criterion, bare_p(joint.p_coprimary), _is_shown(joint.is_within_margin)),
        ("both", bare_p(joint.p), _is_shown(joint.is_met)),
    ]
    caption = f"Joint criterion; each test at alpha {findings.alpha:g}"
    if joint.interval is not None:
        score = label_score(coprimary.score, _unit_of(findings, coprimary.dimension))
        caption += (
            f"; difference on {coprimary.dimension} in {score}: "
            f"{optional(joint.outcome.estimate)}, {coverage(joint.interval.level)} CI {ends(joint.interval)}"
        )
    blocks: list[Block] = [
        Prose(joint.sentence),
        Table(caption, ("criterion", "p", "conclusion"), rows, marked=(2,), n_text=1),
        Prose(f"{sentence(joint.method)} Reference: {joint.reference}."),
    ]
    return Section("joint", "Joint criterion", blocks)


def _unit_of(findings: Findings, dimension: str) -> str:
    found = (each.dimension for each in findings.analysis.dimensions)
    return next(each.scale.answer_unit for each in found if each.name == dimension)


def _is_shown(is_shown: bool) -> str:  # noqa: FBT001 (a cell of the table)
    return "shown" if is_shown else "not shown"


def composites_section(findings: Findings) -> Section | None:
    """Show the composite scores next to their parts, by arm, with missing scores; None if there are none."""
    analysis = findings.analysis
    tables: list[Block] = []
    for composite in composites_of(analysis.planned.dimensions):
        names = (composite.name, *composite.scale.of)
        found = {each.dimension.name: each for each in analysis.dimensions}
        counts = {each.arm: each for each in analysis.composites if each.composite == composite.name}
        rows = []
        for arm in arms_in_order(found[composite.name].arms, analysis.planned.doses):
            count = counts.get(arm.arm)
            if count is None:
                continue
            means = [next(a.mean for a in found[name].arms if a.arm == arm.arm) for name in names]
            without = ", ".join(f"{n:,} {part}" for part, n in count.n_without if n) or "–"
            rows.append(
                (arm.arm, *map(optional, means), f"{count.n_scores:,}", f"{count.n_missing:,}", without)
            )
        header = ("arm", *(f"mean {name}" for name in names), "n", "missing", "without an answer to")
        tables += [Table(f"{composite.name}: {composite.question}", header, rows, text_at=(len(header) - 1,))]
    if not tables:
        return None
    note = Prose(
        "A composite score is computed from the answers of one rater about one text, so its mean is not the "
        "rule applied to the means of its parts. It is missing where a part has no answer."
    )
    return Section("composites", "Composite scores and their parts", [*tables, note])

"""The composition of a report: two first pages for reviewers, then all other sections."""

import rater
from rater.report.document import Block, Document, Prose, Section
from rater.report.numbers import sizes_of
from rater.report.sections.choices import choices_section
from rater.report.sections.composites import composites_section, joint_section
from rater.report.sections.confidence import confidence_section
from rater.report.sections.data import (
    comments_section,
    data_section,
    example_section,
    exclusions_section,
    first_warnings,
    texts_section,
)
from rater.report.sections.groups import groups_section
from rater.report.sections.inputs import Findings
from rater.report.sections.integrity import (
    amendments_section,
    checks_section,
    failed_checks_section,
    files_section,
    looks_section,
    provenance_section,
)
from rater.report.sections.measures import metrics_section
from rater.report.sections.methods import methods_section, terms_section
from rater.report.sections.moderators import moderators_section
from rater.report.sections.odd_one_out import odd_one_out_section
from rater.report.sections.raters import (
    agreement_section,
    blinding_section,
    characteristics_section,
    course_section,
    power_section,
    raters_quality_section,
)
from rater.report.sections.result import (
    arms_table,
    concepts_section,
    describe_design,
    dimension_section,
    effects_section,
    equivalence_section,
    explain_score,
    naive_section,
    ordinal_section,
    points_section,
    primary_section,
    prompts_section,
    raters_section,
)
from rater.report.sections.secondary import (
    contrasts_section,
    doses_section,
    ranking_section,
    reliability_section,
    spread_section,
)

# Sections with texts of models and raters, whose words are not ours to define.
_WRITTEN_BY_OTHERS = frozenset({"texts", "comments"})


def compose(findings: Findings, digest: str) -> Document:
    """Compose a report; ``digest`` is the SHA-256 of its answers."""
    found, about = findings.primary, findings.about
    study = about.study
    return Document(
        title=about.title,
        question=found.dimension.question,
        design=describe_design(findings),
        answer=found.headline,
        explanation=explain_score(findings),
        verdict=found.verdict,
        sizes=sizes_of(
            findings.analysis,
            n_finished=study.n_finished_raters if study else None,
            n_planned=study.n_planned_raters if study else None,
            n_withdrawn=study.n_withdrawn_raters if study else 0,
            n_further=study.n_further_booklets if study else 0,
        ),
        label=about.label,
        notice=_notice(findings),
        top=_first_pages(findings),
        sections=_sections(findings, digest),
        generator=f"rater {rater.__version__}",
    )


def _first_pages(findings: Findings) -> list[Block | Section]:
    example = example_section(findings)
    return [
        *first_warnings(findings.analysis.diagnosis),
        *findings.picture("arms"),
        *([Prose(findings.fonts.remark, is_warning=True)] if findings.fonts.remark else []),
        arms_table(findings, findings.primary),
        failed_checks_section(findings),
        *([example] if example else []),
    ]


def _sections(findings: Findings, digest: str) -> list[Section]:
    secondary = [
        dimension_section(findings, found, place)
        for place, found in enumerate(findings.analysis.dimensions[1:], 2)
    ]
    analysis = findings.analysis
    results = [
        data_section(analysis.diagnosis, is_external=analysis.is_external),
        primary_section(findings),
        joint_section(findings),
        composites_section(findings),
        points_section(findings),
        choices_section(findings),
        odd_one_out_section(findings),
        checks_section(findings),
        texts_section(findings),
        looks_section(findings),
        amendments_section(findings),
        effects_section(findings),
        equivalence_section(findings),
        ordinal_section(findings),
        reliability_section(findings),
        spread_section(findings),
        confidence_section(findings),
        concepts_section(findings),
        prompts_section(findings),
        raters_section(findings),
        characteristics_section(findings),
        moderators_section(findings),
        agreement_section(findings),
        raters_quality_section(findings),
        course_section(findings),
        blinding_section(findings),
        comments_section(findings),
        exclusions_section(findings),
        contrasts_section(findings),
        doses_section(findings),
        groups_section(findings),
        ranking_section(findings),
        *secondary,
        metrics_section(findings),
        power_section(findings),
        naive_section(findings),
        methods_section(findings),
    ]
    used = [section for section in results if section is not None]
    terms = terms_section([section for section in used if section.anchor not in _WRITTEN_BY_OTHERS])
    return [
        *used,
        *([terms] if terms else []),
        provenance_section(findings, digest),
        files_section(findings),
    ]


def _notice(findings: Findings) -> str:
    study = findings.about.study
    if study is None:
        return "These are external ratings: no preregistration or verification by this software."
    if findings.about.is_rehearsal:
        return (
            "This is a rehearsal. Answers are simulated and texts are assigned to arms at random: no result "
            "here is about the study, its texts or its arms."
        )
    if study.looks and study.looks[-1].is_interim:
        return "This is an interim look; data collection continues, and this is not the final result."
    return ""

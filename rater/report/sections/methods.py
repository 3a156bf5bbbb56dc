"""Write the methods, ready for a paper: what was done, with which program, and whom to cite."""

import platform
from collections.abc import Iterator
from importlib.metadata import version

import rater
from rater.analysis.agreement import Agreement
from rater.analysis.answer_scale import is_pairwise
from rater.analysis.blinding import Blinding
from rater.analysis.equivalence import Equivalence
from rater.analysis.headline import compare_with_sesoi, describe_spent_alpha
from rater.analysis.ordinal.odds import METHOD as ORDINAL_METHOD
from rater.analysis.results import Estimate, Outcome, Quantity, Result
from rater.analysis.sentences import SCOPES, counted, sentence
from rater.analysis.sequential import INTERVALS_REFERENCE, SPENDING_REFERENCE
from rater.report.context import (
    StudyFacts,
    describe_amendments,
    describe_planned_raters,
    describe_removed_raters,
)
from rater.report.document import Bullets, Prose, Section
from rater.report.sections.inputs import Findings

_PROGRAMS = {
    "numpy": "Harris et al. 2020, Nature 585:357–362 (NumPy)",
    "scipy": "Virtanen et al. 2020, Nat. Methods 17:261–272 (SciPy)",
    "pandas": "McKinney 2010, Proc. 9th Python in Science Conf., 56–61 (pandas)",
    "matplotlib": "Hunter 2007, Comput. Sci. Eng. 9:90–95 (matplotlib)",
}


_BLINDING = (
    "Raters could not tell from which arm a text came but by its words: arms were kept in a sealed database, "
    "which neither the rating database nor the process that served raters holds. The key to it had been "
    "committed to by its SHA-256 before the first rating, and was verified before it was opened. Whoever "
    "held the sealed database could have looked; looks at answers by arm through the program are in the "
    "study's log."
)


def versions() -> dict[str, str]:
    """Say which programs computed this, in which version."""
    return {"rater": rater.__version__, "Python": platform.python_version()} | {
        name: version(name) for name in _PROGRAMS
    }


def methods_section(findings: Findings) -> Section:
    """Write the methods as paragraphs and a list of references."""
    paragraphs = [Prose(text) for text in method_paragraphs(findings)]
    return Section("methods", "Methods", [*paragraphs, Bullets(references(findings))])


def method_paragraphs(findings: Findings) -> list[str]:
    """Write what was done: the ratings, the analysis, the software."""
    study = findings.about.study
    first = _ratings(findings) if study is None else _study(study, findings)
    label = findings.about.label
    return [*([f"{label}."] if label else []), first, " ".join(_analysis(findings)), _software(findings)]


def _ratings(findings: Findings) -> str:
    n, found = findings.analysis.n, findings.primary
    return (
        f"{counted(n.raters, 'rater')} gave {counted(n.answers, 'answer')} to {counted(n.items, 'text')} of "
        f"{counted(n.prompts, 'prompt')} ({found.dimension.name}: {found.dimension.scale.describe_values()})."
    )


def _study(study: StudyFacts, findings: Findings) -> str:
    n, found = findings.analysis.n, findings.primary
    arms = "; ".join(f"“{arm.name}”: {arm.says}" for arm in study.arms)
    shown = "two completions side by side" if is_pairwise(found.dimension) else "one completion at a time"
    made = (
        f"Completions were sampled from {study.model} ({study.sampling}) under"
        if study.model
        else f"Texts were taken from files ({study.sampling}) for"
    )
    gone = f" ({describe_removed_raters(study)})" if study.taken_out else ""
    return (
        f"{made} {counted(len(study.arms), 'arm')} ({arms}). {describe_planned_raters(study)}"
        f"{describe_amendments(study)} {counted(study.n_started_raters, 'rater')} began, "
        f"{study.n_finished_raters} finished, and "
        f"{counted(n.raters, 'rater')} gave the {counted(n.answers, 'answer')} analysed here{gone}, to "
        f"{counted(n.items, 'text')} of {counted(n.prompts, 'prompt')}. Each was shown {shown}, "
        f"{counted(study.items_per_rater, 'trial')} in all, in a balanced random order, and asked: "
        f"“{found.dimension.question}” ({found.dimension.scale.describe_values()}). {_BLINDING}"
    )


def _analysis(findings: Findings) -> Iterator[str]:
    yield from _primary_test(findings)
    found = findings.primary
    exclusion = findings.analysis.exclusion
    if exclusion is not None:
        n_left_out = counted(len(exclusion.raters), "rater") if exclusion.raters else "none"
        yield (
            f"Rules declared beforehand, which read no arm, left raters out ({'; '.join(exclusion.rules)}): "
            f"{n_left_out}."
        )
        yield from map(sentence, exclusion.notes)
    if isinstance(found.details.ordinal, Result):
        yield f"As a secondary analysis an ordinal mixed model was fitted: {ORDINAL_METHOD}."
    if len(findings.analysis.dimensions) > 2:
        yield "p-values of secondary dimensions were adjusted by Holm's method."
    if any(
        isinstance(effect, Estimate) and "replicates" in effect.settings for effect in found.details.effects
    ):
        yield (
            "Intervals of effect sizes without a formula, and of coefficients of agreement, are "
            "percentiles of a pigeonhole bootstrap, which resamples raters and prompts (or texts) "
            "independently."
        )
    if isinstance(findings.analysis.blinding, Blinding):
        yield "Blinding was assessed by Bang's and James's indices."


def _primary_test(findings: Findings) -> Iterator[str]:
    planned, found = findings.analysis.planned, findings.primary
    first, second = planned.contrast
    score, alpha = planned.score.replace("_", " "), planned.spent.alpha if planned.spent else planned.alpha
    yield (
        f"The primary outcome was the difference between “{first}” and “{second}” on "
        f"{found.dimension.name} in {score}, generalising to {SCOPES[planned.scope]} (two-sided alpha "
        f"{alpha:g})."
    )
    if planned.spent is not None:
        yield sentence(describe_spent_alpha(planned))
    if isinstance(found.primary, Result):
        yield f"Test: {found.primary.method} [{found.primary.reference}]."
    if planned.sesoi is not None:
        level = f"{100 * (1 - planned.alpha):g} %"
        yield (
            f"The difference was compared with a smallest effect size of interest of {planned.sesoi:g} in "
            f"{score}: larger if the {level} interval lies wholly beyond it, smaller (equivalent) if both of "
            f"two one-sided tests have p < {planned.alpha:g} [Schuirmann 1987]."
        )
        if isinstance(found.equivalence, Equivalence):
            yield compare_with_sesoi(found.equivalence)


def _software(findings: Findings) -> str:
    programs = ", ".join(f"{name} {number}" for name, number in versions().items())
    return f"Computed with {programs}; what is random was seeded with {findings.analysis.planned.seed}."


def references(findings: Findings) -> list[str]:
    """List every work that a result in the report rests on, and the software, each once, in order of name."""
    works = {work.strip() for found in _results(findings) for work in found.reference.split(";")}
    equivalence = findings.primary.equivalence
    if isinstance(equivalence, Equivalence):
        works.add(equivalence.reference)
    if findings.analysis.planned.spent is not None:
        works |= {SPENDING_REFERENCE, INTERVALS_REFERENCE}
    if isinstance(findings.analysis.blinding, Blinding):
        blinding = findings.analysis.blinding
        works |= {index.reference for index in blinding.bang}
        works |= {blinding.james.reference} if blinding.james else set()
    return sorted(works) + list(_PROGRAMS.values())


def _results(findings: Findings) -> Iterator[Result | Estimate]:
    found = findings.primary
    every: list[Outcome | Quantity] = [
        found.primary,
        *found.beside,
        found.details.ordinal,
        *found.details.effects,
    ]
    agreement = found.details.agreement
    if isinstance(agreement, Agreement):
        every += [agreement.krippendorff_ordinal, agreement.icc_single, agreement.kappa, agreement.ac2]
    yield from (each for each in every if isinstance(each, Result | Estimate))

"""The methods section: procedure, statistical analysis, software and references, ready for a paper."""

import platform
import re
from collections.abc import Iterator, Sequence
from importlib.metadata import version

import rater
from rater.analysis.agreement import Agreement
from rater.analysis.answer_scale import n_together
from rater.analysis.blinding import Blinding
from rater.analysis.composites import composites_of
from rater.analysis.equivalence import REFERENCE as SCHUIRMANN
from rater.analysis.equivalence import Equivalence
from rater.analysis.headline import compare_with_sesoi, describe_spent_alpha
from rater.analysis.joint_verdict import REFERENCE as JOINT_REFERENCE
from rater.analysis.joint_verdict import describe_criterion
from rater.analysis.moderators import METHOD as MODERATOR_METHOD
from rater.analysis.ordinal.odds import METHOD as ORDINAL_METHOD
from rater.analysis.results import Estimate, Outcome, Quantity, Result
from rater.analysis.sentences import SCOPES, counted, coverage, sentence, significant
from rater.analysis.sequential import INTERVALS_REFERENCE, SPENDING_REFERENCE
from rater.errors import listed
from rater.glossary import find_entry
from rater.report.context import (
    StudyFacts,
    describe_amendments,
    describe_planned_raters,
    describe_removed_raters,
)
from rater.report.document import Block, Bullets, Picture, Prose, Section, Table
from rater.report.sections.inputs import Findings
from rater.study.composite import RULES, CompositeScore

_PROGRAMS = {
    "numpy": "Harris et al. 2020, Nature 585:357–362 (NumPy)",
    "scipy": "Virtanen et al. 2020, Nat. Methods 17:261–272 (SciPy)",
    "pandas": "McKinney 2010, Proc. 9th Python in Science Conf., 56–61 (pandas)",
    "matplotlib": "Hunter 2007, Comput. Sci. Eng. 9:90–95 (matplotlib)",
}


_BLINDING = (
    "Raters were blind to the arms. The key that links texts to arms was kept in a sealed database, to which "
    "the web server had no access. A SHA-256 commitment to the key was stored before the first rating and "
    "verified before unblinding. Anyone with access to the sealed database could have looked up the arms; "
    "analyses by arm that were made with the software are recorded in the study's log."
)


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"rater": rater.__version__, "Python": platform.python_version()} | {
        name: version(name) for name in _PROGRAMS
    }


def methods_section(findings: Findings) -> Section:
    """Return the methods as paragraphs and a list of references."""
    paragraphs = [Prose(text) for text in method_paragraphs(findings)]
    return Section("methods", "Methods", [*paragraphs, Bullets(references(findings))])


def method_paragraphs(findings: Findings) -> list[str]:
    """Return the paragraphs on ratings, analysis and software."""
    study = findings.about.study
    first = _ratings(findings) if study is None else _study(study, findings)
    label = findings.about.label
    return [*([f"{label}."] if label else []), first, " ".join(_analysis(findings)), _software(findings)]


def _ratings(findings: Findings) -> str:
    n, dimension = findings.analysis.n, findings.primary.dimension
    return (
        f"The data are {counted(n.answers, 'answer')} by {counted(n.raters, 'rater')} to "
        f"{counted(n.items, 'text')} of {counted(n.prompts, 'prompt')} ({dimension.name}: "
        f"{dimension.scale.describe_values()})."
    )


def _study(study: StudyFacts, findings: Findings) -> str:
    n, dimension = findings.analysis.n, findings.primary.dimension
    arms = "; ".join(f"“{arm.name}”: {arm.description}" for arm in study.arms)
    n_texts = n_together(dimension)
    shown = "one completion at a time" if n_texts == 1 else f"{n_texts} completions side by side"
    source = (
        f"Completions were sampled from {study.model} ({study.sampling}) under"
        if study.model
        else f"Texts were taken from files ({study.sampling}) for"
    )
    deleted = f" ({describe_removed_raters(study)})" if study.taken_out else ""
    withdrawn = (
        f"{counted(study.n_withdrawn_raters, 'rater')} withdrew, and their answers are not used. "
        if study.n_withdrawn_raters
        else ""
    )
    return (
        f"{source} {counted(len(study.arms), 'arm')} ({arms}). {describe_planned_raters(study)}"
        f"{describe_amendments(study)} {counted(study.n_started_raters, 'rater')} started and "
        f"{study.n_finished_raters} finished. {describe_further(study)}{withdrawn}The analysis includes "
        f"{counted(n.answers, 'answer')} by {counted(n.raters, 'rater')} to {counted(n.items, 'text')} of "
        f"{counted(n.prompts, 'prompt')}{deleted}. Each rater was shown {shown} in "
        f"{counted(study.items_per_rater, 'trial')}, in counterbalanced random order, and asked: "
        f"{_questions(findings)}. {_BLINDING}"
    )


def describe_further(study: StudyFacts) -> str:
    """Return a sentence on the raters of several booklets, with a blank after it; empty without any."""
    n = study.n_further_booklets
    if not n:
        return ""
    which = "booklet was" if n == 1 else "booklets were"
    return (
        f"{n} further {which} finished by raters who had finished one before; a rater with several "
        "booklets is one rater in every analysis. "
    )


def _questions(findings: Findings) -> str:
    """Return the question of the primary dimension, or those of all parts of a composite score."""
    primary, planned = findings.primary.dimension, findings.analysis.planned
    asked = [each for each in planned.rated if each.name in planned.primary_parts]
    questions = [f"“{each.question}” ({each.scale.describe_values()})" for each in asked]
    return "; ".join(questions) if isinstance(primary, CompositeScore) else questions[0]


def _analysis(findings: Findings) -> Iterator[str]:
    yield from _primary_test(findings)
    yield from _composites(findings)
    yield from _joint(findings)
    found = findings.primary
    exclusion = findings.analysis.exclusion
    if exclusion is not None:
        were = f"{counted(len(exclusion.raters), 'rater')} {'was' if len(exclusion.raters) == 1 else 'were'}"
        yield (
            f"{were if exclusion.raters else 'No rater was'} excluded by criteria that were declared in "
            f"advance and do not use the arm ({'; '.join(exclusion.rules)})."
        )
        yield from map(sentence, exclusion.notes)
    if findings.analysis.moderations:
        names = ", ".join(each.name for each in findings.analysis.moderations)
        yield (
            f"Interactions of the difference with characteristics of the raters ({names}), which were "
            f"declared in advance, were tested with a {MODERATOR_METHOD}; p-values were adjusted with the "
            "Holm correction."
        )
    if isinstance(found.details.ordinal, Result):
        yield f"As a secondary analysis, an ordinal mixed model was fitted: {ORDINAL_METHOD}."
    if len(findings.analysis.dimensions) > 2:
        yield "The p-values of secondary dimensions were adjusted with the Holm correction."
    if any(
        isinstance(effect, Estimate) and "replicates" in effect.settings for effect in found.details.effects
    ):
        yield (
            "Confidence intervals of agreement coefficients, and of effect sizes without a closed-form "
            "interval, are percentile intervals of a pigeonhole bootstrap, which resamples raters and "
            "prompts (or texts) independently."
        )
    if isinstance(findings.analysis.blinding, Blinding):
        yield "Blinding was assessed with the Bang and the James blinding index."


def _primary_test(findings: Findings) -> Iterator[str]:
    planned, found = findings.analysis.planned, findings.primary
    first, second = planned.contrast
    score, alpha = planned.score.replace("_", " "), planned.spent.alpha if planned.spent else planned.alpha
    yield (
        f"The primary estimand was the difference between “{first}” and “{second}” on "
        f"{found.dimension.name} in {score}, generalising to {SCOPES[planned.scope]} (two-sided alpha "
        f"{alpha:g})."
    )
    if isinstance(found.primary, Result):
        yield f"It was tested with a {found.primary.method} [{found.primary.reference}]."
        if planned.test == "mixed_model":
            terms = found.primary.settings["random_effects"]
            yield f"The model was answer ~ x + {terms}, with x = ±1/2 for the arms."
        if planned.reason_for_mixed_model:
            yield sentence(planned.reason_for_mixed_model)
    if planned.spent is not None:
        yield f"Interim analyses followed a {describe_spent_alpha(planned)}."
    if planned.sesoi is not None:
        yield (
            f"The difference was compared with a smallest effect size of interest of {planned.sesoi:g} in "
            f"{score}: larger if the {coverage(1 - planned.alpha)} confidence interval lies entirely beyond "
            "it, smaller (equivalent) if two one-sided tests (TOST) both have "
            f"p < {significant(planned.alpha)} [Schuirmann 1987]."
        )
        if isinstance(found.equivalence, Equivalence):
            yield compare_with_sesoi(found.equivalence)


def _joint(findings: Findings) -> Iterator[str]:
    planned, joint = findings.analysis.planned, findings.analysis.joint
    if planned.coprimary is None or joint is None:
        return
    criterion = describe_criterion(planned.coprimary, planned.contrast)
    yield (
        f"A second primary test was declared: that {criterion}. In this intersection–union test, both tests "
        f"must reject, each at level alpha [{JOINT_REFERENCE}]. {joint.sentence}"
    )


def _composites(findings: Findings) -> Iterator[str]:
    analysis = findings.analysis
    for composite in composites_of(analysis.planned.dimensions):
        scale = composite.scale
        counts = [each for each in analysis.composites if each.composite == composite.name]
        n_missing, n_scores = sum(each.n_missing for each in counts), sum(each.n_scores for each in counts)
        yield (
            f"The composite score {composite.name} is the {RULES[scale.rule]} of the answers of a rater to a "
            f"text on {listed(scale.of)}; it is missing if a part is, for {n_missing:,} of "
            f"{n_missing + n_scores:,} rated texts."
        )


def _software(findings: Findings) -> str:
    programs = ", ".join(f"{name} {number}" for name, number in versions().items())
    return (
        f"The analysis was computed with {programs}; random number generators were seeded with "
        f"{findings.analysis.planned.seed}."
    )


def references(findings: Findings) -> list[str]:
    """List the references of all results in the report and of the software, each once, sorted by name."""
    works = {work.strip() for found in _results(findings) for work in found.reference.split(";")}
    equivalence = findings.primary.equivalence
    if isinstance(equivalence, Equivalence):
        works.add(equivalence.reference)
    if findings.analysis.joint is not None:
        works |= {JOINT_REFERENCE, SCHUIRMANN}
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
        *found.sensitivity_tests,
        found.details.ordinal,
        *found.details.effects,
    ]
    agreement = found.details.agreement
    if isinstance(agreement, Agreement):
        every += [agreement.krippendorff, agreement.icc_single, agreement.kappa, agreement.ac2]
    yield from (each for each in every if isinstance(each, Result | Estimate))


# Terms of statistics that a reader may look up; everyday words such as "answer" are not among them.
_TERMS = (
    "AC2", "alpha spending", "Bang's index", "Benjamini–Hochberg method", "BLUP", "Bradley–Terry model",
    "Cliff's delta", "Cohen's d", "commitment", "chance level", "composite score", "confidence interval",
    "confound", "confusion matrix", "crossed random-effects t test", "cumulative link mixed model", "d'",
    "equivalence", "Holm correction", "ICC", "interim look", "intersection–union test", "James's index",
    "Krippendorff's alpha", "likelihood-ratio test", "Mann–Whitney test", "mediator", "net superiority",
    "NLL", "non-inferiority", "odds ratio", "pigeonhole bootstrap", "power", "prediction interval",
    "probability of superiority", "proportional odds", "quasi-F", "REML", "repetition", "Satterthwaite",
    "signed-rank test", "sign-flip test", "test–retest agreement", "tipping point", "TOST", "type I error",
    "weighted kappa", "win rate",
)  # fmt: skip


def terms_section(sections: Sequence[Section]) -> Section | None:
    """Define the terms of statistics that these sections use; None if they use none."""
    text = _plain(
        " ".join(words for section in sections for block in section.blocks for words in _words(block))
    )
    entries = [
        entry
        for entry in map(find_entry, _TERMS)
        if any(re.search(rf"(?<!\w){re.escape(_plain(name))}s?(?!\w)", text) for name in entry.names)
    ]
    if not entries:
        return None
    return Section("terms", "Terms", [Bullets([f"{each.heading}: {each.definition}" for each in entries])])


def _words(block: Block) -> Iterator[str]:
    """Yield the texts of a block."""
    if isinstance(block, Prose):
        yield block.text
    elif isinstance(block, Bullets):
        yield from block.items
    elif isinstance(block, Table):
        yield from (block.caption, *block.header)
        for row in block.rows:
            yield from row
    elif isinstance(block, Picture):
        yield from (block.drawn.title, block.drawn.caption)


def _plain(text: str) -> str:
    return text.casefold().replace("’", "'").replace("-", " ").replace("–", " ")

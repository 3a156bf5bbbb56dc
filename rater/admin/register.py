"""Write the preregistration of a published study as Markdown, the same text each time.

The preregistration names the arms and so needs the sealed database. It is for the experimenter and for a
registry under embargo, not for raters.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rater.analysis.answer_kinds.kind import kind_of
from rater.analysis.joint_verdict import REFERENCE as JOINT_REFERENCE
from rater.analysis.joint_verdict import describe_criterion
from rater.analysis.moderators import METHOD as MODERATOR_METHOD
from rater.analysis.plan import PlannedContrast, plan_of
from rater.analysis.sentences import SCOPES
from rater.analysis.sequential import describe_looks
from rater.errors import StateError
from rater.publish.publish import explain_lost_key, read_confounds
from rater.store.engine import disposing, reading
from rater.store.log import Event, EventKind, read_events
from rater.store.rating import schema
from rater.store.rating.open import open_rating
from rater.store.rating.studies import PublishedStudy, get_study
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import get_sealed_study
from rater.study.arms import ExternalCompletions, models_needed
from rater.study.composite import CompositeScore
from rater.study.confounds import Confound, describe_confound
from rater.study.describe import (
    describe_arm,
    describe_control,
    describe_display,
    describe_doses,
    describe_places,
    describe_sampling,
    describe_targets,
)
from rater.study.dimension import Dimension
from rater.study.practice_and_checks import PRACTICE_ATTEMPTS
from rater.study.state import State
from rater.study.study import Study

_ASKING = {
    "together": "all dimensions are asked about each {trial}",
    "blocks": "dimensions are asked in counterbalanced blocks of one dimension each",
    "one_per_rater": "each rater is asked about one dimension",
}
_MIXED_MODEL = (
    "a linear mixed model of all answers (REML): fixed effect of the arm x = ±1/2; uncorrelated random "
    "intercepts and slopes on x of raters and of prompts; a random intercept of texts; Wald t test with "
    "Satterthwaite degrees of freedom. A random effect is left out only if the design cannot distinguish it "
    "from the others and from the error"
)
_CELLS_ENTER = "Rater × prompt cells enter the test if the rater answered texts of both arms for the prompt."
_TESTS = {
    "raters+prompts": (
        "a crossed random-effects t test on rater × prompt cell scores (quasi-F with Satterthwaite degrees "
        "of freedom; weighted REML where cells are missing or unequal)"
    ),
    "raters+prompts+concepts": (
        "a crossed random-effects t test on the scores of rater × prompt × concept cells (quasi-F with "
        "Satterthwaite degrees of freedom; weighted REML where cells are missing or unequal)"
    ),
    "raters+concepts": (
        "a crossed random-effects t test on rater × concept cell scores, averaged over prompts (quasi-F with "
        "Satterthwaite degrees of freedom; weighted REML where cells are missing or unequal)"
    ),
    "raters": (
        "a one-sample t test on raters' mean differences, with a sign-flip test as a sensitivity analysis"
    ),
    "prompts": (
        "a one-sample t test on prompts' mean differences, with a Wilcoxon signed-rank test as a sensitivity "
        "analysis"
    ),
}


@dataclass(frozen=True)
class Registrable:
    """A published study and its log."""

    study: Study
    published: PublishedStudy
    events: tuple[Event, ...]
    confounds: tuple[Confound, ...] | None = None
    """The confounds that the audit found at publication; None where there was no audit."""


def read_registrable(sealed_url: str, rating_url: str, name: str) -> Registrable:
    """Read a published study with its sealed declaration (seven queries).

    Raises:
        StateError: The study is not published, or the sealed database has another study of that name.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        published = get_study(session, name)
        events = tuple(read_events(session, schema.EventRow, published.id))
    with (
        explain_lost_key(rating_url, name),
        disposing(open_sealed(sealed_url)) as sealed,
        reading(sealed) as session,
    ):
        sealed_study = get_sealed_study(session, name)
        study = Study.model_validate_json(sealed_study.canonical_json)
        confounds = read_confounds(session, sealed_study.id)
    if study.hash != published.study_hash:
        msg = f"The sealed study {name!r} has the hash {study.hash[:16]}…, not {published.study_hash[:16]}…."
        raise StateError(msg)
    return Registrable(study, published, events, confounds)


def write_registration(registrable: Registrable, power: Sequence[str]) -> str:
    """Return the preregistration; ``power`` are sentences that justify the sample size."""
    study = registrable.study
    parts = [
        f"# Preregistration: {study.title}",
        _timing(registrable),
        "## Hypotheses",
        *_hypotheses(study),
        "## Design",
        *_design(study),
        *_questionnaire(study),
        "## Arms",
        "\n".join(f"- `{arm.name}`: {describe_arm(arm)}" for arm in study.arms),
        "## Confounds",
        *_confounds(registrable),
        "## Sample size",
        " ".join([*_sample(study), *power]),
        "## Exclusions",
        *_exclusions(study),
        "## Analysis plan",
        *_analysis(study),
        *_moderators(study),
        "## Blinding",
        *_blinding(study),
        "## Integrity (hashes and commitment)",
        _digests(registrable),
        "## Appendix: study declaration",
        *_appendix(study),
    ]
    return "\n\n".join(parts) + "\n"


def _timing(registrable: Registrable) -> str:
    published = registrable.published
    opened = [event.at for event in registrable.events if event.kind == State.OPEN]
    when = (
        f"Data collection opened on {opened[0]:%Y-%m-%d %H:%M} UTC, so this text may have been printed "
        "after that; the study hash and the commitment below date from publication."
        if opened
        else "Data collection had not opened when this text was printed."
    )
    if any(event.kind == EventKind.AMENDED for event in registrable.events):
        when += " The study was amended after publication; this text describes it as published."
    return (
        f"The study `{published.name}` was published on {published.published_at:%Y-%m-%d %H:%M} UTC. {when}"
    )


def _hypotheses(study: Study) -> Iterator[str]:
    first, second = study.contrast
    dimension = study.primary_dimension
    yield (
        f"Primary hypothesis: on {_named(dimension)}, texts of arm "
        f"`{first}` and texts of arm `{second}` are {kind_of(dimension).hypothesis}. The claim is about "
        f"{SCOPES[study.analysis.scope]}. The test is two-sided."
    )
    if study.analysis.sesoi is not None:
        yield (
            f"The smallest effect size of interest (SESOI) is {study.analysis.sesoi:g} on the scale of the "
            "primary score. The difference is concluded to be larger than the SESOI if its 1 − alpha "
            "confidence interval lies wholly beyond it, and smaller (equivalent) if two one-sided tests "
            "(TOST) both have p < alpha. Otherwise the comparison with the SESOI is inconclusive."
        )
    yield from _joint(study)
    every = [*(each.name for each in study.dimensions), *(each.name for each in study.composites)]
    others = [f"`{name}`" for name in every if name != study.primary]
    if others:
        yield f"Secondary dimensions (Holm correction within this family): {', '.join(others)}."
    planned = plan_of(study)
    contrasts = planned.others_among(study.arm_names)
    if contrasts and not study.analysis.contrasts:
        yield f"The control arm is `{study.control}`, {describe_control(study)}."
    for family in dict.fromkeys(each.family for each in contrasts):
        named = [_contrast(each) for each in contrasts if each.family == family]
        yield f"Secondary contrasts ({family}; Holm correction within this family): {', '.join(named)}."


def _named(dimension: Dimension | CompositeScore) -> str:
    if isinstance(dimension, CompositeScore):
        return f"the composite score `{dimension.name}` ({dimension.question})"
    return f"the question “{dimension.question}” (`{dimension.name}`)"


def _joint(study: Study) -> Iterator[str]:
    """State the coprimary test, and the rule of the verdict."""
    coprimary = study.analysis.coprimary
    if coprimary is not None:
        yield (
            f"Coprimary hypothesis: {describe_criterion(coprimary, study.contrast)}. The joint criterion is "
            "met if both primary tests reject, each at level alpha (intersection–union test, "
            f"{JOINT_REFERENCE}); the coprimary test is one-sided."
        )


def _contrast(contrast: PlannedContrast) -> str:
    arms = f"`{contrast.first}` − `{contrast.second}`"
    is_named = contrast.name != f"{contrast.first} − {contrast.second}"
    return f"{arms} (“{contrast.name}”)" if is_named else arms


def _design(study: Study) -> Iterator[str]:
    design = study.design
    yield _texts(study)
    shows = {
        "text": "texts",
        "pair": "pairs of texts of two arms",
        "group": f"groups of {study.n_texts} texts "
        + ("of two arms, one of which has one text" if study.has_odd_text else "of different arms"),
    }[study.trial_noun]
    trial = {"text": "text", "pair": "pair of texts", "group": "group of texts"}[study.trial_noun]
    extras = [
        f"{n} {noun}"
        for n, noun in (
            (design.n_repeats, "repeat" if design.n_repeats == 1 else "repeats"),
            (design.n_checks, "attention check" if design.n_checks == 1 else "attention checks"),
        )
        if n
    ]
    equally = (
        "each prompt once, in one arm; the arms of a prompt are divided evenly between raters, by chance"
        if design.arms_per_prompt == "one"
        else "with each two arms, and each of them as the odd one, equally often within each prompt"
        if design.has_odd_text
        else "with each arm equally often within each prompt"
    )
    more = f", and in addition {' and '.join(extras)}" if extras else ""
    yield (
        f"Each rater sees {design.items_per_rater} {shows}{more}, {equally}. "
        f"Booklets are randomised with a secret seed; {_ASKING[design.asking].format(trial=trial)}."
    )
    for composite in study.composites:
        yield (
            f"- Composite score `{composite.name}`: {composite.question} "
            f"({composite.scale.describe_values()}); missing if a part is missing"
        )
    targets = describe_targets(study)
    if targets:
        yield (
            f"In a choice among labels, the score is 1 if the target was chosen and 0 otherwise. Target: "
            f"{targets}. In addition, the proportion of target choices in each arm is compared with chance, "
            "1 / the number of options."
        )
    for dimension in study.described_dimensions:
        yield f"- `{dimension.name}`: “{dimension.question}” ({_describe_answers(dimension)})"


def _describe_answers(dimension: Dimension) -> str:
    scale = dimension.scale
    parts = [scale.describe()]
    if scale.ranks:
        parts.append(f"the analysis compares scores of the texts, {scale.scored.describe_values()}")
    if dimension.cannot_judge:
        parts.append("“cannot judge” is allowed")
    if dimension.not_applicable:
        parts.append("“not applicable” is allowed, and is not a score")
    if dimension.confidence:
        parts.append(f"with confidence in the answer, 1 to {dimension.n_confidence}, which can be left out")
    return "; ".join(parts)


def _questionnaire(study: Study) -> Iterator[str]:
    """List the questions about the raters, and the moderators among them."""
    if not study.questionnaire:
        return
    yield (
        "Raters are asked about themselves; each question can be declined, and the answers do not decide who "
        "takes part:"
    )
    yield "\n".join(
        f"- `{each.name}` ({each.when} the trials): “{each.question}” ({each.describe()})"
        for each in study.questionnaire
    )


def _moderators(study: Study) -> Iterator[str]:
    if study.analysis.moderators:
        named = ", ".join(f"`{name}`" for name in study.analysis.moderators)
        yield (
            f"Moderators: {named}. The primary difference is estimated for each group with at least two "
            "raters, and each group is compared with the first one (for a number: the change per standard "
            "deviation), by a "
            f"{MODERATOR_METHOD}. Holm correction over all of these interactions."
        )


def _texts(study: Study) -> str:
    n_arms = f"{_prompts(study)} under {len(study.arms)} arms"
    n_texts = f"{study.n_completions} texts ({describe_sampling(study)})"
    models = models_needed(study.arms, study.model)
    from_files = [each for each in study.arms if isinstance(each, ExternalCompletions)]
    if not models:
        source = f"All texts come from files, which the study hash covers: {n_arms}, {n_texts}"
    else:
        named = " and ".join(f"`{model}`" for model in models)
        source = (
            f"The model{'s' * (len(models) > 1)} {named} continue{'s' * (len(models) == 1)} {n_arms}: "
            f"{n_texts}. Samples of a prompt use common random numbers in all arms"
        )
        if from_files:
            source += f". Texts of {', '.join(f'`{each.name}`' for each in from_files)} come from files"
    cut = " and unfinished last sentences are cut" if study.cut_unfinished_sentence else ""
    shown = describe_display(study)
    display = f" Raters see the texts of all arms in one form: {shown}." if shown else ""
    return f"{source}. Trailing white space is removed{cut}, in all arms alike.{display}{_reference(study)}"


def _reference(study: Study) -> str:
    if study.reference_arm is None:
        return ""
    return (
        f" With each text raters see one more text of the arm `{study.reference_arm}` of the same prompt, "
        "which is the same in all arms and is not rated."
    )


def _prompts(study: Study) -> str:
    """Count the prompts, and the different values of their fields."""
    fields = [
        f"{name} with {len({item.fields[name] for item in study.items})} values" for name in study.field_names
    ]
    n_prompts = f"{len(study.distinct_prompts)} prompts"
    return f"{n_prompts} in {len(study.items)} items (fields: {', '.join(fields)})" if fields else n_prompts


def _confounds(registrable: Registrable) -> Iterator[str]:
    """List the properties other than meaning that distinguish the arms: declared, and found by the audit."""
    declared, confounds = registrable.study.confounds, registrable.confounds
    if declared:
        yield f"Declared in the study file: {', '.join(declared)}."
    if confounds is None:
        yield "The texts were not audited for confounds at publication."
    elif not confounds:
        yield (
            "The audit at publication found no property of the texts other than meaning that tells arms "
            "apart."
        )
    else:
        status = {True: "declared in the study file", False: "acknowledged at publication"}
        yield "Found by the audit at publication (all texts, compared within prompts; AUC .5 is chance):"
        yield "\n".join(
            f"- {describe_confound(each)}; {status[each.is_declared] if each.is_of_texts else 'by chance'}"
            for each in confounds
        )
    yield (
        "As a sensitivity analysis, the primary test is repeated with text length as a covariate. Length may "
        "mediate the effect of an arm, so the primary test is not adjusted for it."
    )


def _sample(study: Study) -> Iterator[str]:
    design = study.design
    yield (
        f"The planned sample size is {design.n_raters} raters with one booklet each; each text is rated "
        f"about {design.ratings_per_item:g} times."
    )
    yield from describe_places(study)


def _exclusions(study: Study) -> Iterator[str]:
    eligible = list(_eligible(study))
    if eligible:
        yield "Screening: before the first trial, participants are screened out if they"
        yield "\n".join(f"- {line}" for line in eligible)
    lines = list(study.analysis.exclusions.describe().values())
    if not lines:
        yield "No rater who has started is excluded from the analysis."
        return
    yield (
        "Raters who meet any of these criteria are excluded. The criteria do not use the arm. The primary "
        "test is repeated without exclusions as a sensitivity analysis."
    )
    yield "\n".join(f"- {line}" for line in lines)


def _eligible(study: Study) -> Iterator[str]:
    """List the criteria by which participants are screened out before the first trial."""
    for question in study.screening:
        accepted = " or ".join(f"“{option}”" for option in question.accepted)
        yield f"answer anything other than {accepted} to the screening question “{question.question}”"
    if study.practice_pass is not None:
        markable = sum(bool(practice.accepted) for practice in study.practice)
        yield (
            f"rate fewer than {study.practice_pass} of {markable} practice texts with known answers "
            f"correctly in {PRACTICE_ATTEMPTS} attempts"
        )


def _analysis(study: Study) -> Iterator[str]:
    plan = study.analysis
    unit = study.primary_dimension.scale.scored.answer_unit
    score = "net superiority" if plan.score == "net_superiority" else unit
    test, enter = _TESTS[plan.scope], _CELLS_ENTER
    if study.planned_test == "mixed_model":
        test, enter = _MIXED_MODEL, "All answers enter the test."
    kind = kind_of(study.primary_dimension)
    registered = kind.register(study.contrast, study.primary, plan.alpha)
    yield from registered
    if not registered:
        yield from _difference(study, score=score, test=test, enter=enter)
    if plan.interim_looks is None:
        yield "No interim analysis is planned: answers are not analysed by arm before data collection closes."
    else:
        yield f"Interim analyses: {describe_looks(plan.interim_looks, plan.alpha)}."
    doses = describe_doses(study)
    if doses and kind.has_doses:
        yield (
            f"Dose–response analysis: doses {doses}. A linear trend and a monotone trend (Abelson–Tukey "
            "contrast) over doses are tested; where the two contrasts nearly coincide, the linear trend "
            "alone."
        )


def _difference(study: Study, *, score: str, test: str, enter: str) -> Iterator[str]:
    """State the primary test of a difference between two arms, and the secondary analyses."""
    (first, second), plan = study.contrast, study.analysis
    yield (
        f"Primary analysis: the difference `{first}` − `{second}` on `{study.primary}` in {score}, tested by "
        f"{test}; two-sided alpha {plan.alpha:g}. {enter} Of repeated trials only the first answer enters."
    )
    strengths = "strengths of the arms (Plackett–Luce), " if study.n_texts > 2 else ""
    yield (
        "Secondary, non-confirmatory analyses: the other score, effect sizes, a linear mixed model of all "
        "answers where the primary test does not use them all, an ordinal mixed model where texts are rated "
        f"on points, {strengths}and agreement between raters. Exploratory analyses: the difference by prompt "
        "and by rater (raw differences and BLUPs)."
    )


def _blinding(study: Study) -> Iterator[str]:
    yield (
        "Raters and the web server have no access to the arms. The key that links texts to arms is kept in a "
        "separate sealed database; the SHA-256 commitment to it is below."
    )
    if study.blinding is not None:
        changed = ", ".join(f"`{arm}`" for arm in study.changed_arms)
        about = (
            f"about {study.blinding.n_texts} texts" if study.blinding.n_texts else "about all texts at once"
        )
        yield (
            f"After the last trial raters are asked {about}: “{study.blinding.question}” The answer "
            f"“{study.blinding.labels[0]}” is correct for {changed}."
        )


def _digests(registrable: Registrable) -> str:
    published = registrable.published
    return "\n".join(
        [
            f"- study hash: `{published.study_hash}`",
            f"- commitment to the key: `{published.commitment}`",
            f"- log at publication: `{registrable.events[0].hash}`",
        ]
    )


def _appendix(study: Study) -> Iterator[str]:
    """Return everything that the study hash covers: prompts, texts of vectors, and all settings."""
    declared = json.dumps(json.loads(study.canonical_json()), ensure_ascii=False, indent=2, sort_keys=True)
    longest = max(map(len, re.findall("`+", declared)), default=0)
    fence = "`" * max(3, longest + 1)  # a prompt may hold backticks
    yield (
        "The study hash is the SHA-256 of this JSON, serialised with sorted keys and without white space. "
        "Fields that it leaves out have their defaults, which rater's reference of study fields lists."
    )
    yield f"{fence}json\n{declared}\n{fence}"

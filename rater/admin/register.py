"""Write a published study's preregistration in Markdown; the same study gives the same text each time.

It names the arms, so it opens the sealed database: it is for the experimenter and a registry under embargo,
not for raters.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rater.analysis.plan import PlannedContrast, plan_of
from rater.analysis.sentences import SCOPES
from rater.analysis.sequential import describe_looks
from rater.errors import StateError
from rater.publish.confounds import read_confounds
from rater.publish.publish import explain_lost_key
from rater.store.engine import disposing, reading
from rater.store.log import Event, read_events
from rater.store.rating import schema
from rater.store.rating.open import open_rating
from rater.store.rating.studies import Progress, PublishedStudy, get_study, read_progress
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import get_sealed_study
from rater.study.arms import Outside, models_needed
from rater.study.confounds import Confound, describe_confound
from rater.study.describe import describe_arm, describe_control, describe_doses, describe_sampling
from rater.study.practice_and_checks import PRACTICE_ATTEMPTS
from rater.study.state import State
from rater.study.study import Study

_ASKED = {
    "together": "all dimensions under each text",
    "blocks": "in counterbalanced blocks of one dimension each",
    "one_per_rater": "each rater is asked one dimension",
}
_TESTS = {
    "raters+prompts": "the two-way test for crossed raters and prompts",
    "raters": "the test over raters' means, with a sign-flip test beside it",
    "prompts": "the test over prompts' means, with a signed-rank test beside it",
}


@dataclass(frozen=True)
class Registrable:
    """A published study with what its log says."""

    study: Study
    published: PublishedStudy
    events: tuple[Event, ...]
    progress: Progress
    confounds: tuple[Confound, ...] | None = None
    """What told arms apart in the audit at publication; None where there was no audit."""


def read_registrable(sealed_url: str, rating_url: str, name: str) -> Registrable:
    """Read a published study with its sealed declaration. Costs eight queries.

    Raises:
        StateError: it is not published, or the sealed database has another study of that name.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        published = get_study(session, name)
        events = tuple(read_events(session, schema.Event, published.id))
        progress = read_progress(session, published.id)
    with (
        explain_lost_key(rating_url, name),
        disposing(open_sealed(sealed_url)) as sealed,
        reading(sealed) as session,
    ):
        kept = get_sealed_study(session, name)
        study = Study.model_validate_json(kept.canonical_json)
        confounds = read_confounds(session, kept.id)
    if study.hash != published.study_hash:
        msg = f"The sealed study {name!r} has the hash {study.hash[:16]}…, not {published.study_hash[:16]}…."
        raise StateError(msg)
    return Registrable(study, published, events, progress, confounds)


def write_registration(registrable: Registrable, power: Sequence[str]) -> str:
    """Write the preregistration; ``power`` are sentences about the sample size."""
    study = registrable.study
    parts = [
        f"# Preregistration: {study.title}",
        _timing(registrable),
        "## Hypotheses",
        *_hypotheses(study),
        "## Design",
        *_design(study),
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
        "## Blinding",
        *_blinding(study),
        "## Integrity (hashes and commitment)",
        _digests(registrable),
        "## Appendix: the study as declared",
        *_appendix(study),
    ]
    return "\n\n".join(parts) + "\n"


def _timing(registrable: Registrable) -> str:
    published = registrable.published
    opened = [event.at for event in registrable.events if event.kind == State.OPEN]
    when = (
        f"It was first opened to raters {opened[0]:%Y-%m-%d %H:%M} UTC, so this text may have been printed "
        "later; the hash and the commitment below are of the publication."
        if opened
        else "It had not been opened to raters when this was printed."
    )
    if any(event.kind == "amended" for event in registrable.events):
        when += " It was amended after its publication; this is the study as it was published."
    return f"Study `{published.name}` was published {published.published_at:%Y-%m-%d %H:%M} UTC. {when}"


def _hypotheses(study: Study) -> Iterator[str]:
    first, second = study.contrast
    dimension = next(each for each in study.dimensions if each.name == study.primary)
    what = "are preferred to" if study.is_pairwise else "are rated differently from"
    yield (
        f'On the question "{dimension.question}" (`{dimension.name}`), texts of the arm `{first}` {what} '
        f"texts of the arm `{second}`, for {SCOPES[study.analysis.scope]}. The test is two-sided."
    )
    if study.analysis.sesoi is not None:
        yield (
            f"The smallest effect size of interest is {study.analysis.sesoi:g} on the scale of the primary "
            "score. The difference is larger if the interval at level 1 − alpha lies wholly beyond that, "
            "smaller (equivalent) if two one-sided tests both have p < alpha, and otherwise undecided."
        )
    others = [f"`{each.name}`" for each in study.dimensions if each.name != study.primary]
    if others:
        yield f"Secondary dimensions, adjusted together by Holm's method: {', '.join(others)}."
    planned = plan_of(study)
    contrasts = planned.others_among(study.arm_names)
    if contrasts and not study.analysis.contrasts:
        yield f"The control is `{study.control}`, {describe_control(study)}."
    for family in dict.fromkeys(each.family for each in contrasts):
        named = [_contrast(each) for each in contrasts if each.family == family]
        yield f"Also compared ({family}), adjusted together by Holm's method: {', '.join(named)}."


def _contrast(contrast: PlannedContrast) -> str:
    arms = f"`{contrast.first}` − `{contrast.second}`"
    is_named = contrast.name != f"{contrast.first} − {contrast.second}"
    return f"{arms} (“{contrast.name}”)" if is_named else arms


def _design(study: Study) -> Iterator[str]:
    design = study.design
    yield _texts(study)
    shows = "pairs of texts of two arms" if study.is_pairwise else "texts"
    extras = [
        f"{n} {what}"
        for n, what in (
            (design.n_repeats, "shown again"),
            (design.n_checks, "attention check" if design.n_checks == 1 else "attention checks"),
        )
        if n
    ]
    besides = f", besides {' and '.join(extras)}" if extras else ""
    yield (
        f"Each rater sees {design.items_per_rater} {shows}{besides}, each arm equally often within each "
        f"prompt, in a booklet dealt from a secret seed; asked: {_ASKED[design.asking]}."
    )
    for dimension in study.dimensions:
        cannot = "; or cannot judge" if dimension.cannot_judge else ""
        yield f'- `{dimension.name}`: "{dimension.question}" {dimension.scale.describe()}{cannot}'


def _texts(study: Study) -> str:
    n_arms = f"{len(study.prompts)} prompts under {len(study.arms)} arms"
    n_texts = f"{study.n_completions} texts ({describe_sampling(study)})"
    models = models_needed(study.arms, study.model)
    from_files = [each for each in study.arms if isinstance(each, Outside)]
    if not models:
        made = f"All texts come from files, which the study hash covers: {n_arms}, {n_texts}"
    else:
        named = " and ".join(f"`{model}`" for model in models)
        made = (
            f"The model{'s' * (len(models) > 1)} {named} continue{'s' * (len(models) == 1)} {n_arms}: "
            f"{n_texts}; a prompt's samples share their random numbers over arms"
        )
        if from_files:
            made += f"; those of {', '.join(f'`{each.name}`' for each in from_files)} come from files instead"
    cut = ", and cut after the last sentence that ends." if study.cut_unfinished_sentence else "."
    return f"{made}. In all arms alike, trailing white space is removed{cut}"


def _confounds(registrable: Registrable) -> Iterator[str]:
    """List what tells arms apart and is not their texts' meaning: found, and declared."""
    declared, found = registrable.study.confounds, registrable.confounds
    if declared:
        yield f"Declared in the study file: {', '.join(declared)}."
    if found is None:
        yield "No audit for confounds was made at publication."
    elif not found:
        yield "The audit at publication found nothing but meaning that tells the arms apart."
    else:
        how = {True: "declared in the study file", False: "acknowledged at publication"}
        yield "Found by the audit at publication (all texts, compared within prompts; AUC .5 is chance):"
        yield "\n".join(
            f"- {describe_confound(each)}; {how[each.is_declared] if each.is_of_texts else 'by chance'}"
            for each in found
        )
    yield (
        "As a sensitivity analysis the primary test is repeated with the length of the texts as a covariate. "
        "Length may be a mediator, a part of how an arm works, so the primary test stays as it is."
    )


def _sample(study: Study) -> Iterator[str]:
    design = study.design
    yield (
        f"{design.n_raters} raters are planned, one booklet each; every text is rated about "
        f"{design.ratings_per_item:g} times."
    )
    if study.booklet_hours is None:
        yield "A booklet that is left half-way stays with its rater."
        return
    late = "may still finish it" if study.late_raters == "finish" else "does not go on"
    yield (
        f"A booklet left for {study.booklet_hours:g} hours is dealt again, whole, to a new rater; who comes "
        f"back late {late}. All answers given count."
    )


def _exclusions(study: Study) -> Iterator[str]:
    eligible = list(_eligible(study))
    if eligible:
        yield "Before the first trial, these do not go on, and give no answers:"
        yield "\n".join(f"- {line}" for line in eligible)
    lines = list(study.analysis.exclusions.describe().values())
    if not lines:
        yield "No rater who began is excluded, whatever they answer."
        return
    yield "Any of these leaves a rater out; no rule reads an arm, and results without it stand beside."
    yield "\n".join(f"- {line}" for line in lines)


def _eligible(study: Study) -> Iterator[str]:
    """List who cannot take part, by what they answer before the first trial."""
    for question in study.screening:
        accepted = " or ".join(f"“{option}”" for option in question.accepted)
        yield f'who answers the screening question "{question.question}" other than with {accepted}'
    if study.practice_pass is not None:
        markable = sum(bool(practice.accepted) for practice in study.practice)
        yield (
            f"who rates fewer than {study.practice_pass} of the {markable} practice texts with known answers "
            f"right, in {PRACTICE_ATTEMPTS} attempts"
        )


def _analysis(study: Study) -> Iterator[str]:
    plan = study.analysis
    first, second = study.contrast
    score = "net superiority" if plan.score == "net_superiority" else "scale points"
    yield (
        f"Primary: `{first}` − `{second}` on `{study.primary}` in {score}, by {_TESTS[plan.scope]}, at "
        f"alpha {plan.alpha:g}. Only cells of rater and prompt that hold both arms enter; repeated trials "
        "count once, by their first answer."
    )
    yield (
        "Beside it, deciding nothing: the other score, effect sizes, an ordinal mixed model where texts are "
        "rated on points, agreement, and, exploratory, the difference by prompt and by rater."
    )
    if plan.looks is None:
        yield "Answers are not looked at by arm before the study is closed."
    else:
        yield f"Answers are looked at by arm {describe_looks(plan.looks, plan.alpha)}."
    doses = describe_doses(study)
    if doses:
        yield (
            f"Doses: {doses}. A linear and a monotone trend over them are tested; where the doses give both "
            "nearly the same contrast, the linear trend alone."
        )


def _blinding(study: Study) -> Iterator[str]:
    yield (
        "Raters, and the process that serves them, have no access to arms: the key is sealed, and committed "
        "to by the hash below."
    )
    if study.blinding is not None:
        meant = ", ".join(f"`{arm}`" for arm in study.changed_arms)
        about = (
            f"about {study.blinding.n_texts} texts" if study.blinding.n_texts else "about all texts at once"
        )
        yield (
            f'After the last trial raters are asked {about}: "{study.blinding.question}" The answer '
            f"“{study.blinding.labels[0]}” is right for {meant}."
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
    """Give everything that the study hash covers: prompts, the texts of vectors, and all settings."""
    declared = json.dumps(json.loads(study.canonical_json()), ensure_ascii=False, indent=2, sort_keys=True)
    longest = max(map(len, re.findall("`+", declared)), default=0)
    fence = "`" * max(3, longest + 1)  # a prompt may hold backticks
    yield (
        "The study hash is the SHA-256 of this JSON, written with sorted keys and without spaces or line "
        "breaks between them."
    )
    yield f"{fence}json\n{declared}\n{fence}"

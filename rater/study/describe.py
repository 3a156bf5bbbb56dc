"""Descriptions of arms, sampling and analysis in words, for preregistration and report."""

from collections.abc import Iterator, Mapping, Sequence

from rater.study.additions import (
    ActivationAddition,
    AnyAddition,
    DatasetVector,
    Placed,
    RandomVector,
    VectorFile,
    XVector,
    hook_name,
)
from rater.study.arms import (
    Arm,
    ConceptSteered,
    ExternalCompletions,
    OtherModel,
    Prompted,
    Unsteered,
    models_needed,
)
from rater.study.concepts import Concept
from rater.study.protocol import Protocol, Reasoning
from rater.study.study import Study

_MAX_SHOWN = 60


def describe_arm(arm: Arm) -> str:
    """Return a description of an arm."""
    if isinstance(arm, Unsteered):
        return "the unchanged model"
    if isinstance(arm, OtherModel):
        return f"the model {arm.model}, unchanged"
    if isinstance(arm, ExternalCompletions):
        return f"completions from {arm.path}"
    if isinstance(arm, Prompted):
        parts = [] if arm.system is None else [f"the system prompt {_cut(repr(arm.system))}"]
        return " and ".join(parts + ([f"{_cut(repr(arm.prefix))} before each prompt"] if arm.prefix else []))
    if isinstance(arm, ConceptSteered):
        what = "the additions of each concept"
        if arm.random_seed is not None:
            what = f"random directions (seed {arm.random_seed}) with the norms of {what}"
        return f"{arm.coeff:g} × {what}"
    return " + ".join(map(describe, arm.additions))


def describe_concepts(concepts: Sequence[Concept]) -> list[tuple[str, str]]:
    """Return the additions of each concept as labels and values; one pair for all if they read the same."""
    additions = [" + ".join(map(describe, concept.additions)) for concept in concepts]
    if len(set(additions)) > 1:
        return [(f"concept {each.words}", own) for each, own in zip(concepts, additions, strict=True)]
    named = ("concepts", ", ".join(each.words for each in concepts))
    return [named, ("additions of each", additions[0])] if any(additions) else [named] if concepts else []


def describe_display(study: Study) -> str:
    """Return how raters see the texts, in all arms alike; empty if a plain text continues its prompt."""
    rated = study.rated_part
    parts = []
    if rated == "last_turn":
        parts.append("the last turn of a conversation, with the turns before it as context")
    elif rated == "conversation":
        parts.append(f"whole conversations, in which up to {study.n_replies} turns are generated one by one")
    if study.rendering == "markdown":
        parts.append("Markdown is rendered, without images, links and raw HTML")
    if study.reasoning is not None:
        parts.append(f"reasoning is {_REASONING[study.reasoning]}")
    return "; ".join(parts)


_REASONING: Mapping[Reasoning, str] = {
    "hidden": "removed before publication",
    "folded": "folded, and raters can open it",
    "shown": "shown, set apart from the answer",
}


def describe_sampling(study: Study) -> str:
    """Return the sampling parameters and the number of samples, for methods and preregistration."""
    sampling = study.sampling
    each = f"{sampling.samples_per_prompt} for each prompt and arm"
    if not models_needed(study.arms, study.model):
        return each
    parts = [f"temperature {sampling.temperature:g}", f"top-p {sampling.top_p:g}"]
    if sampling.top_k is not None:
        parts.append(f"top-k {sampling.top_k}")
    parts.append(f"frequency penalty {sampling.frequency_penalty:g}")
    if sampling.presence_penalty:
        parts.append(f"presence penalty {sampling.presence_penalty:g}")
    return ", ".join([*parts, f"at most {sampling.max_new_tokens} tokens", f"seed {sampling.seed}", each])


def describe(addition: AnyAddition) -> str:
    """Return a description of an addition: its strength, direction, hook point, position and time."""
    if isinstance(addition, RandomVector):
        terms = " + ".join(map(describe, addition.likes))
        of_sum = terms if len(addition.likes) == 1 else f"the sum of {terms}"
        return f"a random direction (seed {addition.seed}) with the norm of {of_sum}"
    relative, coeff = addition.relative, addition.coeff
    strength = f"{coeff:g} ×" if relative is None else f"{relative:g} of the residual norm ×"
    return f"{strength} {_what(addition)}{_place(addition)}"


def _what(addition: ActivationAddition | XVector | DatasetVector | VectorFile) -> str:
    if isinstance(addition, VectorFile):
        return f"the vector in {addition.path}"
    if isinstance(addition, DatasetVector):
        n_texts = f"{len(addition.positive)} texts"
        n_texts += f" − {len(addition.negative)} texts" if addition.negative else ""
        return f"({n_texts}, {addition.method}) at {hook_name(addition.at)}"
    if isinstance(addition, XVector):
        return f"({addition.prompt1!r} − {addition.prompt2!r}) at {hook_name(addition.at)}"
    what = repr(addition.prompt) if addition.prompt is not None else f"tokens {addition.tokens}"
    return f"{_cut(what)} at {addition.hook_point}"


def _place(addition: Placed | VectorFile) -> str:
    parts = []
    if addition.position not in ("front", None):
        parts.append(f"position {addition.position}")
    if isinstance(addition, Placed) and addition.dims is not None:
        parts.append(f"dimensions {addition.dims[0]} to {addition.dims[1] - 1}")
    if addition.when not in {"prompt", None}:
        parts.append(f"{addition.when} tokens")
    return "".join(f", {each}" for each in parts)


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[: _MAX_SHOWN - 1]}…"


def dose_levels(study: Study) -> Mapping[str, float]:
    """Return the dose of each arm that has one; empty if there is only one dose, such as 0 for unsteered."""
    doses = {arm.name: arm.dose for arm in study.arms if arm.dose is not None}
    return doses if len(set(doses.values())) > 1 else {}


def describe_doses(study: Study) -> str:
    """Return the arms of the dose series in order of dose; empty if there is none."""
    levels = sorted(dose_levels(study).items(), key=lambda level: level[1])
    return ", ".join(f"{arm} {dose:g}" for arm, dose in levels)


def describe_targets(study: Study) -> str:
    """Describe the correct option of each text of a choice among labels; empty without such a choice."""
    if not any(each.scale.has_target for each in study.dimensions):
        return ""
    targets = study.analysis.targets
    if not targets:
        return "the concept of each text, in all arms"
    return ", ".join(f"“{option}” for {arm}" for arm, option in targets.items())


def describe_contrast(first: str, second: str, name: str) -> str:
    """Return the name of a comparison: its arms, and the name in the study if there is one."""
    arms = f"{first} − {second}"
    return arms if name == arms else f"{arms} (“{name}”)"


def describe_control(study: Study) -> str:
    """Return the rule that chose the control arm."""
    if any(isinstance(arm, Unsteered) and arm.name == study.control for arm in study.arms):
        return "the unsteered arm"
    return "the second arm of the primary contrast (no arm is unsteered)"


def describe_guessing(study: Study) -> str:
    """Describe the question about the arms after the last trial; empty where it is not asked."""
    blinding = study.blinding
    if blinding is None:
        return ""
    about = f"about {blinding.n_texts} texts" if blinding.n_texts else "about all texts at once"
    changed = ", ".join(study.changed_arms)
    return (
        f"after the last trial, {about}: “{blinding.question}” “{blinding.labels[0]}” is correct for "
        f"{changed}"
    )


def describe_places(protocol: Protocol) -> Iterator[str]:
    """Yield sentences on the rules by which the booklet of a rater is assigned again."""
    rule = protocol.check_rule
    if rule is not None and rule.max_replaced:
        plural = "s" * (rule.max_failed != 1)
        yield (
            f"Raters who finish and fail more than {rule.max_failed} attention check{plural} are "
            f"replaced, at most {rule.max_replaced} in the study, in the order in which they finished. "
            "Replacement reads no answer to a rated text. Their answers stay in the data; the exclusion "
            "criteria below apply."
        )
    if protocol.booklets_per_rater > 1:
        yield (
            f"A rater who finishes a booklet may rate further ones with other texts, up to "
            f"{protocol.booklets_per_rater} in all, so that fewer raters than planned may do the work. A "
            "rater with several booklets is one rater in every analysis. The questions about the rater and "
            "the blinding question are asked once, with the first booklet."
        )
    if protocol.inactive_hours is None:
        yield "Unfinished booklets are not reassigned."
        return
    late = "may still finish it" if protocol.late_raters == "finish" else "cannot continue"
    yield (
        f"After {protocol.inactive_hours:g} hours of inactivity, the whole booklet is reassigned to a new "
        f"rater; a rater who returns after that {late}. All answers given are analysed."
    )

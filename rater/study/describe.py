"""Descriptions of arms, sampling and analysis in words, for preregistration and report."""

from collections.abc import Mapping, Sequence

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
from rater.study.arms import Arm, OtherModel, Outside, Prompted, Unsteered, models_needed
from rater.study.study import Study

_MOST_SHOWN = 60


def describe_arm(arm: Arm) -> str:
    """Put in words what an arm does to the model."""
    if isinstance(arm, Unsteered):
        return "the model as it is"
    if isinstance(arm, OtherModel):
        return f"the model {arm.model} as it is"
    if isinstance(arm, Outside):
        return f"completions from {arm.path}"
    if isinstance(arm, Prompted):
        said = [] if arm.system is None else [f"the system prompt {_cut(repr(arm.system))}"]
        return " and ".join(said + ([f"{_cut(repr(arm.prefix))} before each prompt"] if arm.prefix else []))
    return " + ".join(map(describe, arm.additions))


def describe_sampling(study: Study) -> str:
    """Put in words how texts are drawn, all that shapes them, and how many, for the methods and the plan."""
    sampling = study.sampling
    each = f"{sampling.samples_per_prompt} for each prompt and arm"
    if not models_needed(study.arms, study.model):
        return each
    said = [f"temperature {sampling.temperature:g}", f"top-p {sampling.top_p:g}"]
    if sampling.top_k is not None:
        said.append(f"top-k {sampling.top_k}")
    said.append(f"frequency penalty {sampling.frequency_penalty:g}")
    if sampling.presence_penalty:
        said.append(f"presence penalty {sampling.presence_penalty:g}")
    return ", ".join([*said, f"at most {sampling.max_new_tokens} tokens", f"seed {sampling.seed}", each])


def describe(addition: AnyAddition) -> str:
    """Put an addition in words: how strongly, what, at which hook point, where, when."""
    if isinstance(addition, RandomVector):
        return f"a random direction (seed {addition.seed}) as long as {_sum(addition.likes)}"
    return f"{_strength(addition)} {_what(addition)}{_place(addition)}"


def _sum(additions: Sequence[AnyAddition]) -> str:
    said = " + ".join(map(describe, additions))
    return said if len(additions) == 1 else f"the sum of {said}"


def _strength(addition: ActivationAddition | XVector | DatasetVector | VectorFile) -> str:
    if addition.relative is not None:
        return f"{addition.relative:g} of the residual norm ×"
    return f"{addition.coeff:g} ×"


def _what(addition: ActivationAddition | XVector | DatasetVector | VectorFile) -> str:
    if isinstance(addition, VectorFile):
        return f"the vector in {addition.path}"
    if isinstance(addition, DatasetVector):
        n_texts = f"{len(addition.positive)} texts − {len(addition.negative)} texts"
        return f"({n_texts}, {addition.method}) at {hook_name(addition.at)}"
    if isinstance(addition, XVector):
        return f"({addition.prompt1!r} − {addition.prompt2!r}) at {hook_name(addition.at)}"
    what = repr(addition.prompt) if addition.prompt is not None else f"tokens {addition.tokens}"
    return f"{_cut(what)} at {addition.hook_point}"


def _place(addition: Placed | VectorFile) -> str:
    said = []
    if addition.position not in ("front", None):
        said.append(f"position {addition.position}")
    if isinstance(addition, Placed) and addition.dims is not None:
        said.append(f"dimensions {addition.dims[0]} to {addition.dims[1] - 1}")
    if addition.when not in {"prompt", None}:
        said.append(f"{addition.when} tokens")
    return "".join(f", {each}" for each in said)


def _cut(text: str) -> str:
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}…"


def dose_levels(study: Study) -> Mapping[str, float]:
    """List the dose of each arm that has one; one dose alone, such as an unsteered arm's 0, is no series."""
    doses = {arm.name: arm.dose for arm in study.arms if arm.dose is not None}
    return doses if len(set(doses.values())) > 1 else {}


def describe_doses(study: Study) -> str:
    """List the arms of the dose series from the lowest dose on; empty where there is none."""
    levels = sorted(dose_levels(study).items(), key=lambda level: level[1])
    return ", ".join(f"{arm} {dose:g}" for arm, dose in levels)


def describe_contrast(first: str, second: str, name: str) -> str:
    """Name a comparison by its arms, and by what the study calls it."""
    arms = f"{first} − {second}"
    return arms if name == arms else f"{arms} (“{name}”)"


def describe_control(study: Study) -> str:
    """Return the reason why the study's control is the control."""
    if any(isinstance(arm, Unsteered) and arm.name == study.control for arm in study.arms):
        return "the unsteered arm"
    return "the second arm of the contrast, since no arm is unsteered"


def describe_guessing(study: Study) -> str:
    """Say what raters are asked about the arms after the last trial; empty where they are not."""
    asked = study.blinding
    if asked is None:
        return ""
    about = f"about {asked.n_texts} texts" if asked.n_texts else "about all texts at once"
    meant = ", ".join(study.changed_arms)
    return f'after the last trial, {about}: "{asked.question}" “{asked.labels[0]}” is right for {meant}'

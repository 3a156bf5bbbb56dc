"""Arms and sampling as pure data: what generates each arm's texts, and series of doses."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from rater.study.additions import (
    KINDS,
    ActivationAddition,
    AddedText,
    Addition,
    AnyAddition,
    DatasetVector,
    RandomVector,
    VectorFile,
    XVector,
    hook_name,
)
from rater.study.declaration import Declaration, Name, Text


class Sampling(Declaration):
    """Parameters of sampling from the next-token distribution of the model."""

    max_new_tokens: Annotated[int, Field(ge=1, le=4_096)] = 50
    """Maximum length of a completion in tokens. (experimenter)"""
    temperature: Annotated[float, Field(ge=0, le=10)] = 1.0
    """Temperature; 0 for greedy decoding. (experimenter)"""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Nucleus sampling: the smallest set of tokens with this total probability. (experimenter)"""
    top_k: Annotated[int | None, Field(default=None, ge=1)] = None
    """Number of most likely tokens to sample from, applied before `top_p`; None for all. (experimenter)"""
    frequency_penalty: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """Subtracted from the logit of a token for each occurrence, including the prompt. (experimenter)"""
    presence_penalty: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """Subtracted once from the logit of a token that occurred, including the prompt. (experimenter)"""
    samples_per_prompt: Annotated[int, Field(ge=1, le=1_000)] = 4
    """Number of completions per prompt and arm. (experimenter)"""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Public seed from which the seed of each completion is derived. (experimenter)"""


__all__ = [
    "ActivationAddition",
    "Addition",
    "Arm",
    "ConceptSteered",
    "DatasetVector",
    "ExternalCompletions",
    "ModelArm",
    "OtherModel",
    "Prompted",
    "RandomVector",
    "Steered",
    "Unsteered",
    "VectorFile",
    "XVector",
    "hook_name",
    "model_of",
    "models_needed",
]

ModelName = Annotated[str, StringConstraints(min_length=1, max_length=500)]
Dose = Annotated[float | None, Field(default=None)]
"""The dose of an arm, for a dose–response analysis; omitted from the JSON if there is none."""


class Unsteered(Declaration):
    """The unchanged model."""

    kind: Literal["unsteered"] = "unsteered"
    name: Name = "unsteered"
    """Name of the arm. (sealed)"""
    dose: float | None = 0.0
    """Dose of the unsteered arm: 0; None to exclude the arm from the dose–response analysis. (sealed)"""


class Steered(Declaration):
    """The model with the sum of some activation additions."""

    kind: Literal["steered"] = "steered"
    name: Name = "steered"
    """Name of the arm. (sealed)"""
    additions: Annotated[tuple[Addition, ...], Field(min_length=1)]
    """The activation additions. (sealed)"""
    dose: Dose = None
    """Dose in a dose series; None if the arm is not in one. See `dose_series`. (sealed)"""


class ConceptSteered(Declaration):
    """The model with the additions of the concept of each item: one method, repeated over the concepts."""

    kind: Literal["concept_steered"] = "concept_steered"
    name: Name = "steered"
    """Name of the arm. (sealed)"""
    coeff: float = 1.0
    """Factor on the strength of the additions of each concept. (sealed)"""
    random_seed: Annotated[int, Field(ge=0, lt=2**62)] | None = None
    """Seed of random directions with the norms of these additions instead, one for each concept: a
    norm-matched control; None for the additions themselves. (sealed)"""
    dose: Dose = None
    """Dose in a dose series; None if the arm is not in one. (sealed)"""


class Prompted(Declaration):
    """The model with a prompt that asks for what steering should achieve: a prompting baseline.

    Raters see the prompt of the study and the completion, never the prefix or the system prompt. In a study
    with concepts, both may name the concept of the item: ``prefix="Talk about {concept}. "``.
    """

    kind: Literal["prompted"] = "prompted"
    name: Name = "prompted"
    """Name of the arm. (sealed)"""
    prefix: AddedText = ""
    """Text before each prompt, including a final space or line break. (sealed)"""
    system: Text | None = None
    """System prompt, for a study with ``chat=True``. (sealed)"""
    dose: Dose = None
    """Dose in a dose series; None if the arm is not in one. (sealed)"""

    @model_validator(mode="after")
    def _has_prefix_or_system_prompt(self) -> Self:
        if not self.prefix and self.system is None:
            msg = "of prefix and system, neither is given; valid: one of them or both"
            raise ValueError(msg)
        if self.prefix and (self.prefix[-1].isalnum() or self.prefix[-1] in ".,;:!?"):
            msg = (
                f"prefix ends with {self.prefix[-1]!r} and would run into the prompt; end it with a space "
                "or a line break"
            )
            raise ValueError(msg)
        return self


class OtherModel(Declaration):
    """Another model or checkpoint, with the same prompts, sampling and random numbers."""

    kind: Literal["other_model"] = "other_model"
    name: Name = "other_model"
    """Name of the arm. (sealed)"""
    model: ModelName
    """A local folder, a model name on the Hugging Face hub, or the name of the embedded model. (sealed)"""
    dose: Dose = None
    """Dose in a dose series, such as the training step of a checkpoint; None if it is not in one. (sealed)"""


class ExternalCompletions(Declaration):
    """Completions from any other generator, in a JSONL or CSV file of prompts, arms and texts."""

    kind: Literal["external"] = "external"
    name: Name = "external"
    """Name of the arm, in the study and in the file. (sealed)"""
    path: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    """Path of the file, relative to the folder of the study file. (sealed)"""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the file in hexadecimal; filled in when the study file is loaded. (sealed)"""
    dose: Dose = None
    """Dose in a dose series; None if the arm is not in one. (sealed)"""


ModelArm = Unsteered | Steered | Prompted | OtherModel
"""Arms whose completions rater generates."""

_KINDS = {
    "unsteered": Unsteered,
    "steered": Steered,
    "concept_steered": ConceptSteered,
    "prompted": Prompted,
    "other_model": OtherModel,
    "external": ExternalCompletions,
}
CLASS_NAMES = {kind: declared.__name__ for kind, declared in _KINDS.items()}
"""The class of each kind of arm."""
TAGS = KINDS | set(_KINDS)
"""Tags that pydantic adds to the place of a value, for the class that it chose."""


def _which_arm(value: object) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in _KINDS else None


Arm = Annotated[
    Annotated[Unsteered, Tag("unsteered")]
    | Annotated[Steered, Tag("steered")]
    | Annotated[ConceptSteered, Tag("concept_steered")]
    | Annotated[Prompted, Tag("prompted")]
    | Annotated[OtherModel, Tag("other_model")]
    | Annotated[ExternalCompletions, Tag("external")],
    Discriminator(
        _which_arm,
        custom_error_type="not_an_arm",
        custom_error_message=(
            "an Unsteered(…), Steered(…), ConceptSteered(…), Prompted(…), OtherModel(…), "
            "ExternalCompletions(…) or *dose_series(…)"
        ),
    ),
]


def model_of(arm: Arm, study_model: str) -> str | None:
    """Return the name of the model that generates an arm's completions; None for external completions."""
    if isinstance(arm, ExternalCompletions):
        return None
    return arm.model if isinstance(arm, OtherModel) else study_model


def models_needed(arms: Iterable[Arm], study_model: str) -> list[str]:
    """Return the names of the models that generate the completions, without duplicates, the study's first."""
    names = dict.fromkeys(model_of(arm, study_model) for arm in arms)
    return sorted((name for name in names if name is not None), key=lambda name: name != study_model)


def strength(addition: AnyAddition) -> float:
    """Return the coefficient of an addition, or its relative strength if it declares `relative`."""
    if isinstance(addition, RandomVector):
        return max(map(strength, addition.likes), key=abs)
    return (addition.coeff if addition.relative is None else addition.relative) or 0.0


def scaled(addition: AnyAddition, factor: float) -> AnyAddition:
    """Return an addition with its coefficient, or its relative strength, multiplied by a factor."""
    if isinstance(addition, RandomVector):
        likes = tuple(scaled(each, factor) for each in addition.likes)
        return replace(addition, like=likes if isinstance(addition.like, tuple) else likes[0])  # type: ignore[arg-type] # same classes as before
    if addition.relative is not None:
        return replace(addition, relative=factor * addition.relative)
    return replace(addition, coeff=factor * (addition.coeff or 0.0))


def dose_series(
    additions: AnyAddition | Sequence[AnyAddition], doses: Sequence[float], *, name: str = "dose"
) -> tuple[Steered, ...]:
    """Return an arm for each dose: ``arms=(Unsteered(), *dose_series(love, doses=(2, 4, 8)))``.

    A dose is the coefficient (or `relative`). For several additions it is that of the largest one, and the
    others scale in proportion. Each arm stores its `dose`, and that of the unsteered arm is 0, so that the
    analysis can test for a trend.

    Args:
        additions: The additions, with any strength except 0.
        doses: The dose of each arm; 0 is the dose of the unsteered arm.
        name: The prefix of the names; the arm of dose 2.5 is ``dose-2_5``, that of −3 ``dose-minus3``.

    Raises:
        ValueError: If a dose is not finite, is 0 or occurs twice, or if there is nothing to scale.
    """
    listed = tuple(additions) if isinstance(additions, Sequence) else (additions,)
    _require_doses(doses)
    largest = max((strength(each) for each in listed), key=abs, default=0.0)
    if largest == 0:
        msg = "additions have strength 0 and cannot be scaled to a dose; set a coeff such as 1"
        raise ValueError(msg)
    return tuple(
        Steered(
            name=_dose_name(name, dose),
            additions=tuple(scaled(each, dose / largest) for each in listed),
            dose=float(dose),
        )
        for dose in doses
    )


def concept_dose_series(doses: Sequence[float], *, name: str = "dose") -> tuple[ConceptSteered, ...]:
    """Return an arm for each dose of the additions of each concept.

    For a study with concepts: ``arms=(Unsteered(), *concept_dose_series((0.1, 0.2)))``. A dose multiplies the
    `coeff` or `relative` of each addition of a concept, so it is in their unit where these are 1: with
    ``relative=1``, a dose is a share of the norm of the residual stream. Names are as in `dose_series`.

    Args:
        doses: The dose of each arm; 0 is the dose of the unsteered arm.
        name: The prefix of the names.

    Raises:
        ValueError: If a dose is not finite, is 0 or occurs twice.
    """
    _require_doses(doses)
    return tuple(
        ConceptSteered(name=_dose_name(name, dose), coeff=float(dose), dose=float(dose)) for dose in doses
    )


def _dose_name(name: str, dose: float) -> str:
    """Return the name of an arm, which has the characters a-z, 0-9, _ and -."""
    return f"{name}-" + f"{dose:g}".replace("-", "minus").replace("+", "").replace(".", "_")


def random_control(arm: Steered, *, seed: int = 0, name: str | None = None) -> Steered:
    """Return a control for a steered arm: a random direction with the norm of its sum at each position.

    Its effect is that of any addition of this size; the further effect of the arm is due to its direction.

    Args:
        arm: The steered arm.
        seed: The seed of the direction; use another one for each further control.
        name: The name of the control; by default that of the arm, followed by ``-random``.

    Raises:
        ValueError: If the arm is a random control.
    """
    likes = [each for each in arm.additions if not isinstance(each, RandomVector)]
    if len(likes) < len(arm.additions):
        msg = f"arm {arm.name!r} adds a random direction, so a random control of it is not informative"
        raise ValueError(msg)
    by_dims: dict[object, list[AnyAddition]] = {}
    for each in likes:
        by_dims.setdefault(getattr(each, "dims", None), []).append(each)
    vectors = tuple(
        RandomVector(same[0] if len(same) == 1 else tuple(same), seed=seed + number)  # type: ignore[arg-type] # none is random
        for number, same in enumerate(by_dims.values())
    )
    return Steered(name=name or f"{arm.name}-random", additions=vectors)


def _require_doses(doses: Sequence[float]) -> None:
    for dose in doses:
        if isinstance(dose, bool) or not isfinite(dose):
            msg = f"doses has {dose!r}; valid: finite numbers"
            raise ValueError(msg)
    if not doses or 0 in doses or len(set(doses)) < len(doses):
        msg = (
            f"doses is {tuple(doses)!r}; valid: different numbers, none of them 0 (the dose of the unsteered "
            "arm is 0)"
        )
        raise ValueError(msg)

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
    """How completions are drawn from the model's next-token distribution."""

    max_new_tokens: Annotated[int, Field(ge=1, le=4_096)] = 50
    """The length at which a completion is cut off, in tokens. (experimenter)"""
    temperature: Annotated[float, Field(ge=0, le=10)] = 1.0
    """What the logits are divided by; 0 is greedy. (experimenter)"""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """The share of probability kept: the smallest set of tokens that reaches it. (experimenter)"""
    top_k: Annotated[int | None, Field(default=None, ge=1, exclude_if=lambda k: k is None)] = None
    """How many of the likeliest tokens are kept, before top_p; None for all. (experimenter)"""
    frequency_penalty: Annotated[float, Field(ge=-10, le=10)] = 0.0
    """What is taken off a token's logit for each time it occurred, prompt included. (experimenter)"""
    presence_penalty: Annotated[float, Field(ge=-10, le=10, exclude_if=lambda penalty: penalty == 0)] = 0.0
    """What is taken off a token's logit once if it occurred, prompt included. (experimenter)"""
    samples_per_prompt: Annotated[int, Field(ge=1, le=1_000)] = 4
    """How many completions each arm gives to each prompt. (experimenter)"""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """The seed from which each completion's own seed is derived; public. (experimenter)"""


__all__ = [
    "ActivationAddition",
    "Addition",
    "Arm",
    "DatasetVector",
    "ModelArm",
    "OtherModel",
    "Outside",
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
Dose = Annotated[float | None, Field(default=None, exclude_if=lambda dose: dose is None)]
"""How much of the same thing an arm gets, for a dose–response analysis; left out of the JSON where unsaid."""


class Unsteered(Declaration):
    """The model as it is."""

    kind: Literal["unsteered"] = "unsteered"
    name: Name = "unsteered"
    """The arm's name. (sealed)"""
    dose: float | None = Field(default=0.0, exclude_if=lambda dose: dose == 0)
    """The dose that nothing is: 0; None to keep the arm out of a dose–response analysis. (sealed)"""


class Steered(Declaration):
    """The model with activation additions, summed."""

    kind: Literal["steered"] = "steered"
    name: Name = "steered"
    """The arm's name. (sealed)"""
    additions: Annotated[tuple[Addition, ...], Field(min_length=1)]
    """What is added. (sealed)"""
    dose: Dose = None
    """Its place in a dose series, None where it is in none; see `dose_series`. (sealed)"""


class Prompted(Declaration):
    """The model asked in words for what steering is to bring about: the baseline that costs nothing.

    Raters see the study's prompt and the completion, and nothing of what stands here.
    """

    kind: Literal["prompted"] = "prompted"
    name: Name = "prompted"
    """The arm's name. (sealed)"""
    prefix: AddedText = ""
    """What stands before each prompt, with the space or line break at its end. (sealed)"""
    system: Text | None = None
    """The system prompt, for a study with ``chat=True``. (sealed)"""
    dose: Dose = None
    """Its place in a dose series, None where it is in none. (sealed)"""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.prefix and self.system is None:
            msg = "of prefix and system, neither is given; valid: one of them or both"
            raise ValueError(msg)
        if self.prefix and (self.prefix[-1].isalnum() or self.prefix[-1] in ".,;:!?"):
            msg = (
                f"prefix ends with {self.prefix[-1]!r}, so that it runs into the prompt; end it with a space "
                "or a line break"
            )
            raise ValueError(msg)
        return self


class OtherModel(Declaration):
    """Another model or checkpoint as it is: the same prompts, sampling and random numbers."""

    kind: Literal["other_model"] = "other_model"
    name: Name = "other_model"
    """The arm's name. (sealed)"""
    model: ModelName
    """A local folder, a hub name, or the embedded model's name. (sealed)"""
    dose: Dose = None
    """Its place in a dose series, such as a checkpoint's step; None where it is in none. (sealed)"""


class Outside(Declaration):
    """Completions that something else made, from a JSONL or CSV file of prompts, arms and texts."""

    kind: Literal["outside"] = "outside"
    name: Name = "outside"
    """The arm's name, here and in the file. (sealed)"""
    path: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    """The file, from the folder of the study file. (sealed)"""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """The file's SHA-256 in hexadecimal; filled in when the study file is loaded. (sealed)"""
    dose: Dose = None
    """Its place in a dose series, None where it is in none. (sealed)"""


ModelArm = Unsteered | Steered | Prompted | OtherModel
"""What a model of ours makes."""

_KINDS = {
    "unsteered": Unsteered,
    "steered": Steered,
    "prompted": Prompted,
    "other_model": OtherModel,
    "outside": Outside,
}
CLASS_NAMES = {kind: declared.__name__ for kind, declared in _KINDS.items()}
"""How a study file writes each kind of arm."""
TAGS = KINDS | set(_KINDS)
"""What pydantic adds to a place in a study to say which kind it took the value for."""


def _which_arm(value: object) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in _KINDS else None


Arm = Annotated[
    Annotated[Unsteered, Tag("unsteered")]
    | Annotated[Steered, Tag("steered")]
    | Annotated[Prompted, Tag("prompted")]
    | Annotated[OtherModel, Tag("other_model")]
    | Annotated[Outside, Tag("outside")],
    Discriminator(
        _which_arm,
        custom_error_type="not_an_arm",
        custom_error_message=(
            "an Unsteered(…), Steered(…), Prompted(…), OtherModel(…), Outside(…) or *dose_series(…)"
        ),
    ),
]


def model_of(arm: Arm, study_model: str) -> str | None:
    """Name the model that makes an arm's completions; None where they come from a file."""
    if isinstance(arm, Outside):
        return None
    return arm.model if isinstance(arm, OtherModel) else study_model


def models_needed(arms: Iterable[Arm], study_model: str) -> list[str]:
    """Name the models that make the arms' completions, each once, the study's own first."""
    names = dict.fromkeys(model_of(arm, study_model) for arm in arms)
    return sorted((name for name in names if name is not None), key=lambda name: name != study_model)


def strength(addition: AnyAddition) -> float:
    """Give an addition's coefficient, or its share of the residual norm where it declares `relative`."""
    if isinstance(addition, RandomVector):
        return max(map(strength, addition.likes), key=abs)
    return (addition.coeff if addition.relative is None else addition.relative) or 0.0


def scaled(addition: AnyAddition, factor: float) -> AnyAddition:
    """Multiply an addition's coefficient, or what it declares as `relative`."""
    if isinstance(addition, RandomVector):
        likes = tuple(scaled(each, factor) for each in addition.likes)
        return replace(addition, like=likes if isinstance(addition.like, tuple) else likes[0])  # type: ignore[arg-type] # of the kinds that they were
    if addition.relative is not None:
        return replace(addition, relative=factor * addition.relative)
    return replace(addition, coeff=factor * (addition.coeff or 0.0))


def dose_series(
    additions: AnyAddition | Sequence[AnyAddition], doses: Sequence[float], *, name: str = "dose"
) -> tuple[Steered, ...]:
    """Declare an arm for each dose: ``arms=(Unsteered(), *dose_series(love, doses=(2, 4, 8)))``.

    A dose is the coefficient (or the `relative`); of several additions it is the largest one's, and the
    others follow in proportion. Each arm knows its `dose`, and the unsteered arm's is 0, so that the analysis
    can look for a trend over them.

    Args:
        additions: what is added, at any strength but 0.
        doses: what its strength is in each arm; 0 is the unsteered arm's.
        name: how the arms' names begin; dose 2.5 is called ``dose-2_5``, dose −3 ``dose-minus3``.

    Raises:
        ValueError: a dose is no finite number, is 0 or comes twice, or there is nothing to scale.
    """
    listed = tuple(additions) if isinstance(additions, Sequence) else (additions,)
    _require_doses(doses)
    largest = max((strength(each) for each in listed), key=abs, default=0.0)
    if largest == 0:
        msg = "additions have strength 0, so that no dose can be made of them; give them a coeff such as 1"
        raise ValueError(msg)
    return tuple(
        Steered(
            name=f"{name}-{_spelt(dose)}",
            additions=tuple(scaled(each, dose / largest) for each in listed),
            dose=float(dose),
        )
        for dose in doses
    )


def random_control(arm: Steered, *, seed: int = 0, name: str | None = None) -> Steered:
    """Declare the control for a steered arm: a random direction, as long at each position as the arm's sum.

    What it does to the text, any push of that size does; what the arm does beyond it is the direction's.

    Args:
        arm: the arm that is controlled for.
        seed: what the direction is drawn from; another one for each further control.
        name: the control's name, by default the arm's with ``-random`` after it.

    Raises:
        ValueError: the arm is a random control itself.
    """
    likes = [each for each in arm.additions if not isinstance(each, RandomVector)]
    if len(likes) < len(arm.additions):
        msg = f"arm {arm.name!r} adds a random direction itself, so that a control of it says nothing"
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
            f"doses is {tuple(doses)!r}; valid: numbers that differ, none of them 0 (the unsteered arm is "
            "dose 0)"
        )
        raise ValueError(msg)


def _spelt(dose: float) -> str:
    """Write a dose as arms are named: a-z, 0-9, _ and -."""
    return f"{dose:g}".replace("-", "minus").replace("+", "").replace(".", "_")

"""Declare what makes the texts of each arm, as pure data that `rater.steering` turns into completions."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import Discriminator, Field, StringConstraints, Tag, model_validator

from rater.study.additions import (
    KINDS,
    ActivationAddition,
    AddedText,
    Addition,
    DatasetVector,
    RandomVector,
    VectorFile,
    XVector,
)
from rater.study.declaration import Declaration, Name, Text
from rater.study.places import hook_name

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

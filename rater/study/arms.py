"""Declare what is done to the model in each arm, as pure data that `rater.steering` turns into tensors."""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from rater.study.additions import (
    KINDS,
    ActivationAddition,
    Addition,
    DatasetVector,
    RandomVector,
    VectorFile,
    XVector,
    hook_name,
)
from rater.study.protocol import Declaration, Name

__all__ = [
    "ActivationAddition",
    "Addition",
    "Arm",
    "DatasetVector",
    "RandomVector",
    "Steered",
    "Unsteered",
    "VectorFile",
    "XVector",
    "hook_name",
]


def _which_arm(value: object) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in {"unsteered", "steered"} else None


class Unsteered(Declaration):
    """The model as it is."""

    kind: Literal["unsteered"] = "unsteered"
    name: Name = "unsteered"
    """The arm's name. (sealed)"""


class Steered(Declaration):
    """The model with activation additions, summed."""

    kind: Literal["steered"] = "steered"
    name: Name = "steered"
    """The arm's name. (sealed)"""
    additions: Annotated[tuple[Addition, ...], Field(min_length=1)]
    """What is added. (sealed)"""


Arm = Annotated[
    Annotated[Unsteered, Tag("unsteered")] | Annotated[Steered, Tag("steered")],
    Discriminator(
        _which_arm, custom_error_type="not_an_arm", custom_error_message="an Unsteered(…) or a Steered(…)"
    ),
]

TAGS = KINDS | {"unsteered", "steered"}
"""What pydantic adds to a place in a study to say which kind it took the value for."""

"""Declare what is done to the model in each arm, as pure data that `rater.steering` turns into tensors."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, field
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    model_validator,
)
from pydantic.dataclasses import dataclass

from rater.study.protocol import Declaration, Name

_VALUE = ConfigDict(extra="forbid", allow_inf_nan=False)


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _require_hook_point(value: object) -> object:
    if _is_number(value) or (isinstance(value, str) and value.strip() and value.isprintable()):
        return value
    msg = "a layer number from 0, or a hook point such as 'blocks.6.hook_resid_pre'"
    raise ValueError(msg)


def _require_padding(value: object) -> object:
    if value is None or _is_number(value) or value in ("space", "model"):
        return value
    msg = "'space', 'model', a token id from 0, or None"
    raise ValueError(msg)


HookPoint = Annotated[int | str, BeforeValidator(_require_hook_point)]
Padding = Annotated[Literal["space", "model"] | int | None, BeforeValidator(_require_padding)]
AddedText = Annotated[str, StringConstraints(max_length=20_000)]
TokenIds = Annotated[Sequence[Annotated[int, Field(ge=0)]], Field(min_length=1), AfterValidator(tuple)]
"""A list or tuple, kept as a tuple, so that equal additions are equal and none can be changed."""


def hook_name(at: int | str) -> str:
    """Name the hook point: a layer number n means the residual stream before block n."""
    return f"blocks.{at}.hook_resid_pre" if isinstance(at, int) else at


@dataclass(frozen=True, config=_VALUE)
class ActivationAddition:
    """Add ``coeff`` × the activations of a prompt at a hook point (Turner et al. 2023, arXiv:2308.10248).

    Exactly one of ``prompt`` (tokenised with BOS prepended) and ``tokens`` (used as they are) is given.
    """

    coeff: float
    """What the activations are multiplied by. (sealed)"""
    act_name: HookPoint
    """A hook point, or a layer number n for ``blocks.n.hook_resid_pre``. (sealed)"""
    prompt: AddedText | None = None
    """The text whose activations are added. (sealed)"""
    tokens: TokenIds | None = None
    """The token ids whose activations are added. (sealed)"""

    @model_validator(mode="after")
    def _has_prompt_or_tokens(self) -> Self:
        if (self.prompt is None) == (self.tokens is None):
            given = "neither is" if self.prompt is None else "both are"
            msg = f"of prompt and tokens, {given} given; valid: exactly one of them"
            raise ValueError(msg)
        return self

    @property
    def hook_point(self) -> str:
        """The full name of the hook point."""
        return hook_name(self.act_name)


@dataclass(frozen=True, config=_VALUE)
class XVector:
    """Add ``coeff`` × (activations of ``prompt1`` − activations of ``prompt2``).

    ``pad`` evens out prompts of different token lengths on the right: "space" with the space token, "model"
    with the model's own pad token, a number with that token id, None not at all.
    """

    prompt1: AddedText
    """The text that is added. (sealed)"""
    prompt2: AddedText
    """The text that is subtracted. (sealed)"""
    _: KW_ONLY
    coeff: float
    """What the difference is multiplied by. (sealed)"""
    at: HookPoint
    """A hook point, or a layer number n for ``blocks.n.hook_resid_pre``. (sealed)"""
    pad: Padding = field(default="space")
    """What the shorter prompt is padded with. (sealed)"""


def _which_addition(value: object) -> str | None:
    if isinstance(value, dict):  # an addition read back from JSON
        return "XVector" if "prompt1" in value else "ActivationAddition"
    name = type(value).__name__
    return name if name in {"XVector", "ActivationAddition"} else None


def _which_arm(value: object) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if kind in {"unsteered", "steered"} else None


Addition = Annotated[
    Annotated[XVector, Tag("XVector")] | Annotated[ActivationAddition, Tag("ActivationAddition")],
    Discriminator(
        _which_addition,
        custom_error_type="not_an_addition",
        custom_error_message="an XVector(…) or an ActivationAddition(…)",
    ),
]


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

TAGS = frozenset({"XVector", "ActivationAddition", "unsteered", "steered"})
"""What pydantic adds to a place in a study to say which kind it took the value for."""

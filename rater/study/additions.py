"""Activation additions as pure data: what is added, where, when and how strongly."""

import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, field
from functools import wraps
from numbers import Integral
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    Tag,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic.dataclasses import dataclass

from rater.errors import ModelError
from rater.study.declaration import Printable
from rater.study.validation import describe

C = TypeVar("C")
# The name that a layer number means.
_RESID_PRE = re.compile(r"blocks\.(0|[1-9]\d*)\.hook_resid_pre")


def _number(value: object) -> int | None:
    """Return a whole number from 0, including those of NumPy; None for anything else."""
    is_number = not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 0
    return int(value) if is_number else None  # type: ignore[call-overload] # it is one


def _require_hook_point(value: object) -> object:
    number = _number(value)
    if number is not None:
        return number
    if isinstance(value, str) and value.strip() and value.isprintable():
        # One form of the same place, so that what means the same is equal and has one hash.
        layer = _RESID_PRE.fullmatch(value)
        return int(layer[1]) if layer else value
    msg = "a layer number from 0, or a hook point such as 'blocks.6.hook_resid_pre'"
    raise ValueError(msg)


def _require_padding(value: object) -> object:
    number = _number(value)
    if number is not None or value is None or value in ("space", "model"):
        return value if number is None else number
    msg = "'space', 'model', a token id from 0, or None"
    raise ValueError(msg)


def require_position(value: object) -> object:
    """Return a valid position.

    Raises:
        ValueError: If the value is not a position; the message lists what is valid.
    """
    if isinstance(value, str) and value in {"front", "mid", "back"}:
        return value
    if isinstance(value, list | tuple) and value and all(type(each) is int for each in value):
        return tuple(value)
    msg = "'front', 'mid', 'back', or positions of the prompt such as (1, 2) (BOS is 0, the last token -1)"
    raise ValueError(msg)


def _require_dims(value: object) -> object:
    if value is None:
        return value
    if isinstance(value, list | tuple) and len(value) == 2:
        start, stop = map(_number, value)
        if start is not None and stop is not None and start < stop:
            return start, stop
    msg = "(start, stop) with 0 <= start < stop, or None for all dimensions"
    raise ValueError(msg)


HookPoint = Annotated[int | str, BeforeValidator(_require_hook_point)]
Padding = Annotated[Literal["space", "model"] | int | None, BeforeValidator(_require_padding)]
Position = Literal["front", "mid", "back"] | tuple[int, ...]
When = Literal["prompt", "generated", "all"]
OneOfPositions = Annotated[Position, BeforeValidator(require_position)]
Dims = Annotated[tuple[int, int] | None, BeforeValidator(_require_dims)]


def hook_name(at: int | str) -> str:
    """Return the name of a hook point; a layer number n means the residual stream before block n."""
    return f"blocks.{at}.hook_resid_pre" if isinstance(at, int) else at


_VALUE = ConfigDict(extra="forbid", allow_inf_nan=False)
AddedText = Annotated[str, StringConstraints(max_length=20_000), Printable]


def _list_token_ids(value: object) -> object:
    """Return the token ids of a tensor or array as a list; of [1, pos], those of the one row."""
    listed = value.tolist() if hasattr(value, "tolist") else value
    if isinstance(listed, list) and len(listed) == 1 and isinstance(listed[0], list):
        listed = listed[0]
    if isinstance(listed, list | tuple):
        return [each if _number(each) is None else int(each) for each in listed]
    return listed


Texts = Annotated[Sequence[AddedText], Field(min_length=1), AfterValidator(tuple)]
NoTexts = Annotated[Sequence[AddedText], AfterValidator(tuple)]
"""Texts, or none."""
TokenIds = Annotated[
    Sequence[Annotated[int, Field(ge=0)]],
    Field(min_length=1),
    BeforeValidator(_list_token_ids),
    AfterValidator(tuple),
]
"""A list, tuple, tensor or array, stored as a tuple, so that additions are immutable and compare by value."""


def _require_one(names: str, first: object, second: object) -> None:
    if (first is None) == (second is None):
        given = "neither is" if first is None else "both are"
        msg = f"of {names}, {given} given; valid: exactly one of them"
        raise ValueError(msg)


def _raising_model_errors(declared: type[C]) -> type[C]:
    """Raise a ModelError, instead of pydantic's error, where an addition is made in code.

    Additions in JSON are still validated by pydantic, which collects the problems of a whole study.
    """
    validate = declared.__init__

    @wraps(validate)
    def init(self: C, *args: Any, **kwargs: Any) -> None:
        try:
            validate(self, *args, **kwargs)
        except ValidationError as error:
            raise ModelError(describe(error, tags={kind: kind for kind in KINDS})) from error

    declared.__init__ = init  # type: ignore[assignment,method-assign] # as intended
    return declared


_DEFAULTS = {"relative": None, "position": "front", "dims": None, "when": "prompt", "read": "each"}
_NO_DEFAULT = object()


@dataclass(frozen=True, config=_VALUE, kw_only=True)
class Placed:
    """Base class: the position, the time and the relative strength of an addition."""

    relative: float | None = None
    """Strength relative to the residual stream, instead of `coeff`: the largest norm over text tokens, as a
    share of the norm of the residual stream. (sealed)"""
    position: OneOfPositions = "front"
    """Position in the prompt: from BOS, in the middle, at the end, or a tuple of positions. (sealed)"""
    dims: Dims = None
    """Dimensions of the residual stream that are changed, (start, stop); None for all. (sealed)"""
    when: When = "prompt"
    """Tokens that are changed: those of the prompt, each generated token, or all. (sealed)"""

    @model_validator(mode="after")
    def _is_placed_and_scaled(self) -> Self:
        _require_one("coeff and relative", getattr(self, "coeff", None), self.relative)
        if self.when != "prompt" and self.position != "front":
            msg = (
                f"position is {self.position!r}, but it names tokens of the prompt and when is "
                f"{self.when!r}; valid: when='prompt', or no position"
            )
            raise ValueError(msg)
        return self

    @model_serializer(mode="wrap")
    def _leave_defaults_out(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Omit fields at their defaults, so that new optional fields do not change old hashes."""
        written: dict[str, object] = write(self)
        return {name: value for name, value in written.items() if value != _DEFAULTS.get(name, _NO_DEFAULT)}


@_raising_model_errors
@dataclass(frozen=True, config=_VALUE)
class ActivationAddition(Placed):
    """Add ``coeff`` × the activations of a prompt at a hook point (Turner et al. 2023, arXiv:2308.10248).

    Exactly one of ``prompt`` (tokenised with BOS prepended) and ``tokens`` (used as they are) is given.
    """

    coeff: float | None = None
    """Coefficient of the activations. (sealed)"""
    act_name: HookPoint = Field(default=None, validate_default=True)
    """A hook point, or a layer number n for ``blocks.n.hook_resid_pre``. (sealed)"""
    prompt: AddedText | None = None
    """Text whose activations are added. (sealed)"""
    tokens: TokenIds | None = None
    """Token ids whose activations are added. (sealed)"""
    _: KW_ONLY
    read: Literal["each", "last", "mean"] = "each"
    """Activations that are read: those of each token, of the last one, or their mean after BOS. (sealed)"""

    @model_validator(mode="after")
    def _has_prompt_or_tokens(self) -> Self:
        _require_one("prompt and tokens", self.prompt, self.tokens)
        return self

    @property
    def hook_point(self) -> str:
        """The full name of the hook point."""
        return hook_name(self.act_name)


@_raising_model_errors
@dataclass(frozen=True, config=_VALUE)
class XVector(Placed):
    """Add ``coeff`` × (activations of ``prompt1`` − activations of ``prompt2``).

    ``pad`` pads the shorter prompt on the right: "space" with the space token, "model" with the pad token of
    the model, a number with that token id; None for no padding.
    """

    prompt1: AddedText
    """Text whose activations are added. (sealed)"""
    prompt2: AddedText
    """Text whose activations are subtracted. (sealed)"""
    _: KW_ONLY
    coeff: float | None = None
    """Coefficient of the difference. (sealed)"""
    at: HookPoint
    """A hook point, or a layer number n for ``blocks.n.hook_resid_pre``. (sealed)"""
    pad: Padding = field(default="space")
    """Padding of the shorter prompt, if each token is read. (sealed)"""
    read: Literal["each", "last", "mean"] = "each"
    """Activations that are read: those of each token, of the last one, or their mean after BOS. (sealed)"""


@_raising_model_errors
@dataclass(frozen=True, config=_VALUE)
class DatasetVector(Placed):
    """Add ``coeff`` × the direction that separates two sets of texts: one vector, at one position.

    "mean_difference" is the mean over ``positive`` minus the mean over ``negative`` (Rimsky et al. 2024,
    arXiv:2312.06681). "pca" is the first principal component of the pairs (first with first, and so on), each
    centred on its own mean; its length is that of the mean difference along it, and it points from negative
    to positive (Zou et al. 2023, arXiv:2310.01405). "axis" is the first principal axis of ``positive`` alone,
    not centred; its length is the mean norm of the activations, and it points towards their mean.
    """

    positive: Texts
    """Texts that the vector points to. (sealed)"""
    negative: NoTexts = ()
    """Texts that the vector points away from; none for "axis". (sealed)"""
    _: KW_ONLY
    coeff: float | None = None
    """Coefficient of the direction. (sealed)"""
    at: HookPoint
    """A hook point, or a layer number n for ``blocks.n.hook_resid_pre``. (sealed)"""
    method: Literal["mean_difference", "pca", "axis"] = "mean_difference"
    """Method that computes the direction. (sealed)"""
    read: Literal["last", "mean", "tokens"] = "last"
    """Activations that are read: those of the last token of each text, their mean over its tokens after BOS,
    or "tokens": those of every token of all texts, each counted once. That includes BOS, whose activations
    are a hundred times as long: they dominate an axis, and a mean difference of texts of unequal lengths.
    (sealed)"""

    @model_validator(mode="after")
    def _has_the_texts_of_its_method(self) -> Self:
        if (self.method == "axis") == bool(self.negative):
            msg = (
                f"negative has {len(self.negative)} texts, but method is {self.method!r}; valid: no negative "
                "texts for 'axis', and at least one for the other methods"
            )
            raise ValueError(msg)
        if (self.method, self.read) == ("pca", "tokens"):
            msg = "read is 'tokens', but 'pca' needs one activation of each text; valid: 'last' or 'mean'"
            raise ValueError(msg)
        if self.method == "pca" and not 2 <= len(self.positive) == len(self.negative):
            msg = (
                f"positive has {len(self.positive)} texts and negative {len(self.negative)}, but 'pca' "
                "needs pairs: the same number of both, and at least two"
            )
            raise ValueError(msg)
        return self


@_raising_model_errors
@dataclass(frozen=True, config=_VALUE)
class VectorFile:
    """Add a saved vector: a ``.safetensors`` file written by rater, or a ``.gguf`` control vector.

    The file contains the hook points, position and time; ``position`` and ``when`` override it.
    """

    path: Annotated[str, StringConstraints(min_length=1)]
    """Path of the file, relative to the folder in which generation is started. (sealed)"""
    _: KW_ONLY
    coeff: float | None = None
    """Coefficient of the saved vector. (sealed)"""
    relative: float | None = None
    """Strength relative to the residual stream, instead of `coeff`: the largest norm over text tokens, as a
    share of the norm of the residual stream. (sealed)"""
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """SHA-256 of the file in hexadecimal, so that the hash of the study covers its content. (sealed)"""
    position: Annotated[Position | None, BeforeValidator(lambda p: p and require_position(p))] = None
    """As in XVector; None for the value in the file. (sealed)"""
    when: When | None = None
    """As in XVector; None for the value in the file. (sealed)"""

    @model_validator(mode="after")
    def _is_scaled(self) -> Self:
        _require_one("coeff and relative", self.coeff, self.relative)
        return self


_IDENTIFYING_FIELDS = {
    "prompt1": "XVector",
    "positive": "DatasetVector",
    "path": "VectorFile",
    "like": "RandomVector",
}
"""The field that identifies the class of an addition in JSON."""


def _which_addition(value: object) -> str | None:
    if isinstance(value, dict):
        return next(
            (kind for field, kind in _IDENTIFYING_FIELDS.items() if field in value), "ActivationAddition"
        )
    name = type(value).__name__
    return name if name in {*_IDENTIFYING_FIELDS.values(), "ActivationAddition"} else None


def _by_kind(*kinds: str) -> Discriminator:
    valid = ", ".join(f"{kind}(…)" for kind in kinds[:-1])
    return Discriminator(
        _which_addition,
        custom_error_type="not_an_addition",
        custom_error_message=f"an {valid} or {kinds[-1]}(…)",
    )


_Matchable = Annotated[
    Annotated[XVector, Tag("XVector")]
    | Annotated[ActivationAddition, Tag("ActivationAddition")]
    | Annotated[DatasetVector, Tag("DatasetVector")]
    | Annotated[VectorFile, Tag("VectorFile")],
    _by_kind("XVector", "ActivationAddition", "DatasetVector", "VectorFile"),
]


def _one_or_several(value: object) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


_Matched = Annotated[
    Annotated[_Matchable, Tag("one")]
    | Annotated[tuple[_Matchable, ...], Field(min_length=1), Tag("several")],
    Discriminator(_one_or_several),
]


@_raising_model_errors
@dataclass(frozen=True, config=_VALUE)
class RandomVector:
    """Add a random direction that has the norm of other additions at each position: a norm-matched control.

    Position, time and dimensions are those of the matched additions. The direction depends on ``seed`` alone.
    """

    like: _Matched
    """The addition whose norms are matched; for several, the norms of their sum. (sealed)"""
    _: KW_ONLY
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of the direction. (sealed)"""

    @property
    def likes(self) -> "tuple[ActivationAddition | XVector | DatasetVector | VectorFile, ...]":
        """The additions whose norms are matched."""
        return self.like if isinstance(self.like, tuple) else (self.like,)

    @property
    def dims(self) -> tuple[int, int] | None:
        """The dimensions in which the direction lies; None for all."""
        return getattr(self.likes[0], "dims", None)

    @model_validator(mode="after")
    def _lies_in_the_same_dimensions(self) -> Self:
        if len({getattr(each, "dims", None) for each in self.likes}) > 1:
            msg = "like has additions with different dims; valid: one RandomVector for each"
            raise ValueError(msg)
        return self


Addition = Annotated[
    Annotated[XVector, Tag("XVector")]
    | Annotated[ActivationAddition, Tag("ActivationAddition")]
    | Annotated[DatasetVector, Tag("DatasetVector")]
    | Annotated[VectorFile, Tag("VectorFile")]
    | Annotated[RandomVector, Tag("RandomVector")],
    _by_kind("XVector", "ActivationAddition", "DatasetVector", "VectorFile", "RandomVector"),
]
AnyAddition = ActivationAddition | XVector | DatasetVector | VectorFile | RandomVector

KINDS = frozenset({*_IDENTIFYING_FIELDS.values(), "ActivationAddition", "one", "several"})
"""Tags that pydantic adds to the place of a value, for the class of addition that it chose."""

"""The settings of a run: read from the form with a message per field, and written as code."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Literal

from rater.errors import ModelError
from rater.study.additions import XVector
from rater.study.arms import Sampling

Strength = Literal["coeff", "relative"]
Position = Literal["front", "mid", "back"]

MAX_CHARACTERS = 1_000
"""Maximum length of the text and of a phrase."""
MAX_TOKENS = 200
"""Maximum number of tokens of the text, which bounds the memory for logits."""
MAX_NEW_TOKENS = 100
N_COMPARISONS = 3
LABELS: Mapping[str, str] = MappingProxyType(
    {
        "text": "Text",
        "plus": "+ phrase",
        "minus": "− phrase",
        "layer": "Layer",
        "strength": "Strength is",
        "amount": "Strength",
        "position": "Position in the text",
        "new_tokens": "New tokens",
        "seed": "Seed",
    }
)
"""The labels of the fields."""
_MAX_STRENGTH = 1e6
_MAX_SEED = 2**63 - 1
# llm-steering's sampling.
_TOP_P, _FREQUENCY_PENALTY = 0.3, 1.0

DEFAULTS: Mapping[str, str] = MappingProxyType(
    {
        "text": "I hate you because",
        "plus": "Love",
        "minus": "Hate",
        "layer": "6",
        "strength": "coeff",
        "amount": "5",
        "position": "front",
        "new_tokens": "40",
        "seed": "0",
    }
)
"""The values of the form before anything is entered."""


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """A text and the x-vector that is added to it."""

    text: str
    plus: str
    """The phrase whose activations are added."""
    minus: str
    """The phrase whose activations are subtracted; empty for spaces."""
    layer: int
    strength: Strength
    amount: float
    """The coefficient, or the strength relative to the residual stream."""
    position: Position
    new_tokens: int
    seed: int

    @property
    def addition(self) -> XVector:
        """The addition.

        Raises:
            ModelError: a phrase has characters that an addition may not have.
        """
        if self.strength == "relative":
            return XVector(self.plus, self.minus, relative=self.amount, at=self.layer, position=self.position)
        return XVector(self.plus, self.minus, coeff=self.amount, at=self.layer, position=self.position)

    @property
    def sampling(self) -> Sampling:
        """The sampling of the comparisons: temperature 1, top-p 0.3 and frequency penalty 1."""
        return Sampling(
            max_new_tokens=self.new_tokens,
            top_p=_TOP_P,
            frequency_penalty=_FREQUENCY_PENALTY,
            samples_per_prompt=N_COMPARISONS,
            seed=self.seed,
        )

    def python_lines(self, model: str) -> str:
        """Return the Python code that computes what the page shows."""
        return (
            "from rater.steering import (\n"
            "    Draws, XVector, generate, load_model, next_token_effect, position_norms, token_effects,\n"
            ")\n\n"
            f"model = load_model({model!r})\n"
            f"text = {self.text!r}\n"
            f"additions = [{self._addition_code}]\n"
            "token_effects(model, text, additions)                # effect on each token\n"
            "next_token_effect(model, text, additions, by='kl')   # next token\n"
            "position_norms(model, text, additions)               # norms\n"
            f"draws = Draws({self._sampling_code})\n"
            "generate(model, text, {'unsteered': [], 'steered': additions}, draws)\n"
        )

    def study_lines(self, model: str) -> str:
        """Return the lines of a study file that declare the same arms, prompt and sampling."""
        return (
            f"    model={model!r},\n"
            f"    prompts=({self.text!r},),\n"
            "    arms=(\n"
            "        Unsteered(),\n"
            f"        Steered(additions=[{self._addition_code}]),\n"
            "    ),\n"
            f"    sampling=Sampling({self._sampling_code}),\n"
        )

    @property
    def _addition_code(self) -> str:
        place = "" if self.position == "front" else f", position={self.position!r}"
        return (
            f"XVector({self.plus!r}, {self.minus!r}, {self.strength}={self.amount:g}, at={self.layer}{place})"
        )

    @property
    def _sampling_code(self) -> str:
        return (
            f"max_new_tokens={self.new_tokens}, top_p={_TOP_P:g}, frequency_penalty={_FREQUENCY_PENALTY:g}, "
            f"samples_per_prompt={N_COMPARISONS}, seed={self.seed}"
        )


class FormError(Exception):
    """A form has values that are not valid.

    Attributes:
        messages: A sentence for each field with such a value, by its name.
    """

    def __init__(self, messages: Mapping[str, str]) -> None:
        super().__init__("; ".join(messages.values()))
        self.messages = messages


def read_form(form: Mapping[str, str], *, n_layers: int) -> RunSettings:
    """Return the settings that a form has; missing fields have their defaults.

    Args:
        form: The values by field, as they were entered.
        n_layers: The number of layers of the model.

    Raises:
        FormError: values are not valid.
    """
    values = {**DEFAULTS, **{name: form[name] for name in DEFAULTS if name in form}}
    reader = _Reader(values)
    found = RunSettings(
        text=reader.text("text", "Enter a text, such as “I hate you because”."),
        plus=reader.text("plus", "Enter a phrase, such as “Love”."),
        minus=reader.text("minus", None),
        layer=reader.whole("layer", 0, n_layers - 1),
        strength=reader.one_of("strength", "coeff", "relative"),  # type: ignore[arg-type] # one of them
        amount=reader.number("amount"),
        position=reader.one_of("position", "front", "mid", "back"),  # type: ignore[arg-type] # one of them
        new_tokens=reader.whole("new_tokens", 1, MAX_NEW_TOKENS),
        seed=reader.whole("seed", 0, _MAX_SEED),
    )
    if not reader.messages:
        try:
            _ = found.addition
        except ModelError:
            reader.messages["plus"] = "A phrase has characters that are not printable; remove them."
    if reader.messages:
        raise FormError(reader.messages)
    return found


assert [field.name for field in fields(RunSettings)] == list(DEFAULTS)  # noqa: S101 (one form, one list)


class _Reader:
    """Reads the values of a form, and collects what is wrong with them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self.messages: dict[str, str] = {}

    def text(self, name: str, needed: str | None) -> str:
        value = self._values[name].replace("\r\n", "\n")
        if needed and not value.strip():
            self.messages[name] = needed
        elif len(value) > MAX_CHARACTERS:
            self.messages[name] = (
                f"{LABELS[name]} has {len(value):,} characters. Enter at most {MAX_CHARACTERS:,}."
            )
        return value

    def whole(self, name: str, low: int, high: int) -> int:
        value = self._values[name].strip()
        if value.isascii() and value.isdigit() and len(value) < 20 and low <= int(value) <= high:
            return int(value)
        self.messages[name] = f"{LABELS[name]} is {_short(value)}. Enter a whole number from {low} to {high}."
        return low

    def number(self, name: str) -> float:
        value = self._values[name].strip()
        try:
            number = float(value.replace("−", "-"))
        except ValueError:
            number = math.nan
        if math.isfinite(number) and abs(number) <= _MAX_STRENGTH:
            return number
        self.messages[name] = f"{LABELS[name]} is {_short(value)}. Enter a number such as 5, -3 or 0.5."
        return 0.0

    def one_of(self, name: str, *valid: str) -> str:
        value = self._values[name]
        if value not in valid:
            self.messages[name] = f"{LABELS[name]} is {_short(value)}. Choose one of: {', '.join(valid)}."
        return value


def _short(value: str) -> str:
    if not value:
        return "empty"
    return f"“{value}”" if len(value) <= 40 else f"“{value[:40]}…”"

"""Base model of a study: frozen, forbids unknown fields, and limits the length of texts."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints
from pydantic_core import PydanticCustomError

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
"""Control characters except tab and line ends: databases refuse NUL, and terminals execute escapes."""


def _require_no_control_characters(text: str) -> str:
    match = _CONTROL.search(text)
    if match:
        code = f"U+{ord(match.group()):04X}"
        msg = f"a text without control characters; this one has {code} at position {match.start()}"
        raise PydanticCustomError("control_character", "{reason}", {"reason": msg})
    return text


Printable = AfterValidator(_require_no_control_characters)
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000), Printable]
Title = Annotated[str, StringConstraints(min_length=1, max_length=200), Printable]
Question = Annotated[str, StringConstraints(min_length=1, max_length=500), Printable]
Label = Annotated[str, StringConstraints(min_length=1, max_length=80, strip_whitespace=True), Printable]
NAME_PATTERN = r"^[a-z0-9][a-z0-9_-]*$"
MAX_NAME_LENGTH = 64
Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN, max_length=MAX_NAME_LENGTH)]


def _require_order(value: object) -> object:
    """Refuse a set, because its order and thus the hash of the study varies, and a value without brackets."""
    if isinstance(value, list | tuple):
        return value
    raise PydanticCustomError("tuple_type", "a list, in brackets")


InOrder = BeforeValidator(_require_order)
"""Validator of a tuple field: accepts a list or a tuple."""


class Declaration(BaseModel):
    """A frozen part of a study that forbids unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def __hash__(self) -> int:
        # pydantic's own hash fails on dictionaries, and equal dictionaries may differ in order
        return hash(json.dumps(self.model_dump(mode="json"), sort_keys=True))


def require_different(field: str, values: Iterable[str], hint: str) -> None:
    """Refuse duplicate values.

    Raises:
        ValueError: If a value occurs twice; pydantic adds the place.
    """
    twice = [value for value, count in Counter(values).items() if count > 1]
    if twice:
        msg = f"{field} has {twice[0]!r} twice; {hint}"
        raise ValueError(msg)

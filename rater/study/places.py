"""Say where in a model and a prompt something is added: hook points, positions, dimensions, padding."""

from numbers import Integral
from typing import Annotated, Literal

from pydantic import BeforeValidator


def _number(value: object) -> int | None:
    """Give a whole number from 0, NumPy's too (a range of layers is often its); None for all else."""
    is_number = not isinstance(value, bool) and isinstance(value, Integral) and int(value) >= 0
    return int(value) if is_number else None  # type: ignore[call-overload] # it is one


def _require_hook_point(value: object) -> object:
    number = _number(value)
    if number is not None or (isinstance(value, str) and value.strip() and value.isprintable()):
        return value if number is None else number
    msg = "a layer number from 0, or a hook point such as 'blocks.6.hook_resid_pre'"
    raise ValueError(msg)


def _require_padding(value: object) -> object:
    number = _number(value)
    if number is not None or value is None or value in ("space", "model"):
        return value if number is None else number
    msg = "'space', 'model', a token id from 0, or None"
    raise ValueError(msg)


def require_position(value: object) -> object:
    """Refuse what names no position.

    Raises:
        ValueError: with what does.
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
    """Name the hook point: a layer number n means the residual stream before block n."""
    return f"blocks.{at}.hook_resid_pre" if isinstance(at, int) else at

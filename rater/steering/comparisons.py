"""Print unsteered and steered completions side by side, as the seed system did."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from rich.console import Console
from rich.table import Table
from rich.text import Text
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.completions import ArmCompletion, Draws, generate
from rater.steering.vectors import SteeringVector
from rater.study.additions import (
    ActivationAddition,
    AnyAddition,
    DatasetVector,
    RandomVector,
    VectorFile,
    XVector,
)
from rater.study.places import Position

_SHOWN = {"unsteered": "Unsteered completions", "steered": "Steered completions"}


def print_n_comparisons(  # noqa: PLR0913, PLR0917 (the seed system's signature)
    prompt: str,
    model: TransformerBridge,
    num_comparisons: int = 5,
    activation_additions: Sequence[AnyAddition | SteeringVector] | None = None,
    addition_location: Position = "front",
    res_stream_slice: slice = slice(None),
    tokens_to_generate: int = 40,
    seed: int | None = None,
    temperature: float = 1.0,
    freq_penalty: float = 0.0,
    top_p: float | None = None,
    *,
    console: Console | None = None,
) -> None:
    """Print a table of completions of a prompt, unsteered on the left and steered on the right.

    Both sides of a row are drawn with the same random numbers. The prompt is bold.

    Args:
        prompt: what is to be continued.
        model: from `load_model`.
        num_comparisons: how many rows.
        activation_additions: how to steer; without, there is one column.
        addition_location: where in the prompt all of them are made.
        res_stream_slice: the dimensions of the residual stream that all of them change.
        tokens_to_generate: the length at which a completion is cut off.
        seed: what the completions are drawn from; None for another one each time.
        temperature: what the logits are divided by; 0 takes the likeliest token.
        freq_penalty: what each occurrence of a token takes off its logit.
        top_p: the share of probability that the nucleus reaches; None for all.
        console: where to print; None for the terminal or notebook.

    Raises:
        ModelError: prompt, additions and model do not fit.
    """
    arms: dict[str, Sequence[AnyAddition | SteeringVector]] = {"unsteered": ()}
    if activation_additions:
        dims = _dims(model, res_stream_slice)
        arms["steered"] = [_placed(addition, addition_location, dims) for addition in activation_additions]
    draws = Draws(
        max_new_tokens=tokens_to_generate,
        temperature=temperature,
        top_p=1.0 if top_p is None else top_p,
        frequency_penalty=freq_penalty,
        samples_per_prompt=num_comparisons,
        seed=secrets.randbits(63) if seed is None else seed,
    )
    (console or Console()).print(_table(generate(model, prompt, arms, draws, measure=False), list(arms)))


def _table(completions: Sequence[ArmCompletion], arms: Sequence[str]) -> Table:
    table = Table(*[_SHOWN[arm] for arm in arms], show_lines=True)
    columns = [[_cell(each) for each in completions if each.arm == arm] for arm in arms]
    for cells in zip(*columns, strict=True):
        table.add_row(*cells)
    return table


def _cell(completion: ArmCompletion) -> Text:
    return Text.assemble((completion.prompt, "bold"), completion.text)


def _dims(model: TransformerBridge, chosen: slice) -> tuple[int, int] | None:
    width = int(model.cfg.d_model)
    start = 0 if chosen.start is None else chosen.start
    stop = width if chosen.stop is None else chosen.stop
    if chosen.step not in {None, 1} or not 0 <= start < stop <= width:
        msg = (
            f"res_stream_slice is {chosen}, but the residual stream has {width} dimensions; "
            f"valid: slice(start, stop) with 0 <= start < stop <= {width}."
        )
        raise ModelError(msg)
    return None if (start, stop) == (0, width) else (start, stop)


def _placed(
    addition: AnyAddition | SteeringVector, position: Position, dims: tuple[int, int] | None
) -> AnyAddition | SteeringVector:
    """Put an addition in another place, where another is asked for."""
    if position == "front" and dims is None:
        return addition
    if isinstance(addition, ActivationAddition | XVector | DatasetVector):
        return replace(addition, position=position, dims=dims)
    if isinstance(addition, RandomVector) and not any(
        isinstance(each, VectorFile) for each in addition.likes
    ):
        likes = tuple(_placed(each, position, dims) for each in addition.likes)
        like = likes if isinstance(addition.like, tuple) else likes[0]
        return replace(addition, like=like)  # type: ignore[arg-type] # of the kinds that they were
    if isinstance(addition, VectorFile | SteeringVector) and dims is None:
        return replace(addition, position=position)
    msg = (
        f"{addition!r} is added as it was saved; valid for it: no addition_location and no res_stream_slice."
    )
    raise ModelError(msg)

"""Completions of several arms next to each other: printed, and as a page."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text
from transformer_lens.model_bridge import TransformerBridge

from rater.errors import ModelError
from rater.steering.completions import Additions, ArmCompletion, Draws, generate, refuse_unknown_arguments
from rater.steering.positions import describe_touches
from rater.steering.vectors import SteeringVector
from rater.study.additions import (
    ActivationAddition,
    AnyAddition,
    DatasetVector,
    Position,
    RandomVector,
    VectorFile,
    XVector,
)

# What llm-steering's arguments set in `Draws`, for error messages.
_ARGUMENTS = {
    "max_new_tokens": "tokens_to_generate",
    "frequency_penalty": "freq_penalty",
    "samples_per_prompt": "num_comparisons",
}


@refuse_unknown_arguments
def print_n_comparisons(  # noqa: PLR0913, PLR0917 (llm-steering's signature)
    prompt: str,
    model: TransformerBridge,
    num_comparisons: int = 5,
    activation_additions: Additions | None = None,
    addition_location: Position = "front",
    res_stream_slice: slice = slice(None),
    tokens_to_generate: int = 40,
    seed: int | None = None,
    temperature: float = 1.0,
    freq_penalty: float = 0.0,
    top_p: float | None = None,
    *,
    top_k: int | None = None,
    presence_penalty: float = 0.0,
    titles: tuple[str, str] = ("Unsteered completions", "Steered completions"),
    prompts_shown: tuple[str | None, str | None] = (None, None),
    console: Console | None = None,
) -> None:
    """Print a table of completions of a prompt: unsteered on the left, steered on the right.

    The sides of a row share their random numbers. Positional arguments are those of llm-steering's function.

    Args:
        prompt: The text to continue.
        model: A model from `load_model`.
        num_comparisons: The number of rows.
        activation_additions: The additions; without any there is one column.
        addition_location: Where in the prompt all of them are made: "front", "mid" or "back".
        res_stream_slice: The dimensions that all of them change; none with an empty slice, ``slice(0, 0)``.
        tokens_to_generate: The maximum number of new tokens.
        seed: The seed of the random numbers; None for a new one each time.
        temperature: The divisor of the logits; 0 for greedy decoding.
        freq_penalty: The penalty subtracted from a token's logit for each occurrence.
        top_p: The probability mass of the nucleus; None for all tokens.
        top_k: The number of most likely tokens to sample from; None for all.
        presence_penalty: The penalty subtracted once from the logit of a token that occurred.
        titles: The titles of the two columns.
        prompts_shown: The texts in the two columns instead of the prompt; None for the prompt.
        console: Where to print; None for the terminal or notebook.

    Raises:
        ModelError: prompt, additions and model do not fit each other.
    """
    heads = _heads(prompt, titles, prompts_shown)
    arms: dict[str, Additions] = {"unsteered": ()}
    if activation_additions:
        arms["steered"] = _all_placed(model, activation_additions, addition_location, res_stream_slice)
    draws = _draws(
        max_new_tokens=tokens_to_generate,
        temperature=temperature,
        top_p=1.0 if top_p is None else top_p,
        top_k=top_k,
        frequency_penalty=freq_penalty,
        presence_penalty=presence_penalty,
        samples_per_prompt=num_comparisons,
        seed=secrets.randbits(63) if seed is None else seed,
    )
    made = generate(model, prompt, arms, draws, measure=False)
    (console or Console()).print(_table(made, dict(zip(arms, heads, strict=False))))


def _draws(**fields: Any) -> Draws:
    """Return the sampling parameters; an error names the arguments of `print_n_comparisons`."""
    try:
        return Draws(**fields)
    except ModelError as error:
        _, _, problems = str(error).partition("\n")
        for field, argument in _ARGUMENTS.items():
            problems = problems.replace(f"  {field} ", f"  {argument} ")
        msg = f"The arguments of print_n_comparisons are not valid.\n{problems}"
        raise ModelError(msg) from error


class _Head(NamedTuple):
    """The title of a column, and the text that it shows as the prompt."""

    title: str
    prompt: str


def _heads(
    prompt: str, titles: tuple[str, str], prompts_shown: tuple[str | None, str | None]
) -> tuple[_Head, _Head]:
    given: tuple[tuple[str, object, Any], ...] = (
        ("titles", titles, str),
        ("prompts_shown", prompts_shown, str | None),
    )
    for name, value, kinds in given:
        is_pair = isinstance(value, list | tuple) and len(value) == 2
        if not is_pair or not all(isinstance(each, kinds) for each in value):  # type: ignore[attr-defined] # a pair
            msg = f"{name} is {value!r}; valid: two texts, for the unsteered and the steered column."
            raise ModelError(msg)
    shown = [prompt if each is None else each for each in prompts_shown]
    return _Head(titles[0], shown[0]), _Head(titles[1], shown[1])


def _table(completions: Sequence[ArmCompletion], heads: Mapping[str, _Head]) -> Table:
    table = Table(*[head.title for head in heads.values()], show_lines=True)
    columns = [
        [Text.assemble((head.prompt, "bold"), each.text) for each in completions if each.arm == arm]
        for arm, head in heads.items()
    ]
    for cells in zip(*columns, strict=True):
        table.add_row(*cells)
    return table


def _all_placed(
    model: TransformerBridge, additions: Additions, position: Position, chosen: slice
) -> Additions:
    dims = _dims(model, chosen)
    if dims is not None and dims[0] == dims[1]:
        return ()
    return [_placed(addition, position, dims) for addition in additions]


def _dims(model: TransformerBridge, chosen: slice) -> tuple[int, int] | None:
    width = int(model.cfg.d_model)
    start = 0 if chosen.start is None else chosen.start
    stop = width if chosen.stop is None else chosen.stop
    if chosen.step not in {None, 1} or not 0 <= start <= stop <= width:
        msg = (
            f"res_stream_slice is {chosen}, but the residual stream has {width} dimensions; "
            f"valid: slice(start, stop) with 0 <= start <= stop <= {width}."
        )
        raise ModelError(msg)
    return None if (start, stop) == (0, width) else (start, stop)


def _placed(
    addition: AnyAddition | SteeringVector, position: Position, dims: tuple[int, int] | None
) -> AnyAddition | SteeringVector:
    """Return an addition with another position or other dimensions, if given."""
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
    msg = f"{addition!r} is added as it was saved; remove addition_location and res_stream_slice."
    raise ModelError(msg)


_STYLE = (
    "*{box-sizing:border-box}body{font:1rem/1.5 system-ui,sans-serif;margin:1rem}"
    "h1,h2{overflow-wrap:anywhere}.scroll{overflow-x:auto;margin-bottom:2rem}"
    "table{border-collapse:collapse;width:100%;table-layout:fixed}"
    "th,td{border:1px solid #999;padding:.6rem;text-align:start;vertical-align:top;overflow-wrap:anywhere}"
    "td{white-space:pre-wrap}td::before{display:none;content:attr(data-arm);font-size:.875rem;color:#555}"
    "small{color:#555}"
    "@media(max-width:40rem){table{min-width:0!important}"
    "table,thead,tbody,tr,th,td{display:block}th,td{border:0;border-bottom:1px solid #999}"
    "tr{border:1px solid #999;margin-bottom:1rem}td::before{display:block}}"
    "@media(prefers-color-scheme:dark){body{background:#111;color:#eee}small,td::before{color:#aaa}}"
)
_MIN_COLUMNS = 25
# Minimum width of a column.
_COLUMN_REM = 14


def comparison_tables(
    completions: Sequence[ArmCompletion], arms: Mapping[str, str], *, width: int = 200
) -> list[Table]:
    """Return a table per prompt: a column per arm, a row per sample; the prompt is bold.

    If that leaves an arm fewer than 25 columns, the arms of a sample are below each other instead.

    Args:
        completions: Completions that were measured and traced.
        arms: A description of each arm by its name, in the order of the columns.
        width: The width of the terminal in columns.
    """
    fill = _columns if width // len(arms) >= _MIN_COLUMNS else _stack
    return [
        fill(Table(title=Text(repr(prompt)), show_lines=True), prompt, rows, arms)
        for prompt, rows in _by_prompt(completions, list(arms)).items()
    ]


def _columns(
    table: Table, prompt: str, rows: Sequence[Sequence[ArmCompletion]], arms: Mapping[str, str]
) -> Table:
    for name, description in arms.items():
        table.add_column(Text(f"{name}\n{description}"), overflow="fold")
    for row in rows:
        table.add_row(*[_text(prompt, each) for each in row])
    return table


def _stack(
    table: Table, prompt: str, rows: Sequence[Sequence[ArmCompletion]], arms: Mapping[str, str]
) -> Table:
    table.add_column("arm", max_width=22, overflow="fold")
    table.add_column(Text("; ".join(f"{name}: {description}" for name, description in arms.items())))
    for row in rows:
        for each in row:
            table.add_row(Text(each.arm), _text(prompt, each))
    return table


def _text(prompt: str, completion: ArmCompletion) -> Text:
    return Text.assemble((prompt, "bold"), completion.text, "\n\n", (_remarks(completion), "dim"))


def comparison_page(title: str, completions: Sequence[ArmCompletion], arms: Mapping[str, str]) -> str:
    """Return the same tables as a self-contained HTML page.

    Args:
        title: The page's title.
        completions: As for `comparison_tables`.
        arms: As for `comparison_tables`.
    """
    heads = "".join(
        f"<th scope=col>{escape(name)}<br><small>{escape(description)}</small></th>"
        for name, description in arms.items()
    )
    body = "".join(
        f"<h2>{escape(repr(prompt))}</h2>"
        f"<div class=scroll tabindex=0><table style='min-width:{_COLUMN_REM * len(arms)}rem'>"
        f"<thead><tr>{heads}</tr></thead><tbody>"
        + "".join(f"<tr>{''.join(_html_cell(each) for each in row)}</tr>" for row in rows)
        + "</tbody></table></div>"
        for prompt, rows in _by_prompt(completions, list(arms)).items()
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>{body}</html>\n"
    )


def _by_prompt(
    completions: Sequence[ArmCompletion], arms: Sequence[str]
) -> dict[str, list[list[ArmCompletion]]]:
    """Group completions by prompt and sample; within a sample, in the order of the arms."""
    grouped: dict[str, dict[int, dict[str, ArmCompletion]]] = {}
    for each in completions:
        grouped.setdefault(each.prompt, {}).setdefault(each.sample, {})[each.arm] = each
    return {
        prompt: [[row[arm] for arm in arms] for row in samples.values()]
        for prompt, samples in grouped.items()
    }


def _html_cell(completion: ArmCompletion) -> str:
    return (
        f'<td data-arm="{escape(completion.arm)}">'
        f"<b>{escape(completion.prompt)}</b>{escape(completion.text)}\n\n"
        f"<small>{escape(_remarks(completion))}</small></td>"
    )


def _remarks(completion: ArmCompletion) -> str:
    """Return a line with a completion's measurements and steered tokens."""
    remarks = []
    measured = completion.measurements
    if measured is not None:
        remarks.append(f"{measured.n_tokens} tokens, NLL {measured.nll:.2f}")
        if measured.repetition is not None:
            remarks.append(f"repetition {measured.repetition:.2f}")
    if completion.seed is None:
        remarks.append("from a file")
    else:
        places = describe_touches(completion.touched)
        remarks.append(f"steered {places}" if places else "not steered")
    return " · ".join(remarks)

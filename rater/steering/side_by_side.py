"""Lay the completions of all arms side by side, sample by sample, on the terminal or as a page."""

from collections.abc import Mapping, Sequence
from html import escape

from rich.table import Table
from rich.text import Text

from rater.steering.completions import ArmCompletion
from rater.steering.positions import Touch

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
_COLUMN_REM = 14
"""How wide a column is at least, where columns stand side by side."""


def tables(completions: Sequence[ArmCompletion], arms: Mapping[str, str], *, width: int = 200) -> list[Table]:
    """Make a table for each prompt: a column for each arm, a row for each sample; the prompt is bold.

    Where that leaves an arm fewer than 25 columns, the arms of a sample are below each other instead.

    Args:
        completions: what was generated, measured and traced.
        arms: what each arm does, by its name, in the order of the columns.
        width: the columns of the terminal.
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


def page(title: str, completions: Sequence[ArmCompletion], arms: Mapping[str, str]) -> str:
    """Write the same tables as one HTML page that needs nothing else.

    Args:
        title: the page's title.
        completions: as for `tables`.
        arms: as for `tables`.
    """
    heads = "".join(
        f"<th scope=col>{escape(name)}<br><small>{escape(said)}</small></th>" for name, said in arms.items()
    )
    body = "".join(
        f"<h2>{escape(repr(prompt))}</h2>"
        f"<div class=scroll tabindex=0><table style='min-width:{_COLUMN_REM * len(arms)}rem'>"
        f"<thead><tr>{heads}</tr></thead><tbody>"
        + "".join(f"<tr>{''.join(_cell(each) for each in row)}</tr>" for row in rows)
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
    """Group by prompt and sample; within a sample, in the order of the arms."""
    grouped: dict[str, dict[int, dict[str, ArmCompletion]]] = {}
    for each in completions:
        grouped.setdefault(each.prompt, {}).setdefault(each.sample, {})[each.arm] = each
    return {
        prompt: [[row[arm] for arm in arms] for row in samples.values()]
        for prompt, samples in grouped.items()
    }


def _cell(completion: ArmCompletion) -> str:
    return (
        f'<td data-arm="{escape(completion.arm)}">'
        f"<b>{escape(completion.prompt)}</b>{escape(completion.text)}\n\n"
        f"<small>{escape(_remarks(completion))}</small></td>"
    )


def _remarks(completion: ArmCompletion) -> str:
    """Say in a line how the text is, and where it was steered."""
    said = []
    measured = completion.measurements
    if measured is not None:
        said.append(f"{measured.n_tokens} tokens, NLL {measured.nll:.2f}")
        if measured.repetition is not None:
            said.append(f"repetition {measured.repetition:.2f}")
    if completion.seed is None:
        said.append("from a file")
    else:
        said.append(_touched(completion.touched))
    return " · ".join(said)


def _touched(touched: Sequence[Touch]) -> str:
    by_point: dict[str, list[int]] = {}
    for touch in touched:
        by_point.setdefault(touch.hook_point, []).append(touch.position)
    if not by_point:
        return "not steered"
    places = [f"tokens {_runs(sorted(set(at)))} at {point}" for point, at in by_point.items()]
    return "steered " + ", ".join(places)


def _runs(numbers: Sequence[int]) -> str:
    """Shorten 0, 1, 2, 5 to "0–2 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return " ".join(str(run[0]) if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs)

"""Options of `rater analyze --from`: which column of a table is what, and how it is analysed.

Those that say how also change a study's planned analysis, with --exploratory.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar

import click

from rater.errors import RaterError
from rater.name_lists import split_names

Command = TypeVar("Command", bound=Callable[..., Any])


class Elsewhere(TypedDict):
    """What the options give."""

    from_path: Path | None
    rater: str
    prompt: str
    arm: str
    answer: str
    item: str | None
    dimension: str | None
    primary: str | None
    contrast: tuple[str, ...]
    points: int | None
    limits: tuple[float, float] | None
    choices: Literal["signed", "1/0", "1/2"] | None
    scope: Literal["raters+prompts", "raters", "prompts"] | None
    score: Literal["net_superiority", "scale_points"] | None
    sesoi: float | None
    drop_empty: bool
    wide: str | None
    answer_columns: list[str] | None
    items: Path | None
    labels: list[str]
    missing: list[str]
    decimal: Literal[".", ","] | None
    quotes: bool
    encoding: str | None
    check: bool


class NameList(click.ParamType[list[str]]):
    """Names with commas between them; a name with a comma is in double quotes, as in CSV."""

    name = "names"

    def convert(
        self, value: str | list[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """Split ``love,joy`` or ``"GPT-4, t=0","GPT-4, t=1"``."""
        if isinstance(value, list):
            return value
        try:
            return split_names(value)
        except RaterError as error:
            self.fail(str(error), param, ctx)


class TwoNumbers(click.ParamType[tuple[float, float]]):
    """Two numbers with a comma between them, the lower one first."""

    name = "limits"

    def convert(
        self, value: str | tuple[float, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float]:
        """Split ``0,100``."""
        if isinstance(value, tuple):
            return value
        try:
            low, high = (float(number) for number in value.split(","))
        except ValueError:
            self.fail(f"{value!r} is not two numbers, such as 0,100.", param, ctx)
        return low, high


_OPTIONS = (
    click.option(
        "--from",
        "from_path",
        type=click.Path(path_type=Path),
        help="Analyse this table instead of a study: CSV, TSV, JSON, JSON Lines or Parquet.",
    ),
    click.option("--rater", default="rater", show_default=True, metavar="COL", help="Its column of raters."),
    click.option("--prompt", default="prompt", show_default=True, metavar="COL", help="… of prompts."),
    click.option("--arm", default="arm", show_default=True, metavar="COL", help="… of arms."),
    click.option("--answer", default="answer", show_default=True, metavar="COL", help="… of answers."),
    click.option("--item", metavar="COL", help="… of texts, where a prompt has several in an arm."),
    click.option(
        "--dimension", metavar="COL", help="… of what was judged; the first one is primary, or --primary."
    ),
    click.option("--primary", metavar="NAME", help="The dimension tested as the primary one."),
    click.option(
        "--contrast",
        multiple=True,
        metavar="A,B",
        help="The arms compared, A minus B; give it twice, or quote as in CSV, where a name has a comma.",
    ),
    click.option("--points", type=int, help="How many points the scale has, from 1."),
    click.option(
        "--limits", type=TwoNumbers(), metavar="LOW,HIGH", help="The ends of a scale of any numbers."
    ),
    click.option(
        "--choices",
        type=click.Choice(["signed", "1/0", "1/2"]),
        help="How choices between two texts are coded: above and below 0, won/lost, or first/second text.",
    ),
    click.option(
        "--scope",
        type=click.Choice(["raters+prompts", "raters", "prompts"]),
        show_default="raters+prompts",
        help="What the claim generalises to.",
    ),
    click.option(
        "--score",
        type=click.Choice(["net_superiority", "scale_points"]),
        show_default="net_superiority",
        help="What is compared.",
    ),
    click.option(
        "--sesoi",
        type=click.FloatRange(min=0, min_open=True),
        help="The smallest effect of interest, in units of the score.",
    ),
    click.option("--drop-empty", is_flag=True, help="Leave out rows without an answer."),
    click.option(
        "--missing",
        type=NameList(),
        default=list,
        metavar="CODES",
        help="Further codes for no answer, such as -99,skipped; NA, N/A, null and the like always are.",
    ),
    click.option(
        "--labels",
        type=NameList(),
        default=list,
        metavar="LABELS",
        help="The labels of the points from the lowest, where answers are labels: disagree,neither,agree.",
    ),
    click.option(
        "--wide",
        metavar="PATTERN",
        help="The table has several columns of answers, with such names: {arm}, {prompt}_{arm}, {item}.",
    ),
    click.option(
        "--answer-columns",
        type=NameList(),
        metavar="COLS",
        help="The columns of answers of a wide table.  [default: all that fit --wide]",
    ),
    click.option(
        "--items",
        type=click.Path(path_type=Path),
        help="A table of items, which has what the ratings lack: item, prompt, arm.",
    ),
    click.option(
        "--decimal",
        type=click.Choice([".", ","]),
        show_default="a comma where semicolons separate columns",
        help="The decimal sign.",
    ),
    click.option("--quotes/--no-quotes", default=True, help="Whether fields of the file can be in quotes."),
    click.option("--encoding", show_default="utf-8", help="The file's encoding, such as cp1252."),
    click.option("--check", is_flag=True, help="Only diagnose the table; exit code 2 if it is refused."),
)


PLANNED = ("primary", "contrast", "scope", "score", "sesoi")
"""The options that say how, of which a study has said its own beforehand."""


def elsewhere_options(command: Command) -> Command:
    """Add the options to a command, in their order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command

"""Options of `rater analyze --from`: which column of a table is what, and how it is analysed.

Those that say how also change a study's planned analysis, with --exploratory.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar

import click

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
    contrast: tuple[str, str] | None
    points: int | None
    scope: Literal["raters+prompts", "raters", "prompts"] | None
    score: Literal["net_superiority", "scale_points"] | None
    sesoi: float | None
    drop_empty: bool


class TwoArms(click.ParamType[tuple[str, str]]):
    """Two arms' names with a comma between them."""

    name = "arms"

    def convert(
        self, value: str | tuple[str, str], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Split ``steered,unsteered``."""
        if isinstance(value, tuple):
            return value
        names = [name.strip() for name in value.split(",")]
        if len(names) != 2 or not all(names) or names[0] == names[1]:
            self.fail(f"{value!r} is not two different arms, such as steered,unsteered.", param, ctx)
        return names[0], names[1]


_OPTIONS = (
    click.option(
        "--from", "from_path", type=click.Path(path_type=Path), help="Analyse this CSV instead of a study."
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
    click.option("--contrast", type=TwoArms(), metavar="A,B", help="The arms compared, A minus B."),
    click.option("--points", type=int, help="How many points the scale has, from 1."),
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
)


PLANNED = ("primary", "contrast", "scope", "score", "sesoi")
"""The options that say how, of which a study has said its own beforehand."""


def elsewhere_options(command: Command) -> Command:
    """Add the options to a command, in their order."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command

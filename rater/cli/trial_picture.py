"""A picture of a study's first trial in the terminal, as raters see it, with its fields filled in."""

from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from rater.study.conversation import write_replies
from rater.study.fields import PROMPT, REFERENCE
from rater.study.study import Study
from rater.terminal.console import show_fields, show_question, show_texts

_PLACEHOLDER = " […]"


@dataclass(frozen=True)
class TrialPicture:
    """The first trial of a study before there are any texts."""

    prompt: str
    fields: dict[str, str]
    """The fields that raters see, by their labels."""
    questions: tuple[str, ...]
    """The questions, with fields filled in."""


def picture_trial(study: Study) -> TrialPicture:
    """Fill in the fields of the first item."""
    item = study.rated_items[0]
    fields = {PROMPT: item.prompt, REFERENCE: _PLACEHOLDER, **item.fields}
    return TrialPicture(
        prompt=item.prompt,
        fields={each.label: fields[each.name] for each in study.shown_fields},
        questions=tuple(each.filled(fields).question for each in study.dimensions),
    )


def print_trial(study: Study, console: Console | None = None) -> None:
    """Print the first trial as raters in a terminal see it, with an ellipsis in place of each text."""
    console = console or Console()
    item = study.rated_items[0]
    fields = {PROMPT: item.prompt, REFERENCE: _PLACEHOLDER, **item.fields}
    console.print("\n[bold]Trial[/bold] of the first prompt, with … in place of a text:\n")
    show_fields(console, study.shown_fields, fields)
    is_whole = study.rated_part == "conversation"
    text = write_replies([_PLACEHOLDER.strip()] * item.n_replies) if is_whole else _PLACEHOLDER
    show_texts(console, item.prompt, (text,) * study.n_texts, protocol=study.protocol)
    asked = study.dimensions if study.plan.asking == "together" else study.dimensions[:1]
    for number, dimension in enumerate(asked):
        if number:
            console.print()
        show_question(console, dimension.filled(fields), None)
        if dimension.scale.describe_order():
            console.print(Text(dimension.scale.describe_order(), style="dim"))

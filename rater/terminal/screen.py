"""Put pages and trials on the terminal, so that no text can do more to it than be read."""

from rich.console import Console
from rich.markdown import Markdown
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from rater.harmless import harmless
from rater.store.rating.raters import TrialView
from rater.study.protocol import Dimension, Likert

_WIDTH = 76  # characters; a longer line is hard to read


def show_page(console: Console, title: str, markdown: str) -> None:
    """Clear the screen and show one of the study's texts."""
    console.clear()
    console.print(Text(harmless(title), style="bold"), width=_width(console))
    console.print()
    # hyperlinks would put escape sequences of the study's own making into the output
    console.print(Markdown(harmless(markdown), hyperlinks=False), width=_width(console))
    console.print()


def show_trial(console: Console, view: TrialView, n_trials: int) -> None:
    """Clear the screen and show how far the rater is, then the prompt in bold, followed by its completion."""
    console.clear()
    progress = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=n_trials, completed=view.position - 1, width=24)
    progress.add_row(bar, Text(f"{view.position} of {n_trials}"))
    console.print(progress)
    console.print()
    text = Text.assemble((harmless(view.prompt), "bold"), harmless(view.text))
    console.print(text, width=_width(console))
    console.print()


def show_question(console: Console, dimension: Dimension, before: int | None) -> None:
    """Show a question, the points of its scale with their labels, and the keys; mark the answer before."""
    console.print(Text(harmless(dimension.question)), width=_width(console))
    scale = dimension.scale
    rows = Table.grid(padding=(0, 2))
    for point in range(1, scale.points + 1):
        mark = Text(" (your answer)" if point == before else "", style="dim")
        rows.add_row(Text(f"{point:>4}", style="bold"), Text(harmless(scale.label(point))) + mark)
    console.print(rows, width=_width(console))
    console.print(Text(keys(scale, before), style="dim"), width=_width(console))


def keys(scale: Likert, before: int | None) -> str:
    """Say which keys do what."""
    points = f"1–{scale.points}" if scale.points <= 9 else f"1–{scale.points} and Enter"
    keep = "" if before is None else f" · Enter keeps {before}"
    return f"{points} to answer{keep} · u back · q quit"


def say(console: Console, text: str) -> None:
    """Say something in a line of its own; nothing in it is taken for markup."""
    console.print(Text(harmless(text)), width=_width(console))


def _width(console: Console) -> int:
    return min(console.width, _WIDTH)

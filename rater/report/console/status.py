"""Console output of `rater status`: masked progress after publication, completions by arm before it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from rater.report.numbers import labelled, shorten_middle
from rater.study.duration import describe_duration

if TYPE_CHECKING:
    from rater.admin.status import GeneratedStudy, ListedStudy
    from rater.store.rating.monitoring import Watched
    from rater.store.sealed.compute import ComputeUse

_MAX_BAR = 30
_GIB = 2**30
_MAX_NAME = 22


def print_watched(watched: "Watched", console: Console) -> None:
    """Print counts and times of a published study."""
    console.print(Text.assemble((watched.title, "bold"), f"  ({watched.name}, {watched.state})"))
    console.print(Padding(labelled(_lines(watched)), (0, 2)))
    console.print(Padding(_histogram(watched), (1, 2, 0, 2)))


def _lines(watched: "Watched") -> list[tuple[str, str]]:
    raters = f"{watched.n_finished} of {watched.n_booklets} finished"
    if watched.state.is_over:
        raters += f", {watched.n_left} unfinished"
    else:
        raters += f", {watched.n_under_way} under way, {watched.n_left} silent or gone"
    if watched.n_further:
        raters += f" (booklets; {watched.n_further} further ones of raters who had finished one)"
    lines = [
        ("published", f"{watched.published_at:%Y-%m-%d %H:%M} UTC"),
        ("raters", raters),
        ("answers", f"{watched.n_answers:,}, {watched.n_answers_last_day:,} of them in the last 24 hours"),
    ]
    if watched.left_at:
        lines.append(("dropped out after", f"{', '.join(map(str, watched.left_at))} texts"))
    if watched.median_minutes is not None:
        minutes = watched.median_minutes
        took = "under a minute" if minutes < 1 else f"{minutes:.0f} minute{'s' * (round(minutes) != 1)}"
        stated = f"; raters are shown {watched.stated_minutes}" if watched.stated_minutes else ""
        lines.append(("time", f"{took} from consent to the last answer (median){stated}"))
    lines += [("could not start", each) for each in watched.turned_away]
    if watched.days_to_go:
        days, pace = watched.days_to_go, watched.pace_hours
        remaining = f"{days:.1f} days" if days >= 1 else f"about {_hours(days * 24)}"
        since = "of the last 24 hours" if pace >= 24 else f"since it was opened, {_hours(pace)} ago"
        lines.append(("time remaining", f"{remaining} at the rate {since}"))
    return lines


def _hours(hours: float) -> str:
    minutes = max(1, round(hours * 60))
    if minutes < 90:
        return f"{minutes} minute{'s' * (minutes != 1)}"
    return f"{minutes / 60:.0f} hours"


def _histogram(watched: "Watched") -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("ratings", justify="right")
    table.add_column("texts", justify="right")
    table.add_column("")
    most = max(watched.ratings_per_item.values(), default=1)
    for n_ratings, n_items in watched.ratings_per_item.items():
        bar = "█" * round(_MAX_BAR * n_items / most)
        table.add_row(str(n_ratings), f"{n_items:,}", Text(bar, style="cyan"))
    return table


def print_listed(studies: "Sequence[ListedStudy]", steps: Mapping[str, str], console: Console) -> None:
    """Print a row for each study; ``steps`` are the next commands, by study."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("study", "state", "raters finished", "next"):
        table.add_column(heading, overflow="fold")
    for study in studies:
        raters = f"{study.n_finished:,} of {study.n_planned:,}"
        table.add_row(*map(Text, (study.name, study.state, raters, steps[study.name])))
    console.print(table)


def print_generated(name: str, generated: "GeneratedStudy", console: Console) -> None:
    """Print the completions by arm, which are visible until the study is published."""
    console.print(Text.assemble((name, "bold"), "  is not published yet. Completions by arm:"))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column("arm", no_wrap=True)
    for heading in ("n", "tokens", "characters", "cut off", "empty", "repetition", "NLL"):
        table.add_column(heading, justify="right", overflow="fold")
    for arm in generated.arms:
        table.add_row(
            Text(shorten_middle(arm.arm, _MAX_NAME)),
            f"{arm.n:,}/{arm.n_planned:,}",
            "–" if arm.mean_tokens is None else f"{arm.mean_tokens:.1f}",
            f"{arm.mean_characters:.0f}",
            "–" if arm.share_cut_off is None else f"{arm.share_cut_off:.0%}",
            f"{arm.share_empty:.0%}",
            f"{arm.mean_repetition:.0%}",
            "–" if arm.mean_nll is None else f"{arm.mean_nll:.2f}",
        )
    console.print(Padding(table, (0, 2)))
    console.print(
        "Means over texts. Repetition: share of three-word sequences that occur earlier in the text. NLL: "
        "nats per token under the unsteered generating model given the prompt; – for texts from a file."
    )
    for line in describe_compute(generated.compute, n_shards=generated.n_shards):
        console.print(line)
    for arm in generated.arms:
        if arm.degenerate_sign is not None:
            console.print(Text(arm.degenerate_sign, style="bold yellow"))
        for line in arm.same_texts:
            console.print(Text(line, style="bold yellow"))


def describe_compute(compute: "Sequence[ComputeUse]", *, n_shards: int) -> Iterator[str]:
    """Yield a line about the compute of each kind of device, as papers report it."""
    for use in compute:
        runs = f"{n_shards} shards" if n_shards else f"{use.n_runs} run{'s' * (use.n_runs != 1)}"
        yield (
            f"Compute on {use.device}: {describe_duration(use.wall_s)} in {runs}, {use.n_tokens:,} new "
            f"tokens, peak memory {use.peak_bytes / _GIB:.1f} GiB."
        )

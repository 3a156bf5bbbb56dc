"""`rater generate`: make a study's completions."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rater.cli.loading import device_option, load_model
from rater.cli.options import sealed_option

if TYPE_CHECKING:
    from rich.progress import Progress

    from rater.study.study import Study


@click.command(short_help="Make the completions that are missing.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    help="Completions decoded together; an interruption loses no more.  [default: by study]",
)
@device_option
@click.option("--restart", is_flag=True, help="Throw away the completions of an unpublished study first.")
@sealed_option
def generate(
    file: Path, batch_size: int | None, device: str | None, sealed_url: str, *, restart: bool
) -> None:
    """Make every completion of a study that is missing; stop it at any time, and run it again to go on.

    \b
    Example: rater generate experiments/love_vs_hate.py
    """
    from datetime import UTC, datetime

    from rater.generate.freeze import freeze
    from rater.study.load import load_study

    study = load_study(file)
    missing = freeze(sealed_url, study, now=datetime.now(UTC), restart=restart)
    if missing.cells:
        if missing.n_made:
            click.echo(
                f"Going on: {missing.n_made} of {study.n_completions} completions are there.", err=True
            )
        model = load_model(study.model, device)
        from rater.generate.make import default_batch_size, make_completions

        with _progress() as progress:
            bar = _Bar(progress, study, n_made=missing.n_made)
            make_completions(
                sealed_url,
                study,
                missing,
                model,
                batch_size=batch_size or default_batch_size(len(missing.cells)),
                clock=lambda: datetime.now(UTC),
                on_tokens=bar.on_tokens,
                on_completion=bar.on_completion,
            )
    made = f"{len(missing.cells)} now, {missing.n_made} before" if missing.cells else "all made before"
    click.echo(f"Study {study.name} has all of its {study.n_completions} completions ({made}).")
    click.echo(f"Next: rater publish {study.name}")


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(),
        TextColumn("{task.fields[n_kept]} of {task.fields[n_all]} completions saved"),
        TextColumn("{task.fields[rate]} tokens/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class _Bar:
    """Moves with the tokens made, and counts the completions saved: a batch of them ends nearly together."""

    def __init__(self, progress: "Progress", study: "Study", n_made: int) -> None:
        length = study.sampling.max_new_tokens
        self._progress = progress
        self._n_kept = n_made
        self._tokens = 0
        self._started = time.monotonic()
        fields: dict[str, Any] = {"n_kept": n_made, "n_all": study.n_completions, "rate": "…"}
        total, completed = study.n_completions * length, n_made * length
        self._task = progress.add_task("", total=total, completed=completed, **fields)
        self._length = length

    def on_tokens(self, n: int) -> None:
        """Take note of tokens made."""
        self._tokens += n
        rate = self._tokens / max(time.monotonic() - self._started, 1e-9)
        self._progress.update(self._task, advance=n, rate=f"{rate:.0f}")

    def on_completion(self, n_tokens: int) -> None:
        """Take note of a completion saved; one that ended early is as done as a long one."""
        self._n_kept += 1
        self._progress.update(self._task, advance=self._length - n_tokens, n_kept=self._n_kept)

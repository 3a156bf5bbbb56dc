"""`rater generate`: generate a study's completions."""

import gc
import shlex
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from rater.cli.model import device_option, dtype_option, load_model
from rater.cli.options import rating_option, sealed_option

if TYPE_CHECKING:
    from rich.progress import Progress
    from transformer_lens.model_bridge import TransformerBridge

    from rater.generate.freeze import Missing
    from rater.store.sealed.generation_lock import GenerationLock
    from rater.study.study import Study


def progress_bar() -> "Progress":
    """Make a progress bar on stderr, for a `ProgressBar`."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        BarColumn(),
        TextColumn("{task.fields[n_kept]} of {task.fields[n_all]} completions saved"),
        TextColumn("{task.fields[rate]} tokens/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


class ProgressBar:
    """Moves with the tokens made, and counts the completions saved: a batch of them ends nearly together."""

    def __init__(
        self, progress: "Progress", *, n_tokens: int, n_made: int, n_to_make: int, n_all: int
    ) -> None:
        self._progress = progress
        self._n_kept = n_made
        self._tokens = 0
        self._started = time.monotonic()
        fields: dict[str, Any] = {"n_kept": n_made, "n_all": n_all, "rate": "…"}
        total = (n_made + n_to_make) * n_tokens
        self._task = progress.add_task("", total=total, completed=n_made * n_tokens, **fields)
        self._length = n_tokens

    def on_tokens(self, n: int) -> None:
        """Take note of tokens made."""
        self._tokens += n
        rate = self._tokens / max(time.monotonic() - self._started, 1e-9)
        self._progress.update(self._task, advance=n, rate=f"{rate:.0f}")

    def on_completion(self, n_tokens: int) -> None:
        """Take note of a completion saved; one that ended early is as done as a long one."""
        self._n_kept += 1
        self._progress.update(self._task, advance=self._length - n_tokens, n_kept=self._n_kept)


class _ModelOptions(NamedTuple):
    """How a model is run."""

    batch_size: int | None
    device: str | None
    dtype: str | None

    def rows_together(self, n_completions: int) -> int:
        """Say how many of some completions are decoded together."""
        from rater.generate.estimate import default_batch_size

        return min(self.batch_size or default_batch_size(n_completions), n_completions)


@click.command(short_help="Make the completions that are missing.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    help="Completions decoded together; an interruption loses no more.  [default: by study]",
)
@device_option
@dtype_option
@click.option(
    "--limit", type=click.IntRange(1), help="Make no more than so many now, of every prompt and arm alike."
)
@click.option("--dry-run", is_flag=True, help="Say what would be made, and make nothing.")
@click.option("--restart", is_flag=True, help="Throw away the completions of an unpublished study first.")
@rating_option
@sealed_option
def generate(  # noqa: PLR0917 (click gives them by name)
    file: Path,
    batch_size: int | None,
    device: str | None,
    dtype: str | None,
    limit: int | None,
    *,
    dry_run: bool,
    restart: bool,
    **databases: str,
) -> None:
    """Make every completion of a study that is missing; stop it at any time, and run it again to go on.

    \b
    Example: rater generate experiments/love_vs_hate.py
    """
    from rater.embedded_model import count_layers
    from rater.generate.freeze import look
    from rater.publish.publish import require_key
    from rater.store.sealed.generation_lock import GenerationLock
    from rater.study.load import load_study
    from rater.study.model_checks import require_effects, require_hook_points

    study, how = load_study(file), _ModelOptions(batch_size, device, dtype)
    sealed_url = databases["sealed_url"]
    require_key(sealed_url, databases["rating_url"], study.name)
    require_hook_points(study, count_layers(study.model))
    require_effects(study)
    if dry_run:
        _forecast(study, look(sealed_url, study, restart=restart), how, limit)
        return
    with GenerationLock(sealed_url, study.name) as lock:
        _generate(study, file, how, _Run(sealed_url, lock, limit, restart))


class _Run(NamedTuple):
    """Where completions are kept, and which are made in this run."""

    sealed_url: str
    lock: "GenerationLock"
    limit: int | None
    restart: bool


def _generate(study: "Study", file: Path, how: _ModelOptions, run: _Run) -> None:
    """Make what is missing, model by model."""
    from datetime import UTC, datetime

    from rater.generate.external_completions import cells_by_model, take_external_completions
    from rater.generate.freeze import first_samples, freeze, look

    # Before anything is thrown away or kept: a model that is not there must cost nothing.
    first = next(iter(cells_by_model(study, look(run.sealed_url, study, restart=run.restart).cells)), None)
    loaded = load_model(first, how.device, how.dtype) if first else None
    run.lock.acquire()
    missing = freeze(run.sealed_url, study, now=datetime.now(UTC), restart=run.restart)
    if missing.cells and missing.n_made:
        click.echo(f"Going on: {missing.n_made} of {study.n_completions} completions are there.", err=True)
    to_make = take_external_completions(run.sealed_url, study, missing, file.parent, now=datetime.now(UTC))
    n_kept = study.n_completions - len(to_make.cells)
    if run.limit is not None:
        to_make = first_samples(to_make, run.limit)
    for name, cells in cells_by_model(study, to_make.cells).items():
        if loaded is None or name != first:
            loaded = None
            gc.collect()  # a model refers to itself; the next one may need its memory
            loaded = load_model(name, how.device, how.dtype)
        _make(run.sealed_url, study, replace(to_make, cells=cells), loaded, how=how, n_kept=n_kept)
        n_kept += len(cells)
    _warn_of_same_texts(run.sealed_url, study)
    _print_summary(study, file, n_kept=n_kept, missing=missing)


def _make(
    sealed_url: str,
    study: "Study",
    missing: "Missing",
    model: "TransformerBridge",
    *,
    how: _ModelOptions,
    n_kept: int,
) -> None:
    """Make completions with one model, and show how far that is."""
    from datetime import UTC, datetime

    from rater.generate.make import make_completions

    with progress_bar() as progress:
        bar = ProgressBar(
            progress,
            n_tokens=study.sampling.max_new_tokens,
            n_made=n_kept,
            n_to_make=len(missing.cells),
            n_all=study.n_completions,
        )
        make_completions(
            sealed_url,
            study,
            missing,
            model,
            batch_size=how.rows_together(len(missing.cells)),
            clock=lambda: datetime.now(UTC),
            on_tokens=bar.on_tokens,
            on_completion=bar.on_completion,
        )


def _print_summary(study: "Study", file: Path, *, n_kept: int, missing: "Missing") -> None:
    n_now = n_kept - missing.n_made
    made = f"{n_now} now, {missing.n_made} before" if n_now else "all made before"
    if n_kept < study.n_completions:
        click.echo(f"Study {study.name} has {n_kept} of its {study.n_completions} completions ({made}).")
        rest = f"rater generate {shlex.quote(str(file))}"
        click.echo(f"Next: rater status {study.name}, and for the rest: {rest}")
        return
    click.echo(f"Study {study.name} has all of its {study.n_completions} completions ({made}).")
    publish = "" if missing.is_published else f", then rater publish {study.name}"
    click.echo(f"Next: rater status {study.name}{publish}")


def _warn_of_same_texts(sealed_url: str, study: "Study") -> None:
    """Warn of texts that raters would read twice."""
    from rater.publish.texts import count_generated, describe_same_texts
    from rater.store.engine import disposing, reading
    from rater.store.sealed.completions import read_completions
    from rater.store.sealed.open import open_sealed
    from rater.store.sealed.studies import get_sealed_study

    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        completions = read_completions(session, get_sealed_study(session, study.name).id)
    for line in describe_same_texts(count_generated(study, completions)):
        click.echo(f"Warning: {line}", err=True)


def _forecast(study: "Study", missing: "Missing", how: _ModelOptions, limit: int | None) -> None:
    """Print what would be made, with which models, and roughly what that takes."""
    from rater.generate.estimate import describe, estimate, free_memory, is_cpu, too_little_memory
    from rater.generate.external_completions import cells_by_model
    from rater.generate.freeze import first_samples

    here = [cell for cells in cells_by_model(study, missing.cells).values() for cell in cells]
    n_external = len(missing.cells) - len(here)
    click.echo(
        f"Study {study.name}: {missing.n_made} of {study.n_completions} completions are there, "
        f"{len(missing.cells)} are missing. Nothing is made now."
    )
    if n_external:
        click.echo(f"{n_external} of them would be read from files.")
    chosen = first_samples(replace(missing, cells=here), len(here) if limit is None else limit)
    for model, cells in cells_by_model(study, chosen.cells).items():
        batch_size = how.rows_together(len(cells))
        expected = estimate(study, model, cells, batch_size=batch_size, device=how.device, dtype=how.dtype)
        free = free_memory()
        for line in describe(expected, free=free):
            click.echo(line)
        lack = too_little_memory(model, how.dtype, free=free) if is_cpu(expected.device) else None
        if lack:
            click.echo(f"  Warning: {lack}")

"""`rater generate`: make a study's completions."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import sealed_option

if TYPE_CHECKING:
    from rich.progress import Progress
    from transformer_lens.model_bridge import TransformerBridge

    from rater.study.study import Study


@click.command(short_help="Make the completions that are missing.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--batch-size", default=64, show_default=True, type=click.IntRange(1), help="Rows decoded together."
)
@click.option(
    "--device", help="Where the model runs: cpu, cuda, cuda:1 …  [default: cuda if there, else cpu]"
)
@click.option("--restart", is_flag=True, help="Throw away the completions of an unpublished study first.")
@sealed_option
def generate(file: Path, batch_size: int, device: str | None, sealed_url: str, *, restart: bool) -> None:
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
        model = _load_model(study.model, device)
        from rater.generate.make import make_completions

        with _progress() as progress:
            on_tokens, on_completion = _bars(progress, study, n_made=missing.n_made)
            make_completions(
                sealed_url,
                study,
                missing,
                model,
                batch_size=batch_size,
                clock=lambda: datetime.now(UTC),
                on_tokens=on_tokens,
                on_completion=on_completion,
            )
    made = f"{len(missing.cells)} now, {missing.n_made} before" if missing.cells else "all made before"
    click.echo(f"Study {study.name} has all of its {study.n_completions} completions ({made}).")
    click.echo(f"Next: rater publish {study.name}")


def _load_model(name: str, device: str | None) -> "TransformerBridge":
    from rater.errors import ModelError

    click.echo(f"Loading torch and the model {name} (about 10 s for the embedded one) …", err=True)
    try:
        from rater.steering.bridge import load_model
    except ModuleNotFoundError as error:
        msg = f"Generating needs {error.name}, which is not installed. Run: pip install 'rater[generate]'"
        raise ModelError(msg) from error
    return load_model(name, device=device)


def _progress() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} tokens/s"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _bars(
    progress: "Progress", study: "Study", n_made: int
) -> tuple[Callable[[int], None], Callable[[], None]]:
    """Add the bar; return what moves it: by tokens made, and by completions kept.

    Completions of a batch finish together, so the bar follows tokens; a row that ends early counts as whole.
    """
    import time

    length = study.sampling.max_new_tokens
    total = study.n_completions
    task = progress.add_task("completions", total=total, completed=n_made, rate="…")
    started, tokens, kept = time.monotonic(), 0, 0

    def on_tokens(n: int) -> None:
        nonlocal tokens
        tokens += n
        rate = tokens / max(time.monotonic() - started, 1e-9)
        done = max(kept, tokens / length)
        progress.update(task, completed=min(n_made + int(done), total), rate=f"{rate:.0f}")

    def on_completion() -> None:
        nonlocal kept
        kept += 1
        progress.update(task, completed=min(n_made + max(kept, tokens // length), total))

    return on_tokens, on_completion

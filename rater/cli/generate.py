"""`rater generate`: generate a study's completions."""

import contextlib
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rater.cli.model import device_option, dtype_option, engine_option, load_engine
from rater.cli.options import rating_option, sealed_option
from rater.cli.workers import read_workers, workers_options
from rater.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress

    from rater.cli.workers import WorkerOptions
    from rater.study.study import Study
    from rater.workspace.generation import Generated


def progress_bar() -> "Progress":
    """Return a progress bar on stderr, for a `ProgressBar`."""
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
    """Progress by generated tokens, since the completions of a batch end nearly together."""

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
        """Record generated tokens."""
        self._tokens += n
        rate = self._tokens / max(time.monotonic() - self._started, 1e-9)
        self._progress.update(self._task, advance=n, rate=f"{rate:.0f}")

    def on_completion(self, n_tokens: int) -> None:
        """Record a saved completion; one that ended early counts with all its tokens."""
        self._n_kept += 1
        self._progress.update(self._task, advance=self._length - n_tokens, n_kept=self._n_kept)


@click.command(short_help="Generate the missing completions.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    help="Completions decoded together; an interruption loses at most these.  [default: by study]",
)
@engine_option
@click.option(
    "--tensor-parallel",
    type=click.IntRange(1),
    default=1,
    help="GPUs that share each layer of the model; only with --engine vllm.  [default: 1]",
    metavar="N",
)
@device_option
@dtype_option
@click.option(
    "--limit",
    type=click.IntRange(1),
    help="Generate at most N completions in this run, balanced over prompts and arms.",
    metavar="N",
)
@click.option(
    "--dry-run", is_flag=True, help="Show the plan, device, data type and memory without generating."
)
@click.option("--restart", is_flag=True, help="First delete the completions of an unpublished study.")
@click.option("--shard", metavar="I/N", help="Generate shard I of N into a file, without a database.")
@click.option(
    "--into", type=click.Path(path_type=Path), help="Folder of the files of shards.", metavar="FOLDER"
)
@click.option(
    "--slurm",
    type=click.IntRange(1),
    metavar="N",
    help="Write the script of a Slurm array job of N shards, and generate nothing here.",
)
@click.option("--submit", is_flag=True, help="With --slurm: submit the script, too.")
@click.option(
    "--sbatch",
    multiple=True,
    metavar="OPTION",
    help="With --slurm: an option of the job, such as --sbatch=--gres=gpu:1; may be repeated.",
)
@workers_options
@rating_option
@sealed_option
def generate(  # noqa: PLR0913, PLR0917 (click passes them by name)
    file: Path,
    batch_size: int | None,
    engine: str,
    tensor_parallel: int,
    device: str | None,
    dtype: str | None,
    limit: int | None,
    shard: str | None,
    into: Path | None,
    *,
    dry_run: bool,
    restart: bool,
    **given: Any,
) -> None:
    """Generate the missing completions of a study. You can stop at any time; run it again to continue.

    \b
    Example: rater generate experiments/love_vs_hate.py
    Example: rater generate experiments/love_vs_hate.py --workers 2
    Example: rater generate experiments/love_vs_hate.py --shard 3/100 --into shards
    Example: rater generate experiments/love_vs_hate.py --slurm 100 --sbatch=--time=1:00:00
    """
    from rater.generate.engines.protocol import EngineName
    from rater.workspace.generation import GenerationOptions

    workers = read_workers(given)
    workspace = Workspace(rating=given["rating_url"], sealed=given["sealed_url"])
    options: dict[str, Any] = {
        "engine": EngineName(engine),
        "tensor_parallel": tensor_parallel,
        "batch_size": batch_size,
        "device": device,
        "dtype": dtype,
        "limit": limit,
        "restart": restart,
    }
    if _is_for_slurm(given):
        refused = {"--shard": shard, "--dry-run": dry_run}
        _write_array(file, options, workers, into=into, given=given, refused=refused)
        return
    if shard is not None or into is not None:
        _generate_shard(file, options, workers, shard=shard, into=into, dry_run=dry_run)
        return
    if dry_run:
        for line in workspace.describe_generation(file, **options):
            click.echo(line)
        return
    with workers.open(device=device, n_gpus=tensor_parallel) as runner:
        generated = workspace.generate(
            file,
            load=lambda name: load_engine(name, GenerationOptions(**options)),
            progress=_show_progress,
            on_resume=_print_resumption,
            runner=runner,
            **options,
        )
    for line in generated.same_texts:
        click.echo(f"Warning: {line}", err=True)
    _print_summary(generated, file)


def _is_for_slurm(given: dict[str, Any]) -> bool:
    """Return whether a script for Slurm is asked for; its options need `--slurm`."""
    for name in ("submit", "sbatch"):
        if given[name] and given["slurm"] is None:
            msg = f"--{name} needs --slurm N, as in: rater generate FILE --slurm 100"
            raise click.UsageError(msg)
    return given["slurm"] is not None


def _write_array(
    file: Path,
    options: dict[str, Any],
    workers: "WorkerOptions",
    *,
    into: Path | None,
    given: dict[str, Any],
    refused: dict[str, Any],
) -> None:
    """Write the script of an array job, submit it if that is asked for, and print the next command."""
    from rater.generate.slurm import ArrayJob, submit
    from rater.study.load import load_study

    refused |= {"--ray": workers.ray, "--limit": options["limit"], "--restart": options["restart"]}
    for name, value in refused.items():
        if value:
            msg = f"{name} cannot be used with --slurm, whose tasks generate one shard each. Leave it out."
            raise click.UsageError(msg)
    passed = {
        "--engine": options["engine"],
        "--tensor-parallel": options["tensor_parallel"] if options["tensor_parallel"] > 1 else None,
        "--batch-size": options["batch_size"],
        "--device": options["device"],
        "--dtype": options["dtype"],
        "--workers": workers.n_workers,
    }
    study = load_study(file)
    folder = into or Path(f"{study.name}-shards")
    job = ArrayJob(
        study_name=study.name,
        file=file,
        n_shards=given["slurm"],
        into=folder,
        arguments=[part for name, value in passed.items() if value for part in (name, str(value))],
        sbatch=given["sbatch"],
    )
    script = job.write()
    click.echo(f"Written: {script}, an array job of {given['slurm']} tasks.")
    if given["submit"]:
        click.echo(submit(script))
    else:
        click.echo(f"Next: sbatch {shlex.quote(str(script))}")
    click.echo(f"Then, when all tasks have ended: {shlex.join(['rater', 'gather', str(file), str(folder)])}")


def _generate_shard(
    file: Path,
    options: dict[str, Any],
    workers: "WorkerOptions",
    *,
    shard: str | None,
    into: Path | None,
    dry_run: bool,
) -> None:
    """Generate one shard into a file, and print the next command."""
    from rater.generate.shards import read_shard
    from rater.study.load import load_study
    from rater.workspace.generation import GenerationOptions
    from rater.workspace.shards import generate_shard

    if shard is None or into is None:
        name, other = ("--shard", "--into FOLDER") if into is None else ("--into", "--shard I/N")
        msg = f"{name} needs {other}, as in: rater generate FILE --shard 3/100 --into shards"
        raise click.UsageError(msg)
    if dry_run:
        msg = "--dry-run is not for a shard. Leave --shard and --into out: it describes the whole study."
        raise click.UsageError(msg)
    with workers.open(device=options["device"], n_gpus=options["tensor_parallel"]) as runner:
        generated = generate_shard(
            load_study(file),
            read_shard(shard),
            into,
            GenerationOptions(runner=runner, **options),
            load=lambda name: load_engine(name, GenerationOptions(**options)),
            progress=_show_progress,
            on_resume=_print_resumption,
        )
    n_now = generated.n_completions - generated.n_before
    click.echo(
        f"Shard {generated.shard} has all of its {generated.n_completions} completions "
        f"({n_now} now, {generated.n_before} before): {generated.path}"
    )
    command = shlex.join(["rater", "gather", str(file), str(into)])
    click.echo(f"Next, when all {generated.shard.n_shards} shards are there: {command}")


def _print_resumption(n_saved: int, n_planned: int) -> None:
    click.echo(f"Continuing: {n_saved} of {n_planned} completions are saved.", err=True)


@contextlib.contextmanager
def _show_progress(study: "Study", n_saved: int, n_to_generate: int) -> "Iterator[ProgressBar]":
    """Show a progress bar for one model's completions."""
    with progress_bar() as progress:
        yield ProgressBar(
            progress,
            n_tokens=study.sampling.max_new_tokens,
            n_made=n_saved,
            n_to_make=n_to_generate,
            n_all=study.n_completions,
        )


def _print_summary(generated: "Generated", file: Path) -> None:
    """Print the number of completions and the next commands."""
    name, n_now = generated.name, generated.n_saved - generated.n_before
    when = f"{n_now} now, {generated.n_before} before" if n_now else "all generated before"
    if not generated.is_complete:
        click.echo(f"Study {name} has {generated.n_saved} of its {generated.n_planned} completions ({when}).")
        click.echo(f"Next: rater status {name}, and for the rest: rater generate {shlex.quote(str(file))}")
        return
    click.echo(f"Study {name} has all of its {generated.n_planned} completions ({when}).")
    publish = "" if generated.is_published else f", then rater publish {name}"
    click.echo(f"Next: rater status {name}{publish}")

"""`rater gather`: merge the files of shards into the sealed database."""

from pathlib import Path

import click

from rater.cli.options import rating_option, sealed_option
from rater.workspace import Workspace


@click.command(short_help="Merge shards into the sealed database.")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("shards", type=click.Path(path_type=Path))
@click.option("--restart", is_flag=True, help="First delete the completions of an unpublished study.")
@rating_option
@sealed_option
def gather(file: Path, shards: Path, *, restart: bool, **databases: str) -> None:
    """Merge the files of all shards of a study into the sealed database: the same rows as those of one run.

    SHARDS is the folder of their files. Nothing is saved if one is missing, unfinished, damaged or does not
    fit.

    \b
    Example: rater generate experiments/love_vs_hate.py --shard 1/2 --into shards
    Example: rater generate experiments/love_vs_hate.py --shard 2/2 --into shards
    Example: rater gather experiments/love_vs_hate.py shards
    """
    from rater.report.console.status import describe_compute

    workspace = Workspace(rating=databases["rating_url"], sealed=databases["sealed_url"])
    gathered = workspace.gather(file, shards, restart=restart)
    shards_read = f"{gathered.n_shards} shard{'s' * (gathered.n_shards != 1)}"
    click.echo(
        f"Study {gathered.name} has all of its {gathered.n_completions} completions, from {shards_read}."
    )
    for line in describe_compute(gathered.compute, n_shards=gathered.n_shards):
        click.echo(line)
    click.echo(f"Next: rater status {gathered.name}, then rater publish {gathered.name}")

"""`rater power`: how large a study must be."""

from pathlib import Path

import click


@click.command(short_help="Say how large a study must be.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--points",
    type=float,
    help="The difference in scale points to plan for.  [default: an eighth of the scale]",
)
@click.option(
    "--sims", default=400, show_default=True, type=click.IntRange(50), help="Simulations of each size."
)
@click.option("--seed", default=0, show_default=True, help="Seeds the simulations.")
def power(file: Path, *, points: float | None, sims: int, seed: int) -> None:
    """Simulate the study's own booklets through its primary test, at its size and at others.

    \b
    Example: rater power experiments/love_vs_hate.py --points 0.5
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from rater.power import default_points, plan_power
    from rater.report.power import print_power
    from rater.study.load import load_study

    study = load_study(file)
    columns = (TextColumn("Simulating {task.description} …"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("")
        plan = plan_power(
            study,
            points or default_points(study),
            n_simulations=sims,
            seed=seed,
            say=lambda size: progress.update(task, description=size),
        )
    print_power(plan)

"""`rater power`: compute power and sample size by simulation."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rater.cli.options import rating_option
from rater.cli.workers import WorkerOptions, read_workers, workers_options

if TYPE_CHECKING:
    from rater.analysis.pilot import Pilot
    from rater.sample_size import PlanningAssumptions
    from rater.study.study import Study


@click.command(short_help="Compute power and sample size.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--points",
    type=click.FloatRange(min=0, min_open=True),
    help="The difference to detect, in scale points; for pairwise choices the difference of the proportions "
    "(0.25: 25 percentage points), and for odd-one-out trials the proportion of odd texts found above 1/3.  "
    "[default: an eighth of the scale]",
)
@click.option(
    "--d-prime",
    type=click.FloatRange(min=0, min_open=True),
    metavar="D",
    help="Of odd-one-out trials, the d' to detect, instead of --points.",
)
@click.option(
    "--pilot",
    metavar="STUDY|CSV",
    help="Estimate variances of raters, prompts and texts from a pilot: a published study (read without its "
    "arms), or a table of ratings (with a column arm if the arms are known).",
)
@click.option(
    "--drop-out",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    show_default=True,
    help="Share of raters who drop out during their booklet.",
)
@click.option(
    "--sims", default=400, show_default=True, type=click.IntRange(50), help="Simulations per sample size."
)
@click.option(
    "--concepts",
    type=click.IntRange(2),
    metavar="N",
    help="Plan a study that is repeated over N concepts, for a claim over raters, prompts and concepts.",
)
@click.option(
    "--concept-prompts",
    type=click.IntRange(1),
    metavar="N",
    help="With --concepts: prompts of each concept.  [default: 3]",
)
@click.option(
    "--crossed",
    is_flag=True,
    help="With --concepts: the prompts are the same for all concepts, instead of nested in them.",
)
@click.option("--seed", type=int, help="Random seed of the simulations.  [default: from the study's hash]")
@workers_options
@rating_option
def power(  # noqa: PLR0913 (each argument is an option)
    file: Path,
    *,
    points: float | None,
    d_prime: float | None,
    pilot: str | None,
    drop_out: float,
    sims: int,
    concepts: int | None,
    concept_prompts: int | None,
    crossed: bool,
    seed: int | None,
    rating_url: str,
    **given: Any,
) -> None:
    """Simulate the primary test with the study's booklets, for its sample size and for others.

    \b
    Example: rater power experiments/love_vs_hate.py --points 0.5 --drop-out 0.1
    Example: rater power experiments/love_vs_hate.py --pilot pilot.csv
    Example: rater power experiments/love_vs_hate.py --concepts 8 --concept-prompts 3
    """
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from rater.publish.texts import known_lengths
    from rater.report.console.power import print_power
    from rater.sample_size import PlanningAssumptions, default_points, plan_power
    from rater.study.load import load_study

    workers = read_workers(given)
    _require_consistent(concepts, concept_prompts, workers, crossed=crossed)
    study = load_study(file)
    estimates = _read_pilot(pilot, study, rating_url) if pilot else None
    if d_prime is not None:
        points = _as_points(study, d_prime, points)
    difference = default_points(study) if points is None else points
    seed = int(study.hash[:16], 16) if seed is None else seed
    if concepts is not None:
        size = concepts, concept_prompts or 3
        known = PlanningAssumptions(estimates, drop_out)
        _print_over_concepts(study, difference, size, known, crossed=crossed, sims=sims, seed=seed)
        return
    columns = (TextColumn("Simulating {task.description} …"), TimeElapsedColumn())
    with (
        workers.open() as runner,
        Progress(*columns, console=Console(stderr=True), transient=True) as progress,
    ):
        task = progress.add_task("")
        plan = plan_power(
            study,
            difference,
            n_simulations=sims,
            seed=seed,
            assumptions=PlanningAssumptions(estimates, drop_out, known_lengths(study, file.parent)),
            progress=lambda size: progress.update(task, description=size),
            runner=runner,
        )
    print_power(plan)


def _as_points(study: "Study", d_prime: float, points: float | None) -> float:
    """Return the proportion of odd texts found above chance at a d'."""
    import numpy as np

    from rater.analysis.triangle_test import CHANCE, proportion_correct

    if points is not None:
        raise click.UsageError("--points and --d-prime both name the difference; give one")
    if not study.has_odd_text:
        raise click.UsageError("--d-prime is for studies with OddOneOut(…); give --points")
    return float(proportion_correct(np.array([d_prime]))[0]) - CHANCE


def _require_consistent(
    concepts: int | None, concept_prompts: int | None, workers: WorkerOptions, *, crossed: bool
) -> None:
    """Refuse options that contradict each other.

    Raises:
        click.UsageError: they do.
    """
    if concepts is None and (crossed or concept_prompts is not None):
        raise click.UsageError(
            "--crossed and --concept-prompts describe the prompts of --concepts N; give it"
        )
    if crossed and concept_prompts == 1:
        raise click.UsageError("--concept-prompts is 1; with --crossed at least 2 prompts are needed")
    if concepts is not None and workers.are_given:
        raise click.UsageError("--workers and --ray are not for --concepts, which takes seconds without them")


def _print_over_concepts(
    study: "Study",
    points: float,
    size: tuple[int, int],
    known: "PlanningAssumptions",
    *,
    crossed: bool,
    sims: int,
    seed: int,
) -> None:
    """Print the power over raters, prompts and concepts, for a number of concepts and of their prompts."""
    from rater.analysis.concept_power import MIN_SIMULATIONS, ConceptStudySize
    from rater.report.console.power import print_concept_power
    from rater.sample_size import plan_concept_power, unit_of

    planned = ConceptStudySize(study.n_raters, *size, "crossed" if crossed else "nested")
    n_simulations = max(sims, MIN_SIMULATIONS)
    plan = plan_concept_power(
        study, points, planned, n_simulations=n_simulations, seed=seed, assumptions=known
    )
    print_concept_power(plan, points, unit=unit_of(study))


def _read_pilot(pilot: str, study: "Study", rating_url: str) -> "Pilot":
    """Estimate variances from a table of ratings, or from a published study without its arms."""
    from rater.admin.export import read_unarmed_frame
    from rater.analysis.pilot import learn, read_pilot
    from rater.analysis.reading_notes import reading_of

    judged = study.simulated_as(study.primary)
    if Path(pilot).suffix:
        frame = read_pilot(Path(pilot), judged.name)
        reading = reading_of(frame)
        for message in (*reading.messages, *reading.warnings) if reading else ():
            click.echo(f"{pilot}: {message}", err=True)
    else:
        frame = read_unarmed_frame(rating_url, pilot)
    return learn(frame, judged, contrast=study.contrast)

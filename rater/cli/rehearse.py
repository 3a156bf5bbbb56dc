"""`rater rehearse`: dry-run a study end to end with simulated raters, on temporary databases."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click

from rater.cli.options import rating_option, sealed_option, study_argument
from rater.cli.outputs import Outputs, report_option, show
from rater.cli.workers import WorkerOptions, read_workers, workers_options
from rater.workspace import Workspace

if TYPE_CHECKING:
    from rater.rehearse import DetectionRate, SimulatedRaters
    from rater.study.study import Study

_CHARACTERS = ("random", "middle", "lazy", "quitting", "leaving", "double-tabbing", "slow")
_BY_DEFAULT = ("quitting", "double-tabbing", "slow")


@click.command(short_help="Dry-run the study end to end with simulated raters.")
@study_argument
@click.option(
    "--raters", "n_raters", type=click.IntRange(1, 200), help="Number of bots.  [default: planned raters]"
)
@click.option(
    "--effect",
    default=0.0,
    show_default=True,
    type=click.FloatRange(-1000, 1000),
    help="Effect of the synthetic first arm for attentive bots, in points of the primary scale.",
)
@click.option(
    "--with",
    "characters",
    multiple=True,
    type=click.Choice(_CHARACTERS),
    help="Behaviour of one bot; may be repeated.  [default: one each of quitting (leaves half-way and "
    "returns), double-tabbing and slow]",
)
@click.option(
    "--times",
    default=0,
    type=click.IntRange(0, 10_000),
    help="Number of additional Monte Carlo rehearsals through the store; prints how often the planned test "
    "is significant.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    help="Random seed of the synthetic key, the booklets and the bots. The same seed gives the same answers.",
)
@report_option
@workers_options
@rating_option
@sealed_option
def rehearse(
    study_name: str,
    *,
    n_raters: int | None,
    effect: float,
    characters: tuple[str, ...],
    times: int,
    seed: int,
    report_path: Path | None,
    **given: Any,
) -> None:
    """Serve a temporary copy of a study with a synthetic key, let bots rate it, and print the analysis.

    The study's own databases are only read. --times estimates how often the planned test is significant:
    without an effect the share should be about alpha, with one about the power of `rater power`. The report
    of --report is of the rehearsal through the pages; every page and figure is marked as a rehearsal.

    \b
    Example: rater rehearse love_vs_hate --effect 1 --times 200
    Example: rater rehearse love_vs_hate --effect 1 --report rehearsed
    """
    outputs, workers = Outputs(report_path, None, None), read_workers(given)
    if workers.are_given and not times:
        raise click.UsageError("--workers and --ray are for the rehearsals of --times N; give it")
    if n_raters is not None and len(characters) > n_raters:
        msg = f"--with is given {len(characters)} times, but there are only {n_raters} bots."
        raise click.UsageError(msg)
    outputs.require_writable()
    from rater.bots.behaviours import Character
    from rater.rehearse import SimulatedRaters

    known = {character: character for character in get_args(Character)}
    chosen = characters or (_BY_DEFAULT if n_raters is None or n_raters > len(_BY_DEFAULT) else ())
    simulated = SimulatedRaters(n_raters, effect, seed, tuple(known[each] for each in chosen))
    sealed_url = given["sealed_url"]
    data = Workspace(rating=given["rating_url"], sealed=sealed_url).read_rehearsal(
        study_name, simulated, progress=_remark
    )
    show(data, outputs)
    if times:
        _rehearse_many(sealed_url, study_name, simulated, times=times, workers=workers)


def _rehearse_many(
    sealed_url: str, study_name: str, simulated: "SimulatedRaters", *, times: int, workers: WorkerOptions
) -> None:
    from rater.rehearse import planned_study, rehearse_many

    click.echo(f"Rehearsing {times} times through the store, without pages (about 1 s each) …", err=True)
    with workers.open() as runner:
        detection = rehearse_many(sealed_url, study_name, simulated, times, progress=_remark, runner=runner)
    click.echo()
    for line in _describe_detection(detection, simulated, planned_study(sealed_url, study_name, simulated)):
        click.echo(line)


def _describe_detection(
    detection: "DetectionRate", simulated: "SimulatedRaters", study: "Study"
) -> list[str]:
    """Return the detection rate of many rehearsals, and the expected rate."""
    interval = f"99% interval {detection.low:.1%} to {detection.high:.1%}"
    found = f"{detection.n_found} of {detection.n} ({detection.share:.1%}; {interval})"
    lines = [
        f"{detection.n} more rehearsals, each with a new synthetic key, new booklets and new bots, which",
        "rated through the store and not through the pages.",
        f"The planned test found a difference in {found}.",
    ]
    if detection.n_not_estimable:
        lines.append(f"In {detection.n_not_estimable} it was not estimable.")
    return [*lines, _expected(simulated, study)]


def _expected(simulated: "SimulatedRaters", study: "Study") -> str:
    alpha = study.analysis.alpha
    if not simulated.effect:
        return f"Without an effect, the share should be about alpha, {alpha:.0%}."
    from rater.sample_size import power_as_planned

    power = power_as_planned(study, simulated.effect, n_simulations=1_000)
    error = f"± {power.high - power.share:.0%}"
    return (
        f"By `rater power`, the power for an effect of {simulated.effect:g} is {power.share:.0%} ({error})."
    )


def _remark(line: str) -> None:
    click.echo(line, err=True)

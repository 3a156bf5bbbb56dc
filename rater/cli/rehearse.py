"""`rater rehearse`: go the whole way with bots, without touching real data."""

from pathlib import Path
from typing import TYPE_CHECKING, get_args

import click

from rater.cli.options import rating_option, sealed_option, study_argument
from rater.cli.outputs import Outputs, report_option, show
from rater.workspace import Workspace

if TYPE_CHECKING:
    from rater.rehearse import DetectionRate, SimulatedRaters
    from rater.study.study import Study

_CHARACTERS = ("random", "middle", "lazy", "quitting", "leaving", "double-tabbing", "slow")
_BY_DEFAULT = ("quitting", "double-tabbing", "slow")


@click.command(short_help="Go the whole way with bots and a synthetic key.")
@study_argument
@click.option(
    "--raters", "n_raters", type=click.IntRange(1, 200), help="How many bots.  [default: as many as planned]"
)
@click.option(
    "--effect",
    default=0.0,
    show_default=True,
    type=click.FloatRange(-1000, 1000),
    help="How much higher, on the primary scale, the made-up first arm reads to the bots that look; 0 for a "
    "null rehearsal.",
)
@click.option(
    "--with",
    "characters",
    multiple=True,
    type=click.Choice(_CHARACTERS),
    help="Make one of the bots like this; give it as often as you like.  [default: one each that is quitting "
    "(goes away half-way and comes back), double-tabbing and slow]",
)
@click.option(
    "--times",
    default=0,
    type=click.IntRange(0, 10_000),
    help="Rehearse so many times more, through the store and not the pages, and say how often the planned "
    "test finds a difference.",
)
@click.option("--seed", default=0, show_default=True, help="Seeds the synthetic key and the bots.")
@report_option
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
    **databases: str,
) -> None:
    """Serve a temporary copy of a generated study with a synthetic key, let bots rate it, print the analysis.

    The study's own databases are only read. With --times, say how often the planned test finds a difference:
    without an effect that should be about alpha, with one about the power that `rater power` promises. The
    report of --report is of the rehearsal through the pages, and says on every page and figure what it is.

    \b
    Example: rater rehearse love_vs_hate --effect 1 --times 200
    Example: rater rehearse love_vs_hate --effect 1 --report rehearsed
    """
    outputs = Outputs(report_path, None, None)
    if n_raters is not None and len(characters) > n_raters:
        msg = f"--with is given {len(characters)} times, but there are {n_raters} bots."
        raise click.UsageError(msg)
    outputs.require_writable()
    from rater.bots.behaviours import Character
    from rater.rehearse import SimulatedRaters

    known = {character: character for character in get_args(Character)}
    chosen = characters or (_BY_DEFAULT if n_raters is None or n_raters > len(_BY_DEFAULT) else ())
    simulated = SimulatedRaters(n_raters, effect, seed, tuple(known[each] for each in chosen))
    sealed_url = databases["sealed_url"]
    data = Workspace(rating=databases["rating_url"], sealed=sealed_url).read_rehearsal(
        study_name,
        n_raters=n_raters,
        effect=effect,
        seed=seed,
        characters=simulated.characters,
        progress=_remark,
    )
    show(data, outputs)
    if times:
        _rehearse_many(sealed_url, study_name, simulated, times)


def _rehearse_many(sealed_url: str, study_name: str, simulated: "SimulatedRaters", times: int) -> None:
    from rater.rehearse import planned_study, rehearse_many

    click.echo(f"Rehearsing {times} times through the store, without pages (about 1 s each) …", err=True)
    often = rehearse_many(sealed_url, study_name, simulated, times, say=_remark)
    click.echo()
    for line in _how_often(often, simulated, planned_study(sealed_url, study_name, simulated)):
        click.echo(line)


def _how_often(often: "DetectionRate", simulated: "SimulatedRaters", study: "Study") -> list[str]:
    """Say what many rehearsals came to, beside what was to be expected."""
    found = (
        f"{often.n_found} of {often.n} ({often.share:.1%}; 99% interval {often.low:.1%} to {often.high:.1%})"
    )
    lines = [
        f"Rehearsed {often.n} more times, each with a new synthetic key, new booklets and new bots, which",
        "rated through the store and not through the pages.",
        f"The planned test found a difference in {found}.",
    ]
    if often.n_not_estimable:
        lines.append(f"In {often.n_not_estimable} it could not be made.")
    return [*lines, _expected(simulated, study)]


def _expected(simulated: "SimulatedRaters", study: "Study") -> str:
    alpha = study.analysis.alpha
    if not simulated.effect:
        return f"Without an effect, that should be about alpha, {alpha:.0%}."
    from rater.sample_size import power_as_planned

    power = power_as_planned(study, simulated.effect, n_simulations=1_000)
    error = f"± {power.high - power.share:.0%}"
    return f"`rater power` promises to find {simulated.effect:g} in {power.share:.0%} ({error})."


def _remark(line: str) -> None:
    click.echo(line, err=True)

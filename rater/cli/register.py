"""`rater register`: print a published study's preregistration."""

from typing import TYPE_CHECKING

import click

from rater.cli.advice import next_step
from rater.cli.options import rating_option, sealed_option, study_argument

if TYPE_CHECKING:
    from rater.study.study import Study

_SIMULATIONS = 1_000


@click.command(short_help="Print the preregistration of a published study.")
@study_argument
@rating_option
@sealed_option
def register(study_name: str, rating_url: str, sealed_url: str) -> None:
    """Print, in Markdown, what is to be preregistered: hypotheses, design, arms, sample size, plan, hashes.

    Do it after `rater publish --hold` and before `rater open`. The text names the arms, so this opens the
    sealed database: it is for you and a registry, under embargo while raters rate, and not for raters.

    \b
    Example: rater register love_vs_hate > preregistration.md
    """
    from rater.custody.register import read_registrable, write_registration

    registrable = read_registrable(sealed_url, rating_url, study_name)
    state, progress = registrable.published.state, registrable.progress
    if state.takes_raters:
        click.echo("This text names the arms: keep it from raters until the study is closed.", err=True)
    click.echo(f"Estimating the power in {_SIMULATIONS:,} simulated studies …", err=True)
    click.echo(write_registration(registrable, _power(registrable.study)), nl=False)
    step = next_step(
        study_name,
        state,
        n_finished=progress.n_finished,
        n_planned=progress.n_booklets,
        n_answers=progress.n_answers,
    )
    click.echo(f"Next: {step}", err=True)


def _power(study: "Study") -> list[str]:
    from rater.analysis.simulate import Spread
    from rater.analysis.wording import number
    from rater.power import as_net_superiority, default_points, power_as_planned
    from rater.report.power import describe_spread

    points = default_points(study)
    power = power_as_planned(study, points, n_simulations=_SIMULATIONS)
    interval = f"95 % interval {power.low:.0%} to {power.high:.0%}"
    net = as_net_superiority(study, points)
    unit = "" if net is None else f" (net superiority {number(net)})"
    finds = (
        f"The planned test finds a true difference of {points:g}{unit} on the primary scale in "
        f"{power.share:.0%}"
    )
    return [
        f"{finds} of {power.n_simulations:,} simulated studies ({interval}).",
        describe_spread(Spread()),
    ]

"""`rater check`: validate a study file and say what it would do."""

import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.outputs import echo_json, telling

if TYPE_CHECKING:
    from rater.analysis.power import Power
    from rater.cli.prompts import ShownPrompt, Tokenizers
    from rater.publish.balance import Balance
    from rater.study.forecast import Forecast
    from rater.study.study import Study

_SIMULATIONS = 200


@dataclass(frozen=True, kw_only=True)
class _Checked:
    """What there is to say of a study that can be run."""

    study: "Study"
    forecast: "Forecast"
    prompts: "list[ShownPrompt]"
    balance: "Balance"
    points: float
    """The difference that the power is of, in points of the scale."""
    net_superiority: float | None
    """The same in the unit of the primary test, where that is net superiority."""
    power: "Power"
    checked_later: list[str]
    """What only the model itself can tell."""
    warnings: list[str]


@click.command(short_help="Validate a study file and say what it would do.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def check(file: Path, *, as_json: bool) -> None:
    """Validate a study file and print what it would do, before anything is generated.

    \b
    Example: rater check experiments/love_vs_hate.py
    """
    checked = _check(file)
    next_step = f"rater generate {shlex.quote(str(file))}"
    if as_json:
        echo_json(_figures(checked) | {"next": next_step})
        return
    _print(checked, file)
    click.echo(f"Next: {next_step}")


def _check(file: Path) -> _Checked:
    import numpy as np

    from rater.cli.prompts import read_tokenizers, require_long_prompts, show_prompts
    from rater.embedded import count_layers
    from rater.power import as_net_superiority, default_points, power_as_planned
    from rater.publish.balance import measure_balance
    from rater.publish.booklets import deal_booklets
    from rater.publish.known_lengths import known_lengths
    from rater.study.fit import require_hook_points, require_vector_files
    from rater.study.forecast import forecast
    from rater.study.load import load_study
    from rater.study.remarks import remarks
    from rater.study.vanishing import require_effects

    study = load_study(file)
    n_layers = count_layers(study.model)
    require_hook_points(study, n_layers)
    require_vector_files(study)
    require_effects(study)
    tokenizers = read_tokenizers(study)
    knows_lengths = require_long_prompts(study, tokenizers)
    points = default_points(study)
    with telling(f"Assigning {study.n_raters:,} booklets", only_on_terminal=True):
        booklets = deal_booklets(study.design, np.random.default_rng(0))
    with telling(f"Simulating {_SIMULATIONS} studies", only_on_terminal=True):
        power = power_as_planned(study, points, n_simulations=_SIMULATIONS)
    return _Checked(
        study=study,
        forecast=forecast(study, known_lengths(study, file.parent)),
        prompts=show_prompts(study, tokenizers, file.parent),
        balance=measure_balance(study.design, booklets),
        points=points,
        net_superiority=as_net_superiority(study, points),
        power=power,
        checked_later=_left(knows_layers=n_layers is not None, knows_lengths=knows_lengths)
        if tokenizers
        else [],
        warnings=[*_missing_models(tokenizers), *remarks(study, file)],
    )


def _missing_models(tokenizers: "Tokenizers") -> list[str]:
    """Warn of models that are not on this disk, since a misspelt name is found only when one is loaded."""
    return [
        f"The model {model!r} is not on this machine (or transformers is not installed); "
        "its name is checked, and the model downloaded, when it is loaded."
        for model, tokenizer in tokenizers.items()
        if tokenizer is None
    ]


def _left(*, knows_layers: bool, knows_lengths: bool) -> list[str]:
    """List what only the model itself can tell."""
    left = ["that it has the hook points that are named"]
    if not knows_layers:
        left.insert(0, "that it is there and has the layers")
    if not knows_lengths:
        left.append("that prompts are long enough for what is added to them")
    return left


def _print(checked: _Checked, file: Path) -> None:
    from rater.cli.prompts import print_prompts
    from rater.report.analysis_plan import print_analysis_plan
    from rater.report.balance import print_balance
    from rater.report.forecast import print_forecast
    from rater.report.power import describe_power

    study = checked.study
    print_forecast(study, checked.forecast)
    print_analysis_plan(study)
    print_prompts(study, checked.prompts)
    print_balance(study, checked.balance)
    described = describe_power(
        checked.power,
        checked.points,
        is_pairwise=study.is_pairwise,
        net_superiority=checked.net_superiority,
    )
    click.echo(f"\nPower: {described} More: rater power {shlex.quote(str(file))}")
    if checked.checked_later:
        left = ", ".join(checked.checked_later)
        click.echo(f"\nChecked when the model is loaded, before anything is made: {left}.")
    for warning in checked.warnings:
        click.echo(f"Warning: {warning}", err=True)


def _figures(checked: _Checked) -> dict[str, object]:
    """Give all that is printed by name, and the whole study as its hash covers it; arms by their names."""
    from rater.analysis.of_study import plan_of
    from rater.report.export import as_json

    study, balance = checked.study, checked.balance
    names, planned = study.arm_names, plan_of(study)
    by_arm = {
        "ratings_per_arm": {names[arm]: n for arm, n in balance.ratings_per_arm.items()},
        "mean_places_of_arms": {names[arm]: place for arm, place in balance.mean_places_of_arms.items()},
        "first_left": [
            {"left": names[left], "right": names[right], "share": share}
            for (left, right), share in balance.first_left.items()
        ],
        "booklets_by_first_dimension": {
            study.dimensions[number].name: n for number, n in balance.booklets_by_first_dimension.items()
        },
    }
    return {
        **checked.forecast.as_dict(),
        "study": study.model_dump(mode="json"),
        "planned": as_json(replace(planned, contrasts=planned.contrasts_among(names))),
        "prompts": [asdict(each) | {"own": each.own and each.own._asdict()} for each in checked.prompts],
        "balance": asdict(balance) | by_arm,
        "power": {
            "points": checked.points,
            "net_superiority": checked.net_superiority,
            **asdict(checked.power),
        },
        "checked_later": checked.checked_later,
        "warnings": checked.warnings,
    }

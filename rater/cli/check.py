"""`rater check`: validate a study file and say what it would do."""

import json
from pathlib import Path

import click

_SIMULATIONS = 200


@click.command(short_help="Validate a study file and say what it would do.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def check(file: Path, *, as_json: bool) -> None:
    """Validate a study file and print what it would do, before anything is generated.

    \b
    Example: rater check experiments/love_vs_hate.py
    """
    import numpy as np

    from rater.cli.prompts import require_long_prompts, show_prompts
    from rater.embedded import count_layers
    from rater.power import default_points, power_as_planned
    from rater.publish.balance import measure_balance
    from rater.publish.booklets import deal_booklets
    from rater.publish.known_lengths import known_lengths
    from rater.report.analysis_plan import print_analysis_plan
    from rater.report.balance import print_balance
    from rater.report.forecast import print_forecast
    from rater.report.power import describe_power
    from rater.study.arms import models_needed
    from rater.study.fit import require_layers
    from rater.study.forecast import forecast
    from rater.study.load import load_study
    from rater.study.remarks import remarks

    study = load_study(file)
    n_layers = count_layers(study.model)
    if n_layers is not None:
        require_layers(study, n_layers)
    knows_lengths = require_long_prompts(study)
    expected = forecast(study, known_lengths(study, file.parent))
    if as_json:
        click.echo(json.dumps(expected.as_dict(), indent=2, ensure_ascii=False))
    else:
        print_forecast(study, expected)
        print_analysis_plan(study)
        show_prompts(study, file.parent)
        booklets = deal_booklets(study.design, np.random.default_rng(0))
        print_balance(study, measure_balance(study.design, booklets))
        points = default_points(study)
        found = power_as_planned(study, points, n_simulations=_SIMULATIONS)
        described = describe_power(found, points, is_pairwise=study.is_pairwise)
        click.echo(f"\nPower: {described} More: rater power {file}")
        if models_needed(study.arms, study.model):
            click.echo(_checked_later(knows_layers=n_layers is not None, knows_lengths=knows_lengths))
        for remark in remarks(study, file):
            click.echo(f"Warning: {remark}", err=True)
        click.echo(f"Next: rater generate {file}")


def _checked_later(*, knows_layers: bool, knows_lengths: bool) -> str:
    """Say what only the model itself can tell."""
    left = ["that it has the hook points that are named"]
    if not knows_layers:
        left.insert(0, "that it is there and has the layers")
    if not knows_lengths:
        left.append("that prompts are long enough for what is added to them")
    return f"\nChecked when the model is loaded, before anything is made: {', '.join(left)}."

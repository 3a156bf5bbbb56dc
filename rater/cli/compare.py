"""`rater compare`: read what a study's arms write, side by side, before anything is generated for good."""

from pathlib import Path

import click

from rater.cli.loading import device_option, load_model


@click.command(short_help="Read completions of all arms side by side.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--prompts", "n_prompts", default=3, show_default=True, type=click.IntRange(1), help="How many prompts."
)
@click.option("--samples", default=2, show_default=True, type=click.IntRange(1), help="Samples of each.")
@click.option("--html", "html", type=click.Path(path_type=Path), help="Write a page to this file instead.")
@device_option
def compare(file: Path, n_prompts: int, samples: int, html: Path | None, device: str | None) -> None:  # noqa: PLR0917 (one argument for each option)
    """Generate some completions of every arm, and show them side by side with what was steered where.

    They are the ones that the study will get for these prompts and samples, and they tell which arm is which:
    whoever will rate must not see them.

    \b
    Example: rater compare experiments/love_vs_hate.py --prompts 2
    """
    from rich.console import Console

    from rater.errors import ModelError
    from rater.study.describe import describe_arm
    from rater.study.load import load_study

    study = load_study(file)
    model = load_model(study.model, device)
    from rater.steering.completions import generate
    from rater.steering.side_by_side import page, tables

    made = generate(
        model,
        study.prompts[:n_prompts],
        study.arms,
        study.sampling.model_copy(update={"samples_per_prompt": samples}),
        trace=True,
    )
    arms = {arm.name: describe_arm(arm) for arm in study.arms}
    if html is None:
        for table in tables(made, arms):
            Console().print(table)
        return
    try:
        html.write_text(page(f"{study.name}: completions side by side", made, arms), encoding="utf-8")
    except OSError as error:
        msg = f"--html: {html} could not be written: {error.strerror or error}. Name another file."
        raise ModelError(msg) from error
    click.echo(f"Written: {html}")

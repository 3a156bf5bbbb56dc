"""`rater model`: bring the embedded model."""

import click


@click.group()
def model() -> None:
    """Install the embedded model (SmolLM2-135M-Instruct)."""


@model.command()
def install() -> None:
    """Download the embedded model and convert it once, into a cache folder.

    \b
    Example: rater model install
    """
    from rater.embedded import install_embedded_model

    path = install_embedded_model(lambda line: click.echo(line, err=True))
    click.echo(f"The embedded model is in {path}")

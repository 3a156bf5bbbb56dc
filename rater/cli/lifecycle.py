"""`rater open`, `pause` and `close`: let raters in, let them wait, and take no more answers."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

import click

from rater.cli.options import rating_option, study_argument

Move: TypeAlias = Callable[..., str]


@click.command(name="open", short_help="Let raters in (again).")
@study_argument
@rating_option
def open_(study_name: str, rating_url: str) -> None:
    """Let raters into a study that is published or paused, or closed but not unblinded.

    \b
    Example: rater open love_vs_hate
    """
    from rater.publish.lifecycle import open_study

    _move(open_study, study_name, rating_url, says="is open", after="rater serve")


@click.command(short_help="Take no answers for now.")
@study_argument
@rating_option
def pause(study_name: str, rating_url: str) -> None:
    """Let raters wait: they see a friendly page, keep their places, and go on when the study is opened again.

    \b
    Example: rater pause love_vs_hate
    """
    from rater.publish.lifecycle import pause_study

    _move(pause_study, study_name, rating_url, says="is paused", after=f"rater open {study_name}")


@click.command(name="close", short_help="Take no more answers.")
@study_argument
@rating_option
def close_(study_name: str, rating_url: str) -> None:
    """Take no more answers; raters see a friendly page.

    \b
    Example: rater close love_vs_hate
    """
    from rater.publish.lifecycle import close_study

    _move(close_study, study_name, rating_url, says="is closed", after=f"rater analyze {study_name}")


def _move(move: Move, study_name: str, rating_url: str, *, says: str, after: str) -> None:
    from datetime import UTC

    head = move(rating_url, study_name, now=datetime.now(UTC))
    click.echo(f"Study {study_name} {says}.\n  log   {head}\nNext: {after}")

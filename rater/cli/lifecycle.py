"""`rater open`, `pause` and `close`: let raters in, let them wait, and take no more answers."""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import click

from rater.cli.advice import next_step
from rater.cli.options import rating_option, study_argument
from rater.study.state import State

if TYPE_CHECKING:
    from rater.custody.closing import Account

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
    """Take no more answers, and account for every rater; raters see a friendly page.

    All answers are digested, and the digest is written in the log: `rater verify` finds a change after that.

    \b
    Example: rater close love_vs_hate
    """
    from datetime import UTC

    from rater.custody.closing import account_for
    from rater.publish.lifecycle import close_study

    now = datetime.now(UTC)
    head = close_study(rating_url, study_name, now=now)
    account = account_for(rating_url, study_name, now=now)
    click.echo(f"Study {study_name} is closed.")
    for label, value in _account(account):
        click.echo(f"  {label:<8}  {value}")
    step = next_step(
        study_name,
        State.CLOSED,
        n_finished=account.n_finished,
        n_planned=account.n_planned,
        n_answers=account.n_answers,
    )
    click.echo(f"  log       {head}\nNext: {step}")


def _account(account: "Account") -> Iterator[tuple[str, str]]:
    """Put in words where everybody stood, and what the answers are sealed under."""
    if account.n_invited:
        yield "invited", f"{account.n_invited:,} by personal links"
    if account.n_declined:
        yield "declined", f"{account.n_declined:,}"
    stood = [f"{account.n_finished:,} finished", f"{account.n_partial:,} partial"]
    if account.n_unanswering:
        stood.append(f"{account.n_unanswering:,} without an answer")
    n_left = sum(account.left.values())
    how = ", ".join(f"{n:,} {standing}" for standing, n in account.left.items())
    stood.append(f"{n_left:,} left" + (f" ({how})" if how else ""))
    yield "raters", f"{account.n_planned:,} planned, {account.n_came:,} came: {', '.join(stood)}"
    yield "answers", f"{account.n_answers:,} with their revisions, sealed under the digest {account.digest}"


def _move(move: Move, study_name: str, rating_url: str, *, says: str, after: str) -> None:
    from datetime import UTC

    head = move(rating_url, study_name, now=datetime.now(UTC))
    click.echo(f"Study {study_name} {says}.\n  log   {head}\nNext: {after}")

"""`rater open`, `pause`, `close`, `amend` and `register`: the life cycle of a published study."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import rating_option, sealed_option, study_argument
from rater.cli.status import next_step
from rater.study.state import State
from rater.workspace import Workspace
from rater.workspace.databases import current_user

if TYPE_CHECKING:
    from rater.admin.status import Account


@click.command(name="open", short_help="Let raters in.")
@study_argument
@rating_option
def open_(study_name: str, rating_url: str) -> None:
    """Let raters into a study that is published or paused, or closed but not unblinded.

    \b
    Example: rater open love_vs_hate
    """
    head = Workspace(rating=rating_url).open(study_name)
    _print_move(study_name, head, state="is open", after="rater serve")


@click.command(short_help="Pause a study.")
@study_argument
@rating_option
def pause(study_name: str, rating_url: str) -> None:
    """Pause a study. Raters see a message, keep their places, and continue when the study is opened again.

    \b
    Example: rater pause love_vs_hate
    """
    head = Workspace(rating=rating_url).pause(study_name)
    _print_move(study_name, head, state="is paused", after=f"rater open {study_name}")


@click.command(name="close", short_help="Stop accepting answers.")
@study_argument
@rating_option
def close_(study_name: str, rating_url: str) -> None:
    """Stop accepting answers, and account for every rater. Raters see a message.

    A digest of all answers is stored in the log, so that `rater verify` finds later changes.

    \b
    Example: rater close love_vs_hate
    """
    from rater.publish.publish import read_head

    account = Workspace(rating=rating_url).close(study_name)
    head = read_head(rating_url, study_name)
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
    """Yield the number of raters by status, and the digest of the answers."""
    if account.n_invited:
        yield "invited", f"{account.n_invited:,} by personal links"
    if account.n_declined:
        yield "declined", f"{account.n_declined:,}"
    statuses = [f"{account.n_finished:,} finished", f"{account.n_partial:,} partial"]
    if account.n_unanswering:
        statuses.append(f"{account.n_unanswering:,} without an answer")
    n_left = sum(account.left.values())
    how = ", ".join(f"{n:,} {status}" for status, n in account.left.items())
    statuses.append(f"{n_left:,} left" + (f" ({how})" if how else ""))
    yield "raters", f"{account.n_planned:,} planned, {account.n_came:,} came: {', '.join(statuses)}"
    yield "answers", f"{account.n_answers:,} with their revisions, under the digest {account.digest}"


def _print_move(study_name: str, head: str, *, state: str, after: str) -> None:
    click.echo(f"Study {study_name} {state}.\n  log   {head}\nNext: {after}")


@click.command(short_help="Change texts, or add raters, after publication.")
@study_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--reason", required=True, help="Reason; stored in the log, which raters never see.")
@click.option("--who", default=current_user, show_default="you", help="Your name; stored in the log.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@rating_option
@sealed_option
def amend(
    study_name: str, file: Path, *, reason: str, who: str, yes: bool, rating_url: str, sealed_url: str
) -> None:
    """Apply FILE as a new version of STUDY, from each rater's next page on.

    You can change texts around the trials, the wording of questions and the like, and add raters: their
    booklets continue the assignment. You cannot change arms, prompts, sampling, rated texts, dimensions with
    their scales, or the analysis. The study's hash and commitment do not change; the log records the digest
    of the changes and the reason. Needs access to the sealed database.

    \b
    Example: rater amend love_vs_hate experiments/love_vs_hate.py --reason "Typing error in the consent"
    """
    from datetime import UTC

    from rater.admin.amend import amend_study, preview
    from rater.errors import StateError
    from rater.study.load import load_study

    study = load_study(file)
    if study.name != study_name:
        msg = f"{file} declares the study {study.name!r}, not {study_name!r}."
        raise StateError(msg)
    if not reason.strip():
        msg = "--reason is empty; give the reason for the change in a sentence."
        raise click.UsageError(msg)
    changes = preview(sealed_url, rating_url, study)
    if not yes:
        click.echo(f"This changes {', '.join(changes)} of study {study_name}.", err=True)
        click.confirm(
            "Raters see the change from their next page on, and the log records it permanently. Continue?",
            abort=True,
            err=True,
        )
    done = amend_study(sealed_url, rating_url, study, reason=reason.strip(), by=who, now=datetime.now(UTC))
    click.echo(f"Study {study_name} is amended: version {done.version}")
    click.echo(f"  changed   {', '.join(done.changes)}")
    if done.n_raters_added:
        click.echo(f"  raters    {done.n_raters_added} added")
    click.echo(f"  log       {done.log_head}")
    click.echo(f"Next: rater verify {study_name}")


@click.command(short_help="Print the preregistration of a published study.")
@study_argument
@rating_option
@sealed_option
def register(study_name: str, rating_url: str, sealed_url: str) -> None:
    """Print the preregistration in Markdown: hypotheses, design, arms, sample size, analysis plan, hashes.

    Run it after `rater publish --hold` and before `rater open`. Needs access to the sealed database, since
    the text names the arms. Submit it to a registry under embargo, and keep it from raters.

    \b
    Example: rater register love_vs_hate > preregistration.md
    """
    from rater.admin.register import read_registrable, write_registration
    from rater.report.console.power import N_SIMULATIONS, describe_planned_power

    registrable = read_registrable(sealed_url, rating_url, study_name)
    state, progress = registrable.published.state, registrable.progress
    if state.takes_raters:
        click.echo("This text names the arms: keep it from raters until the study is closed.", err=True)
    click.echo(f"Estimating the power in {N_SIMULATIONS:,} simulated studies …", err=True)
    click.echo(write_registration(registrable, describe_planned_power(registrable.study)), nl=False)
    step = next_step(
        study_name,
        state,
        n_finished=progress.n_finished,
        n_planned=progress.n_booklets,
        n_answers=progress.n_answers,
    )
    click.echo(f"Next: {step}", err=True)

"""`rater open`, `pause`, `close`, `amend`, `register` and `status`: the life cycle of a study."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import StudyName, rating_option, sealed_option, study_argument
from rater.cli.outputs import echo_json
from rater.study.state import State
from rater.workspace import Workspace
from rater.workspace.databases import current_user

if TYPE_CHECKING:
    from rater.admin.status import Account
    from rater.store.rating.monitoring import Watched


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
    workspace = Workspace(rating=rating_url)
    account = workspace.close(study_name)
    head = workspace.read_log_head(study_name)
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
    if account.n_further:
        yield "of these", f"{account.n_further:,} are further booklets of raters who had finished one"
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
    from rater.errors import StateError
    from rater.study.load import load_study

    study = load_study(file)
    if study.name != study_name:
        msg = f"{file} declares the study {study.name!r}, not {study_name!r}."
        raise StateError(msg)
    if not reason.strip():
        msg = "--reason is empty; give the reason for the change in a sentence."
        raise click.UsageError(msg)
    workspace = Workspace(rating=rating_url, sealed=sealed_url)
    changes = workspace.preview_amendment(study)
    if not yes:
        click.echo(f"This changes {', '.join(changes)} of study {study_name}.", err=True)
        click.confirm(
            "Raters see the change from their next page on, and the log records it permanently. Continue?",
            abort=True,
            err=True,
        )
    done = workspace.amend(study, reason=reason.strip(), who=who)
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
    from rater.report.console.power import N_SIMULATIONS
    from rater.store.rating.monitoring import Watched

    workspace = Workspace(rating=rating_url, sealed=sealed_url)
    click.echo(f"Estimating the power in {N_SIMULATIONS:,} simulated studies …", err=True)
    click.echo(workspace.preregistration(study_name), nl=False)
    progress = workspace.status(study_name)
    assert isinstance(progress, Watched)  # noqa: S101 (only a published study has a preregistration)
    if progress.state.takes_raters:
        click.echo("This text names the arms: keep it from raters until the study is closed.", err=True)
    click.echo(f"Next: {_step_after(progress)}", err=True)


def next_step(name: str, state: str, *, n_finished: int, n_planned: int, n_answers: int) -> str:
    """Return the next command, by the state of a published study or the progress of an unpublished one."""
    if state == State.CLOSED and not n_answers:
        return f"rater open {name}"  # nothing could be analysed
    if state == State.OPEN and n_finished:
        # the server of a study with finished raters is running, or is started as before
        return f"rater close {name}" + (
            "" if n_finished >= n_planned else ", once enough raters have finished"
        )
    if state == State.OPEN:
        return "rater serve"
    return {
        "partly generated": "rater generate FILE",
        State.GENERATED: f"rater publish {name}",
        "published in another database": f"rater status {name} --ratings URL",
        State.PUBLISHED: f"rater open {name}",
        State.PAUSED: f"rater open {name}",
        State.CLOSED: f"rater analyze {name}",
        State.UNBLINDED: f"rater archive {name} FILE.zip",
    }.get(state, f"rater verify {name}")


def _step_after(progress: "Watched") -> str:
    """Return the next command for a published study."""
    return next_step(
        progress.name,
        progress.state,
        n_finished=progress.n_finished,
        n_planned=progress.n_booklets,
        n_answers=progress.n_answers,
    )


@click.command(short_help="Show study progress.")
@click.argument("study_name", metavar="[STUDY]", type=StudyName(), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@rating_option
@sealed_option
def status(study_name: str | None, rating_url: str, sealed_url: str, *, as_json: bool) -> None:
    """Show study progress: raters, ratings per text, times and drop-outs, never by arm.

    Before publication it shows the completions by arm, so that you can find a broken arm in time. Without a
    name it lists all studies with their states, the number of raters who have finished, and the next command.

    \b
    Example: rater status
    Example: rater status love_vs_hate
    """
    if study_name is None:
        _list_studies(rating_url, sealed_url, as_json=as_json)
    else:
        _show_progress(study_name, rating_url, sealed_url, as_json=as_json)


def _show_progress(study_name: str, rating_url: str, sealed_url: str, *, as_json: bool) -> None:
    from dataclasses import asdict

    from rich.console import Console

    from rater.report.console.status import print_generated, print_watched
    from rater.store.rating.monitoring import Watched

    seen = Workspace(rating=rating_url, sealed=sealed_url).status(study_name)
    if isinstance(seen, Watched):
        step = _step_after(seen)
        if as_json:
            echo_json({**asdict(seen), "published_at": seen.published_at.isoformat(), "next": step})
            return
        print_watched(seen, Console())
    else:
        state = State.GENERATED if seen.is_complete else "partly generated"
        step = next_step(study_name, state, n_finished=0, n_planned=0, n_answers=0)
        if as_json:
            echo_json({"name": study_name, "state": state, **asdict(seen), "next": step})
            return
        print_generated(study_name, seen, Console())
    click.echo(f"Next: {step}")


def _list_studies(rating_url: str, sealed_url: str, *, as_json: bool) -> None:
    from dataclasses import asdict

    from rich.console import Console

    from rater.report.console.status import print_listed

    listing = Workspace(rating=rating_url, sealed=sealed_url).studies()
    steps = {
        each.name: next_step(
            each.name,
            each.state,
            n_finished=each.n_finished,
            n_planned=each.n_planned,
            n_answers=each.n_answers,
        )
        for each in listing.studies
    }
    if as_json:
        echo_json([{**asdict(each), "next": steps[each.name]} for each in listing.studies])
    elif listing.studies:
        print_listed(listing.studies, steps, Console())
    else:
        click.echo(
            "These databases contain no studies yet.\nNext: rater check FILE, then rater generate FILE"
        )
    _warn_of_missing(rating_url, sealed_url, as_json=as_json)
    if listing.sealed == "not ours":
        click.echo(
            "Studies that are not published yet are not listed: the sealed database cannot be read from "
            "here.",
            err=as_json,
        )


def _warn_of_missing(rating_url: str, sealed_url: str, *, as_json: bool) -> None:
    """Warn of given databases that do not exist, since their path may be misspelt."""
    from click.core import ParameterSource

    from rater.store.engine import sqlite_path

    context = click.get_current_context()
    for name, which, url in (("rating_url", "rating", rating_url), ("sealed_url", "sealed", sealed_url)):
        path = sqlite_path(url)
        is_given = context.get_parameter_source(name) is not ParameterSource.DEFAULT
        if is_given and path is not None and not path.is_file():
            click.echo(f"There is no {which} database at {path.resolve()}.", err=as_json)

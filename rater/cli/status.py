"""`rater status`: show study progress, and the next command for a study."""

import click

from rater.cli.options import StudyName, rating_option, sealed_option
from rater.cli.outputs import echo_json
from rater.study.state import State
from rater.workspace import Workspace


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
        step = next_step(
            seen.name,
            seen.state,
            n_finished=seen.n_finished,
            n_planned=seen.n_booklets,
            n_answers=seen.n_answers,
        )
        if as_json:
            echo_json({**asdict(seen), "published_at": seen.published_at.isoformat(), "next": step})
            return
        print_watched(seen, Console())
    else:
        state = State.GENERATED if all(arm.n == arm.n_planned for arm in seen) else "partly generated"
        step = next_step(study_name, state, n_finished=0, n_planned=0, n_answers=0)
        if as_json:
            arms = [asdict(arm) for arm in seen]
            echo_json({"name": study_name, "state": state, "arms": arms, "next": step})
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

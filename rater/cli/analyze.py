"""`rater analyze`: open the seal and say what the ratings show."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import rating_option, sealed_option, study_argument

if TYPE_CHECKING:
    from rater.report.terminal import Screen
    from rater.unblind import Unblinded


@click.command(short_help="Open the seal and say what the ratings show.")
@study_argument
@click.option("--yes", is_flag=True, help="Do not ask before unblinding.")
@click.option(
    "--look", "interim", is_flag=True, help="Only look, and leave the study open; the look is logged."
)
@click.option("--who", default=getpass.getuser, show_default="you", help="Who looks; kept in the log.")
@click.option("--why", default="planned analysis", show_default=True, help="Why; kept in the log.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write all results to this file.")
@click.option(
    "--csv", "csv_path", type=click.Path(path_type=Path), help="Write the tidy ratings to this file."
)
@rating_option
@sealed_option
def analyze(  # noqa: PLR0913 (each argument is an option of the command)
    study_name: str,
    rating_url: str,
    sealed_url: str,
    *,
    yes: bool,
    interim: bool,
    who: str,
    why: str,
    json_path: Path | None,
    csv_path: Path | None,
) -> None:
    """Unblind a study and print its planned analysis.

    The study is closed for good first, unless you only --look. The look is written in the study's log.

    \b
    Example: rater analyze love_vs_hate --yes --json result.json --csv ratings.csv
    """
    from datetime import UTC, datetime

    from rich.console import Console

    from rater.analysis.primary import analyze as analyze_ratings
    from rater.report.export import write_csv, write_json
    from rater.report.terminal import print_analysis
    from rater.unblind import Reason, unblind

    if not yes:
        _confirm(rating_url, study_name, interim=interim)
    reason = Reason(who=who, why=why)
    seen = unblind(sealed_url, rating_url, study_name, reason=reason, now=datetime.now(UTC), interim=interim)
    analysis = analyze_ratings(seen.frame, seen.plan)
    print_analysis(analysis, Console(), _screen(seen))
    if json_path is not None:
        write_json(analysis, json_path)
        click.echo(f"All results are in {json_path}", err=True)
    if csv_path is not None:
        write_csv(seen.frame, csv_path)
        click.echo(f"The tidy ratings are in {csv_path}", err=True)


def _confirm(rating_url: str, study_name: str, *, interim: bool) -> None:
    """Say what unblinding does to this study, and ask; one that is unblinded already is not asked about."""
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study, read_progress

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        study = get_study(session, study_name)
        progress = read_progress(session, study.id)
    if study.state == "unblinded":
        return
    n_under_way = progress.n_raters - progress.n_finished
    click.echo(
        f"Study {study_name} is {study.state}. Of {progress.n_booklets} planned raters {progress.n_finished} "
        f"have finished and {n_under_way} are under way; there are {progress.n_answers} answers.",
        err=True,
    )
    if interim:
        question = "This look at unfinished data is written in the study's log and reported. Look?"
    else:
        question = "This closes the study for good, unblinds it, and writes that in its log. Go on?"
    click.confirm(question, abort=True, err=True)


def _screen(seen: "Unblinded") -> "Screen":
    from rater.report.terminal import Screen

    look = f"This is look {seen.look} at the study's answers by arm"
    if seen.was_interim:
        look += ", and the study is still open"
    return Screen(
        title=seen.title,
        completed_raters=seen.progress.n_finished,
        planned_raters=seen.progress.n_booklets,
        notes=[
            f"{look}; it is written in the study's log (head {seen.log_head[:16]}…).",
            "The key matches the commitment made at publication.",
        ],
    )

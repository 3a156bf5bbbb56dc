"""`rater analyze`: open the seal and say what the ratings show."""

import getpass
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Unpack

import click

from rater.cli.elsewhere import Elsewhere, elsewhere_options
from rater.cli.options import StudyName, rating_option, sealed_option

if TYPE_CHECKING:
    import pandas as pd

    from rater.analysis.planned import Planned
    from rater.report.export import Json
    from rater.report.terminal import Screen
    from rater.unblind import Unblinded


@click.command(short_help="Open the seal and say what the ratings show.")
@click.argument("study_name", metavar="[STUDY]", type=StudyName(), required=False)
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
@elsewhere_options
@rating_option
@sealed_option
def analyze(  # noqa: PLR0913 (each argument is an option of the command)
    study_name: str | None,
    rating_url: str,
    sealed_url: str,
    *,
    yes: bool,
    interim: bool,
    who: str,
    why: str,
    json_path: Path | None,
    csv_path: Path | None,
    **elsewhere: Unpack[Elsewhere],
) -> None:
    """Unblind a study and print its planned analysis; or, with --from, analyse a table of ratings.

    A study is closed for good first, unless you only --look. The look is written in the study's log.

    \b
    Example: rater analyze love_vs_hate --yes --json result.json --csv ratings.csv
    Example: rater analyze --from ratings.csv --rater who --prompt question --arm model --answer stars
    """
    from datetime import UTC, datetime

    from rater.unblind import Reason, unblind

    if (study_name is None) == (elsewhere["from_path"] is None):
        msg = "Give a STUDY, or --from FILE with ratings from elsewhere: one of the two."
        raise click.UsageError(msg)
    outputs = Outputs(json_path, csv_path)
    outputs.require_writable()
    if study_name is None:
        frame, plan, screen = _read_elsewhere(elsewhere)
        _show(frame, plan, screen, outputs, about={})
        return
    if not yes:
        _confirm(rating_url, study_name, interim=interim)
    reason = Reason(who=who, why=why)
    seen = unblind(sealed_url, rating_url, study_name, reason=reason, now=datetime.now(UTC), interim=interim)
    about: dict[str, Json] = {
        "study": study_name,
        "title": seen.title,
        "study_hash": seen.study_hash,
        "commitment": seen.commitment,
        "look": seen.look,
        "was_interim": seen.was_interim,
        "log_head": seen.log_head,
    }
    _show(seen.frame, seen.plan, _screen(seen), outputs, about=about)


class Outputs(NamedTuple):
    """The files that the results go to, where they are asked for."""

    json_path: Path | None
    csv_path: Path | None

    def require_writable(self) -> None:
        """Refuse a path that cannot be written, before anything that cannot be undone.

        Raises:
            click.UsageError: its folder is missing or not writable, or it is a folder itself.
        """
        for option, path in (("--json", self.json_path), ("--csv", self.csv_path)):
            if path is not None and (path.is_dir() or not os.access(path.parent, os.W_OK)):
                msg = f"{option} is {path}, which cannot be written; name a file in a folder that is there."
                raise click.UsageError(msg)


def _show(
    frame: "pd.DataFrame", plan: "Planned", screen: "Screen", outputs: Outputs, *, about: dict[str, "Json"]
) -> None:
    """Analyse as planned, print the screen, and write what was asked for."""
    from rich.console import Console

    from rater.analysis.primary import analyze as analyze_ratings
    from rater.report.export import write_csv, write_json
    from rater.report.terminal import print_analysis

    analysis = analyze_ratings(frame, plan)
    print_analysis(analysis, Console(), screen)
    if outputs.json_path is not None:
        write_json(analysis, outputs.json_path, about)
        click.echo(f"All results are in {outputs.json_path}", err=True)
    if outputs.csv_path is not None:
        write_csv(frame, outputs.csv_path)
        click.echo(f"The tidy ratings are in {outputs.csv_path}", err=True)


def _read_elsewhere(given: Elsewhere) -> tuple["pd.DataFrame", "Planned", "Screen"]:
    """Read the table of --from and plan its analysis from the other options."""
    from rater.analysis.tidy import plan_for, read
    from rater.report.terminal import Screen

    assert given["from_path"] is not None  # noqa: S101 (asked before)
    frame = read(
        given["from_path"],
        rater=given["rater"],
        prompt=given["prompt"],
        arm=given["arm"],
        answer=given["answer"],
        item=given["item"],
        dimension=given["dimension"],
        drop_empty=given["drop_empty"],
    )
    plan = plan_for(
        frame,
        contrast=given["contrast"],
        points=given["points"],
        scope=given["scope"],
        score=given["score"],
        sesoi=given["sesoi"],
    )
    notes = ["These are ratings from elsewhere: nothing was preregistered or verified here."]
    return frame, plan, Screen(title=str(given["from_path"]), notes=notes)


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
        looks=seen.look,
        notes=[
            f"{look}; it is written in the study's log (head {seen.log_head[:16]}…).",
            "The key matches the commitment made at publication.",
        ],
    )

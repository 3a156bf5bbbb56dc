"""`rater export` and `rater forget`: export collected data, and delete a rater's data."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import OutputFile, rating_option, sealed_option, study_argument
from rater.study.state import State
from rater.workspace import Workspace
from rater.workspace.databases import current_user

if TYPE_CHECKING:
    from rater.workspace.study_export import StudyExport


@click.command(short_help="Delete a rater's identifiers, or all their data.")
@study_argument
@click.argument("rater", metavar="RATER")
@click.option("--with-ratings", is_flag=True, help="Also delete their answers.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--by", default=current_user, show_default="you", help="Your name; stored in the log.")
@rating_option
def forget(study_name: str, rater: str, rating_url: str, by: str, *, with_ratings: bool, yes: bool) -> None:
    """Delete RATER's identifiers: those of a recruitment site, and the label of a personal link.

    RATER is an id as in `rater export`, its first six characters or more, or the recruitment site's
    identifier. The answers are kept without identifiers. --with-ratings deletes them as well; the log keeps
    their digests, so that `rater verify` can still check all other answers.

    \b
    Example: rater forget love_vs_hate 5f3a9c --with-ratings
    """
    workspace = Workspace(rating=rating_url)
    known = workspace.find_rater(study_name, rater)
    answers = f"{known.n_answers} answer{'s' * (known.n_answers != 1)}"
    identifiers = f"{known.n_identifiers} identifier{'s' * (known.n_identifiers != 1)}"
    if known.n_questions:
        identifiers += f", {known.n_questions} answers to the questionnaire"
    came = f"Rater {known.id}, who came on {known.consented_at:%Y-%m-%d}"
    click.echo(f"{came}: {identifiers}, {answers}.", err=True)
    if not yes:
        effect = (
            "all data of the rater, and records that in the log."
            if with_ratings
            else "the rater's identifiers and answers to the questionnaire; their ratings are kept."
        )
        click.confirm(f"This permanently deletes {effect} Continue?", abort=True, err=True)
    head = workspace.forget(study_name, known, with_ratings=with_ratings, who=by)
    done = "All data of the rater is deleted"
    if not with_ratings:
        done = "The rater's identifiers and answers to the questionnaire are deleted"
    click.echo(f"{done}; the head of the log is {head}")
    click.echo(
        "Earlier copies (rater backup, exports) still contain the data: delete or replace them.", err=True
    )
    if known.n_comments and not with_ratings:
        click.echo("Their comments are kept and may identify them; --with-ratings deletes them.", err=True)


@click.command(short_help="Write the ratings as tidy data.")
@study_argument
@click.argument("file", type=OutputFile())
@click.option(
    "--unblind", "unblinded", is_flag=True, help="Include arms; unblinds the study, which is logged."
)
@click.option(
    "--identifiers", is_flag=True, help="Include recruitment-platform identifiers (e.g. Prolific IDs)."
)
@click.option("--yes", is_flag=True, help="Do not ask before unblinding.")
@click.option("--allow-tampered", is_flag=True, help="Unblind data that fails verification; this is logged.")
@click.option("--who", default=current_user, show_default="you", help="Your name; stored in the log.")
@click.option("--why", default="export", show_default=True, help="Reason; stored in the log.")
@rating_option
@sealed_option
def export(
    study_name: str,
    file: Path,
    rating_url: str,
    sealed_url: str,
    *,
    unblinded: bool,
    identifiers: bool,
    yes: bool,
    allow_tampered: bool,
    **reason: str,
) -> None:
    """Write the latest revision of each answer to FILE, one row per answer.

    The ending of FILE selects the format: .csv, .jsonl (JSON Lines) or .parquet (needs pyarrow). Further
    files contain raters, guesses, comments, and a data dictionary. The export is masked: it has no arms, and
    a text has a different id for each rater. --unblind on a closed study adds the arms and a table of all
    texts with their mean ratings. Identifiers of raters are included with --identifiers only. Every export is
    recorded in the study's log.

    \b
    Example: rater export love_vs_hate ratings.csv
    """
    from rater.report.export import require_format
    from rater.workspace.study_export import DICTIONARY, further_path, further_paths

    require_format(file)
    for path in further_paths(file, unblinded=unblinded, with_identifiers=identifiers):
        OutputFile().convert(path, None, None)
    workspace = Workspace(rating=rating_url, sealed=sealed_url)
    if unblinded and not yes:
        _confirm(workspace, study_name)
    answers = workspace.export(study_name, unblind=unblinded, allow_tampered=allow_tampered, **reason)
    _describe_log(answers)
    for table in answers.write(file, with_identifiers=identifiers):
        click.echo(f"{table.n:,} {table.name} are in {table.path}")
    click.echo(f"The data dictionary is in {further_path(file, DICTIONARY)}")


def _confirm(workspace: Workspace, study_name: str) -> None:
    """Ask for confirmation before a closed study is unblinded; no other study needs one."""
    if workspace.get_published(study_name).state is State.CLOSED:
        click.confirm(
            "This permanently unblinds the study, and records that in its log. Continue?",
            abort=True,
            err=True,
        )


def _describe_log(answers: "StudyExport") -> None:
    """Print what the study's log has of an export."""
    from rater.workspace.analysis_input import label_of_tampered

    if answers.tampered:
        click.echo(label_of_tampered(answers.tampered), err=True)
    if answers.look is None:
        click.echo(f"This export is recorded in the study's log; its head is {answers.log_head}", err=True)
    else:
        click.echo(f"This is look {answers.look}; the head of the log is {answers.log_head}", err=True)

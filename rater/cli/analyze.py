"""`rater analyze`: open the seal and say what the ratings show."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click
from click.core import ParameterSource

from rater.cli.external_options import PLANNED, Elsewhere, elsewhere_options
from rater.cli.options import OutputFile, StudyName, rating_option, sealed_option
from rater.cli.outputs import Outputs, report_option, show, show_diagnosis
from rater.workspace.databases import current_user
from rater.workspace.workspace import PLANNED_ANALYSIS, Workspace

if TYPE_CHECKING:
    from rater.workspace.analysis_input import AnalysisInput


@click.command(short_help="Open the seal and say what the ratings show.")
@click.argument("study_name", metavar="[STUDY]", type=StudyName(), required=False)
@click.option("--yes", is_flag=True, help="Do not ask before unblinding.")
@click.option(
    "--interim", is_flag=True, help="Interim analysis: leave the study open; the interim look is logged."
)
@click.option(
    "--permuted", is_flag=True, help="Analyse the answers with shuffled arms: nothing is unblinded."
)
@click.option(
    "--exploratory", is_flag=True, help="Analyse as the options say, not as planned; labelled everywhere."
)
@click.option(
    "--allow-tampered",
    is_flag=True,
    help="Analyse data that fails verification; every result says so first.",
)
@click.option("--who", default=current_user, show_default="you", help="Who looks; kept in the log.")
@click.option("--why", show_default=PLANNED_ANALYSIS, help="Why; kept in the log.")
@report_option
@click.option("--all", "show_all", is_flag=True, help="Print every table, not only the tests.")
@click.option("--json", "json_path", type=OutputFile(), help="Write all results to this file.")
@click.option("--csv", "csv_path", type=OutputFile(), help="Write the tidy ratings to this file.")
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
    permuted: bool,
    exploratory: bool,
    allow_tampered: bool,
    who: str,
    why: str | None,
    report_path: Path | None,
    json_path: Path | None,
    csv_path: Path | None,
    show_all: bool,
    **elsewhere: Unpack[Elsewhere],
) -> None:
    """Unblind a study and print its planned analysis; or, with --from, analyse a table of ratings.

    The study is closed for good first, except with --interim. Each analysis is written in the study's log.
    With --permuted you see the whole analysis on answers whose arms were shuffled, and nothing is unblinded.
    The study is verified first, as by `rater verify`: tampered data is refused without --allow-tampered.

    \b
    Example: rater analyze love_vs_hate --yes --report report
    Example: rater analyze --from ratings.csv --rater who --prompt question --arm model --answer stars
    Example: rater analyze --from ratings.csv --check
    """
    outputs = Outputs(report_path, json_path, csv_path, show_all)
    _require_what_fits(study_name, elsewhere, interim=interim, permuted=permuted, exploratory=exploratory)
    outputs.require_writable()
    from rater.cli.external_ratings import check_elsewhere, read_elsewhere
    from rater.workspace.analysis_input import EXPLORATORY, permute

    label = EXPLORATORY if exploratory else None
    workspace = Workspace(rating=rating_url, sealed=sealed_url)
    if study_name and exploratory:
        _find_declared(workspace, study_name, elsewhere)
    if elsewhere["check"]:
        show_diagnosis(check_elsewhere(elsewhere), f"{elsewhere['from_path']}", json_path)
        return
    if study_name is None:
        data = read_elsewhere(elsewhere, label=label)
    elif permuted:
        data = permute(workspace.databases, study_name, allow_tampered=allow_tampered)
        if csv_path is not None or report_path is not None:
            _log_files(rating_url, study_name, who, len(data.frame))
    else:
        if not yes:
            _confirm(workspace, study_name, interim=interim)
        data = workspace.unblind(
            study_name,
            interim=interim,
            who=who,
            why=why or ("exploratory analysis" if exploratory else PLANNED_ANALYSIS),
            label=label,
            allow_tampered=allow_tampered,
        )
    result = show(_explore(data, elsewhere) if exploratory and study_name else data, outputs)
    if study_name is not None:
        workspace.note_shown(study_name, result)


def _log_files(rating_url: str, study_name: str, who: str, n_answers: int) -> None:
    """Log ratings that are written to files under permuted arms, as every export is logged."""
    from rater.admin.export import log_permuted_export

    head = log_permuted_export(rating_url, study_name, who=who, n_answers=n_answers, now=datetime.now(UTC))
    click.echo(f"These files are in the study's log, whose head is {head}", err=True)


def _explore(data: "AnalysisInput", given: Elsewhere) -> "AnalysisInput":
    """Change the plan where an option was given."""
    from rater.workspace.analysis_input import explore

    contrast = (given["contrast"][0], given["contrast"][1]) if given["contrast"] else None
    return explore(
        data,
        primary=given["primary"],
        contrast=contrast,
        scope=given["scope"],
        score=given["score"],
        sesoi=given["sesoi"],
    )


def _find_declared(workspace: Workspace, study_name: str, given: Elsewhere) -> None:
    """Replace the arms and the dimension that were typed by the study's."""
    from rater.workspace.analysis_input import find_declared

    contrast, given["primary"] = find_declared(
        workspace.databases, study_name, contrast=given["contrast"], primary=given["primary"]
    )
    given["contrast"] = contrast or ()


def _require_what_fits(
    study_name: str | None, elsewhere: Elsewhere, *, interim: bool, permuted: bool, exploratory: bool
) -> None:
    """Refuse options that contradict each other.

    Raises:
        click.UsageError: they do.
    """
    if (study_name is None) == (elsewhere["from_path"] is None):
        msg = "Give a STUDY, or --from FILE with external ratings: one of the two."
        raise click.UsageError(msg)
    if permuted and (study_name is None or interim):
        other = "--interim" if interim else "--from"
        msg = f"--permuted and {other} do not go together: it is for a study, and unblinds nothing."
        raise click.UsageError(msg)
    if interim and study_name is None:
        msg = "--interim and --from do not go together: an interim analysis is of a study of this program."
        raise click.UsageError(msg)
    given = [name for name in elsewhere if name != "from_path" and _is_given(name)]
    about_file = [name for name in given if name not in PLANNED]
    if study_name is not None and about_file:
        msg = f"--{about_file[0].replace('_', '-')} is for external ratings: use it with --from."
        raise click.UsageError(msg)
    if study_name is not None and given and not exploratory:
        msg = (
            f"--{given[0]} would change the analysis that the study planned. Leave it out, or add "
            "--exploratory: all that is shown then says so."
        )
        raise click.UsageError(msg)


def _is_given(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def _confirm(workspace: Workspace, study_name: str, *, interim: bool) -> None:
    """Say what unblinding does to this study, and ask; one that is unblinded already is not asked about."""
    from rater.store.engine import disposing, reading
    from rater.store.rating.counts import read_raters
    from rater.store.rating.monitoring import rater_status
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study, read_progress

    with disposing(open_rating(workspace.rating_url)) as rating, reading(rating) as session:
        study = get_study(session, study_name)
        progress = read_progress(session, study.id)
        raters = read_raters(session, study.id)
    if study.state.is_unblinded:
        return
    n_under_way = sum(
        rater_status(rater, now=datetime.now(UTC), is_over=False) in {"under way", "away"} for rater in raters
    )
    is_are = "is" if n_under_way == 1 else "are"
    under_way = "" if study.state.is_over else f" and {n_under_way} {is_are} under way"
    click.echo(
        f"Study {study_name} is {study.state}. Of {progress.n_booklets} planned raters {progress.n_finished} "
        f"{'has' if progress.n_finished == 1 else 'have'} finished{under_way}; there are "
        f"{progress.n_answers} answers.",
        err=True,
    )
    if interim:
        question = "This interim look is written in the study's log and in every later report. Continue?"
    else:
        question = "This closes the study for good, unblinds it, and writes that in its log. Continue?"
    click.confirm(question, abort=True, err=True)

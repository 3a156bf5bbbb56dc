"""`rater analyze`: unblind a study and report its planned analysis, or analyse external ratings."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click
from click.core import ParameterSource

from rater.cli.external_ratings import PLANNED, ExternalRatingsOptions, external_ratings_options
from rater.cli.options import OutputFile, StudyName, rating_option, sealed_option
from rater.cli.outputs import Outputs, report_option, show, show_diagnosis
from rater.workspace.databases import current_user
from rater.workspace.workspace import PLANNED_ANALYSIS, Workspace

if TYPE_CHECKING:
    from rater.workspace.analysis_input import AnalysisInput


@click.command(short_help="Unblind a study and analyse it.")
@click.argument("study_name", metavar="[STUDY]", type=StudyName(), required=False)
@click.option("--yes", is_flag=True, help="Do not ask before unblinding.")
@click.option(
    "--interim", is_flag=True, help="Interim analysis: the study stays open, and the interim look is logged."
)
@click.option("--permuted", is_flag=True, help="Analyse the answers with shuffled arms, without unblinding.")
@click.option(
    "--exploratory", is_flag=True, help="Analyse by these options instead of the plan; labelled everywhere."
)
@click.option(
    "--allow-tampered",
    is_flag=True,
    help="Analyse data that fails verification; every result is labelled.",
)
@click.option("--who", default=current_user, show_default="you", help="Person who looks; stored in the log.")
@click.option("--why", show_default=PLANNED_ANALYSIS, help="Reason; stored in the log.")
@report_option
@click.option("--all", "show_all", is_flag=True, help="Print every table, not only the tests.")
@click.option("--json", "json_path", type=OutputFile(), help="Write all results to this file.")
@click.option("--csv", "csv_path", type=OutputFile(), help="Write the tidy ratings to this file.")
@external_ratings_options
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
    **external: Unpack[ExternalRatingsOptions],
) -> None:
    """Unblind a study and print its planned analysis; or, with --from, analyse a table of ratings.

    Without --interim the study is first closed permanently. Each analysis is recorded in the study's log.
    --permuted shows the whole analysis with shuffled arms, without unblinding. The study is verified first,
    as by `rater verify`; tampered data is refused without --allow-tampered.

    \b
    Example: rater analyze love_vs_hate --yes --report report
    Example: rater analyze --from ratings.csv --rater who --prompt question --arm model --answer stars
    Example: rater analyze --from ratings.csv --check
    """
    outputs = Outputs(report_path, json_path, csv_path, show_all)
    _require_consistent_options(
        study_name, external, interim=interim, permuted=permuted, exploratory=exploratory
    )
    outputs.require_writable()
    from rater.cli.external_ratings import diagnose_external_ratings, read_external_ratings
    from rater.workspace.analysis_input import EXPLORATORY

    workspace = Workspace(rating=rating_url, sealed=sealed_url)
    if study_name and exploratory:
        _find_declared(workspace, study_name, external)
    if external["check"]:
        show_diagnosis(diagnose_external_ratings(external), f"{external['from_path']}", json_path)
        return
    if study_name is None:
        data = read_external_ratings(external, label=EXPLORATORY if exploratory else None)
    elif permuted:
        data = _permute(workspace, study_name, outputs, who=who, allow_tampered=allow_tampered)
    else:
        _confirm(workspace, study_name, interim=interim, yes=yes)
        data = workspace.unblind(
            study_name,
            interim=interim,
            who=who,
            why=why or ("exploratory analysis" if exploratory else PLANNED_ANALYSIS),
            label=EXPLORATORY if exploratory else None,
            allow_tampered=allow_tampered,
        )
    result = show(_explore(data, external) if exploratory and study_name else data, outputs)
    if study_name is not None:
        workspace.note_shown(study_name, result)


def _permute(
    workspace: Workspace, study_name: str, outputs: Outputs, *, who: str, allow_tampered: bool
) -> "AnalysisInput":
    """Read a study under permuted arms; files of its ratings are logged, as all exports are logged."""
    from rater.admin.export import log_permuted_export
    from rater.workspace.analysis_input import permute

    data = permute(workspace.databases, study_name, allow_tampered=allow_tampered)
    if outputs.csv_path is not None or outputs.report_path is not None:
        head = log_permuted_export(
            workspace.databases.rating_url,
            study_name,
            who=who,
            n_answers=len(data.frame),
            now=datetime.now(UTC),
        )
        click.echo(f"These files are recorded in the study's log; its head is {head}", err=True)
    return data


def _explore(data: "AnalysisInput", given: ExternalRatingsOptions) -> "AnalysisInput":
    """Replace the parts of the plan for which an option was given."""
    from rater.workspace.analysis_input import explore

    contrast = (given["contrast"][0], given["contrast"][1]) if given["contrast"] else None
    return explore(
        data,
        primary=given["primary"],
        contrast=contrast,
        scope=given["scope"],
        score=given["score"],
        test=given["test"],
        sesoi=given["sesoi"],
    )


def _find_declared(workspace: Workspace, study_name: str, given: ExternalRatingsOptions) -> None:
    """Replace the typed names of arms and dimension by the study's."""
    from rater.workspace.analysis_input import find_declared

    contrast, given["primary"] = find_declared(
        workspace.databases, study_name, contrast=given["contrast"], primary=given["primary"]
    )
    given["contrast"] = contrast or ()


def _require_consistent_options(
    study_name: str | None,
    external: ExternalRatingsOptions,
    *,
    interim: bool,
    permuted: bool,
    exploratory: bool,
) -> None:
    """Refuse combinations of options that contradict each other.

    Raises:
        click.UsageError: the options contradict each other.
    """
    if (study_name is None) == (external["from_path"] is None):
        msg = "Give either a STUDY, or --from FILE with external ratings."
        raise click.UsageError(msg)
    if permuted and (study_name is None or interim):
        other = "--interim" if interim else "--from"
        msg = f"--permuted cannot be combined with {other}: it analyses a study without unblinding."
        raise click.UsageError(msg)
    if interim and study_name is None:
        msg = "--interim cannot be combined with --from: an interim analysis needs a study."
        raise click.UsageError(msg)
    source = click.get_current_context().get_parameter_source
    typed = [name for name in external if source(name) is ParameterSource.COMMANDLINE]
    given = [name for name in typed if name != "from_path"]
    about_file = [name for name in given if name not in PLANNED]
    if study_name is not None and about_file:
        msg = f"--{about_file[0].replace('_', '-')} is for external ratings: use it with --from."
        raise click.UsageError(msg)
    if study_name is not None and given and not exploratory:
        msg = (
            f"--{given[0]} would change the planned analysis. Leave it out, or add --exploratory, "
            "which labels all results."
        )
        raise click.UsageError(msg)


def _confirm(workspace: Workspace, study_name: str, *, interim: bool, yes: bool) -> None:
    """Show the state of the study and ask for confirmation, unless it is unblinded already."""
    if yes:
        return
    from rater.store.engine import disposing, reading
    from rater.store.rating.counts import read_raters
    from rater.store.rating.monitoring import read_statuses
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study, read_progress

    with disposing(open_rating(workspace.rating_url)) as rating, reading(rating) as session:
        study = get_study(session, study_name)
        progress = read_progress(session, study.id)
        raters = read_raters(session, study.id)
        statuses = read_statuses(session, study, raters, now=datetime.now(UTC))
    if study.state.is_unblinded:
        return
    n_under_way = sum(status.may_continue for status in statuses.values())
    is_are = "is" if n_under_way == 1 else "are"
    under_way = "" if study.state.is_over else f" and {n_under_way} {is_are} under way"
    click.echo(
        f"Study {study_name} is {study.state}. Of {progress.n_booklets} planned raters {progress.n_finished} "
        f"{'has' if progress.n_finished == 1 else 'have'} finished{under_way}; there are "
        f"{progress.n_answers} answers.",
        err=True,
    )
    if interim:
        question = "This interim look is recorded in the study's log and in every later report. Continue?"
    else:
        question = "This permanently closes and unblinds the study, and records that in its log. Continue?"
    click.confirm(question, abort=True, err=True)

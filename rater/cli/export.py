"""`rater export` and `rater forget`: export collected data, and delete a rater's data."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import OutputFile, rating_option, sealed_option, study_argument
from rater.workspace.databases import current_user

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from rater.store.dictionary import Meaning
    from rater.store.rating.forget import Known


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
    from datetime import UTC, datetime

    from rater.store.engine import disposing, empty_wal, reading, writing
    from rater.store.rating import forget as store
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study

    with disposing(open_rating(rating_url)) as rating:
        with reading(rating) as session:
            study = get_study(session, study_name)
            known = store.find_known(session, study.id, rater)
        click.echo(_describe(known), err=True)
        if not yes:
            click.confirm(_question(with_ratings=with_ratings), abort=True, err=True)
        with writing(rating) as session:
            do = store.redact if with_ratings else store.forget_identifiers
            head = do(session, study.id, known, by=by, now=datetime.now(UTC))
        empty_wal(rating)
    done = "All data of the rater is deleted" if with_ratings else "The rater's identifiers are deleted"
    click.echo(f"{done}; the head of the log is {head}")
    click.echo(
        "Earlier copies (rater backup, exports) still contain the data: delete or replace them.", err=True
    )
    if known.n_comments and not with_ratings:
        click.echo("Their comments are kept and may identify them; --with-ratings deletes them.", err=True)


def _describe(known: "Known") -> str:
    answers = f"{known.n_answers} answer{'s' * (known.n_answers != 1)}"
    identifiers = f"{known.n_identifiers} identifier{'s' * (known.n_identifiers != 1)}"
    return f"Rater {known.id}, who came on {known.consented_at:%Y-%m-%d}: {identifiers}, {answers}."


def _question(*, with_ratings: bool) -> str:
    if with_ratings:
        return "This permanently deletes all data of the rater, and records that in the log. Continue?"
    return "This permanently deletes the rater's identifiers; their answers are kept. Continue?"


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
    from datetime import UTC, datetime

    from rater.admin.export import data_dictionary, in_order, read_tables, text_meanings
    from rater.report.export import require_format, write_dictionaries, write_table
    from rater.store.rating.export import NAMES, Options, table_meanings

    require_format(file)
    for name in (*NAMES, "dictionary", *(("texts",) if unblinded else ())):
        OutputFile().convert(_further_file(file, name), None, None)
    now, masked = datetime.now(UTC), not unblinded
    if unblinded:
        _confirm(rating_url, study_name, yes=yes)
        seen = _unblind(sealed_url, rating_url, study_name, reason, allow_tampered=allow_tampered)
        frame, texts, look = seen
    else:
        frame, texts, look = _export_masked(rating_url, study_name, reason["who"]), None, None
    frame = in_order(frame)
    write_table(frame, file)
    click.echo(f"{len(frame):,} answers are in {file}")
    described = {"ratings": (_entries(data_dictionary(list(frame.columns), masked=masked)), frame)}
    options = Options(masked=masked, with_identifiers=identifiers)
    for name, table in read_tables(rating_url, study_name, options, now=now).items():
        write_table(table, _further_file(file, name))
        described[name] = (_entries(table_meanings(name, masked=masked)), table)
        click.echo(f"{len(table):,} {name} are in {_further_file(file, name)}")
    if texts is not None:
        write_table(texts, _further_file(file, "texts"))
        described["texts"] = (text_meanings(), texts)
        click.echo(f"{texts['item'].nunique():,} texts are in {_further_file(file, 'texts')}")
    write_dictionaries(described, _further_file(file, "dictionary"))
    click.echo(f"The data dictionary is in {_further_file(file, 'dictionary')}")
    if look is not None:
        from rater.unblind import note_shown

        note_shown(rating_url, study_name, look=look, now=datetime.now(UTC))


def _entries(meanings: "Mapping[str, Meaning]") -> dict[str, tuple[str, str]]:
    return {column: (meaning.description, meaning.seen_by) for column, meaning in meanings.items()}


def _further_file(file: Path, name: str) -> Path:
    """Return the path of a further table, or of the data dictionary."""
    return file.with_name(f"{file.stem}.{name}{'.json' if name == 'dictionary' else file.suffix}")


def _confirm(rating_url: str, study_name: str, *, yes: bool) -> None:
    """Ask for confirmation before a closed study is unblinded; an unblinded one needs none.

    Raises:
        StateError: the study is neither closed nor unblinded.
    """
    from rater.errors import StateError
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        state = get_study(session, study_name).state
    if not state.is_over:
        msg = f"Study {study_name!r} is {state}; only a closed study can be exported with its arms. "
        raise StateError(msg + f"Run: rater close {study_name}")
    if not state.is_unblinded and not yes:
        click.confirm(
            "This permanently unblinds the study, and records that in its log. Continue?",
            abort=True,
            err=True,
        )


def _unblind(
    sealed_url: str, rating_url: str, study_name: str, reason: dict[str, str], *, allow_tampered: bool
) -> "tuple[pd.DataFrame, pd.DataFrame, int]":
    """Unblind a study; return its ratings, its texts, and the number of the look."""
    from datetime import UTC, datetime

    from rater.analysis.describe import rate_texts
    from rater.analysis.exclusions import exclude, excluded_raters
    from rater.unblind import Reason, unblind
    from rater.workspace.analysis_input import label_of_tampered

    seen = unblind(
        sealed_url,
        rating_url,
        study_name,
        reason=Reason(**reason),
        now=datetime.now(UTC),
        allow_tampered=allow_tampered,
    )
    if seen.tampered:
        click.echo(label_of_tampered(seen.tampered), err=True)
    click.echo(f"This is look {seen.look}; the head of the log is {seen.log_head}", err=True)
    exclusion = exclude(seen.frame, seen.raters, seen.plan.exclusions, primary=seen.plan.primary)
    excluded = excluded_raters(exclusion)
    texts = rate_texts(seen.texts, seen.frame, seen.plan.dimensions, excluded=excluded)
    return seen.frame, texts, seen.look


def _export_masked(rating_url: str, study_name: str, who: str) -> "pd.DataFrame":
    from datetime import UTC, datetime

    from rater.admin.export import export_masked

    exported = export_masked(rating_url, study_name, who=who, now=datetime.now(UTC))
    click.echo(f"This export is recorded in the study's log; its head is {exported.log_head}", err=True)
    return exported.frame

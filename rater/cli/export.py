"""`rater export`: write the ratings as tidy data."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rater.cli.options import rating_option, sealed_option, study_argument

if TYPE_CHECKING:
    import pandas as pd


@click.command(short_help="Write the ratings as tidy data.")
@study_argument
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--unblind", "unblinded", is_flag=True, help="With each text's arm; the look is logged.")
@click.option("--yes", is_flag=True, help="Do not ask before unblinding.")
@click.option("--who", default=getpass.getuser, show_default="you", help="Who looks; kept in the log.")
@click.option("--why", default="export", show_default=True, help="Why; kept in the log.")
@rating_option
@sealed_option
def export(
    study_name: str,
    file: Path,
    rating_url: str,
    sealed_url: str,
    *,
    unblinded: bool,
    yes: bool,
    who: str,
    why: str,
) -> None:
    """Write one row for each answer's latest revision to FILE, in the format that its name ends in.

    Formats: .csv, .jsonl (JSON Lines), .parquet (needs pyarrow). What the columns mean is written beside it.
    There is no arm in it, unless you --unblind a study that is closed.

    \b
    Example: rater export love_vs_hate ratings.csv
    """
    from rater.custody.export import data_dictionary, in_order, read_blind_frame
    from rater.report.files import write_dictionary, write_table

    if unblinded:
        _confirm(rating_url, study_name, yes=yes)
        frame = _unblind(sealed_url, rating_url, study_name, who=who, why=why)
    else:
        frame = read_blind_frame(rating_url, study_name)
    frame = in_order(frame)
    write_table(frame, file)
    beside = file.with_name(f"{file.stem}.dictionary.json")
    meanings = data_dictionary(list(frame.columns))
    write_dictionary({name: (m.says, m.seen_by) for name, m in meanings.items()}, frame, beside)
    click.echo(f"{len(frame):,} answers are in {file}, and what its columns mean in {beside}")


def _confirm(rating_url: str, study_name: str, *, yes: bool) -> None:
    """Ask before a closed study is unblinded; one that is unblinded already is not asked about.

    Raises:
        StateError: it is neither.
    """
    from rater.errors import StateError
    from rater.store.engine import disposing, reading
    from rater.store.rating.open import open_rating
    from rater.store.rating.studies import get_study

    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        state = get_study(session, study_name).state
    if state not in {"closed", "unblinded"}:
        msg = f"Study {study_name!r} is {state}, and only a closed one is exported with its arms. "
        raise StateError(msg + f"Run: rater close {study_name}")
    if state == "closed" and not yes:
        click.confirm(
            "This unblinds the study for good, and writes that in its log. Go on?",
            abort=True,
            err=True,
        )


def _unblind(sealed_url: str, rating_url: str, study_name: str, *, who: str, why: str) -> "pd.DataFrame":
    from datetime import UTC, datetime

    from rater.unblind import Reason, unblind

    seen = unblind(sealed_url, rating_url, study_name, reason=Reason(who, why), now=datetime.now(UTC))
    click.echo(f"This is look {seen.look}; the log's head is {seen.log_head}", err=True)
    return seen.frame

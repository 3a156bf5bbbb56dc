"""`rater forget`: forget who a rater is, or all that they gave."""

from typing import TYPE_CHECKING

import click

from rater.cli.options import current_user, rating_option, study_argument

if TYPE_CHECKING:
    from rater.store.rating.forget import Known


@click.command(short_help="Forget who a rater is, or all that they gave.")
@study_argument
@click.argument("who", metavar="RATER")
@click.option("--with-ratings", is_flag=True, help="Delete what they answered, too.")
@click.option("--yes", is_flag=True, help="Do not ask first.")
@click.option("--by", default=current_user, show_default="you", help="Who does it; kept in the log.")
@rating_option
def forget(study_name: str, who: str, rating_url: str, by: str, *, with_ratings: bool, yes: bool) -> None:
    """Delete what says who RATER is: the identifiers of a recruitment site, and the name of a personal link.

    RATER is an id as in `rater export`, its first six characters or more, or what the recruitment site calls
    the person. What they answered stays, without a name; with --with-ratings that goes too, and the log keeps
    the digests of it, so that `rater verify` can still vouch for everybody else's.

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
            known = store.find_known(session, study.id, who)
        click.echo(_describe(known), err=True)
        if not yes:
            click.confirm(_question(with_ratings=with_ratings), abort=True, err=True)
        with writing(rating) as session:
            do = store.redact if with_ratings else store.forget_identifiers
            head = do(session, study.id, known, by=by, now=datetime.now(UTC))
        empty_wal(rating)
    done = "All that they gave is deleted" if with_ratings else "Who they are is deleted"
    click.echo(f"{done}; the log's head is {head}")
    click.echo(
        "Copies made before (rater backup, exports) still have it: delete them, or redo them.", err=True
    )
    if known.n_comments and not with_ratings:
        click.echo("Their comments stay, and may say who they are; --with-ratings deletes them.", err=True)


def _describe(known: "Known") -> str:
    answers = f"{known.n_answers} answer{'s' * (known.n_answers != 1)}"
    identifiers = f"{known.n_identifiers} identifier{'s' * (known.n_identifiers != 1)}"
    return f"Rater {known.id}, who came on {known.consented_at:%Y-%m-%d}: {identifiers}, {answers}."


def _question(*, with_ratings: bool) -> str:
    if with_ratings:
        return "This deletes all that they gave, for good, and says so in the study's log. Continue?"
    return "This deletes who they are, for good; their answers stay. Continue?"

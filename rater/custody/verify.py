"""Verify a study: recompute all that its log, its commitment and its sealed half vouch for."""

from collections.abc import Iterator

from rater.custody.checks import Check, not_checked, unless_unreadable
from rater.custody.verify_rating import verify_rating
from rater.custody.verify_sealed import verify_sealed
from rater.store.engine import disposing, reading, sqlite_path
from rater.store.rating.as_published import get_study_row
from rater.store.rating.open import open_rating
from rater.store.sealed.open import open_sealed


def verify_study(
    rating_url: str, name: str, *, sealed_url: str | None, head: str | None = None
) -> Iterator[Check]:
    """Verify a study, one thing after the other; what needs no sealed database goes without it.

    Args:
        rating_url: The rating database.
        name: The study's name.
        sealed_url: The sealed database; None, or a file that is not there, to leave out what needs it.
        head: A head of the log that was printed before and kept elsewhere.

    Raises:
        StateError: the study is not published.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        study = get_study_row(session, name)
        yield from unless_unreadable(verify_rating(session, study, head=head))
        path = None if sealed_url is None else sqlite_path(sealed_url)
        if sealed_url is None or (path is not None and not path.is_file()):
            yield not_checked(
                "key", "The key needs the sealed database, which is not here. Restore a backup."
            )
            return
        with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as sealed_session:
            yield from unless_unreadable(verify_sealed(session, sealed_session, study))

"""Verify both halves of a study, without writing to either database."""

from collections.abc import Iterable, Iterator

from rater.errors import SealError
from rater.store.engine import disposing, open_read_only, reading, sqlite_path
from rater.store.migrate import require_current
from rater.store.rating.publication import get_unparsed_study
from rater.verify.checks import Check, not_checked, report_unreadable
from rater.verify.database import verify_database
from rater.verify.rating import verify_rating
from rater.verify.sealed import verify_sealed


def verify_study(
    rating_url: str, name: str, *, sealed_url: str | None, head: str | None = None
) -> Iterator[Check]:
    """Verify a study, one check after the other; without a sealed database, all that does not need it.

    Nothing is written, so a copy on a read-only medium can be verified.

    Args:
        rating_url: The rating database.
        name: The study's name.
        sealed_url: The sealed database; None, or a file that does not exist, skips the checks that need it.
        head: A head of the log that was printed earlier and kept in another place.

    Raises:
        StateError: the study is not published.
        DatabaseError: a database is missing or of another revision.
    """
    with disposing(open_read_only(rating_url)) as rating:
        whole = list(verify_database(rating, "rating"))
        yield from whole
        if _is_damaged(whole):
            yield not_checked("everything else", "A damaged file cannot be read reliably; use a backup.")
            return
        require_current(rating, "rating")
        with reading(rating) as session:
            study = get_unparsed_study(session, name)
            yield from report_unreadable(verify_rating(session, study, head=head))
            path = None if sealed_url is None else sqlite_path(sealed_url)
            if sealed_url is None or (path is not None and not path.is_file()):
                yield not_checked(
                    "key", "The key needs the sealed database, which was not found. Restore a backup."
                )
                return
            with disposing(open_read_only(sealed_url)) as sealed:
                whole = list(verify_database(sealed, "sealed"))
                yield from whole
                if _is_damaged(whole):
                    yield not_checked("key", "A damaged file cannot be read reliably; use a backup.")
                    return
                require_current(sealed, "sealed")
                with reading(sealed) as sealed_session:
                    yield from report_unreadable(verify_sealed(session, sealed_session, study))


def require_untampered(
    sealed_url: str, rating_url: str, name: str, *, allow_tampered: bool = False
) -> tuple[Check, ...]:
    """Verify a study before its answers are used; return the failed checks, which are refused by default.

    Args:
        sealed_url: The sealed database.
        rating_url: The rating database.
        name: The study's name.
        allow_tampered: Whether the caller shows the failed checks with every result.

    Raises:
        SealError: something was tampered with, and that is not allowed.
    """
    checks = verify_study(rating_url, name, sealed_url=sealed_url)
    failed = tuple(check for check in checks if check.is_tampered)
    if failed and not allow_tampered:
        more = f" Also tampered with: {', '.join(names_of_tampered(failed[1:]))}." if failed[1:] else ""
        msg = (
            f"Study {name!r} was tampered with ({failed[0].name}): {failed[0].description}{more} It was not "
            f"unblinded, and no interim look was logged. To run all checks: rater verify {name}"
        )
        raise SealError(msg)
    return failed


def names_of_tampered(checks: Iterable[Check]) -> tuple[str, ...]:
    """Return the names of failed checks, each once, in their order."""
    return tuple(dict.fromkeys(check.name for check in checks if check.is_tampered))


def _is_damaged(checks: Iterable[Check]) -> bool:
    return any(check.is_tampered and check.name.endswith(" file") for check in checks)

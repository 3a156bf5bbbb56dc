"""Verify both halves of a study, without writing to either database."""

from collections.abc import Iterable, Iterator

from rater.errors import SealError
from rater.store.engine import disposing, open_read_only, reading, sqlite_path
from rater.store.migrate import require_current
from rater.store.rating.publication import get_unparsed_study
from rater.verify.checks import Check, not_checked, unless_unreadable
from rater.verify.database import verify_database
from rater.verify.rating import verify_rating
from rater.verify.sealed import verify_sealed


def verify_study(
    rating_url: str, name: str, *, sealed_url: str | None, head: str | None = None
) -> Iterator[Check]:
    """Verify a study, one thing after the other; what needs no sealed database is verified without it.

    Nothing is written, so that a copy on a read-only medium can be verified.

    Args:
        rating_url: The rating database.
        name: The study's name.
        sealed_url: The sealed database; None, or a file that does not exist, to leave out what needs it.
        head: A head of the log that was printed before and kept elsewhere.

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
            yield from unless_unreadable(verify_rating(session, study, head=head))
            path = None if sealed_url is None else sqlite_path(sealed_url)
            if sealed_url is None or (path is not None and not path.is_file()):
                yield not_checked(
                    "key", "The key needs the sealed database, which is not here. Restore a backup."
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
                    yield from unless_unreadable(verify_sealed(session, sealed_session, study))


def require_unaltered(
    sealed_url: str, rating_url: str, name: str, *, allow_altered: bool = False
) -> tuple[Check, ...]:
    """Verify a study before its answers are used, and refuse altered ones; returns what was altered.

    Args:
        sealed_url: The sealed database.
        rating_url: The rating database.
        name: The study's name.
        allow_altered: Whether the caller will show what was altered next to every result.

    Raises:
        SealError: something was altered, and that is not allowed.
    """
    checks = verify_study(rating_url, name, sealed_url=sealed_url)
    wrong = tuple(check for check in checks if check.outcome == "altered")
    if wrong and not allow_altered:
        more = "" if len(wrong) == 1 else f" Altered as well: {', '.join(names_of_altered(wrong[1:]))}."
        msg = (
            f"Study {name!r} was altered ({wrong[0].name}): {wrong[0].says}{more} Nothing was unblinded, and "
            f"no look was logged. For all checks run: rater verify {name}"
        )
        raise SealError(msg)
    return wrong


def names_of_altered(checks: Iterable[Check]) -> tuple[str, ...]:
    """Name what was altered, each thing once, in the order of the checks."""
    return tuple(dict.fromkeys(check.name for check in checks if check.outcome == "altered"))


def _is_damaged(checks: Iterable[Check]) -> bool:
    return any(check.outcome == "altered" and check.name.endswith(" file") for check in checks)

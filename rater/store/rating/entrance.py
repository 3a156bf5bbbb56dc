"""Find the study at an address and the rater who asks, in one query: every page begins with it."""

from sqlalchemy import and_, bindparam, select
from sqlalchemy.orm import Session

from rater.store.rating.schema import Booklet, Rater, Study, Token
from rater.store.rating.sittings import SITTING_COLUMNS, Sitting, digest
from rater.store.rating.studies import STUDY_COLUMNS, PublishedStudy, published_of

_N = len(STUDY_COLUMNS)
# Built once, as those of every rating are.
_ENTRANCE = (
    select(*STUDY_COLUMNS, *SITTING_COLUMNS)
    .select_from(Study)
    .outerjoin(Token, Token.digest == bindparam("digest"))
    .outerjoin(Rater, and_(Rater.id == Token.rater_id, Rater.study_id == Study.id))
    .outerjoin(Booklet, Booklet.id == Rater.booklet_id)
    .where(Study.slug == bindparam("slug"))
)


def find_study_and_sitting(
    session: Session, slug: str, token: str
) -> tuple[PublishedStudy | None, Sitting | None]:
    """Find a study by its address and a rater of it by their token. Costs one query."""
    session.flush()  # a connection by itself would not see what the session is about to write
    row = session.connection().execute(_ENTRANCE, {"slug": slug, "digest": digest(token)}).first()
    if row is None:
        return None, None
    study = published_of(row[:_N])
    return study, None if row[_N] is None else Sitting(*row[_N:])

"""Find a rater's session by its token, and its progress.

The channel (web or terminal) holds a random token; the database knows only its digest. Trials are answered in
order, so that a rater's answered positions are always 1 … n, and the next trial is n + 1.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection, and_, bindparam, func, or_, select, union_all
from sqlalchemy.orm import Session

from rater.store.engine import connection_of
from rater.store.rating.schema import Answer, Booklet, DeskSession, Rater, StudyRow, Token
from rater.store.rating.studies import STUDY_COLUMNS, PublishedStudy, published_of
from rater.study.visit import FreedReason, LeavingReason

LateRaters = Literal["finish", "stop"]

_MINE = Answer.rater_id == Rater.id
# what surrounds the trials is asked with the first booklet only
_IS_FURTHER = Rater.booklet_number > 1
# By the columns of an index: by number, the database would read and sort all answers of the rater.
_LAST_AT = (
    select(Answer.answered_at)
    .where(_MINE)
    .order_by(Answer.position.desc(), Answer.dimension.desc(), Answer.revision.desc())
    .limit(1)
    .scalar_subquery()
)
# columns, each a field of `RaterSession` in its order: making a `Rater` of them for every page takes longer
SITTING_COLUMNS = (
    Rater.id,
    Rater.booklet_id,
    Booklet.n_trials,
    Booklet.n_lines,
    Booklet.n_narrow_lines,
    Booklet.n_shared_lines,
    select(func.coalesce(func.max(Answer.position), 0)).where(_MINE).scalar_subquery(),
    func.coalesce(_LAST_AT, Rater.consented_at),
    or_(Rater.screened_at.is_not(None), _IS_FURTHER),
    or_(Rater.questions_before_at.is_not(None), _IS_FURTHER),
    or_(Rater.instructed_at.is_not(None), _IS_FURTHER),
    or_(Rater.practised_at.is_not(None), _IS_FURTHER),
    Rater.n_practice_attempts,
    Rater.finished_at.is_not(None),
    Rater.asked_at.is_not(None),
    or_(Rater.guessed_at.is_not(None), _IS_FURTHER),
    or_(Rater.questions_after_at.is_not(None), _IS_FURTHER),
    or_(Rater.commented_at.is_not(None), _IS_FURTHER),
    Rater.left_why,
    Rater.replaced_why,
    Rater.person_id,
    Rater.booklet_number,
)
"""The columns of a `RaterSession`."""
# Built once: building the statements of every rating takes longer than SQLite takes to run them.
# The token is the only condition. Given the study too, PostgreSQL may begin with all raters of the study.
_SITTING = (
    select(Rater.study_id, *SITTING_COLUMNS)
    .join(Token, Token.rater_id == Rater.id)
    .join(Booklet, Booklet.id == Rater.booklet_id)
    .where(Token.digest == bindparam("digest"))
)


@dataclass(frozen=True)
class RaterSession:
    """A rater and their progress."""

    rater_id: str
    booklet_id: str
    n_trials: int
    n_lines: int
    """Lines of the booklet's longest text on a wide page."""
    n_narrow_lines: int
    """The same on a phone."""
    n_shared_lines: int
    """Most lines above several texts on a wide page."""
    n_answered: int
    last_seen_at: datetime
    """When they answered the last trial so far; before the first answer, when they consented."""
    has_been_screened: bool
    has_answered_before: bool
    """True if they have left the questionnaire before the trials."""
    has_read_instructions: bool
    has_practised: bool
    n_practice_attempts: int
    """The number of times they failed the practice."""
    has_finished: bool
    """True if every trial is answered."""
    has_been_asked: bool
    """True if the blinding question was opened, which ends revision."""
    has_guessed: bool
    has_answered_after: bool
    """True if they have left the questionnaire after the trials."""
    has_commented: bool
    """True if they left the page for a final comment."""
    left_why: LeavingReason | None
    """The reason why they left for good before the end; None if they did not."""
    replaced_why: FreedReason | None
    """The reason why their place was freed, so that their booklet is assigned again; None if it was not."""
    person_id: str
    """The person, who may have rated other booklets before."""
    booklet_number: int
    """1 for the person's first booklet."""

    @property
    def is_further(self) -> bool:
        """True if the person finished another booklet before this one."""
        return self.booklet_number > 1

    @property
    def is_replaced(self) -> bool:
        """True if their place was freed."""
        return self.replaced_why is not None

    @property
    def next_position(self) -> int:
        """The trial to be answered next; one past the last when all are."""
        return self.n_answered + 1

    def may_continue(self, late_raters: LateRaters) -> bool:
        """Return whether the visit continues: they did not leave, and may finish."""
        return self.left_why is None and (
            not self.is_replaced or self.has_finished or late_raters == "finish"
        )


def new_token() -> str:
    """Draw the random token by which a rater comes back (256 bits)."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """Hash a token for the database, so that a copy of the database does not let anyone act as a rater."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_token_known(session: Session, token: str) -> bool:
    """Return whether a token is a rater's, or a session's at the desk. Costs a query."""
    own = digest(token)
    raters = select(Token.digest).where(Token.digest == own)
    desk = select(DeskSession.token_digest).where(DeskSession.token_digest == own)
    return session.execute(union_all(raters, desk).limit(1)).first() is not None


def find_rater_session(session: Session, study_id: int, token: str) -> RaterSession | None:
    """Find a rater of a study by their token. Costs one query."""
    return find_rater_session_by_digest(session, study_id, digest(token))


def find_rater_session_by_digest(session: Session, study_id: int, token_digest: str) -> RaterSession | None:
    """Find a rater of a study by the digest of their token. Costs one query."""
    row = session.execute(_SITTING, {"digest": token_digest}).first()
    return None if row is None or row.study_id != study_id else RaterSession(*row[1:])


def has_ended(session: Session, rater_id: str) -> bool:
    """Return whether a rater has rated every text, or left. Costs one query."""
    rater = session.get_one(Rater, rater_id)
    return rater.finished_at is not None or rater.left_at is not None


_N = len(STUDY_COLUMNS)
# Built once, as those of every rating are.
# With outer joins the database begins with the study and the token, and not with all raters of the study.
_ENTRANCE = (
    select(*STUDY_COLUMNS, *SITTING_COLUMNS)
    .select_from(StudyRow)
    .outerjoin(Token, Token.digest == bindparam("digest"))
    .outerjoin(Rater, and_(Rater.id == Token.rater_id, Rater.study_id == StudyRow.id))
    .outerjoin(Booklet, Booklet.id == Rater.booklet_id)
    .where(StudyRow.slug == bindparam("slug"))
)


def find_study_and_session(
    at: Session | Connection, slug: str, token: str
) -> tuple[PublishedStudy | None, RaterSession | None]:
    """Find a study by its address and a rater of it by their token. Costs one query."""
    row = connection_of(at).execute(_ENTRANCE, {"slug": slug, "digest": digest(token)}).first()
    if row is None:
        return None, None
    study = published_of(row[:_N])
    return study, None if row[_N] is None else RaterSession(*row[_N:])

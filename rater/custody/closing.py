"""Account for every rater of a study that was closed, and for what its answers are sealed under."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from rater.errors import StateError
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.rating.invitations import count_invitations
from rater.store.rating.masked import count_booklets, read_raters
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Event
from rater.store.rating.studies import get_study
from rater.store.rating.tallies import Turned, read_tallies
from rater.store.rating.watch import standing
from rater.study.state import State


@dataclass(frozen=True)
class Account:
    """Where each rater stood when the study was closed, and the digest of all answers."""

    n_planned: int
    n_came: int
    n_finished: int
    n_partial: int
    """Raters who answered some texts, and neither finished nor left."""
    n_unanswering: int
    """Raters who consented and answered nothing, and did not leave either."""
    left: dict[str, int]
    """How many left for good, by how."""
    n_declined: int
    n_invited: int
    """Personal links; 0 where there were none."""
    n_answers: int
    """With every revision, as they are digested."""
    digest: str
    """SHA-256 over all answers, which the log holds since the closing."""


def account_for(rating_url: str, name: str, *, now: datetime) -> Account:
    """Account for the raters of a closed study. Costs six queries.

    Raises:
        StateError: the study is not published, or was never closed.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        study = get_study(session, name)
        closings = [event for event in read_events(session, Event, study.id) if event.kind == State.CLOSED]
        if not closings:
            msg = f"Study {name!r} is {study.state}, and was not closed yet. Run: rater close {name}"
            raise StateError(msg)
        raters = read_raters(session, study.id)
        n_planned = count_booklets(session, study.id)
        n_declined = read_tallies(session, study.id).get(Turned.DECLINED, 0)
        n_invited = count_invitations(session, study.id).n_made
    sealed = closings[-1].detail
    stood = [standing(rater, now=now, is_over=True) for rater in raters]
    standings = Counter(stood)
    n_partial = sum(
        rater.n_answered > 0 for rater, at in zip(raters, stood, strict=True) if at == "unfinished"
    )
    return Account(
        n_planned=n_planned,
        n_came=len(raters),
        n_finished=standings["finished"],
        n_partial=n_partial,
        n_unanswering=standings["unfinished"] - n_partial,
        left={how: n for how, n in sorted(standings.items()) if how not in {"finished", "unfinished"}},
        n_declined=n_declined,
        n_invited=n_invited,
        n_answers=int(str(sealed["n_answers"])),
        digest=str(sealed["answers"]),
    )

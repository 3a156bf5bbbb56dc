"""Count visitors of whom nothing else is stored: those who declined, and those who could not begin."""

from collections.abc import Mapping
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from rater.store.rating.schema import Tally


class Turned(StrEnum):
    """Why a visitor did not become a rater."""

    DECLINED = "declined"
    NO_COOKIE = "no_cookie"
    """Their browser did not send the cookie back that lets them come back."""
    UNFILLED_LINK = "unfilled_link"
    """Their link did not name them: a placeholder, or nothing, was where the identifier belongs."""
    BUSY_NETWORK = "busy_network"
    """Many raters had begun from the same network on that day."""


def count_visitor(session: Session, study_id: int, why: Turned) -> None:
    """Add one to a tally. Must run in a `writing` transaction. Costs one insert."""
    # one statement, so that two visitors who are the first of their kind do not collide
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    new = dialect.insert(Tally).values(study_id=study_id, kind=why.value, n=1)
    session.execute(new.on_conflict_do_update(index_elements=("study_id", "kind"), set_={"n": Tally.n + 1}))


def read_tallies(session: Session, study_id: int) -> dict[Turned, int]:
    """Read how many visitors did not become raters, by why. Costs one query."""
    rows = session.execute(select(Tally.kind, Tally.n).where(Tally.study_id == study_id))
    known = set(Turned)
    return {Turned(kind): n for kind, n in rows if kind in known}


def describe_turned_away(tallies: Mapping[Turned, int]) -> tuple[str, ...]:
    """Describe visitors who wanted to begin and could not, in a sentence each, with what to do."""
    return tuple(
        f"{_visits(tallies[why])} {sentence}" for why, sentence in _TURNED_AWAY.items() if tallies.get(why)
    )


_TURNED_AWAY = {
    Turned.UNFILLED_LINK: (
        "by a link that does not say who comes: a placeholder was not filled in, or the identifier is not "
        "there. Check the link on the recruitment site."
    ),
    Turned.NO_COOKIE: (
        "by browsers that did not send the cookie back. The log of rater serve has the likely reason."
    ),
    Turned.BUSY_NETWORK: (
        "from a network that has begun half of the places within a day. For a lab, serve with --one-network, "
        "or use personal links."
    ),
}


def _visits(n: int) -> str:
    return f"{n:,} visit{'s' * (n != 1)}"

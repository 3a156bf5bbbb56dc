"""Look at answers by arm: durable in the log before any answer is joined to an arm."""

from dataclasses import asdict, dataclass, fields
from datetime import datetime

from sqlalchemy.orm import Session

from rater.errors import StateError
from rater.store.engine import disposing, reading, writing
from rater.store.log import append_event, read_events
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Event
from rater.store.rating.studies import get_study, move_study, read_progress
from rater.unblind.joining import Joined, collect, join
from rater.unblind.seal import open_seal

LOOKS = frozenset({"look", "unblinded"})
"""The events after which somebody has seen answers by arm."""


@dataclass(frozen=True)
class Reason:
    """Who asks to see arms beside answers, and why."""

    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Unblinded(Joined):
    """Answers with their arms, and what the log says about how they came to be seen."""

    look: int
    """1 for the first look at this study's answers by arm, 2 for the second …"""
    looked_at: tuple[int, ...]
    """How many answers there were at each look, this one last."""
    was_interim: bool
    """Whether the study goes on taking answers."""
    log_head: str


@dataclass(frozen=True)
class _Look:
    number: int
    sizes: tuple[int, ...]
    head: str


def unblind(
    sealed_url: str, rating_url: str, name: str, *, reason: Reason, now: datetime, interim: bool = False
) -> Unblinded:
    """Unblind a study; it is closed first and cannot be reopened, unless this is a declared interim look.

    Raises:
        StateError: the study is not published, or an interim look is asked of one that is not open.
        SealError: the key is not the one that was committed to, or the log was rewritten.
    """
    with disposing(open_rating(rating_url)) as rating:
        opened = open_seal(sealed_url, rating, name)
        with writing(rating) as session:
            look = _write_look(session, name, reason=reason, now=now, interim=interim)
        with reading(rating) as session:
            collected = collect(session, opened.published.id)
    joined = join(collected, opened, lambda _, item_id: opened.cells[item_id].arm)
    return Unblinded(
        **{field.name: getattr(joined, field.name) for field in fields(Joined)},
        look=look.number,
        looked_at=look.sizes,
        was_interim=interim,
        log_head=look.head,
    )


def _write_look(session: Session, name: str, *, reason: Reason, now: datetime, interim: bool) -> _Look:
    study = get_study(session, name)
    events = [event for event in read_events(session, Event, study.id) if event.kind in LOOKS]
    n_answers = read_progress(session, study.id).n_answers
    earlier = tuple(int(str(event.detail["n_answers"])) for event in events)
    look, sizes = 1 + len(events), (*earlier, n_answers)
    detail = {**asdict(reason), "look": look, "n_answers": n_answers}
    if interim and study.state != "open":
        msg = f"Study {name!r} is {study.state}; an interim look is for one that is open."
        raise StateError(msg)
    if n_answers == 0:
        way_in = "rater serve" if study.state == "open" else f"rater open {name}"
        msg = (
            f"Study {name!r} has no answers yet: nothing could be analysed, and unblinding would end it for "
            f"good. Let raters in first. Run: {way_in}"
        )
        raise StateError(msg)
    if interim or study.state in {"unblinded", "archived"}:
        head = append_event(session, Event, study.id, kind="look", at=now, interim=interim, **detail)
        return _Look(look, sizes, head)
    if study.state != "closed":
        move_study(session, name, "closed", at=now)
    return _Look(look, sizes, move_study(session, name, "unblinded", at=now, **detail))

"""Unblind a study or take an interim look: logged in both databases before any answer is joined to an arm."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from operator import attrgetter

from sqlalchemy.orm import Session

from rater.analysis.sequential import Seen, at_look
from rater.errors import StateError
from rater.store.engine import disposing, reading, writing
from rater.store.log import Event, append_event, read_events
from rater.store.rating import schema
from rater.store.rating.open import open_rating
from rater.store.rating.studies import get_study, move_study, read_progress
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import looks_at_other_copies, note_look
from rater.study.state import State
from rater.study.study import Study
from rater.unblind.join import Joined, collect, join, require_answers
from rater.unblind.verify_key import open_seal, reraise_unreadable
from rater.verify import names_of_tampered, require_untampered

LOOKS = frozenset({"look", State.UNBLINDED})
"""Events after which answers were seen by arm: the unblinding, interim looks and later analyses."""

SHOWN = "shown"


@dataclass(frozen=True)
class Reason:
    """The person who asks to see answers by arm, and why."""

    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Unblinded(Joined):
    """Answers with their arms, and every time that they were seen by arm."""

    looked_at: tuple[Seen, ...]
    """The answers present at each time that they were seen by arm, this one last."""
    log_head: str

    @property
    def look(self) -> int:
        """Return how often answers were seen by arm: 1 at the first time."""
        return len(self.looked_at)

    @property
    def was_interim(self) -> bool:
        """Return whether the study still takes answers."""
        return self.looked_at[-1].is_interim


@dataclass(frozen=True)
class _Look:
    seen: tuple[Seen, ...]
    """The answers present at each look so far, this one last."""
    head: str
    detail: Mapping[str, object]


def unblind(
    sealed_url: str,
    rating_url: str,
    name: str,
    *,
    reason: Reason,
    now: datetime,
    interim: bool = False,
    allow_tampered: bool = False,
) -> Unblinded:
    """Unblind a study, which is closed first and can never be opened again; or take an interim look.

    The whole study is verified first. Tampered data is refused; with ``allow_tampered``, the failed checks
    are logged and returned with the result.

    Raises:
        StateError: the study is not published, or an interim look was asked for and the study is not open.
        SealError: the key does not match the commitment, or something was tampered with.
    """
    with disposing(open_rating(rating_url)) as rating:
        opened = open_seal(sealed_url, rating, name)
        tampered = require_untampered(sealed_url, rating_url, name, allow_tampered=allow_tampered)
        with (
            reraise_unreadable(name),
            disposing(open_sealed(sealed_url)) as sealed,
            writing(sealed) as sealed_session,
        ):
            # the rating database first: a process killed in between leaves no look that only the key has
            with writing(rating) as session:
                heads = {event.hash for event in read_events(session, schema.EventRow, opened.published.id)}
                # looks at another copy of this database, or at this one before an older copy was restored
                others = looks_at_other_copies(sealed_session, opened.sealed_id, heads)
                look = _write_look(
                    session,
                    name,
                    opened.study,
                    others,
                    reason=reason,
                    now=now,
                    interim=interim,
                    tampered=names_of_tampered(tampered),
                )
            note_look(sealed_session, opened.sealed_id, head=look.head, detail=look.detail, now=now)
        with reading(rating) as session:
            collected = collect(session, opened.published.id)
    joined = join(collected, opened, lambda _, item_id: opened.cells[item_id].arm, tampered=tampered)
    joined = replace(joined, plan=at_look(joined.plan, look.seen))
    return Unblinded(
        **{field.name: getattr(joined, field.name) for field in fields(Joined)},
        looked_at=look.seen,
        log_head=look.head,
    )


def note_shown(rating_url: str, name: str, *, look: int, now: datetime) -> None:
    """Log that results were shown; a look without this row is one whose command crashed."""
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        append_event(session, schema.EventRow, get_study(session, name).id, kind=SHOWN, at=now, look=look)


def seen_at(events: Iterable[Event]) -> tuple[Seen, ...]:
    """Return the answers present at each look in a study's log."""
    return tuple(
        Seen(
            n_answers=int(str(event.detail["n_answers"])),
            n_planned=int(str(event.detail["n_planned"])),
            is_interim=bool(event.detail.get("interim")),
        )
        for event in events
        if event.kind in LOOKS
    )


def _write_look(
    session: Session,
    name: str,
    declared: Study,
    others: Sequence[Event],
    *,
    reason: Reason,
    now: datetime,
    interim: bool,
    tampered: Sequence[str],
) -> _Look:
    study = get_study(session, name)
    here = read_events(session, schema.EventRow, study.id)
    progress = read_progress(session, study.id)
    n_answers, n_planned = progress.n_answers, progress.n_booklets * declared.design.answers_per_rater
    earlier = tuple(
        replace(seen, is_interim=seen.is_interim or seen.n_answers < n_answers)  # answers came after it
        for seen in sorted(seen_at([*here, *others]), key=attrgetter("n_answers"))  # clocks jump
    )
    looks = (*earlier, Seen(n_answers, n_planned, is_interim=interim))
    detail = {**asdict(reason), "look": len(looks), "n_answers": n_answers, "n_planned": n_planned}
    if tampered:
        detail["tampered"] = list(tampered)
    if interim and study.state is not State.OPEN:
        msg = f"Study {name!r} is {study.state}; an interim look is for one that is open."
        raise StateError(msg)
    require_answers(study, n_answers)
    if interim or study.state.is_unblinded:
        head = append_event(
            session, schema.EventRow, study.id, kind="look", at=now, interim=interim, **detail
        )
        return _Look(looks, head, detail)
    if study.state is not State.CLOSED:
        move_study(session, name, State.CLOSED, at=now)
    return _Look(looks, move_study(session, name, State.UNBLINDED, at=now, **detail), detail)

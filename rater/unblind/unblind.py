"""Look at answers by arm: durable in both logs before any answer is joined to an arm."""

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
from rater.store.sealed.studies import looks_elsewhere, note_look
from rater.study.state import State
from rater.study.study import Study
from rater.unblind.join import Joined, collect, join, require_answers
from rater.unblind.verify_key import open_seal, told_if_unreadable
from rater.verify import names_of_altered, require_unaltered

LOOKS = frozenset({"look", State.UNBLINDED})
"""The events after which somebody has seen answers by arm."""

SHOWN = "shown"


@dataclass(frozen=True)
class Reason:
    """Who asks to see arms beside answers, and why."""

    who: str
    why: str


@dataclass(frozen=True, kw_only=True)
class Unblinded(Joined):
    """Answers with their arms, and what the log says about how they came to be seen."""

    looked_at: tuple[Seen, ...]
    """What there was at each look, this one last."""
    log_head: str

    @property
    def look(self) -> int:
        """1 for the first look at this study's answers by arm, 2 for the second …"""
        return len(self.looked_at)

    @property
    def was_interim(self) -> bool:
        """Whether the study goes on taking answers."""
        return self.looked_at[-1].is_interim


@dataclass(frozen=True)
class _Look:
    seen: tuple[Seen, ...]
    """Every look so far, this one last."""
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
    allow_altered: bool = False,
) -> Unblinded:
    """Unblind a study; it is closed first and cannot be reopened, unless this is a declared interim look.

    The whole study is verified first. What was altered is refused, or, with ``allow_altered``, named in the
    log next to the look and in the result.

    Raises:
        StateError: the study is not published, or an interim look is asked of one that is not open.
        SealError: the key is not the one that was committed to, or something was altered.
    """
    with disposing(open_rating(rating_url)) as rating:
        opened = open_seal(sealed_url, rating, name)
        altered = require_unaltered(sealed_url, rating_url, name, allow_altered=allow_altered)
        with (
            told_if_unreadable(name),
            disposing(open_sealed(sealed_url)) as sealed,
            writing(sealed) as sealed_session,
        ):
            # the ratings first: killed in between, no look is noted that they do not have
            with writing(rating) as session:
                elsewhere = _looks_elsewhere(session, opened.published.id, sealed_session, opened.sealed_id)
                look = _write_look(
                    session,
                    name,
                    opened.study,
                    elsewhere,
                    reason=reason,
                    now=now,
                    interim=interim,
                    altered=names_of_altered(altered),
                )
            note_look(sealed_session, opened.sealed_id, head=look.head, detail=look.detail, now=now)
        with reading(rating) as session:
            collected = collect(session, opened.published.id)
    joined = join(collected, opened, lambda _, item_id: opened.cells[item_id].arm, altered=altered)
    joined = replace(joined, plan=at_look(joined.plan, look.seen))
    return Unblinded(
        **{field.name: getattr(joined, field.name) for field in fields(Joined)},
        looked_at=look.seen,
        log_head=look.head,
    )


def note_shown(rating_url: str, name: str, *, look: int, now: datetime) -> None:
    """Note in the log that a look's results were shown: a look whose command crashed lacks this row."""
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        append_event(session, schema.EventRow, get_study(session, name).id, kind=SHOWN, at=now, look=look)


def seen_at(events: Iterable[Event]) -> tuple[Seen, ...]:
    """List what there was at each look that a study's log has."""
    return tuple(
        Seen(
            n_answers=int(str(event.detail["n_answers"])),
            n_planned=int(str(event.detail["n_planned"])),
            is_interim=bool(event.detail.get("interim")),
        )
        for event in events
        if event.kind in LOOKS
    )


def _looks_elsewhere(session: Session, study_id: int, sealed_session: Session, sealed_id: int) -> list[Event]:
    """Find the looks at another copy of the ratings, or at this one before it was put back."""
    heads = {event.hash for event in read_events(session, schema.EventRow, study_id)}
    return looks_elsewhere(sealed_session, sealed_id, heads)


def _write_look(
    session: Session,
    name: str,
    declared: Study,
    elsewhere: Sequence[Event],
    *,
    reason: Reason,
    now: datetime,
    interim: bool,
    altered: Sequence[str],
) -> _Look:
    study = get_study(session, name)
    here = read_events(session, schema.EventRow, study.id)
    progress = read_progress(session, study.id)
    n_answers, n_planned = progress.n_answers, progress.n_booklets * declared.design.answers_per_rater
    earlier = tuple(
        replace(seen, is_interim=seen.is_interim or seen.n_answers < n_answers)  # more came after it
        for seen in sorted(seen_at([*here, *elsewhere]), key=attrgetter("n_answers"))  # clocks jump
    )
    looks = (*earlier, Seen(n_answers, n_planned, is_interim=interim))
    detail = {**asdict(reason), "look": len(looks), "n_answers": n_answers, "n_planned": n_planned}
    if altered:
        detail["altered"] = list(altered)
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

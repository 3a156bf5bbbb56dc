"""Unblind a study, take an interim look, or join its answers to secretly permuted arms.

Unblinding and interim looks are logged in both databases before any answer is joined to an arm.

The analysis of permuted arms reveals no result. A set is what the design assigns for one prompt at once: one
completion of every arm. Swapping arms inside it keeps every count of the design, for each rater and prompt.
Each set has a permutation of its own, so that what is left of an effect is noise: one permutation for all of
a prompt's texts would keep the size of its effect, and only hide the sign. All follow from the secret
publication seed and the booklets, and so are fixed at publication: a fresh permutation each time would show,
time by time, how much larger the true result is. In odd-one-out trials, which text is odd is permuted. So
the pipeline, the exclusions and the report can be tested on real data while the study is running. This is
not an interim look. Files of it are masked and logged, as exports are.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Literal

from sqlalchemy.orm import Session

from rater.analysis.sequential import Seen, at_look
from rater.errors import StateError
from rater.publish.seal import derive
from rater.store.engine import disposing, reading, writing
from rater.store.log import Event, EventKind, append_event, read_events
from rater.store.rating import schema
from rater.store.rating.frame import read_holders
from rater.store.rating.open import open_rating
from rater.store.rating.publication import NewBooklet, NewTrial, read_booklets
from rater.store.rating.studies import get_study, move_study, read_progress
from rater.store.sealed.completions import Cell
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import looks_at_other_copies, note_look
from rater.study.state import State
from rater.study.study import Study
from rater.unblind.join import Joined, collect, join, require_answers
from rater.unblind.verify_key import open_seal, reraise_unreadable
from rater.verify import names_of_tampered, require_untampered

LOOKS = frozenset({EventKind.LOOK, State.UNBLINDED})
"""Events after which answers were seen by arm: the unblinding, interim looks and later analyses."""


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
        append_event(
            session, schema.EventRow, get_study(session, name).id, kind=EventKind.SHOWN, at=now, look=look
        )


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
            session, schema.EventRow, study.id, kind=EventKind.LOOK, at=now, interim=interim, **detail
        )
        return _Look(looks, head, detail)
    if study.state is not State.CLOSED:
        move_study(session, name, State.CLOSED, at=now)
    return _Look(looks, move_study(session, name, State.UNBLINDED, at=now, **detail), detail)


def permute_arms(
    booklets: Sequence[NewBooklet], cells: Mapping[str, Cell], arms: Sequence[str], seed: str
) -> dict[tuple[str, str], str]:
    """Give each item of each booklet an arm in place of its own. Costs one keyed hash an item.

    Args:
        booklets: As published; attention checks have no cell, and are passed over.
        cells: What each item is, by its id.
        arms: The study's arms.
        seed: The secret publication seed.

    Returns:
        By booklet id and item id, the arm that replaces the item's own.
    """
    new_arms: dict[tuple[str, str], str] = {}
    for booklet in booklets:
        if any(_has_odd_text(trial, cells) for trial in booklet.trials):
            new_arms |= _move_odd_texts(booklet, cells, seed)
            continue
        for place, shown in _sets(booklet, cells):
            swapped = _permute(arms, seed, booklet.id, *place)
            new_arms.update({(booklet.id, item_id): swapped[cells[item_id].arm] for item_id in shown})
    return new_arms


def _has_odd_text(trial: NewTrial, cells: Mapping[str, Cell]) -> bool:
    arms = [cells[item_id].arm for item_id in trial.item_ids if item_id in cells]
    return 1 < len(set(arms)) < len(arms)


def _move_odd_texts(booklet: NewBooklet, cells: Mapping[str, Cell], seed: str) -> dict[tuple[str, str], str]:
    """Give the texts of each odd-one-out trial each other's arms: swapped arms would leave it odd."""
    new_arms: dict[tuple[str, str], str] = {}
    for trial in booklet.trials:
        if not trial.is_repeat and _has_odd_text(trial, cells):
            order = _permute(trial.item_ids, seed, booklet.id, trial.dimension or "", *sorted(trial.item_ids))
            new_arms |= {(booklet.id, item_id): cells[other].arm for item_id, other in order.items()}
    return new_arms


def _sets(booklet: NewBooklet, cells: Mapping[str, Cell]) -> list[tuple[tuple[str | int, ...], list[str]]]:
    """List a booklet's sets, each with its place (prompt, question, number) and its items.

    Items of one prompt and arm go to sets in the order of their samples. Trials of several texts of one
    prompt stay in one set, since their arms are compared with each other.
    """
    sets: dict[tuple[str | int, ...], list[str]] = {}
    trials = [trial for trial in booklet.trials if trial.item_ids[0] in cells and not trial.is_repeat]
    are_together = any(len(trial.item_ids) > 1 for trial in trials)
    rows = sorted(
        (
            cells[item_id].prompt_index,
            trial.dimension or "",
            cells[item_id].arm,
            cells[item_id].sample,
            item_id,
        )
        for trial in trials
        for item_id in trial.item_ids
    )
    for (prompt, dimension, _), own in groupby(rows, key=lambda row: row[:3]):
        for number, row in enumerate(own):
            sets.setdefault((prompt, dimension, 0 if are_together else number), []).append(row[-1])
    return list(sets.items())


def _permute(arms: Sequence[str], seed: str, *place: str | int) -> dict[str, str]:
    """Order the arms by keyed hashes: every order is equally likely, and independent of the others."""
    order = sorted(range(len(arms)), key=lambda index: derive(seed, "permutation", *place, index))
    return {arm: arms[index] for arm, index in zip(arms, order, strict=True)}


@dataclass(frozen=True, kw_only=True)
class Permuted(Joined):
    """Answers with permuted arms; every count of the design is unchanged."""

    label: Literal["permuted"] = "permuted"


def permuted(sealed_url: str, rating_url: str, name: str, *, allow_tampered: bool = False) -> Permuted:
    """Join a study's answers to permuted arms, the same each time; also before the study is closed.

    Raises:
        StateError: the study is not published, or has no answers.
        SealError: the key does not match the commitment, or something was tampered with.
    """
    with disposing(open_rating(rating_url)) as rating:
        opened = open_seal(sealed_url, rating, name)
        tampered = require_untampered(sealed_url, rating_url, name, allow_tampered=allow_tampered)
        with reading(rating) as session:
            collected = collect(session, opened.published.id)
            booklets = read_booklets(session, opened.published.id)
            holders = read_holders(session, opened.published.id)
    require_answers(opened.published, len(collected.answers))
    new_arms = permute_arms(booklets, opened.cells, opened.study.arm_names, opened.seed)

    def arm_of(rater: str, item: str) -> str:
        # the booklets of a rater have no text in common
        return next(new_arms[booklet, item] for booklet in holders[rater] if (booklet, item) in new_arms)

    joined = join(collected, opened, arm_of, tampered=tampered)
    # the tables of texts and metrics have the true arms, which a permutation must not reveal
    joined = replace(joined, texts=joined.texts.iloc[:0], metrics=())
    return Permuted(**{field.name: getattr(joined, field.name) for field in fields(Joined)})

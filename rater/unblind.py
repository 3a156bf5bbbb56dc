"""Open the seal: verify the commitment, write down who looks and why, and join answers to arms.

This is the only door: the only module whose result holds both an answer and an arm.
"""

from dataclasses import asdict, dataclass
from datetime import datetime

import pandas as pd
from sqlalchemy import Engine
from sqlalchemy.orm import Session

from rater.analysis.planned import Planned, plan_analysis
from rater.errors import SealError, StateError
from rater.publish.draft import key_lines
from rater.publish.seal import commit
from rater.store.engine import disposing, reading, writing
from rater.store.log import append_event, broken_link, read_events
from rater.store.rating.frame import AnswerRow, read_answers
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Event
from rater.store.rating.studies import Progress, get_study, move_study, read_progress, read_texts
from rater.store.sealed.completions import Cell, read_completions
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import find_secrets, get_sealed_study, read_key
from rater.study.study import Study

COLUMNS = (
    "rater",
    "item",
    "prompt",
    "arm",
    "dimension",
    "position",
    "answer",
    "sample",
    "n_revisions",
    "shown_ms",
    "answered_at",
)
"""The columns of the rating frame, one row for each answer's latest revision."""


@dataclass(frozen=True)
class Reason:
    """Who asks to see arms beside answers, and why."""

    who: str
    why: str


@dataclass(frozen=True)
class Unblinded:
    """Answers with their arms, and what the log says about how they came to be seen."""

    frame: pd.DataFrame
    """The rating frame: see `COLUMNS`."""
    plan: Planned
    """What the study said beforehand would be tested."""
    title: str
    """The study's title."""
    study_hash: str
    """The hash that was preregistered."""
    commitment: str
    """What the key was committed to by, and has just been verified against."""
    progress: Progress
    look: int
    """1 for the first look at this study's answers by arm, 2 for the second …"""
    was_interim: bool
    """Whether the study goes on taking answers."""
    log_head: str


def unblind(
    sealed_url: str, rating_url: str, name: str, *, reason: Reason, now: datetime, interim: bool = False
) -> Unblinded:
    """Unblind a study; it is closed first and cannot be reopened, unless this is a declared interim look.

    The look is durable in the log before any answer is joined to an arm.

    Raises:
        StateError: the study is not published, or an interim look is asked of one that is not open.
        SealError: the key is not the one that was committed to, or the log was rewritten.
    """
    with disposing(open_rating(rating_url)) as rating:
        study, arms = _open_seal(sealed_url, rating, name)
        with writing(rating) as session:
            look, head = _write_look(session, name, reason=reason, now=now, interim=interim)
        with reading(rating) as session:
            published = get_study(session, name)
            rows = read_answers(session, published.id)
            progress = read_progress(session, published.id)
    return Unblinded(
        frame=_join(rows, arms),
        plan=_plan(study),
        title=study.title,
        study_hash=published.study_hash,
        commitment=published.commitment,
        progress=progress,
        look=look,
        was_interim=interim,
        log_head=head,
    )


def _open_seal(sealed_url: str, rating: Engine, name: str) -> tuple[Study, dict[str, Cell]]:
    """Verify the key against the commitment that raters' answers were given under; return it by item id."""
    with reading(rating) as session:
        published = get_study(session, name)
        texts = read_texts(session, published.id)
        broken = broken_link(session, Event, published.id)
        logged = read_events(session, Event, published.id)[0].detail.get("commitment")
    if broken is not None or logged != published.commitment:
        msg = f"The log of study {name!r} does not fit together from row {broken or 1} on: it was rewritten."
        raise SealError(msg)
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        kept = get_sealed_study(session, name)
        secrets = find_secrets(session, kept.id)
        key = read_key(session, kept.id)
        completions = read_completions(session, kept.id)
    study = Study.model_validate_json(kept.canonical_json)
    if secrets is None or key.keys() != texts.keys():
        msg = f"The sealed database has no key to study {name!r}; give the one that it was published from."
        raise SealError(msg)
    lines = key_lines(texts, key, completions)
    commitment = commit(lines, salt=secrets.salt, seed=secrets.seed, study_hash=study.hash)
    if commitment != published.commitment:
        msg = (
            f"The key to study {name!r} hashes to {commitment}, but {published.commitment} was committed to "
            "at publication: the key, the texts or the study were changed since."
        )
        raise SealError(msg)
    cells = {completion.id: completion.cell for completion in completions}
    return study, {item_id: cells[completion_id] for item_id, completion_id in key.items()}


def _write_look(
    session: Session, name: str, *, reason: Reason, now: datetime, interim: bool
) -> tuple[int, str]:
    study = get_study(session, name)
    events = read_events(session, Event, study.id)
    look = 1 + sum(event.kind in {"look", "unblinded"} for event in events)
    detail = {**asdict(reason), "look": look, "n_answers": read_progress(session, study.id).n_answers}
    if interim and study.state != "open":
        msg = f"Study {name!r} is {study.state}; an interim look is for one that is open."
        raise StateError(msg)
    if detail["n_answers"] == 0:
        msg = (
            f"Study {name!r} has no answers yet: nothing could be analysed, and unblinding would end it for "
            "good. Let raters in first. Run: rater serve"
        )
        raise StateError(msg)
    if interim or study.state == "unblinded":
        return look, append_event(session, Event, study.id, kind="look", at=now, interim=interim, **detail)
    if study.state != "closed":
        move_study(session, name, "closed", at=now)
    return look, move_study(session, name, "unblinded", at=now, **detail)


def _plan(study: Study) -> Planned:
    return plan_analysis(
        study.analysis,
        study.dimensions,
        contrast=study.contrast,
        n_raters=study.plan.raters,
        seed=int(study.hash[:8], 16),
    )


def _join(rows: list[AnswerRow], arms: dict[str, Cell]) -> pd.DataFrame:
    joined = [
        (
            row.rater_id,
            row.item_id,
            row.prompt,
            arms[row.item_id].arm,
            row.dimension,
            row.position,
            row.answer,
            arms[row.item_id].sample,
            row.n_revisions,
            row.shown_ms,
            row.answered_at,
        )
        for row in rows
    ]
    return pd.DataFrame(joined, columns=list(COLUMNS)).astype({"shown_ms": "Int64"})

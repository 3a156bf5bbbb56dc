"""Progress of studies, masked: the list of studies, one study's counts, and the account at closing."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import mean
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from rater.errors import DatabaseError, StateError
from rater.publish.texts import SameTexts, count_generated, describe_same_texts
from rater.rendering.shown import visible_text
from rater.store.engine import disposing, reading, sqlite_path
from rater.store.log import read_events
from rater.store.rating.counts import Turned, count_booklets, read_raters, read_tallies
from rater.store.rating.monitoring import Watched, read_statuses, watch_study
from rater.store.rating.open import open_rating
from rater.store.rating.raters import count_invitations
from rater.store.rating.schema import EventRow
from rater.store.rating.statuses import RaterStatus
from rater.store.rating.studies import find_study, get_study, list_studies, read_progress
from rater.store.sealed import schema
from rater.store.sealed.completions import KeptCompletion, read_completions
from rater.store.sealed.compute import ComputeUse, read_compute
from rater.store.sealed.open import open_sealed
from rater.store.sealed.studies import find_secrets, get_sealed_study
from rater.study.arms import Unsteered
from rater.study.state import State
from rater.study.study import Study


@dataclass(frozen=True)
class Account:
    """The status of the raters at closing, and the digest of all answers."""

    n_planned: int
    n_came: int
    n_further: int
    """The booklets of raters who had finished another one before; these count in the numbers here."""
    n_finished: int
    n_partial: int
    """Raters who answered some texts and neither finished nor left."""
    n_unanswering: int
    """Raters who consented, answered nothing and did not leave."""
    left: dict[str, int]
    """The number of raters who left for good, by reason."""
    n_declined: int
    n_invited: int
    """Personal links; 0 where there were none."""
    n_answers: int
    """Including every revision, as in the digest."""
    digest: str
    """SHA-256 over all answers, from the log row of the closing."""


def account_for(rating_url: str, name: str, *, now: datetime) -> Account:
    """Account for the raters of a closed study. Costs seven queries.

    Raises:
        StateError: the study is not published, or was never closed.
    """
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        study = get_study(session, name)
        closings = [event for event in read_events(session, EventRow, study.id) if event.kind == State.CLOSED]
        if not closings:
            msg = f"Study {name!r} is {study.state}, and was not closed yet. Run: rater close {name}"
            raise StateError(msg)
        raters = read_raters(session, study.id)
        n_planned = count_booklets(session, study.id)
        n_declined = read_tallies(session, study.id).get(Turned.DECLINED, 0)
        n_invited = count_invitations(session, study.id).n_made
        by_rater = read_statuses(session, study, raters, now=now)
    sealed = closings[-1].detail
    statuses = Counter(by_rater.values())
    n_partial = sum(rater.n_answered > 0 for rater in raters if by_rater[rater.id] is RaterStatus.UNFINISHED)
    return Account(
        n_planned=n_planned,
        n_came=len(raters),
        n_further=sum(rater.booklet_number > 1 for rater in raters),
        n_finished=sum(n for status, n in statuses.items() if status.has_finished),
        n_partial=n_partial,
        n_unanswering=statuses[RaterStatus.UNFINISHED] - n_partial,
        left={
            status: n
            for status, n in sorted(statuses.items())
            if status.is_gone and status is not RaterStatus.UNFINISHED
        },
        n_declined=n_declined,
        n_invited=n_invited,
        n_answers=int(str(sealed["n_answers"])),
        digest=str(sealed["answers"]),
    )


Sealed = Literal["read", "missing", "not ours"]
"""The outcome of opening the sealed database, which alone has studies that are not published yet."""


@dataclass(frozen=True)
class ListedStudy:
    """A study and its progress."""

    name: str
    title: str
    state: str
    """Its state, or "partly generated", "generated" or "published in another database"."""
    n_finished: int
    n_planned: int
    """The number of planned raters."""
    n_answers: int


@dataclass(frozen=True)
class Listing:
    """All studies by name, and whether those that are not published yet could be seen too."""

    studies: tuple[ListedStudy, ...]
    sealed: Sealed


def list_all(rating_url: str, sealed_url: str) -> Listing:
    """List the studies of both databases, where they are there. Costs five queries a published study."""
    published = _list_published(rating_url)
    unpublished, sealed = _list_sealed(sealed_url)
    known = {study.name for study in published}
    both = [*published, *(study for study in unpublished if study.name not in known)]
    return Listing(tuple(sorted(both, key=lambda study: study.name)), sealed)


def _list_published(rating_url: str) -> list[ListedStudy]:
    path = sqlite_path(rating_url)
    if path is not None and not path.is_file():
        return []
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        progress = [(study, read_progress(session, study.id)) for study in list_studies(session)]
    return [
        ListedStudy(
            name=study.name,
            title=study.protocol.title,
            state=study.state,
            n_finished=came.n_finished,
            n_planned=came.n_booklets,
            n_answers=came.n_answers,
        )
        for study, came in progress
    ]


def _list_sealed(sealed_url: str) -> tuple[list[ListedStudy], Sealed]:
    path = sqlite_path(sealed_url)
    if path is not None and not path.is_file():
        return [], "missing"
    if path is not None and not os.access(path, os.R_OK | os.W_OK):
        return [], "not ours"
    try:
        with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
            return _read_sealed(session), "read"
    except DatabaseError:
        if path is not None:
            raise
        return [], "not ours"  # as it should be for the role of the web process


def _read_sealed(session: Session) -> list[ListedStudy]:
    """Read names, titles and counts, of all arms together. Costs three queries."""
    kept = session.execute(select(schema.SealedStudyRow.id, schema.SealedStudyRow.canonical_json)).all()
    made = dict(
        session.execute(
            select(schema.CompletionRow.study_id, func.count()).group_by(schema.CompletionRow.study_id)
        ).all()
    )
    published = set(session.scalars(select(schema.Publication.study_id)))
    listed = []
    for study_id, canonical_json in kept:
        study = Study.model_validate_json(canonical_json)
        is_whole = made.get(study_id, 0) == study.n_completions
        state = (
            "published in another database"
            if study_id in published
            else State.GENERATED
            if is_whole
            else "partly generated"
        )
        listed.append(ListedStudy(study.name, study.title, state, 0, study.n_raters, 0))
    return listed


_IMPROBABLE_NATS = 1.5
"""Between 1.1 nats above the unsteered arm (still readable) and 1.7 (degenerate), with the embedded model."""
_REPETITIVE = 0.4
_EMPTY = 0.1


@dataclass(frozen=True)
class GeneratedArm:
    """Summary of one arm's completions, by which degenerate arms are found before publication."""

    arm: str
    n: int
    n_planned: int
    mean_tokens: float | None
    """None where no text has tokens: they came from a file, or there is none yet."""
    mean_characters: float
    share_cut_off: float | None
    """The share that the length limit cut off; None as above."""
    share_empty: float
    mean_repetition: float
    """The mean share of runs of three words that occurred before in the text."""
    mean_nll: float | None
    """The mean negative log-likelihood per token under the unsteered model, in nats; None for texts from a
    file."""
    degenerate_sign: str | None
    """A sentence on the sign that the arm's texts are degenerate; None without one."""
    same_texts: tuple[str, ...] = ()
    """Sentences on texts equal to others; texts that two arms share are listed at the later arm."""


@dataclass(frozen=True)
class GeneratedStudy:
    """The completions and the compute of a study that is not published yet."""

    arms: tuple[GeneratedArm, ...]
    compute: tuple[ComputeUse, ...]
    """The compute of all runs that ended, by kind of device."""
    n_shards: int
    """The number of shards; 0 if it was generated without."""

    @property
    def is_complete(self) -> bool:
        """True if no completion is missing."""
        return all(arm.n == arm.n_planned for arm in self.arms)


def watch(rating_url: str, sealed_url: str, name: str, *, now: datetime) -> Watched | GeneratedStudy:
    """Summarise a study's progress: counts and times if it is published, else its texts by arm.

    Costs six queries, whatever the study's size; the sealed database is not opened for a published study.

    Raises:
        StateError: the study does not exist, or it is published, but not in this rating database: what was
            generated is not shown by arm any more.
    """
    path = sqlite_path(rating_url)
    if path is None or path.is_file():
        with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
            study = find_study(session, name)
            if study is not None:
                return watch_study(session, study, now=now)
    with disposing(open_sealed(sealed_url)) as sealed, reading(sealed) as session:
        kept = get_sealed_study(session, name)
        secrets = find_secrets(session, kept.id)
        if secrets is not None:
            msg = (
                f"Study {name!r} was published on {secrets.published_at:%Y-%m-%d %H:%M} UTC, but is not in "
                "this rating database. Name its database with --ratings (or RATER_DATABASE); if its "
                f"publication was interrupted, run again: rater publish {name}"
            )
            raise StateError(msg)
        completions = read_completions(session, kept.id)
        compute, n_shards = read_compute(session, kept.id)
    arms = summarise_arms(Study.model_validate_json(kept.canonical_json), completions)
    return GeneratedStudy(arms, tuple(compute), n_shards)


def summarise_arms(study: Study, completions: Sequence[KeptCompletion]) -> tuple[GeneratedArm, ...]:
    """Summarise what was generated, by arm, in the study's order."""
    arms = [
        _summarise(
            study,
            arm,
            [each for each in completions if each.cell.arm == arm],
            len(study.prompts) * study.n_samples_of(arm),
        )
        for arm in study.arm_names
    ]
    declared = {arm.name: arm for arm in study.arms}
    nlls = {arm.arm: arm.mean_nll for arm in arms if arm.mean_nll is not None}
    unsteered = [nll for arm, nll in nlls.items() if isinstance(declared[arm], Unsteered)]
    usual = min(unsteered or nlls.values(), default=None)
    same = count_generated(study, completions)
    return tuple(
        replace(arm, degenerate_sign=_find_degenerate_sign(arm, usual), same_texts=_same_texts(same, arm.arm))
        for arm in arms
    )


def _same_texts(same: SameTexts, arm: str) -> tuple[str, ...]:
    """Describe the texts that an arm shares with an earlier one, or has twice."""
    own = SameTexts(
        shared=tuple(each for each in same.shared if each.second == arm),
        repeated=tuple(each for each in same.repeated if each[0] == arm),
    )
    return tuple(describe_same_texts(own))


def _find_degenerate_sign(arm: GeneratedArm, usual_nll: float | None) -> str | None:
    """Return a sentence on the sign that an arm's texts are degenerate; None without one."""
    if arm.n and arm.share_empty > _EMPTY:
        what = f"{arm.share_empty:.0%} of its texts are empty"
    elif arm.mean_repetition > _REPETITIVE:
        what = f"{arm.mean_repetition:.0%} of its runs of three words occurred before in the same text"
    elif arm.mean_nll is not None and usual_nll is not None and arm.mean_nll - usual_nll > _IMPROBABLE_NATS:
        what = (
            f"the unsteered model finds its tokens less likely by {arm.mean_nll - usual_nll:.1f} nats each "
            "than those of the unsteered arm"
        )
    else:
        return None
    advice = "Read some texts before you publish; a smaller coefficient may help."
    return f"Arm {arm.arm} looks degenerate: {what}. {advice}"


def _summarise(study: Study, arm: str, made: list[KeptCompletion], n_planned: int) -> GeneratedArm:
    protocol = study.protocol
    seen = [visible_text(protocol, c.text) for c in made]

    def average(values: list[float]) -> float:
        return mean(values) if values else 0.0

    nlls = [c.nll for c in made if c.nll is not None]
    has_tokens = any(c.n_tokens for c in made)
    return GeneratedArm(
        arm=arm,
        n=len(made),
        n_planned=n_planned,
        mean_tokens=average([float(c.n_tokens) for c in made]) if has_tokens else None,
        mean_characters=average([float(len(text)) for text in seen]),
        share_cut_off=average([float(c.stop_reason == "length") for c in made]) if has_tokens else None,
        share_empty=average([float(not text.strip()) for text in seen]),
        mean_repetition=average([c.repetition for c in made]),
        mean_nll=mean(nlls) if nlls else None,
        degenerate_sign=None,
    )

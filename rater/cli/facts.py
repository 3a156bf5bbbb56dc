"""Read what a report says of a study besides its answers: its declaration, and who looked."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from rater.errors import StudyError, nearest
from rater.name_lists import choose_arms
from rater.names import normalise_name
from rater.report.about import AmendmentText, ArmText, Look, StudyFacts, TakenOut

if TYPE_CHECKING:
    from rater.store.log import Event
    from rater.study.confounds import Confound
    from rater.study.study import Study
    from rater.unblind import Joined


class Databases(NamedTuple):
    """Where a study's two halves are."""

    sealed_url: str
    rating_url: str


def find_declared(
    databases: Databases, name: str, *, contrast: Sequence[str], primary: str | None
) -> tuple[tuple[str, str] | None, str | None]:
    """Return the contrast and the dimension of a study that were typed, before the study is looked at.

    Raises:
        RaterError: it lacks one of them.
    """
    study = _declared(databases, name)
    arms = choose_arms(contrast, study.arm_names, lack="the study lacks") if contrast else None
    dimensions = [dimension.name for dimension in study.dimensions]
    primary = None if primary is None else normalise_name(primary)
    if primary is not None and primary not in dimensions:
        msg = f"Unknown primary dimension {primary!r}.{nearest(primary, dimensions)}"
        raise StudyError(msg)
    return arms, primary


def _declared(databases: Databases, name: str) -> "Study":
    return _declared_and_audited(databases, name)[0]


def _declared_and_audited(databases: Databases, name: str) -> "tuple[Study, tuple[Confound, ...] | None]":
    """Read a study's declaration, and the confounds of the audit at its publication."""
    from rater.publish.confounds import read_confounds
    from rater.publish.lost_key import explain_lost_key
    from rater.store.engine import disposing, reading
    from rater.store.sealed.open import open_sealed
    from rater.store.sealed.studies import get_sealed_study
    from rater.study.study import Study

    with (
        explain_lost_key(databases.rating_url, name),
        disposing(open_sealed(databases.sealed_url)) as sealed,
        reading(sealed) as session,
    ):
        kept = get_sealed_study(session, name)
        return Study.model_validate_json(kept.canonical_json), read_confounds(session, kept.id)


def study_facts(databases: Databases, name: str, seen: "Joined") -> StudyFacts:
    """Read the log and the declared study; call it once a look is written, or where none is needed."""
    from rater.store.engine import disposing, reading
    from rater.store.log import read_events
    from rater.store.rating import masked_export
    from rater.store.rating.open import open_rating
    from rater.store.rating.schema import Event
    from rater.store.rating.studies import get_study
    from rater.study.arms import models_needed
    from rater.study.describe import describe_arm, describe_sampling
    from rater.unblind.looking import LOOKS

    with disposing(open_rating(databases.rating_url)) as rating, reading(rating) as session:
        events = read_events(session, Event, get_study(session, name).id)
    study, confounds = _declared_and_audited(databases, name)
    seen_by_arm = [event for event in events if event.kind in LOOKS]
    first_look = seen_by_arm[0].sequence if seen_by_arm else math.inf
    return StudyFacts(
        name=name,
        study_hash=seen.study_hash,
        commitment=seen.commitment,
        log_head=events[-1].hash,
        looks=_looks(events),
        n_planned_raters=seen.progress.n_booklets,
        n_started_raters=seen.progress.n_raters,
        n_finished_raters=seen.progress.n_finished,
        items_per_rater=study.items_per_rater,
        n_texts=study.n_completions,
        model=" and ".join(models_needed(study.arms, study.model)),
        sampling=describe_sampling(study),
        arms=tuple(ArmText(name=arm.name, says=describe_arm(arm)) for arm in study.arms),
        confounds=confounds,
        declared_confounds=study.confounds,
        guessed_arms=study.changed_arms if study.blinding is not None else (),
        amendments=tuple(
            _amendment(event, after_look=event.sequence > first_look)
            for event in events
            if event.kind == "amended"
        ),
        altered=tuple(f"{check.name}: {check.says}" for check in seen.altered),
        taken_out=tuple(
            TakenOut(
                at=f"{event.at:%Y-%m-%d %H:%M} UTC",
                n_answers=int(str(event.detail["n"])),
                after_look=event.sequence > first_look,
            )
            for event in events
            if event.kind == "redacted" and event.detail["n"]
        ),
        n_masked_exports=sum(event.kind == masked_export.KIND for event in events),
    )


def _looks(events: "Sequence[Event]") -> tuple[Look, ...]:
    from rater.unblind.looking import LOOKS, SHOWN

    shown = {event.detail.get("look") for event in events if event.kind == SHOWN}
    looks = [event for event in events if event.kind in LOOKS]
    return tuple(
        Look(
            number=number,
            at=f"{event.at:%Y-%m-%d %H:%M} UTC",
            who=str(event.detail["who"]),
            why=str(event.detail["why"]),
            n_answers=int(str(event.detail["n_answers"])),
            is_interim=bool(event.detail.get("interim")),
            was_shown=event is looks[-1] or event.detail.get("look") in shown,
        )
        for number, event in enumerate(looks, 1)
    )


def _amendment(event: "Event", *, after_look: bool) -> AmendmentText:
    changes = event.detail["changes"]
    assert isinstance(changes, list)  # noqa: S101 (so it was logged)
    return AmendmentText(
        version=int(str(event.detail["version"])),
        at=f"{event.at:%Y-%m-%d %H:%M} UTC",
        who=str(event.detail["by"]),
        why=str(event.detail["reason"]),
        changes=tuple(map(str, changes)),
        n_raters_added=int(str(event.detail["n_booklets_added"])),
        after_look=after_look,
    )

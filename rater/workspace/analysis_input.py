"""The input of an analysis: a study, an interim analysis, permuted arms, or a rehearsal, with its context."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from rater.analysis.metric_values import MetricValues
from rater.analysis.plan import Planned
from rater.errors import StudyError, nearest
from rater.name_lists import choose_arms
from rater.names import normalise_name
from rater.report.console.analysis import Screen
from rater.report.context import (
    AmendmentText,
    ArmText,
    Look,
    ReportContext,
    StudyFacts,
    TakenOut,
    TextTables,
    describe_added_raters,
    describe_removed_raters,
    describe_unshown_looks,
    summarise_amendments,
)
from rater.report.export import Json, as_json
from rater.study.analysis_plan import PlannedScore, PlannedTest, Scope
from rater.verify import names_of_tampered
from rater.workspace.databases import Databases

if TYPE_CHECKING:
    from rater.rehearse import SimulatedRaters
    from rater.store.log import Event
    from rater.study.confounds import Confound
    from rater.study.study import Study
    from rater.unblind import Joined
    from rater.verify import Check


def find_declared(
    databases: Databases, name: str, *, contrast: Sequence[str], primary: str | None
) -> tuple[tuple[str, str] | None, str | None]:
    """Return the contrast and the dimension of a study that were typed, before the study is looked at.

    Raises:
        RaterError: it lacks one of them.
    """
    study, _ = _declared_and_audited(databases, name)
    arms = choose_arms(contrast, study.arm_names, lack="the study lacks") if contrast else None
    dimensions = [*(each.name for each in study.dimensions), *(each.name for each in study.composites)]
    primary = None if primary is None else normalise_name(primary)
    if primary is not None and primary not in dimensions:
        msg = f"Unknown primary dimension {primary!r}.{nearest(primary, dimensions)}"
        raise StudyError(msg)
    return arms, primary


def _declared_and_audited(databases: Databases, name: str) -> "tuple[Study, tuple[Confound, ...] | None]":
    """Read a study's declaration, and the confounds of the audit at its publication."""
    from rater.publish.publish import explain_lost_key, read_confounds
    from rater.store.engine import disposing, reading
    from rater.store.sealed.open import open_sealed
    from rater.store.sealed.studies import get_sealed_study
    from rater.study.study import Study

    with (
        explain_lost_key(databases.rating_url, name),
        disposing(open_sealed(databases.sealed_url)) as sealed,
        reading(sealed) as session,
    ):
        sealed_study = get_sealed_study(session, name)
        return Study.model_validate_json(sealed_study.canonical_json), read_confounds(
            session, sealed_study.id
        )


def study_facts(databases: Databases, name: str, seen: "Joined") -> StudyFacts:
    """Read the log and the declared study; call it once a look is written, or where none is needed."""
    from rater.store.engine import disposing, reading
    from rater.store.log import EventKind, read_events
    from rater.store.rating.open import open_rating
    from rater.store.rating.schema import EventRow
    from rater.store.rating.studies import get_study
    from rater.study.arms import models_needed
    from rater.study.describe import describe_arm, describe_sampling
    from rater.unblind.unblind import LOOKS

    with disposing(open_rating(databases.rating_url)) as rating, reading(rating) as session:
        events = read_events(session, EventRow, get_study(session, name).id)
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
        n_finished_raters=seen.progress.n_finished - seen.progress.n_further,
        n_further_booklets=seen.progress.n_further,
        n_withdrawn_raters=seen.n_withdrawn,
        items_per_rater=study.items_per_rater,
        n_texts=study.design.n_completions,
        model=" and ".join(models_needed(study.arms, study.model)),
        sampling=describe_sampling(study),
        arms=tuple(ArmText(name=arm.name, description=describe_arm(arm)) for arm in study.arms),
        confounds=confounds,
        declared_confounds=study.confounds,
        guessed_arms=study.changed_arms if study.blinding is not None else (),
        amendments=tuple(
            _amendment(event, after_look=event.sequence > first_look)
            for event in events
            if event.kind == EventKind.AMENDED
        ),
        tampered=tuple(f"{check.name}: {check.description}" for check in seen.tampered),
        taken_out=tuple(
            TakenOut(
                at=f"{event.at:%Y-%m-%d %H:%M} UTC",
                n_answers=int(str(event.detail["n"])),
                after_look=event.sequence > first_look,
            )
            for event in events
            if event.kind == EventKind.REDACTED and event.detail["n"]
        ),
        n_masked_exports=sum(event.kind == EventKind.EXPORTED for event in events),
    )


def _looks(events: "Sequence[Event]") -> tuple[Look, ...]:
    from rater.store.log import EventKind
    from rater.unblind.unblind import LOOKS

    shown = {event.detail.get("look") for event in events if event.kind == EventKind.SHOWN}
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


REHEARSED = "Rehearsal: synthetic answers under a synthetic key, not a result"
PERMUTED = "Permuted arms: not a result"
EXPLORATORY = "Exploratory: not the planned analysis"
TAMPERED = "TAMPERED DATA: do not rely on it"


@dataclass(frozen=True, kw_only=True)
class AnalysisInput:
    """Answers with their plan, and the texts that a report adds to them."""

    frame: pd.DataFrame
    plan: Planned
    screen: Screen
    about: ReportContext
    json_about: dict[str, Json] = field(default_factory=dict)
    raters: pd.DataFrame | None = None
    guesses: pd.DataFrame | None = None
    assigned: pd.DataFrame | None = None
    questionnaire: pd.DataFrame | None = None
    tables: TextTables | None = None
    metrics: tuple[MetricValues, ...] = ()
    """Metrics and judges of the texts."""
    masked_frame: pd.DataFrame | None = None
    """The answers as files may have them, where the ids of their texts must be masked."""

    @property
    def frame_for_files(self) -> pd.DataFrame:
        """The answers as they are written to files."""
        return self.frame if self.masked_frame is None else self.masked_frame


def look_at(
    databases: Databases,
    name: str,
    *,
    who: str,
    why: str,
    interim: bool,
    label: str | None,
    allow_tampered: bool = False,
) -> AnalysisInput:
    """Unblind a study, or make an interim look; either is written in its log."""
    from rater.unblind import Reason, unblind

    seen = unblind(
        *databases,
        name,
        reason=Reason(who=who, why=why),
        now=datetime.now(UTC),
        interim=interim,
        allow_tampered=allow_tampered,
    )
    look = f"This is look {seen.look} at the study's answers by arm"
    if seen.was_interim:
        look += ", and the study is still open"
    screen = Screen(
        title=seen.title,
        completed_raters=seen.progress.n_finished - seen.progress.n_further,
        further_booklets=seen.progress.n_further,
        withdrawn_raters=seen.n_withdrawn,
        planned_raters=seen.progress.n_booklets,
        looked_at=seen.looked_at,
        banner=label or "",
        notes=[
            f"{look}; it is written in the study's log",
            "The key matches the commitment made at publication.",
        ],
        log_head=seen.log_head,
    )
    extra: dict[str, Json] = {
        "look": seen.look,
        "looked_at": [look.n_answers for look in seen.looked_at],
        "was_interim": seen.was_interim,
        "log_head": seen.log_head,
    }
    data = _read_input(databases, name, seen, screen, label=label)
    return replace(data, json_about=data.json_about | extra)


def permute(databases: Databases, name: str, *, allow_tampered: bool = False) -> AnalysisInput:
    """Take a study's answers under arms that are not theirs; this is not an interim look.

    Files get ids of texts that are masked as in a masked export: full ids would allow to compare booklets.
    """
    from rater.admin.export import mask_frame
    from rater.unblind import permuted

    seen = permuted(*databases, name, allow_tampered=allow_tampered)
    screen = Screen(
        title=seen.title,
        completed_raters=seen.progress.n_finished - seen.progress.n_further,
        further_booklets=seen.progress.n_further,
        withdrawn_raters=seen.n_withdrawn,
        planned_raters=seen.progress.n_booklets,
        banner=PERMUTED,
        notes=[
            (
                "The answers are real and the arms are shuffled within the design, the same way each time: "
                "whatever differs here differs by chance. This is not an interim look."
            ),
        ],
    )
    data = _read_input(databases, name, seen, screen, label=PERMUTED)
    return replace(data, masked_frame=mask_frame(data.frame))


def read_rehearsal(
    databases: Databases, name: str, simulated: "SimulatedRaters", *, progress: Callable[[str], None]
) -> AnalysisInput:
    """Rehearse a study with simulated raters in temporary databases, and return their answers."""
    from rater.publish.publish import explain_lost_key
    from rater.rehearse import rehearsing

    with (
        explain_lost_key(databases.rating_url, name),
        rehearsing(databases.sealed_url, name, simulated, progress=progress) as done,
    ):
        notes = [_describe_simulated_effect(simulated.effect, done.seen.plan)]
        if simulated.characters:
            notes.append(f"Among the simulated raters: one each that is {', '.join(simulated.characters)}.")
        screen = Screen(
            title=done.seen.title,
            completed_raters=done.seen.progress.n_finished,
            planned_raters=done.seen.progress.n_booklets,
            banner="REHEARSAL: bots and a synthetic key; nothing here is about the real study",
            notes=notes,
        )
        temporary = Databases(done.sealed_url, done.rating_url)
        data = _read_input(temporary, name, done.seen, screen, label=REHEARSED)
    return replace(data, about=replace(data.about, is_rehearsal=True))


def _describe_simulated_effect(effect: float, planned: Planned) -> str:
    if not effect:
        return "No simulated rater saw any difference between the arms."
    first, second = planned.contrast
    unit = planned.in_order[0].scale.answer_unit
    return f"The simulated effect of arm {first!r} against {second!r} is {effect:+g} {unit}."


def _read_input(
    databases: Databases,
    name: str,
    seen: "Joined",
    screen: Screen,
    *,
    label: str | None,
) -> AnalysisInput:
    from rater.admin.export import data_dictionary, text_meanings
    from rater.unblind import joined_meanings

    meanings = data_dictionary(seen.frame.columns, masked=False) | joined_meanings(seen.frame.columns)
    facts = study_facts(databases, name, seen)
    if facts.amendments:
        added = describe_added_raters(facts)
        screen = replace(
            screen, notes=[*screen.notes, summarise_amendments(facts), *([added] if added else [])]
        )
    unshown = describe_unshown_looks(facts)
    if unshown:
        screen = replace(screen, notes=[*screen.notes, unshown])
    if facts.taken_out:
        screen = replace(screen, notes=[*screen.notes, describe_removed_raters(facts)])
    if seen.tampered:
        warnings = [f"Tampered with: {check.name}. {check.description}" for check in seen.tampered]
        label = "; ".join(filter(None, [label_of_tampered(seen.tampered), label]))
        banner = "; ".join(filter(None, [label_of_tampered(seen.tampered), screen.banner]))
        screen = replace(screen, banner=banner, notes=[*warnings, *screen.notes])
    json_about: dict[str, Json] = {
        "study": name,
        "title": seen.title,
        "study_hash": seen.study_hash,
        "commitment": seen.commitment,
        "raters_taken_out": as_json(facts.taken_out),
    }
    if seen.tampered:
        json_about["tampered"] = {check.name: check.description for check in seen.tampered}
    about = ReportContext(
        title=seen.title,
        label=label,
        study=facts,
        columns={
            column: (meanings[column].description, meanings[column].seen_by)
            for column in seen.frame.columns
            if column in meanings
        },
    )
    return AnalysisInput(
        frame=seen.frame,
        plan=seen.plan,
        screen=screen,
        about=about,
        json_about=json_about,
        raters=seen.raters,
        guesses=seen.guesses if seen.asks_guesses else None,
        assigned=seen.assigned,
        questionnaire=seen.questionnaire,
        tables=TextTables(seen.texts, seen.comments, text_meanings(seen.texts.columns)),
        metrics=seen.metrics,
    )


def label_of_tampered(checks: "Sequence[Check]") -> str:
    """Return the label of every page and figure whose results rest on tampered data."""
    return f"{TAMPERED} ({', '.join(names_of_tampered(checks))})"


def explore(
    data: AnalysisInput,
    *,
    primary: str | None = None,
    contrast: tuple[str, str] | None = None,
    scope: Scope | None = None,
    score: PlannedScore | None = None,
    test: PlannedTest | None = None,
    sesoi: float | None = None,
) -> AnalysisInput:
    """Change what was planned where an argument is given; the rest of the plan stays.

    Another primary dimension or contrast is tested alone, without the coprimary test.
    """
    plan = data.plan
    changed = replace(
        plan,
        primary=primary or plan.primary,
        contrast=contrast or plan.contrast,
        scope=scope or plan.scope,
        score=score or plan.score,
        test=test or plan.test,
        sesoi=sesoi or plan.sesoi,
        coprimary=None if primary or contrast else plan.coprimary,
    )
    return replace(data, plan=changed)

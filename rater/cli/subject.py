"""What `rater analyze` analyses: a study, looked at or with permuted arms, or ratings from elsewhere."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pandas as pd

from rater.analysis.planned import Planned
from rater.cli.elsewhere import Elsewhere
from rater.cli.facts import Databases, study_facts
from rater.report.about import About, TextTables
from rater.report.amended import (
    describe_added_raters,
    describe_removed_raters,
    describe_unshown_looks,
    summarise_amendments,
)
from rater.report.export import Json, as_json
from rater.report.terminal import Screen
from rater.verify import names_of_altered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rater.unblind import Joined
    from rater.verify import Check

REHEARSED = "Rehearsal: made-up answers under a made-up key, not a result"
PERMUTED = "Permuted arms: not a result"
EXPLORATORY = "Exploratory: not the planned analysis"
ALTERED = "ALTERED DATA: not to be relied on"
_DERIVED = {
    "cannot_judge": ("Whether the rater could not judge the text.", "experimenter"),
    "answer": ("On the dimension's scale; of a pair above 0 for the arm's text; else empty.", "experimenter"),
    "other_arm": ("The arm of the other text of the pair.", "sealed"),
    "first_answered_at": ("When the answer was first stored, in UTC; the times are of then.", "experimenter"),
    "arm_is_left": ("Whether the arm's text stood on the left.", "sealed"),
}
"""Columns that come about when answers are joined to arms."""


@dataclass(frozen=True, kw_only=True)
class AnalysisInput:
    """Answers with their plan, and what is said around them."""

    frame: pd.DataFrame
    plan: Planned
    screen: Screen
    about: About
    json_about: dict[str, Json] = field(default_factory=dict)
    raters: pd.DataFrame | None = None
    guesses: pd.DataFrame | None = None
    assigned: pd.DataFrame | None = None
    tables: TextTables | None = None
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
    allow_altered: bool = False,
) -> AnalysisInput:
    """Unblind a study, or look at it while it goes on; either is written in its log."""
    from rater.unblind import Reason, unblind

    seen = unblind(
        *databases,
        name,
        reason=Reason(who=who, why=why),
        now=datetime.now(UTC),
        interim=interim,
        allow_altered=allow_altered,
    )
    look = f"This is look {seen.look} at the study's answers by arm"
    if seen.was_interim:
        look += ", and the study is still open"
    screen = Screen(
        title=seen.title,
        completed_raters=seen.progress.n_finished,
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


def permute(databases: Databases, name: str, *, allow_altered: bool = False) -> AnalysisInput:
    """Take a study's answers under arms that are not theirs; this is not an interim look.

    Files get ids of texts that are masked as in a masked export: full ids would allow to compare booklets.
    """
    from rater.custody.export import mask_frame
    from rater.unblind import permuted

    seen = permuted(*databases, name, allow_altered=allow_altered)
    screen = Screen(
        title=seen.title,
        completed_raters=seen.progress.n_finished,
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


def rehearse_on(databases: Databases, name: str, seen: "Joined", *, notes: list[str]) -> AnalysisInput:
    """Take what bots answered in a rehearsal, from its throwaway databases."""
    screen = Screen(
        title=seen.title,
        completed_raters=seen.progress.n_finished,
        planned_raters=seen.progress.n_booklets,
        banner="REHEARSAL: bots and a made-up key; nothing here is about the real study",
        notes=notes,
    )
    data = _read_input(databases, name, seen, screen, label=REHEARSED)
    return replace(data, about=replace(data.about, is_rehearsal=True))


def _read_input(
    databases: Databases,
    name: str,
    seen: "Joined",
    screen: Screen,
    *,
    label: str | None,
) -> AnalysisInput:
    from rater.custody.export import data_dictionary, text_meanings

    meanings = data_dictionary(list(seen.frame.columns), masked=False)
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
    if seen.altered:
        found = [f"Altered: {check.name}. {check.says}" for check in seen.altered]
        label = "; ".join(filter(None, [label_of_altered(seen.altered), label]))
        banner = "; ".join(filter(None, [label_of_altered(seen.altered), screen.banner]))
        screen = replace(screen, banner=banner, notes=[*found, *screen.notes])
    json_about: dict[str, Json] = {
        "study": name,
        "title": seen.title,
        "study_hash": seen.study_hash,
        "commitment": seen.commitment,
        "raters_taken_out": as_json(facts.taken_out),
    }
    if seen.altered:
        json_about["altered"] = {check.name: check.says for check in seen.altered}
    about = About(
        title=seen.title,
        label=label,
        study=facts,
        columns={
            column: _DERIVED[column]
            if column in _DERIVED
            else (meanings[column].description, meanings[column].seen_by)
            for column in seen.frame.columns
            if column in _DERIVED or column in meanings
        },
    )
    return AnalysisInput(
        frame=seen.frame,
        plan=seen.plan,
        screen=screen,
        about=about,
        json_about=json_about,
        raters=seen.raters,
        guesses=seen.guesses,
        assigned=seen.assigned,
        tables=TextTables(seen.texts, seen.comments, text_meanings()),
    )


def label_of_altered(checks: "Sequence[Check]") -> str:
    """Return what every page and figure says of results that rest on altered data."""
    return f"{ALTERED} ({', '.join(names_of_altered(checks))})"


def explore(data: AnalysisInput, given: Elsewhere) -> AnalysisInput:
    """Change what was planned where an option says so; what no option names stays."""
    plan = data.plan
    changed = replace(
        plan,
        primary=given["primary"] or plan.primary,
        contrast=(given["contrast"][0], given["contrast"][1]) if given["contrast"] else plan.contrast,
        scope=given["scope"] or plan.scope,
        score=given["score"] or plan.score,
        sesoi=given["sesoi"] or plan.sesoi,
    )
    return replace(data, plan=changed)

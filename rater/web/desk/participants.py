"""The participants of a study at the desk: a row for each person, lists for the recruitment site, and places.

Identifiers, labels and comments are read for users who may see them only; nothing on the page is by arm.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from flask import Response, abort, redirect, url_for
from werkzeug.wrappers import Response as AnyResponse

from rater.errors import StateError
from rater.sanitize import sanitize_for_display
from rater.store.engine import reading, writing
from rater.store.rating.participants import Participant, log_list, read_participants
from rater.store.rating.payment_lists import (
    PaymentLists,
    describe_reason,
    make_payment_lists,
    participant_table,
)
from rater.store.rating.places import free_place
from rater.store.rating.studies import PublishedStudy
from rater.study.visit import FreedReason
from rater.tables.write import csv_lines
from rater.web.desk import access
from rater.web.desk.downloads import attachment
from rater.web.desk.page import DeskPage, Right, blueprint, find_or_404, needs, render, rights
from rater.web.desk.studies import ConfirmPage
from rater.web.settings import running

_RATER_ID = re.compile(r"[0-9a-f]{32}")
_ID_CHARACTERS = 8
_MAX_LINES = 12


@dataclass(frozen=True)
class ParticipantLine:
    """A participant in the table."""

    name: str
    """The ID of the recruitment site or the label of the personal link, if it may be shown; else an id."""
    session: tuple[str, ...]
    """The other identifiers of the link, with their names."""
    status: str
    reason: str
    further: str
    """The booklets after the first, with their status; empty if there are none."""
    code: str
    minutes: str
    last_seen: datetime
    progress: str
    checks: str
    flags: str
    comment: str
    free_url: str
    """Empty if the place cannot be freed by hand."""


@dataclass(frozen=True)
class PasteList:
    """A list to paste into the recruitment site."""

    id: str
    title: str
    explanation: str
    n: int
    text: str
    n_lines: int


@dataclass(frozen=True)
class ParticipantsPage(DeskPage):
    """The participants of a study."""

    template = "desk/participants.html"

    user: str
    has_identifiers: bool
    """True if the user may see identifiers."""
    command: str
    """The command that lets the user see identifiers."""
    participants: tuple[ParticipantLine, ...]
    lists: tuple[PasteList, ...]
    """Empty if the user may not see identifiers."""
    n_unnamed: int
    download_url: str
    back_url: str


@blueprint.get("/studies/<name>/participants")
def participants(name: str) -> str:
    """Show the participants of a study. Costs seven queries, ten with identifiers."""
    has_identifiers = rights().sees_identifiers
    with reading(running().engine) as session:
        study = find_or_404(session, name)
        found = read_participants(
            session, study, with_identifiers=has_identifiers, now=running().settings.now()
        )
    lists = make_payment_lists(found, study.protocol.bonus) if has_identifiers else None
    return render(
        ParticipantsPage(
            title=f"Participants: {study.protocol.title}",
            user=access.user().name,
            has_identifiers=has_identifiers,
            command=f"rater user grant {access.user().name} {name} {rights().role} --identifiers",
            participants=tuple(_line(study, each) for each in found),
            lists=_paste_lists(lists, study) if lists else (),
            n_unnamed=lists.n_unnamed if lists else 0,
            download_url=url_for("desk.download_participants", name=name),
            back_url=url_for("desk.study", name=name),
        )
    )


@blueprint.get("/studies/<name>/participants.csv")
@needs(Right.IDENTIFIERS)
def download_participants(name: str) -> Response:
    """Hand out the participants with their identifiers, and log it. Costs eleven queries, and an insert."""
    now = running().settings.now()
    with writing(running().engine) as session:
        study = find_or_404(session, name)
        found = read_participants(session, study, with_identifiers=True, now=now)
        log_list(session, study.id, who=access.user().name, by="desk", n=len(found), now=now)
    table = participant_table(found, study.protocol)
    return attachment(csv_lines(table.columns, table.rows), f"{name}-participants.csv")


@blueprint.get("/studies/<name>/participants/<rater_id>/free")
@needs(Right.CHANGE)
def confirm_free(name: str, rater_id: str) -> str:
    """Show the effects of freeing a place, before it is freed. Costs one query."""
    if not _RATER_ID.fullmatch(rater_id):
        abort(404)
    with reading(running().engine) as session:
        study = find_or_404(session, name)
    if not study.state.takes_raters:
        abort(404)
    return render(
        ConfirmPage(
            title=f"Free a place: {study.protocol.title}",
            user=access.user().name,
            description=(
                f"The booklet of rater {rater_id[:_ID_CHARACTERS]} is assigned to the next rater, from its "
                "first text. The answers so far are kept. "
                + (
                    "If the rater returns, they cannot continue."
                    if study.protocol.late_raters == "stop"
                    else "If the rater returns, they may finish as surplus."
                )
            ),
            warning="",
            pause_url="",
            post_url=url_for("desk.free", name=name, rater_id=rater_id),
            button="Free this place",
            back_url=url_for("desk.participants", name=name),
        )
    )


@blueprint.post("/studies/<name>/participants/<rater_id>/free")
def free(name: str, rater_id: str) -> AnyResponse:
    """Free a place by hand; the log records by whom. A place that is free already stays so.

    Costs five queries, an update and an insert.
    """
    if not _RATER_ID.fullmatch(rater_id):
        abort(404)
    try:
        with writing(running().engine) as session:
            study = find_or_404(session, name)
            free_place(
                session,
                study.id,
                rater_id,
                reason=FreedReason.BY_HAND,
                by=access.user().name,
                now=running().settings.now(),
            )
    except StateError:  # sent twice, or the rater left or finished meanwhile: the table shows it
        pass
    return redirect(url_for("desk.participants", name=name), 303)


def _line(study: PublishedStudy, each: Participant) -> ParticipantLine:
    can_be_freed = each.current_status.may_continue and study.state.takes_raters and rights().may_change
    name = each.participant_id or each.label or each.rater_id[:_ID_CHARACTERS]
    return ParticipantLine(
        name=sanitize_for_display(name),
        session=tuple(
            sanitize_for_display(f"{name} {value}") for name, value in each.other_identifiers.items()
        ),
        status=each.status.value,
        reason=describe_reason(each),
        further=", ".join(
            f"booklet {number}: {status}" for number, status in enumerate(each.further, start=2)
        ),
        code=each.code or "–",
        minutes=f"{each.minutes:.0f}",
        last_seen=each.last_seen_at,
        progress=f"{each.n_answered} of {each.n_trials}",
        checks=f"{each.n_checks_passed} of {each.n_checks}" if each.n_checks else "–",
        flags="; ".join(f"{flag}: {numbers}" for flag, numbers in each.flags.items()) or "–",
        comment=sanitize_for_display(each.comment or ""),
        free_url=url_for("desk.confirm_free", name=study.name, rater_id=each.current_id)
        if can_be_freed
        else "",
    )


def _paste_lists(lists: PaymentLists, study: PublishedStudy) -> tuple[PasteList, ...]:
    def pasted(id_: str, title: str, explanation: str, lines: tuple[str, ...]) -> PasteList:
        shown = tuple(map(sanitize_for_display, lines))
        return PasteList(
            id_, title, explanation, len(lines), "\n".join(shown), min(max(len(lines), 2), _MAX_LINES)
        )

    def with_reasons(rows: tuple[tuple[str, str], ...]) -> tuple[str, ...]:
        return tuple(line.rstrip("\n") for line in list(csv_lines(("id", "reason"), rows))[1:])

    found = [
        pasted("approve", "Approve", "Raters who finished.", lists.approve),
        pasted(
            "reject",
            "Reject, with reasons",
            "Raters who failed the attention checks by the rule of the study. Compare the site's own rules "
            "before you reject anyone.",
            with_reasons(lists.reject),
        ),
        pasted(
            "return",
            "Return or time out, with reasons",
            "Raters who left, were not eligible or lost their place.",
            with_reasons(lists.give_back),
        ),
    ]
    if study.protocol.bonus is not None:
        found.append(
            pasted("bonus", "Bonus", "ID and amount, by the rule that the study declares.", lists.bonus_lines)
        )
    return tuple(found)

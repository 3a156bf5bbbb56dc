"""Define the page of a trial, and the rest between trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rater.store.rating.recovery import prove
from rater.store.rating.sittings import Sitting, digest
from rater.store.rating.trials import TrialView, first_revisable
from rater.study.protocol import Dimension, Protocol
from rater.web.flow import Visit
from rater.web.forms import new_submission_id
from rater.web.language import gettext as _
from rater.web.pages.frame import Page, frame_of
from rater.web.pages.questions import (
    QuestionField,
    Room,
    TextField,
    last_key,
    question_fields,
    room_for,
    text_fields,
)
from rater.web.trial_form import Given


@dataclass(frozen=True)
class TrialPage(Page):
    """One text, or two side by side, and its questions."""

    template = "trial.html"

    position: int
    n_texts: int
    n_saved: int
    texts_of: tuple[TextField, ...]
    room: Room
    questions: tuple[QuestionField, ...]
    last_key: int
    submission_id: str
    may_go_back: bool
    goes_on_at_once: bool
    may_change: bool
    """Whether an answer can be changed after it is sent."""
    proof: str
    """That the submission id is from this rater's page, for `rater recover`."""


@dataclass(frozen=True)
class RestPage(Page):
    """A rest between two texts."""

    template = "rest.html"

    is_pairwise: bool
    n_texts: int
    n_saved: int
    n_minutes: int | None
    """How many minutes are left at the rater's own pace; None before there is one."""
    next_url: str


def asked_dimensions(protocol: Protocol, name: str | None) -> tuple[Dimension, ...]:
    """Return the dimensions that a trial asks: the one it names, or all."""
    return tuple(dimension for dimension in protocol.dimensions if name in {None, dimension.name})


def trial_page(
    visit: Visit,
    sitting: Sitting,
    view: TrialView,
    *,
    dimensions: Sequence[Dimension],
    given: Mapping[str, Given],
) -> TrialPage:
    """Make a trial's page.

    Args:
        visit: Who is at it, by which token.
        sitting: The rater.
        view: The trial.
        dimensions: What it asks.
        given: What was given on them so far: stored, drafted, or just sent.
    """
    assert visit.token is not None  # noqa: S101 (a sitting is found by it)
    submission_id, token_digest = new_submission_id(), digest(visit.token)
    protocol = visit.protocol
    return TrialPage(
        frame=frame_of(visit, holds_answers=True),
        title=_(
            "%(position)s of %(n)s – %(title)s",
            title=protocol.title,
            position=view.position,
            n=sitting.n_trials,
        ),
        position=view.position,
        n_texts=sitting.n_trials,
        n_saved=sitting.n_answered,
        texts_of=text_fields(view.prompt, view.text, view.other_text),
        room=room_for(protocol, sitting),
        questions=question_fields(dimensions, given),
        last_key=last_key(dimensions),
        submission_id=submission_id,
        may_go_back=view.position > first_revisable(sitting, protocol.revising),
        goes_on_at_once=protocol.go_on_at_once,
        may_change=protocol.revising != "none",
        proof=prove(token_digest, submission_id, view.position),
    )

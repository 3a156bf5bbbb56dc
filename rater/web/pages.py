"""Define each page as one frozen dataclass: its fields are the whole context of its template."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

from flask import render_template
from markupsafe import Markup

from rater.harmless import harmless
from rater.store.rating.raters import Offer, Sitting, TrialView
from rater.study.pace import CHARACTERS_PER_WORD, seconds_per_trial
from rater.study.protocol import Dimension, Protocol
from rater.web.forms import ANSWER_PREFIX, new_submission_id

Room = Literal["short", "medium", "long"]

_SHORT_CHARACTERS, _MEDIUM_CHARACTERS = 320, 700


@dataclass(frozen=True)
class Page:
    """What every page has: a title, which is its heading in the browser's tab too."""

    template: ClassVar[str]

    title: str


@dataclass(frozen=True)
class NoticePage(Page):
    """One friendly message: what is the case, and what to do."""

    template = "notice.html"

    paragraphs: tuple[str, ...]


@dataclass(frozen=True)
class ErrorPage(Page):
    """What went wrong, in a rater's words; the reference finds it in the log."""

    template = "error.html"

    paragraphs: tuple[str, ...]
    reference: str | None


@dataclass(frozen=True)
class LandingPage(Page):
    """What the study is and how long it takes."""

    template = "landing.html"

    n_texts: int
    n_minutes: int
    consent_url: str


@dataclass(frozen=True)
class ConsentPage(Page):
    """What a rater agrees to; the token comes into use if they do."""

    template = "consent.html"

    consent: Markup
    token: str


@dataclass(frozen=True)
class InstructionsPage(Page):
    """How to rate, and the keys."""

    template = "instructions.html"

    instructions: Markup
    n_texts: int
    last_key: int


@dataclass(frozen=True)
class ThanksPage(Page):
    """What is said after the last text."""

    template = "thanks.html"

    thanks: Markup
    n_texts: int


@dataclass(frozen=True)
class PointField:
    """One point of a scale, as a radio button."""

    value: int
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class DimensionField:
    """One question with its scale, as a fieldset."""

    name: str
    id: str
    question: str
    points: tuple[PointField, ...]
    labels_between: bool
    """Whether points between the ends have labels, which then need room of their own."""
    is_missing: bool
    """Whether the form was sent without an answer here."""


@dataclass(frozen=True)
class TrialPage(Page):
    """One text and its questions."""

    template = "trial.html"

    position: int
    n_texts: int
    n_saved: int
    prompt: str
    text: str
    room: Room
    dimensions: tuple[DimensionField, ...]
    last_key: int
    submission_id: str
    may_go_back: bool


def render(page: Page) -> str:
    """Render a page's template with its fields."""
    return render_template(page.template, **{field.name: getattr(page, field.name) for field in fields(page)})


def estimate_minutes(offer: Offer, protocol: Protocol) -> int:
    """Estimate how many minutes a booklet takes, at least one."""
    trial_s = seconds_per_trial(offer.mean_characters / CHARACTERS_PER_WORD, len(protocol.dimensions))
    return max(1, round(offer.n_trials * trial_s / 60))


def last_key(protocol: Protocol) -> int:
    """Return the highest number key that chooses something."""
    return min(9, max(dimension.scale.points for dimension in protocol.dimensions))


def trial_page(
    protocol: Protocol,
    sitting: Sitting,
    view: TrialView,
    *,
    longest: int,
    sent: Mapping[str, int] | None = None,
) -> TrialPage:
    """Make a trial's page: with the answers given before or, where some are missing, those just sent."""
    chosen = view.answers if sent is None else {**view.answers, **sent}
    return TrialPage(
        title=f"{protocol.title}: {view.position} of {sitting.n_trials}",
        position=view.position,
        n_texts=sitting.n_trials,
        n_saved=sitting.n_answered,
        prompt=harmless(view.prompt),
        text=harmless(view.text),
        room=_room_for(longest),
        dimensions=tuple(
            _dimension_field(number, dimension, chosen.get(dimension.name), was_sent=sent is not None)
            for number, dimension in enumerate(protocol.dimensions, start=1)
        ),
        last_key=last_key(protocol),
        submission_id=new_submission_id(),
        may_go_back=view.position > 1,
    )


def _room_for(n_characters: int) -> Room:
    if n_characters <= _SHORT_CHARACTERS:
        return "short"
    return "medium" if n_characters <= _MEDIUM_CHARACTERS else "long"


def _dimension_field(
    number: int, dimension: Dimension, chosen: int | None, *, was_sent: bool
) -> DimensionField:
    scale = dimension.scale
    return DimensionField(
        name=ANSWER_PREFIX + dimension.name,
        id=f"question-{number}",
        question=dimension.question,
        points=tuple(
            PointField(value=point, label=scale.label(point), is_chosen=point == chosen)
            for point in range(1, scale.points + 1)
        ),
        labels_between=bool(scale.labels),
        is_missing=was_sent and chosen is None,
    )

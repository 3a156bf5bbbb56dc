"""Define the pages after the last text, and those of who leaves before it."""

from dataclasses import dataclass

from markupsafe import Markup

from rater.store.rating.asked import AskedText
from rater.store.rating.steps import GuessChoice
from rater.store.rating.trials import TrialView
from rater.study.protocol import Protocol
from rater.study.visit import BlindingQuestion
from rater.web.language import Direction, direction_of
from rater.web.pages.frame import Page
from rater.web.pages.questions import OneOfField, OptionField, TextField
from rater.web.pages.way_out import WayOut
from rater.web.practising import name_answer

_MAX_WORDS = 60
"""Characters of a text by which a rater recognises it."""


@dataclass(frozen=True)
class FinishPage(Page):
    """All texts are rated: the last chance to change an answer."""

    template = "finish.html"

    is_pairwise: bool
    n_texts: int
    revisable: tuple["GivenAnswer", ...]
    """The texts, or pairs, whose answers can still be changed."""


@dataclass(frozen=True)
class GivenAnswer:
    """One text, or pair, with what was answered."""

    number: int
    url: str
    answer: str
    words: str
    """How the text begins."""
    direction: Direction


@dataclass(frozen=True)
class GuessField(OneOfField):
    """The blinding question about one text, or about all."""

    text: TextField | None


@dataclass(frozen=True)
class GuessesPage(Page):
    """The blinding question."""

    template = "guesses.html"

    guesses: tuple[GuessField, ...]
    last_key: int


@dataclass(frozen=True)
class CommentPage(Page):
    """A free comment at the end."""

    template = "comment.html"

    question: str
    longest: int


@dataclass(frozen=True)
class ThanksPage(Page):
    """What is said after the last text."""

    template = "thanks.html"

    thanks: Markup
    debrief: Markup | None
    n_texts: int
    way: WayOut


@dataclass(frozen=True)
class LeavePage(Page):
    """The choice to stop or to withdraw."""

    template = "leave.html"

    is_pairwise: bool
    n_saved: int
    may_stop: bool
    """Whether there is something to stop: whoever rated every text can only withdraw."""
    back_url: str


@dataclass(frozen=True)
class EndedPage(Page):
    """For who left before the end, declined, or could not take part."""

    template = "ended.html"

    paragraphs: tuple[str, ...]
    way: WayOut


def given_answer(view: TrialView, protocol: Protocol, url: str) -> GivenAnswer:
    """Show a trial among those that can still be changed."""
    answered = (
        name_answer(dimension.scale, view.answers[dimension.name].value)
        for dimension in protocol.dimensions
        if dimension.name in view.answers
    )
    text = " ".join((view.prompt + view.text).split())
    words = text if len(text) <= _MAX_WORDS else f"{text[:_MAX_WORDS].rstrip()}…"
    return GivenAnswer(view.position, url, " · ".join(answered), words, direction_of((text,)))


def guess_fields(
    blinding: BlindingQuestion, asked: list[AskedText], sent: dict[int, GuessChoice] | None
) -> tuple[GuessField, ...]:
    """Ask about each of some texts or, where there are none, about all at once."""
    texts: dict[int, TextField | None] = {
        each.position: TextField.of("", each.prompt, each.text) for each in asked
    }
    return tuple(
        GuessField(
            id=f"guess-{position}",
            name=f"guess.{position}",
            question=blinding.question,
            options=_options(blinding, sent.get(position) if sent else None),
            is_missing=sent is not None and position not in sent,
            text=text,
        )
        for position, text in (texts or {0: None}).items()
    )


def _options(blinding: BlindingQuestion, chosen: GuessChoice | None) -> tuple[OptionField, ...]:
    labels: tuple[tuple[GuessChoice, str], ...] = (
        ("first", blinding.labels[0]),
        ("second", blinding.labels[1]),
        ("unsure", blinding.unsure),
    )
    return tuple(OptionField(value, label, value == chosen) for value, label in labels)

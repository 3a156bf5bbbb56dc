"""Define the pages between consent and the first text."""

from dataclasses import dataclass

from markupsafe import Markup

from rater.study.protocol import Protocol
from rater.study.visit import ScreeningQuestion
from rater.web.pages.frame import Frame, Page
from rater.web.pages.questions import (
    OneOfField,
    OptionField,
    QuestionField,
    Room,
    TextField,
    last_key_of,
)


@dataclass(frozen=True)
class ScreeningPage(Page):
    """What is asked to find those who can take part."""

    template = "screening.html"

    questions: tuple[OneOfField, ...]
    last_key: int


@dataclass(frozen=True)
class InstructionsPage(Page):
    """How to rate, and the keys."""

    template = "instructions.html"

    instructions: Markup
    explains_bold: bool
    """Whether a sentence of ours says what the words in bold are."""
    is_pairwise: bool
    may_go_back: bool
    n_texts: int
    n_practice: int
    last_key: int
    may_be_unable: bool
    """Whether a question can be answered with "cannot judge"."""
    n_again: int
    """How many texts were rated already by who comes back; 0 for a newcomer."""
    has_failed: bool
    """Whether they come from practice that did not go well."""


@dataclass(frozen=True)
class PracticePage(Page):
    """One practice text and its questions."""

    template = "practice.html"

    position: int
    n_texts: int
    texts_of: tuple[TextField, ...]
    room: Room
    questions: tuple[QuestionField, ...]
    last_key: int
    given: str
    """What was answered on the texts before."""


@dataclass(frozen=True)
class FeedbackField:
    """What was answered on one dimension of a practice text, and what would have been right."""

    question: str
    answered: str
    is_right: bool | None
    """None where the study does not say which answers are right."""
    accepted: str


@dataclass(frozen=True)
class FeedbackPage(Page):
    """What is said after a practice text."""

    template = "feedback.html"

    position: int
    n_texts: int
    texts_of: tuple[TextField, ...]
    answers: tuple[FeedbackField, ...]
    feedback: Markup | None
    given: str
    """What was answered so far, for the next page."""
    next_url: str | None
    """Where the next practice text is; None after the last one."""


def screening_page(frame: Frame, protocol: Protocol, answers: dict[int, str] | None = None) -> ScreeningPage:
    """Make the screening's page: empty or, where some answers are missing, with those just sent."""
    return ScreeningPage(
        frame=frame,
        title=protocol.title,
        questions=tuple(
            _screening_field(number, question, answers) for number, question in enumerate(protocol.screening)
        ),
        last_key=last_key_of(len(question.options) for question in protocol.screening),
    )


def _screening_field(number: int, question: ScreeningQuestion, answers: dict[int, str] | None) -> OneOfField:
    chosen = answers.get(number) if answers else None
    return OneOfField(
        id=f"screening-{number}",
        name=f"screening.{number}",
        question=question.question,
        options=tuple(
            OptionField(str(i), label, label == chosen) for i, label in enumerate(question.options)
        ),
        is_missing=answers is not None and chosen is None,
    )

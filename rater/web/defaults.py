"""Say in the page's language what a study leaves as we word it: our words, though they are among the study's.

Whatever a study words itself is shown as it is.
"""

from rater.study.protocol import Protocol
from rater.study.visit import BlindingQuestion
from rater.web.language import gettext, marked

OURS = frozenset(
    {
        marked("Thank you. All your answers are saved; you can close this page."),
        marked(
            "Some of the texts were made in a special way, the others in the usual way. "
            "How was this one made?"
        ),
        marked("In a special way"),
        marked("In the usual way"),
        marked("I could not tell"),
    }
)
"""The defaults of a study's fields that raters read; a test holds them against the fields."""


def thanks_of(protocol: Protocol) -> str:
    """Return what is said after the last text."""
    return _spoken(protocol.thanks)


def blinding_of(asked: BlindingQuestion) -> BlindingQuestion:
    """Return the blinding question in the language of the page, as far as its words are ours."""
    first, second = asked.labels
    spoken = {
        "question": _spoken(asked.question),
        "labels": (_spoken(first), _spoken(second)),
        "unsure": _spoken(asked.unsure),
    }
    return asked.model_copy(update=spoken)


def _spoken(words: str) -> str:
    return gettext(words) if words in OURS else words

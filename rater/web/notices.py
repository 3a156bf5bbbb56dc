"""Word the pages for a study that cannot be rated now: kindly, and with what happened to answers."""

from rater.store.rating.raters import Sitting
from rater.study.protocol import Protocol
from rater.web.flow import Visit
from rater.web.pages import NoticePage

HOME = NoticePage(
    title="You need a link",
    paragraphs=("To take part in a study, please open the link that you were given.",),
)


def not_takeable(visit: Visit) -> NoticePage | None:
    """Say kindly that a study takes no answers now; None if it does. Costs nothing."""
    if visit.is_open:
        return None
    title = visit.study.protocol.title
    if visit.study.state == "published":
        return NoticePage(
            title=title,
            paragraphs=("This study is not open yet.", "Please keep your link and open it again later."),
        )
    return NoticePage(title=title, paragraphs=("This study is closed now.", _what_is_saved(visit.sitting)))


def full(protocol: Protocol) -> NoticePage:
    """Say kindly that every place is taken."""
    return NoticePage(
        title=protocol.title,
        paragraphs=(
            "Every place in this study is taken.",
            "Thank you for coming. Nothing about your visit was stored.",
        ),
    )


def declined(protocol: Protocol) -> NoticePage:
    """Say kindly that declining is fine."""
    return NoticePage(
        title=protocol.title,
        paragraphs=(
            "You chose not to take part. That is perfectly fine.",
            "Nothing about you was stored. You can close this page.",
        ),
    )


def _what_is_saved(sitting: Sitting | None) -> str:
    if sitting is None:
        return "Thank you for coming. Nothing about your visit was stored."
    if sitting.n_answered == 0:
        return "You had not rated a text yet, so there is no answer of yours to keep."
    return f"Saved up to text {sitting.n_answered}. Thank you for every one of them; you can close this page."

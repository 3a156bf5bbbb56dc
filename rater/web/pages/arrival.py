"""Define the pages up to consent."""

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from rater.store.rating.raters import Offer
from rater.study.pace import stated_minutes
from rater.study.protocol import Protocol
from rater.web.pages.frame import Page


@dataclass(frozen=True)
class LandingPage(Page):
    """What the study is and how long it takes."""

    template = "landing.html"

    is_pairwise: bool
    n_texts: int
    n_minutes: int
    consent_url: str


@dataclass(frozen=True)
class FramedPage(Page):
    """For a study that another site shows inside its own page: a link to a tab of its own."""

    template = "framed.html"

    tab_url: str


@dataclass(frozen=True)
class ReturnPage(Page):
    """For who began in another browser: their link lets them go on in this one."""

    template = "return.html"

    has_ended: bool
    """Whether they have finished or left."""
    consent_url: str
    token: str
    arrival: Mapping[str, str]


@dataclass(frozen=True)
class ConsentPage(Page):
    """What a rater agrees to; the token comes into use if they do."""

    template = "consent.html"

    consent: Markup
    content_notice: Markup | None
    token: str
    arrival: Mapping[str, str]
    """What the link said, as fields."""


@dataclass(frozen=True)
class AgreedPage(Page):
    """What a rater agreed to, to be read again."""

    template = "agreed.html"

    consent: Markup
    content_notice: Markup | None
    back_url: str


def estimate_minutes(offer: Offer, protocol: Protocol) -> int:
    """Return how many minutes a rater is told that a booklet takes."""
    return stated_minutes(
        protocol,
        n_trials=offer.n_trials,
        characters_per_text=offer.mean_characters,
        asks_all=offer.asks_all,
    )

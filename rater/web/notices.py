"""Word the pages for who cannot rate now: kindly, and with what happened to their answers."""

from rater.store.rating.sittings import LeftWhy, Sitting
from rater.web import arrivals
from rater.web.language import gettext as _
from rater.web.language import ngettext
from rater.web.pages import Frame, NoticePage
from rater.web.pages.frame import frame_of
from rater.web.visit import Visit


def home() -> NoticePage:
    """Say that a link is needed; no study is named."""
    return NoticePage(
        frame=Frame.bare(),
        title=_("You need a link"),
        paragraphs=(_("To take part in a study, please open the link that you were given."),),
    )


def not_takeable(visit: Visit) -> NoticePage | None:
    """Say kindly that a study takes no answers now from this rater; None if it does. Costs nothing."""
    if visit.is_stopped_late and visit.is_open:
        return _notice(
            visit,
            _("Your place was given to somebody else, since you had been away for long."),
            _what_is_saved(visit, visit.sitting),
        )
    if visit.is_open:
        return None
    if visit.study.state == "published":
        return _notice(
            visit,
            _("This study is not open yet."),
            _("Please keep your link and open it again later."),
        )
    if visit.study.state == "paused":
        return _notice(
            visit,
            _("This study is paused for now."),
            _("Please keep your link and open it again later."),
            *([_what_is_saved(visit, visit.sitting)] if visit.sitting else []),
        )
    return _notice(visit, _("This study is closed now."), _what_is_saved(visit, visit.sitting))


def not_invited(visit: Visit, *, is_invitation: bool) -> NoticePage | None:
    """Say kindly that a link lacks what the study needs to know; None if it does not. Costs nothing.

    Args:
        visit: A newcomer.
        is_invitation: Whether the link has the code of a personal one of this study.
    """
    protocol = visit.study.protocol
    if visit.arrival.invitation is not None and not is_invitation:
        return _notice(
            visit,
            _("This personal link is not one of this study's."),
            _("It may have been cut off on its way to you. Please copy all of it, or ask for a new one."),
        )
    if protocol.invited_only and not is_invitation:
        return _notice(
            visit,
            _("This study can be opened by personal links only."),
            _("Please open the link that you were given, all of it."),
        )
    is_known = is_invitation or arrivals.is_person_known(visit.arrival, protocol)
    if protocol.recruitment is not None and protocol.recruitment.required and not is_known:
        return _notice(
            visit,
            _("This link is not complete."),
            _("Please come by the link on the site where you found this study."),
        )
    return None


def full(visit: Visit) -> NoticePage:
    """Say kindly that every place is taken."""
    return _notice(
        visit,
        _("Every place in this study is taken."),
        _("Thank you for coming. Nothing about your visit was stored."),
    )


def declined() -> tuple[str, ...]:
    """Say kindly that declining is fine."""
    return (
        _("You chose not to take part. That is perfectly fine."),
        _("Nothing about you was stored. You can close this page."),
    )


def left(visit: Visit, sitting: Sitting, why: LeftWhy) -> tuple[str, ...]:
    """Say kindly how it ended for who left before the end."""
    if why == "screened_out":
        return (
            _("Thank you for your answers. This study looks for other people this time."),
            _("Your answers to these questions were not stored. You can close this page."),
        )
    if why == "failed_practice":
        return (
            _("Thank you for trying. This study needs raters who use the scale in the same way."),
            _("Nothing of the practice was stored, except that you tried. You can close this page."),
        )
    if why == "withdrawn":
        return (
            _("You have withdrawn. That is perfectly fine."),
            _("Your answers are marked as withdrawn and will not be used. You can close this page."),
        )
    return _("You have stopped. That is perfectly fine."), _what_is_saved(visit, sitting)


def _notice(visit: Visit, *paragraphs: str) -> NoticePage:
    return NoticePage(frame=frame_of(visit), title=visit.protocol.title, paragraphs=paragraphs)


def _what_is_saved(visit: Visit, sitting: Sitting | None) -> str:
    if sitting is None:
        return _("Thank you for coming. Nothing about your visit was stored.")
    if visit.protocol.is_pairwise:
        return _which_pairs_are_saved(sitting.n_answered)
    if sitting.n_answered == 0:
        return _("You had not rated a text yet, so there is no answer of yours to keep.")
    return ngettext(
        "Your answer to %(num)s text is saved. Thank you for it; you can close this page.",
        "Your answers to %(num)s texts are saved. Thank you for every one of them; you can close this page.",
        sitting.n_answered,
    )


def _which_pairs_are_saved(n_answered: int) -> str:
    if n_answered == 0:
        return _("You had not rated a pair yet, so there is no answer of yours to keep.")
    return ngettext(
        "Your answer to %(num)s pair is saved. Thank you for it; you can close this page.",
        "Your answers to %(num)s pairs are saved. Thank you for every one of them; you can close this page.",
        n_answered,
    )

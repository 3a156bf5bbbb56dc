"""The texts of a study with the comments on them, without answers, ids or arms."""

import re
from dataclasses import dataclass
from math import ceil

from flask import request, url_for

from rater.rendering.shown import visible_text, visible_whole
from rater.store.engine import reading
from rater.store.rating.item_comments import CommentedItem, count_items, read_items_with_comments
from rater.study.protocol import Protocol
from rater.web.desk import access
from rater.web.desk.page import DeskPage, blueprint, find_or_404, render
from rater.web.language import Direction, direction_of
from rater.web.settings import running

_PER_PAGE = 25
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")


@dataclass(frozen=True)
class TextLine:
    """A text with the fields of its prompt, the number of its raters and the comments on it."""

    fields: tuple[tuple[str, str], ...]
    """The fields of its prompt: name and value."""
    text: str
    direction: Direction
    raters: str
    """Their number, in words."""
    comments: tuple[str, ...]
    """With the name of the dimension where the study has several."""


@dataclass(frozen=True)
class TextsPage(DeskPage):
    """Some texts of a study, with the comments on them."""

    template = "desk/texts.html"

    user: str
    n_texts: int
    is_about_trials: bool
    """True if a comment is about all texts of a trial, and so listed at each."""
    only_commented: bool
    number: int
    n_pages: int
    texts: tuple[TextLine, ...]
    all_url: str
    commented_url: str
    previous_url: str
    """Empty on the first page."""
    next_url: str
    """Empty on the last page."""
    back_url: str


@blueprint.get("/studies/<name>/texts")
def texts(name: str) -> str:
    """Show texts with the comments on them, some at a time. Costs five queries."""
    only_commented = request.args.get("comments") == "only"
    sent = request.args.get("page", "1")
    with reading(running().engine) as session:
        study = find_or_404(session, name)
        n_texts = count_items(session, study.id, with_comments=only_commented)
        n_pages = max(1, ceil(n_texts / _PER_PAGE))
        number = min(int(sent), n_pages) if _NUMBER.fullmatch(sent) else 1
        items = read_items_with_comments(
            session,
            study.id,
            with_comments=only_commented,
            offset=_PER_PAGE * (number - 1),
            limit=_PER_PAGE,
        )
    protocol = study.protocol

    def url_of(page: int) -> str:
        comments = "only" if only_commented else None
        return url_for("desk.texts", name=name, page=page, comments=comments)

    return render(
        TextsPage(
            title=f"Texts and comments: {protocol.title}",
            user=access.user().name,
            n_texts=n_texts,
            is_about_trials=protocol.n_texts > 1,
            only_commented=only_commented,
            number=number,
            n_pages=n_pages,
            texts=tuple(_line(item, protocol) for item in items),
            all_url=url_for("desk.texts", name=name),
            commented_url=url_for("desk.texts", name=name, comments="only"),
            previous_url=url_of(number - 1) if number > 1 else "",
            next_url=url_of(number + 1) if number < n_pages else "",
            back_url=url_for("desk.study", name=name),
        )
    )


def _line(item: CommentedItem, protocol: Protocol) -> TextLine:
    """Show a text as plain text, as far as raters see it."""
    is_last_turn = protocol.rated == "last_turn"
    text = (
        visible_text(protocol, item.text) if is_last_turn else visible_whole(protocol, item.prompt, item.text)
    )
    names_dimension = len(protocol.dimensions) > 1
    return TextLine(
        fields=tuple(item.fields.items()),
        text=text,
        direction=direction_of((text,)),
        raters=f"{item.n_raters} rater{'s' * (item.n_raters != 1)}",
        comments=tuple(
            f"{each.dimension}: {each.text}" if names_dimension else each.text for each in item.comments
        ),
    )

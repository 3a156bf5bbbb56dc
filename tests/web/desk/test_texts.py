import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from rater.store.engine import disposing, writing
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Answer, Rater
from rater.study.visit import LeavingReason
from tests.web.desk.conftest import NOW, soup, words

TEXTS = "/desk/studies/a_study/texts"
AddRaters = Callable[..., None]


@pytest.fixture
def comment(rating_url: str) -> Callable[..., None]:
    """A function that adds a comment to the answers of a rater at a position."""

    def add(text: str, *, rater: int = 0, position: int = 1, revision: int = 1) -> None:
        with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
            rater_id = f"{rater:x}" * 32
            first = session.scalars(
                select(Answer).where(Answer.rater_id == rater_id, Answer.position == position)
            ).first()
            assert first is not None
            session.add(
                Answer(
                    rater_id=rater_id,
                    booklet_id=first.booklet_id,
                    position=position,
                    dimension=first.dimension,
                    revision=first.revision + revision,
                    value=4.0,
                    comment=text,
                    submission_id=f"comment-{rater}-{position:06d}-{revision}",
                    answered_at=NOW,
                )
            )

    return add


def test_each_text_has_its_raters_and_comments(
    ada: FlaskClient, add_raters: AddRaters, comment: Callable[..., None]
) -> None:
    add_raters(3, 1)
    comment("<b>odd</b> \u202e text")

    found = soup(ada.get(TEXTS))

    assert len(found.select(".item-text")) == 3
    assert sorted(words(found, ".item-list article > p")) == ["1 rater", "1 rater", "2 raters"]
    assert words(found, ".comments li") == ["<b>odd</b> � text"]
    assert "Page 1 of 1, 3 texts" in words(found, "nav.actions span")


def test_only_texts_with_comments_are_shown_on_request(
    ada: FlaskClient, add_raters: AddRaters, comment: Callable[..., None]
) -> None:
    add_raters(3)
    assert "No texts with comments." in ada.get(f"{TEXTS}?comments=only").text
    comment("first", position=2)
    comment("second thoughts", position=2, revision=2)

    found = soup(ada.get(f"{TEXTS}?comments=only"))

    assert words(found, ".comments li") == ["second thoughts"]
    assert len(found.select(".item-text")) == 1


def test_comments_of_a_rater_who_withdrew_are_left_out(
    ada: FlaskClient, add_raters: AddRaters, comment: Callable[..., None], rating_url: str
) -> None:
    add_raters(2)
    comment("mine")
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        rater = session.scalars(select(Rater)).one()
        rater.left_at, rater.left_why = NOW, LeavingReason.WITHDRAWN

    assert "mine" not in " ".join(words(soup(ada.get(TEXTS)), ".comments li"))
    assert "No texts with comments." in ada.get(f"{TEXTS}?comments=only").text


def test_no_answer_and_no_id_is_on_the_page(
    ada: FlaskClient,
    add_raters: AddRaters,
    comment: Callable[..., None],
    rows: Callable[[str], list[tuple[str]]],
) -> None:
    add_raters(3, 2, value=5.0)
    comment("a remark")

    page = ada.get(TEXTS).text

    ids = [
        row[0] for row in rows("SELECT id FROM item UNION SELECT id FROM rater UNION SELECT id FROM booklet")
    ]
    assert len(ids) >= 7
    assert not any(each in page for each in ids)
    assert not re.search(r"[^/]\b5(\.0)?\b", re.sub(r"<[^>]*>", "", page))


@pytest.mark.parametrize(
    ("sent", "number"), [("0", 1), ("x", 1), ("-1", 1), ("999999", 3), ("2", 2), ("9" * 30, 1)]
)
def test_a_long_list_has_pages(
    ada: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    sent: str,
    number: int,
) -> None:
    monkeypatch.setattr("rater.web.desk.texts._PER_PAGE", 1)

    found = soup(ada.get(f"{TEXTS}?page={sent}"))

    assert f"Page {number} of 3, 3 texts" in words(found, "nav.actions span")
    assert ("Previous" in words(found, "nav.actions a")) == (number > 1)
    assert ("Next" in words(found, "nav.actions a")) == (number < 3)


def test_a_text_is_listed_with_the_fields_of_its_prompt(
    ada: FlaskClient, publish_study: Callable[..., str]
) -> None:
    publish_study(slug="with-fields", name="fields", fields={"concept": "dogs & <cats>", "task": "Write."})

    found = soup(ada.get("/desk/studies/fields/texts"))

    assert words(found, ".item-list dt") == ["concept", "task"] * 3
    assert words(found, ".item-list dd")[:2] == ["dogs & <cats>", "Write."]

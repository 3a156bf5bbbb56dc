from dataclasses import fields

from sqlalchemy import Engine, select

from rater.store.engine import reading, writing
from rater.store.rating.item_comments import (
    CommentedItem,
    ItemComment,
    count_items,
    read_items_with_comments,
)
from rater.store.rating.schema import Answer
from rater.store.rating.studies import PublishedStudy
from tests.store.rating.conftest import NOW


def read(rating: Engine, study: PublishedStudy, *, with_comments: bool = False) -> list[CommentedItem]:
    with reading(rating) as session:
        items = read_items_with_comments(session, study.id, with_comments=with_comments, offset=0, limit=100)
        assert len(items) == count_items(session, study.id, with_comments=with_comments)
    return items


def add_comment(rating: Engine, rater: str, text: str, *, revision: int) -> None:
    with writing(rating) as session:
        rater_id = rater * 32
        booklet_id = session.scalars(select(Answer.booklet_id).where(Answer.rater_id == rater_id)).first()
        assert booklet_id is not None
        session.add(
            Answer(
                rater_id=rater_id,
                booklet_id=booklet_id,
                position=1,
                dimension="happiness",
                revision=revision,
                value=2.0,
                comment=text,
                submission_id=f"{revision:016d}",
                answered_at=NOW,
            )
        )


def test_every_text_but_the_attention_check_is_listed_with_its_raters(
    rating: Engine, watched: PublishedStudy
) -> None:
    items = read(rating, watched)

    assert len(items) == 3
    assert sum(item.n_raters for item in items) == 4  # three texts of one rater, one of another
    assert all(item.comments == () for item in items)
    assert read(rating, watched, with_comments=True) == []


def test_the_last_version_of_a_comment_counts_and_an_answer_is_not_read(
    rating: Engine, watched: PublishedStudy
) -> None:
    add_comment(rating, "a", "first", revision=2)
    add_comment(rating, "a", "last", revision=3)
    add_comment(rating, "b", "  ", revision=3)

    found = [item.comments for item in read(rating, watched, with_comments=True) if item.comments]

    assert found == [(ItemComment("happiness", "last"),)]
    assert {field.name for field in fields(CommentedItem)} == {
        "prompt",
        "fields",
        "text",
        "n_raters",
        "comments",
    }

import hashlib
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text

from rater.store.engine import reading, writing
from rater.store.rating.digests import columns_of, digest_collected, digest_published, digest_rows, line_of
from rater.store.rating.schema import Item
from rater.store.rating.studies import PublishedStudy


def test_a_line_is_canonical_json_and_a_digest_can_be_recomputed_by_hand() -> None:
    assert line_of(["é", 1, None]) == '["é",1,null]\n'.encode()
    assert digest_rows([["a", 1], ["b", 2]]) == hashlib.sha256(b'["a",1]\n["b",2]\n').hexdigest()


def test_all_columns_but_those_named_are_digested() -> None:
    names = [str(column.name) for column in columns_of(Item, but={"study_id"})]

    assert set(names) == {column.name for column in Item.__table__.columns} - {"study_id"}


@pytest.mark.parametrize(
    ("statement", "changed"),
    [
        ("UPDATE item SET text = ' other' WHERE id = :item", "items"),
        ("UPDATE study SET slug = 'other' WHERE id = :study", "study"),
    ],
)
def test_each_digest_changes_with_its_own_rows_alone(
    rating: Engine, publish: Callable[..., PublishedStudy], statement: str, changed: str
) -> None:
    study = publish(rating, state="published")
    with reading(rating) as session:
        before = vars(digest_published(session, study.id))

    with writing(rating) as session:
        if rating.dialect.name == "postgresql":
            session.execute(text("SET LOCAL session_replication_role = replica"))
        else:
            for name in session.scalars(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).all():
                session.execute(text(f"DROP TRIGGER {name}"))
        session.execute(text(statement), {"item": f"{study.name}-item-1", "study": study.id})

    with reading(rating) as session:
        after = vars(digest_published(session, study.id))
    assert {name for name in before if before[name] != after[name]} == {changed}


def test_a_study_without_raters_has_a_digest_of_its_own(
    rating: Engine, publish: Callable[..., PublishedStudy]
) -> None:
    first, second = publish(rating), publish(rating)

    with reading(rating) as session:
        assert digest_collected(session, first.id) == digest_collected(session, second.id)

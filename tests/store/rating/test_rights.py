import json
from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import Engine, select

from rater.errors import StateError
from rater.store.engine import reading, writing
from rater.store.rating import rights, users
from rater.store.rating.rights import Rights
from rater.store.rating.schema import DeskGrant, DeskUser, EventRow, StudyRole
from rater.store.rating.studies import PublishedStudy

OWNER, MONITOR = StudyRole.OWNER, StudyRole.MONITOR


@pytest.fixture
def study(rating: Engine, publish: Callable[..., PublishedStudy]) -> PublishedStudy:
    return publish(rating)


@pytest.fixture
def bob(rating: Engine, study: PublishedStudy, now: datetime) -> str:
    """A user without a role."""
    with writing(rating) as session:
        session.add(DeskUser(name="bob", password_hash="none", made_at=now, role=None))  # noqa: S106 (fits no password)
    return "bob"


def read_rights(rating: Engine, name: str, study: str) -> Rights | None:
    with reading(rating) as session:
        user = next(each for each in users.list_users(session) if each.name == name)
        return rights.rights_in(session, user, study)


@pytest.mark.parametrize(
    ("everywhere", "granted", "expected"),
    [
        ((None, False), None, None),
        ((None, False), (MONITOR, True), (MONITOR, True)),
        ((OWNER, False), None, (OWNER, False)),
        ((OWNER, False), (MONITOR, True), (OWNER, True)),
        ((MONITOR, False), (OWNER, False), (OWNER, False)),
        ((MONITOR, True), (OWNER, False), (OWNER, True)),
        ((OWNER, True), (MONITOR, False), (OWNER, True)),
    ],
)
def test_the_higher_of_two_roles_applies_and_identifiers_need_one_of_them(
    rating: Engine,
    study: PublishedStudy,
    bob: str,
    now: datetime,
    everywhere: tuple[StudyRole | None, bool],
    granted: tuple[StudyRole, bool] | None,
    expected: tuple[StudyRole, bool] | None,
) -> None:
    with writing(rating) as session:
        rights.set_role(session, bob, everywhere[0], sees_identifiers=everywhere[1])
        if granted is not None:
            rights.grant(session, bob, study.name, Rights(*granted), by="root", now=now)

    assert read_rights(rating, bob, study.name) == (None if expected is None else Rights(*expected))


def test_grants_are_in_the_log_and_can_be_replaced_and_revoked(
    rating: Engine, study: PublishedStudy, bob: str, now: datetime
) -> None:
    with writing(rating) as session:
        for role in (MONITOR, OWNER):
            rights.grant(session, bob, study.name, Rights(role, sees_identifiers=False), by="root", now=now)
    with reading(rating) as session:
        assert rights.list_grants(session) == [
            rights.Grant("bob", study.name, Rights(OWNER, sees_identifiers=False))
        ]
    with writing(rating) as session:
        rights.revoke(session, bob, study.name, by="root", now=now)

    assert read_rights(rating, bob, study.name) is None
    with reading(rating) as session:
        events = session.scalars(select(EventRow).where(EventRow.kind == "granted").order_by(EventRow.id))
        details = [json.loads(event.detail) for event in events]
    assert [detail["role"] for detail in details] == ["monitor", "owner", None]
    assert {(detail["by"], detail["user"]) for detail in details} == {("root", "bob")}


def test_a_removed_user_leaves_no_grant(
    rating: Engine, study: PublishedStudy, bob: str, now: datetime
) -> None:
    with writing(rating) as session:
        rights.grant(session, bob, study.name, Rights(MONITOR, sees_identifiers=False), by="root", now=now)
        users.remove_user(session, bob)

    with reading(rating) as session:
        assert session.scalars(select(DeskGrant)).all() == []


def test_what_cannot_be_granted_is_refused_with_a_reason(
    rating: Engine, study: PublishedStudy, bob: str, now: datetime
) -> None:
    own = Rights(MONITOR, sees_identifiers=False)
    with pytest.raises(StateError, match="Unknown user 'bobb'"), writing(rating) as session:
        rights.grant(session, "bobb", study.name, own, by="root", now=now)
    with pytest.raises(StateError, match="'nothing' is not published"), writing(rating) as session:
        rights.grant(session, bob, "nothing", own, by="root", now=now)
    with pytest.raises(StateError, match="has no role of their own in study"), writing(rating) as session:
        rights.revoke(session, bob, study.name, by="root", now=now)
    with pytest.raises(StateError, match="none cannot see identifiers"), writing(rating) as session:
        rights.set_role(session, bob, None, sees_identifiers=True)

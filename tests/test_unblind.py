"""Open the seal of a real pair of databases, and try to open one that was tampered with."""

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from rater.errors import SealError, StateError
from rater.publish.lifecycle import open_study
from rater.publish.publish import publish_study
from rater.store.engine import disposing, open_engine, reading, writing
from rater.store.log import read_events
from rater.store.rating import raters
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Event
from rater.store.rating.studies import get_study
from rater.study.study import Study
from rater.unblind import COLUMNS, Reason, Unblinded, unblind

NOW = datetime(2026, 4, 1, tzinfo=UTC)
REASON = Reason(who="an analyst", why="the plan")


@pytest.fixture
def rated(study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str) -> Study:
    """The study, open, with one rater who gave 4 to all texts of their booklet."""
    seal_completions(study)
    published = publish_study(sealed_url, rating_url, study.name, now=NOW)
    open_study(rating_url, study.name, now=NOW)
    token = raters.new_token()
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        sitting = raters.claim_booklet(session, published.id, token, channel="web", now=NOW)
        for position in range(1, sitting.n_trials + 1):
            current = raters.find_sitting(session, published.id, token)
            assert current is not None
            sent = raters.Submission(f"sent {position}", position, {"happiness": 4}, shown_ms=1_000)
            raters.record_answers(session, published.id, current, sent, now=NOW)
    return study


def look(sealed_url: str, rating_url: str, study: Study, *, interim: bool = False) -> Unblinded:
    return unblind(sealed_url, rating_url, study.name, reason=REASON, now=NOW, interim=interim)


def change(url: str, *statements: str) -> None:
    with disposing(open_engine(url)) as engine, writing(engine) as session:
        for statement in statements:
            session.execute(text(statement))


def read_log(rating_url: str, study: Study) -> tuple[str, list[str]]:
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        published = get_study(session, study.name)
        return published.state, [event.kind for event in read_events(session, Event, published.id)]


def test_each_answer_gets_the_arm_that_made_its_text(rated: Study, sealed_url: str, rating_url: str) -> None:
    seen = look(sealed_url, rating_url, rated)

    assert list(seen.frame.columns) == list(COLUMNS)
    assert len(seen.frame) == 8
    assert set(seen.frame["answer"]) == {4.0}
    assert seen.frame.groupby("prompt")["arm"].agg(set).map(len).tolist() == [2, 2, 2, 2]
    with disposing(open_engine(sealed_url)) as sealed, reading(sealed) as session:
        made = session.execute(
            text("SELECT item_id, arm FROM key_entry JOIN completion ON completion_id = id")
        )
        arms = {row.item_id: row.arm for row in made}
    assert [arms[item] for item in seen.frame["item"]] == list(seen.frame["arm"])


def test_the_plan_is_the_studys_with_its_defaults_filled_in(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    plan = look(sealed_url, rating_url, rated).plan

    assert plan.contrast == ("walrus-arm", "zebra-arm")
    assert (plan.primary, plan.n_raters, plan.scope) == ("happiness", 6, "raters+prompts")


def test_unblinding_closes_the_study_for_good_and_says_who_and_why(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    look(sealed_url, rating_url, rated)

    assert read_log(rating_url, rated) == ("unblinded", ["published", "open", "closed", "unblinded"])
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        last = read_events(session, Event, get_study(session, rated.name).id)[-1]
    assert last.detail == {"who": "an analyst", "why": "the plan", "look": 1, "n_answers": 8}
    with pytest.raises(StateError, match="is unblinded; only a study that is"):
        open_study(rating_url, rated.name, now=NOW)


def test_every_further_look_is_numbered_in_the_log(rated: Study, sealed_url: str, rating_url: str) -> None:
    looks = [look(sealed_url, rating_url, rated).look for _ in range(3)]

    assert looks == [1, 2, 3]
    assert read_log(rating_url, rated)[1][-3:] == ["unblinded", "look", "look"]


def test_an_interim_look_leaves_the_study_open_and_counts(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    interim = look(sealed_url, rating_url, rated, interim=True)

    assert (interim.was_interim, interim.look) == (True, 1)
    assert read_log(rating_url, rated) == ("open", ["published", "open", "look"])
    assert look(sealed_url, rating_url, rated).look == 2


def test_an_interim_look_at_a_finished_study_is_refused(
    rated: Study, sealed_url: str, rating_url: str
) -> None:
    look(sealed_url, rating_url, rated)

    with pytest.raises(StateError, match="is unblinded; an interim look is for one that is open"):
        look(sealed_url, rating_url, rated, interim=True)


@pytest.mark.parametrize(
    ("where", "statements"),
    [
        ("sealed", ["UPDATE completion SET arm = 'x-arm' WHERE id = 1"]),
        ("sealed", ["UPDATE publication SET salt = 'other'"]),
        ("sealed", ["UPDATE study SET canonical_json = replace(canonical_json, '7.8125', '8.8125')"]),
        ("rating", ["UPDATE item SET text = 'a happier text' WHERE id = (SELECT min(id) FROM item)"]),
        ("rating", ["UPDATE study SET commitment = 'forged'"]),
        (
            "rating",
            ["DROP TRIGGER event_refuses_update", "UPDATE event SET detail = '{}' WHERE sequence = 1"],
        ),
    ],
)
def test_a_key_text_study_or_log_that_was_changed_is_found_and_nothing_is_unblinded(
    rated: Study, sealed_url: str, rating_url: str, where: str, statements: list[str]
) -> None:
    change(sealed_url if where == "sealed" else rating_url, *statements)

    with pytest.raises(SealError, match="'marked_study'"):
        look(sealed_url, rating_url, rated)
    assert read_log(rating_url, rated)[0] == "open"


def test_the_key_of_another_publication_is_refused(
    rated: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    change(sealed_url, "DROP TRIGGER key_entry_refuses_delete", "DELETE FROM key_entry")

    with pytest.raises(SealError, match="has no key to study 'marked_study'"):
        look(sealed_url, rating_url, rated)


def test_a_study_without_answers_is_neither_closed_nor_unblinded(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> None:
    seal_completions(study)
    publish_study(sealed_url, rating_url, study.name, now=NOW)
    open_study(rating_url, study.name, now=NOW)

    with pytest.raises(StateError, match="has no answers yet"):
        look(sealed_url, rating_url, study)
    assert read_log(rating_url, study) == ("open", ["published", "open"])

import pytest

from rater.errors import SealError
from rater.publish.publish import close_study, open_study, pause_study
from rater.store.engine import disposing, writing
from rater.store.rating.forget import find_known, redact
from rater.store.rating.open import open_rating
from rater.store.rating.studies import get_study
from rater.study.study import Study
from rater.unblind import Reason, unblind
from rater.verify import Check, verify_study
from tests.admin.conftest import rate
from tests.conftest import NOW
from tests.verify.tamper import file_of, tamper


def verify(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> list[Check]:
    return list(verify_study(rating_url, study.name, sealed_url=sealed_url, head=head))


def tampered(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if check.outcome == "tampered"}


FLIPPED = "UPDATE answer SET value = 5 - value WHERE id = (SELECT min(id) FROM answer)"


ADDED = (
    "INSERT INTO answer SELECT max(id) + 1, rater_id, booklet_id, position, dimension, 9, value, comment, "
    "'x', shown_ms, first_render_ms, hidden_ms, answered_at FROM answer"
)


def test_answers_from_before_a_reopening_stay_covered_by_the_closing(
    study_in_progress: Study, rating_url: str, sealed_url: str
) -> None:
    close_study(rating_url, study_in_progress.name, now=NOW)
    open_study(rating_url, study_in_progress.name, now=NOW)
    tamper(rating_url, ADDED)

    assert tampered(verify(rating_url, sealed_url, study_in_progress)) == set()
    tamper(rating_url, FLIPPED)
    assert tampered(verify(rating_url, sealed_url, study_in_progress)) == {"answers"}


def names(rating_url: str, sealed_url: str, study: Study) -> set[str]:
    checks = verify_study(rating_url, study.name, sealed_url=sealed_url)
    return {check.name for check in checks if check.outcome == "tampered"}


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE guess SET choice = 'second' WHERE position = 1", {"guesses"}),
        ("DELETE FROM guess WHERE position = 5", {"guesses"}),
        ("UPDATE answer SET comment = 'better' WHERE id = 1", {"answers"}),
        ("UPDATE answer SET hidden_ms = 5 WHERE id = 1", {"answers"}),
        ("UPDATE rater SET replaced_at = consented_at", {"raters"}),
        ("UPDATE rater SET left_at = consented_at, left_why = 'stopped'", {"raters"}),
        ("INSERT INTO attention_check SELECT id, 'happiness', 1, 2 FROM item WHERE rowid = 1", {"checks"}),
        ("UPDATE study SET state = 'paused'", {"state"}),
    ],
)
def test_tampering_is_named(
    closed: Study, rating_url: str, sealed_url: str, statement: str, expected: set[str]
) -> None:
    assert names(rating_url, sealed_url, closed) == set()

    tamper(rating_url, statement)

    assert names(rating_url, sealed_url, closed) == expected


def test_a_study_that_was_paused_and_opened_again_is_valid(
    rated: Study, rating_url: str, sealed_url: str
) -> None:
    pause_study(rating_url, rated.name, now=NOW)
    assert names(rating_url, sealed_url, rated) == set()

    open_study(rating_url, rated.name, now=NOW)
    pause_study(rating_url, rated.name, now=NOW)
    close_study(rating_url, rated.name, now=NOW)

    assert names(rating_url, sealed_url, rated) == set()


def test_a_rater_who_was_taken_out_and_is_there_again_with_other_answers_is_noticed(
    closed: Study, rating_url: str, sealed_url: str
) -> None:
    tamper(rating_url, "CREATE TABLE cy AS SELECT rater_id FROM identifier WHERE value = 'cy'")
    tamper(rating_url, "CREATE TABLE kept_rater AS SELECT * FROM rater WHERE id IN cy")
    tamper(rating_url, "CREATE TABLE kept_answer AS SELECT * FROM answer WHERE rater_id IN cy")
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        study_id = get_study(session, closed.name).id
        redact(session, study_id, find_known(session, study_id, "cy"), by="me", now=NOW)
    assert names(rating_url, sealed_url, closed) == {"rating schema"}

    tamper(rating_url, "INSERT INTO rater SELECT * FROM kept_rater")
    tamper(rating_url, "UPDATE kept_answer SET value = 5")
    tamper(rating_url, "INSERT INTO answer SELECT * FROM kept_answer")
    for made in ("cy", "kept_rater", "kept_answer"):
        tamper(rating_url, f"DROP TABLE {made}")

    assert names(rating_url, sealed_url, closed) == {"redactions"}


def test_a_study_that_was_opened_again_by_hand_after_unblinding_is_noticed(
    closed: Study, rating_url: str, sealed_url: str
) -> None:
    unblind(sealed_url, rating_url, closed.name, reason=Reason("me", "planned"), now=NOW)
    tamper(rating_url, "UPDATE study SET state = 'open'")
    rate(rating_url, closed, "dee", 8)

    close_study(rating_url, closed.name, now=NOW)

    assert names(rating_url, sealed_url, closed) == {"state"}


def test_a_look_is_counted_and_shows_when_older_ratings_are_put_back(
    closed: Study, rating_url: str, sealed_url: str
) -> None:
    before = file_of(rating_url).read_bytes()
    unblind(sealed_url, rating_url, closed.name, reason=Reason("me", "planned"), now=NOW)
    file_of(rating_url).write_bytes(before)
    open_study(rating_url, closed.name, now=NOW)
    rate(rating_url, closed, "dee", 8)

    reason = Reason("me", "planned")
    with pytest.raises(SealError, match="an older copy of it was restored"):
        unblind(sealed_url, rating_url, closed.name, reason=reason, now=NOW)
    seen = unblind(sealed_url, rating_url, closed.name, reason=reason, now=NOW, allow_tampered=True)

    assert [(look.n_answers, look.is_interim) for look in seen.looked_at] == [(19, True), (27, False)]
    assert names(rating_url, sealed_url, closed) == {"access log"}

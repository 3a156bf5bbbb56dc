import sqlite3
from contextlib import closing
from datetime import UTC, datetime

import pytest

from rater.errors import RaterError, SealError
from rater.publish.publish import close_study, open_study, pause_study
from rater.store.engine import disposing, writing
from rater.store.log import event_hash
from rater.store.rating.forget import find_known, redact
from rater.store.rating.open import open_rating
from rater.store.rating.studies import get_study
from rater.study.study import Study
from rater.unblind import Reason, unblind
from rater.verify import Check, verify_study
from tests.admin.conftest import Run, rate
from tests.conftest import NOW
from tests.verify.tamper import file_of, tamper

FLIPPED = "UPDATE answer SET value = 5 - value WHERE id = (SELECT min(id) FROM answer)"
ADDED = (
    "INSERT INTO answer SELECT max(id) + 1, rater_id, booklet_id, position, dimension, 9, value, "
    "not_applicable, confidence, comment, 'x', shown_ms, first_render_ms, hidden_ms, answered_at FROM "
    "answer"
)


def verify(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> list[Check]:
    return list(verify_study(rating_url, study.name, sealed_url=sealed_url, head=head))


def tampered(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if check.outcome == "tampered"}


def test_two_trials_that_changed_places_are_noticed(
    finished_study: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    tamper(
        rating_url,
        "UPDATE trial_text SET position = 103 - position WHERE position <= 2 AND booklet_id = "
        "(SELECT min(booklet_id) FROM trial)",
        "UPDATE trial_text SET position = position - 100 WHERE position > 100",
    )

    assert tampered(verify(rating_url, sealed_url, finished_study[0])) == {"booklets", "assignment"}


def rewrite_log(rating_url: str, n_rows: int) -> None:
    """Keep the first rows of the log with another time each, hashed again into a valid chain."""
    with closing(sqlite3.connect(file_of(rating_url))) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute("DELETE FROM event WHERE sequence > ?", (n_rows,))
        previous = "0" * 64
        rows = connection.execute("SELECT sequence, kind, detail FROM event ORDER BY sequence").fetchall()
        at = datetime(2026, 3, 3, tzinfo=UTC)
        for sequence, kind, detail in rows:
            new = event_hash(previous, sequence, kind=kind, detail=detail, at=at)
            connection.execute(
                "UPDATE event SET at = '2026-03-03 00:00:00.000000', previous_hash = ?, hash = ? "
                "WHERE sequence = ?",
                (previous, new, sequence),
            )
            previous = new
        for _, definition in triggers:
            connection.execute(definition)
        connection.commit()


def test_a_log_rewritten_as_a_whole_is_detected_only_with_an_external_head(
    finished_study: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    study, head = finished_study
    rewrite_log(rating_url, 3)

    without = verify(rating_url, sealed_url, study)

    assert tampered(without) == set()
    unsure = next(check for check in without if check.name == "log against its head")
    assert unsure.outcome == "not checked"
    assert "Only a head from another place shows that: add --head HASH." in unsure.description
    assert tampered(verify(rating_url, sealed_url, study, head)) == {"log against its head"}


def test_a_log_whose_end_was_cut_off_shows_against_its_head(
    finished_study: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    study, head = finished_study
    tamper(rating_url, "DELETE FROM event WHERE sequence = 3", "UPDATE study SET state = 'open'")

    assert tampered(verify(rating_url, sealed_url, study)) == set()
    assert tampered(verify(rating_url, sealed_url, study, head)) == {"log against its head"}


def test_an_older_head_is_found_in_a_longer_log(
    study_in_progress: Study, rating_url: str, sealed_url: str
) -> None:
    first = close_study(rating_url, study_in_progress.name, now=NOW)
    open_study(rating_url, study_in_progress.name, now=NOW)

    checks = verify(rating_url, sealed_url, study_in_progress, first.upper())

    assert tampered(checks) == set()
    assert next(c.description for c in checks if c.name == "log against its head") == (
        "The given head is that of row 3; 1 row came after it."
    )


def test_a_head_that_was_cut_off_is_no_sign_of_a_rewritten_log(published: Study, run: Run) -> None:
    with pytest.raises(RaterError, match=r"head is '0f3a…'; valid: all 64 hexadecimal characters"):
        run("verify", published.name, "--head", "0f3a…")


def test_the_head_that_analyze_prints_can_be_copied(closed: Study, run: Run) -> None:
    said = run("analyze", closed.name, "--yes").splitlines()

    [head] = [line.removeprefix("  log   ") for line in said if line.startswith("  log   ")]
    assert "No tampering was found." in run("verify", closed.name, "--head", head)


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
        ("UPDATE rater SET replaced_at = consented_at, replaced_why = 'inactive'", {"raters"}),
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

"""Tamper with every thing that is stored, at every stage of a study, and see what is named."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import JSON, Boolean, Column, Float, Integer

from rater.admin.amend import amend_study
from rater.errors import DatabaseError, StateError
from rater.measure.run import measure_study
from rater.measure.text_metrics import count_of
from rater.publish.publish import close_study, open_study, publish_study
from rater.store.engine import UtcDateTime
from rater.store.rating.schema import RatingBase
from rater.store.sealed.schema import SealedBase
from rater.study.design import Plan
from rater.study.practice_and_checks import AttentionCheck
from rater.study.study import Study
from rater.unblind import Reason, unblind
from rater.verify import names_of_tampered, verify_study
from tests.admin.conftest import NOW, rate
from tests.verify.tamper import tamper

Urls = tuple[str, str]
LATER = NOW + timedelta(hours=3)


@pytest.fixture
def whole(
    asking: Study,
    seal_completions: Callable[[Study], None],
    rating_url: str,
    sealed_url: str,
    once: Callable[..., None],
) -> Study:
    """A closed study with a row in each table that a digest covers: with a check, an amendment, a metric."""
    check = AttentionCheck(prompt="Please", text=" choose 5.", accepted={"happiness": (5, 5)})
    study = Study.model_validate(
        {**asking.model_dump(), "plan": Plan(raters=6, checks=(check,)).model_dump()}
    )

    def make() -> None:
        seal_completions(study)
        publish_study(sealed_url, rating_url, study.name, now=NOW)
        open_study(rating_url, study.name, now=NOW)
        changed = Study.model_validate({**study.model_dump(), "title": "How glad?"})
        amend_study(sealed_url, rating_url, changed, reason="Shorter.", by="me", now=NOW)
        rate(rating_url, study, "ann", 9)
        close_study(rating_url, study.name, now=NOW)
        measure_study(sealed_url, study.name, count_of(["fell"]), name="fell")

    once("whole", make)
    return study


@pytest.fixture
def urls(rating_url: str, sealed_url: str) -> Urls:
    return rating_url, sealed_url


def tampered(urls: Urls, study: Study, head: str | None = None) -> set[str]:
    return set(names_of_tampered(verify_study(urls[0], study.name, sealed_url=urls[1], head=head)))


def unblinded(study: Study, urls: Urls) -> None:
    unblind(urls[1], urls[0], study.name, reason=Reason("me", "planned"), now=LATER)


def reopened(study: Study, urls: Urls) -> None:
    open_study(urls[0], study.name, now=LATER)


def reclosed(study: Study, urls: Urls) -> None:
    reopened(study, urls)
    close_study(urls[0], study.name, now=LATER)


def nothing(_study: Study, _urls: Urls) -> None:
    """Leave the study as it is."""


Step = Callable[[Study, Urls], None]
STAGES: dict[str, tuple[Step, Step]] = {
    "closed": (nothing, nothing),
    "unblinded": (unblinded, nothing),
    "opened again": (reopened, nothing),
    "tampered, then opened and closed again": (nothing, reclosed),
}
"""The steps before a tampering, and the steps after it."""
RATING: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "an answer": (("UPDATE answer SET value = 6 - value WHERE id = 1",), {"answers"}),
    "all answers": (("UPDATE answer SET value = 6 - value",), {"answers"}),
    "an answer taken out": (("DELETE FROM answer WHERE id = 1",), {"answers"}),
    "an answer's time": (
        ("UPDATE answer SET answered_at = '2026-04-02 00:00:00.000000' WHERE id = 1",),
        {"answers"},
    ),
    "two answers numbered the other way round": (
        ("UPDATE answer SET id = -id", "UPDATE answer SET id = 100 + id"),
        {"answers"},
    ),
    "a comment at an answer": (("UPDATE answer SET comment = 'better' WHERE id = 1",), {"answers"}),
    "a guess": (("UPDATE guess SET choice = 'second' WHERE position = 1",), {"guesses"}),
    "a guess taken out": (("DELETE FROM guess WHERE position = 5",), {"guesses"}),
    "a rater taken out": (
        (
            "DELETE FROM answer WHERE rater_id = (SELECT min(id) FROM rater)",
            "DELETE FROM rater WHERE id = (SELECT min(id) FROM rater)",
        ),
        {"answers", "raters"},
    ),
    "when raters finished": (("UPDATE rater SET finished_at = NULL",), {"raters"}),
    "that raters left": (
        ("UPDATE rater SET left_at = consented_at, left_why = 'stopped'",),
        {"raters"},
    ),
    "failed attempts at the practice": (
        ("UPDATE rater SET n_practice_attempts = 7 WHERE finished_at IS NOT NULL",),
        {"raters"},
    ),
    "a text": (("UPDATE item SET text = text || '!' WHERE rowid = 1",), {"items", "key", "texts"}),
    "a prompt": (("UPDATE item SET prompt = 'Another' WHERE rowid = 1",), {"items", "texts"}),
    "that a text is a check": (("UPDATE item SET is_check = 1 WHERE rowid = 1",), {"items"}),
    "a text added": (
        ("INSERT INTO item SELECT 'new', study_id, prompt, text, fields, 1 FROM item LIMIT 1",),
        {"items", "texts"},
    ),
    "accepted answers of a check": (
        ("INSERT INTO attention_check SELECT id, 'happiness', 1, 2 FROM item WHERE rowid = 1",),
        {"checks"},
    ),
    "two trials that changed places": (
        (
            (
                "UPDATE trial_text SET position = 103 - position WHERE position <= 2 AND booklet_id = "
                "(SELECT min(booklet_id) FROM trial)"
            ),
            "UPDATE trial_text SET position = position - 100 WHERE position > 100",
        ),
        {"booklets", "assignment"},
    ),
    "an empty booklet": (
        ("INSERT INTO booklet SELECT 'new', study_id, 0, 0, 0, 0 FROM booklet LIMIT 1",),
        {"booklets"},
    ),
    "a booklet without its trials": (
        ("DELETE FROM trial WHERE booklet_id = (SELECT min(id) FROM booklet)",),
        {"booklets"},
    ),
    "a booklet's length": (("UPDATE booklet SET n_trials = 3 WHERE rowid = 1",), {"booklets"}),
    "the room reserved for a booklet": (("UPDATE booklet SET n_lines = 3 WHERE rowid = 1",), {"booklets"}),
    "the protocol": (
        ("UPDATE study SET protocol = replace(protocol, 'happy', 'sad')",),
        {"protocol", "declared protocol"},
    ),
    "the study's address": (("UPDATE study SET slug = 'another'",), {"address and time"}),
    "the time of publication": (
        ("UPDATE study SET published_at = '2026-01-01 00:00:00.000000'",),
        {"address and time"},
    ),
    "the study's state": (("UPDATE study SET state = 'paused'",), {"state"}),
    "the commitment": (("UPDATE study SET commitment = 'forged'",), {"commitment", "key"}),
    "the study's hash": (("UPDATE study SET study_hash = 'forged'",), {"study hash", "study"}),
    "an amendment": (
        ("INSERT INTO amendment SELECT id, 2, protocol, 'none', published_at FROM study",),
        {"amendments"},
    ),
    "a row of the log taken out": (("DELETE FROM event WHERE sequence = 2",), {"log"}),
    "a time in the log": (
        ("UPDATE event SET at = '2026-01-01 00:00:00.000000' WHERE sequence = 3",),
        {"log"},
    ),
    "a detail in the log": (("UPDATE event SET detail = '{}' WHERE sequence = 1",), {"log"}),
    "the whole log": (("DELETE FROM event",), {"log"}),
    "a value of another kind": (("UPDATE answer SET answered_at = 'soon' WHERE id = 1",), {"stored values"}),
    "a text that is not UTF-8": (
        ("UPDATE answer SET comment = CAST(X'ff' AS TEXT) WHERE id = 1",),
        {"stored values"},
    ),
    "another table": (("CREATE TABLE unrelated (n INTEGER)",), {"rating schema"}),
}
SEALED: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "an arm": (
        ("UPDATE completion SET arm = 'x-arm' WHERE id = 1",),
        {"key", "completions", "completions declared"},
    ),
    "a text": (("UPDATE completion SET text = ' something else' WHERE id = 1",), {"texts", "completions"}),
    "blanks at a text's end": (("UPDATE completion SET text = text || ' ' WHERE id = 1",), {"completions"}),
    "a seed": (("UPDATE completion SET seed = 1 + seed WHERE id = 1",), {"completions"}),
    "tokens": (("UPDATE completion SET token_ids = '[1]' WHERE id = 1",), {"completions"}),
    "tokens that are none": (("UPDATE completion SET token_ids = 'some' WHERE id = 1",), {"stored values"}),
    "a stop reason": (("UPDATE completion SET stop_reason = 'eos' WHERE id = 1",), {"completions"}),
    "a likelihood": (("UPDATE completion SET nll = 1.5 WHERE id = 1",), {"completions"}),
    "a repetition": (("UPDATE completion SET repetition = 0.5 WHERE id = 1",), {"completions"}),
    "versions": (("""UPDATE completion SET versions = '{"torch":"9"}' WHERE id = 1""",), {"completions"}),
    "when it was made": (
        ("UPDATE completion SET created_at = '2026-04-02 00:00:00.000000' WHERE id = 1",),
        {"completions"},
    ),
    "a completion added": (
        (
            (
                "INSERT INTO completion SELECT 999, study_id, prompt_index, arm, 99, seed, token_ids, text, "
                "stop_reason, nll, repetition, versions, created_at FROM completion LIMIT 1"
            ),
        ),
        {"completions", "completions declared"},
    ),
    "a completion taken out": (
        ("DELETE FROM completion WHERE id = 1",),
        {"completions", "completions declared", "key"},
    ),
    "the salt": (("UPDATE publication SET salt = 'other'",), {"key", "completions"}),
    "the seed": (("UPDATE publication SET seed = 'abcd'",), {"key"}),
    "the copy of the commitment": (("UPDATE publication SET commitment = 'forged'",), {"publication"}),
    "the copy of the time": (
        ("UPDATE publication SET published_at = '2026-01-01 00:00:00.000000'",),
        {"publication"},
    ),
    "a line of the key": (("UPDATE key_entry SET completion_id = 100 WHERE completion_id = 1",), {"key"}),
    "a line of the key taken out": (("DELETE FROM key_entry WHERE completion_id = 1",), {"key"}),
    "the whole key": (("DELETE FROM publication",), {"key"}),
    "the study": (
        ("UPDATE study SET canonical_json = replace(canonical_json, '7.8125', '8.8125')",),
        {"study"},
    ),
    "a study that is none": (("UPDATE study SET canonical_json = '{}'",), {"study"}),
    "when it was frozen": (
        ("UPDATE study SET created_at = '2026-01-01 00:00:00.000000'",),
        {"generation log"},
    ),
    "a detail in the generation log": (("UPDATE event SET detail = '{}'",), {"generation log"}),
    "the whole generation log": (("DELETE FROM event",), {"generation log"}),
    "another table": (("CREATE TABLE unrelated (n INTEGER)",), {"sealed schema"}),
}
NOT_NAMED = {
    ("opened again", "that raters left"): "a rater of an open study can leave at any time",
    ("tampered, then opened and closed again", "that raters left"): "as if they had left while it was open",
}
CANNOT_MOVE = {
    "the protocol",
    "the study's state",
    "a row of the log taken out",
    "a detail in the log",
    "the whole log",
    "a value of another kind",
    "a text that is not UTF-8",
}
"""Tamperings after which a study cannot be opened and closed by rater's own commands."""


AT_STAGES = [
    pytest.param(stage, what, marks=pytest.mark.slow if before is not nothing else ())
    for stage, (before, after) in STAGES.items()
    for what in RATING
    if after is nothing or what not in CANNOT_MOVE
]


@pytest.mark.parametrize(("stage", "what"), AT_STAGES)
def test_tampering_in_the_rating_database_is_named(closed: Study, urls: Urls, stage: str, what: str) -> None:
    before, after = STAGES[stage]
    before(closed, urls)
    statements, expected = RATING[what]
    tamper(urls[0], *statements)
    after(closed, urls)

    found = tampered(urls, closed)

    if (stage, what) in NOT_NAMED:
        assert found == set()
    else:
        assert expected <= found


@pytest.mark.parametrize("stage", ["closed", pytest.param("unblinded", marks=pytest.mark.slow)])
@pytest.mark.parametrize("what", SEALED)
def test_tampering_in_the_sealed_database_is_named(closed: Study, urls: Urls, stage: str, what: str) -> None:
    STAGES[stage][0](closed, urls)
    statements, expected = SEALED[what]
    tamper(urls[1], *statements)

    assert expected <= tampered(urls, closed)


@pytest.mark.parametrize("stage", STAGES)
def test_a_study_that_nobody_touched_is_valid_at_every_stage(closed: Study, urls: Urls, stage: str) -> None:
    for step in STAGES[stage]:
        step(closed, urls)

    assert tampered(urls, closed) == set()


NOT_VOUCHED_FOR = {
    "comment": "comments can be deleted alone",
    "desk_grant": "rights of logins",
    "desk_session": "logins",
    "desk_preview": "temporary copies of studies in which no rater's answer is",
    "desk_user": "logins",
    "identifier": "personal",
    "invitation": "personal",
    "listed_participant": "participants of other studies, from which no result is computed",
    "participant_list": "participants of other studies, from which no result is computed",
    "questionnaire_answer": "answers about raters can be deleted alone",
    "network_count": "counters that are deleted after a day, from which no result is computed",
    "shown_ending": "codes for payment, from which no result is computed",
    "tally": "a counter, from which no result is computed",
    "unfilled_parameter": "a counter, from which no result is computed",
    "token": "logins",
    "webhook_event": "messages to the operator, from which no result is computed",
    "answer.id": "answers are digested in their order, not by their numbers",
    "event.id": "the order of the log is its sequence",
    "publication.id": "rows are found by their study",
    "study.id": "rows are found by their study",
}
"""Tables and columns that no check covers, with the reason."""


def another(column: "Column[object]") -> str:
    """Write another value of a column's kind in SQL."""
    if isinstance(column.type, UtcDateTime):
        return "'2031-02-03 04:05:06.000000'"
    if isinstance(column.type, JSON):
        return "'[7]'"
    if isinstance(column.type, Boolean):
        return f"NOT coalesce({column.name}, 0)"
    if isinstance(column.type, Integer | Float):
        return f"coalesce({column.name}, 0) + 1000"
    return f"coalesce({column.name}, '') || 'x'"


COLUMNS = [
    (which, table.name, column.name)
    for which, base in (("rating", RatingBase), ("sealed", SealedBase))
    for table in base.metadata.sorted_tables
    for column in table.columns
    if table.name not in NOT_VOUCHED_FOR and f"{table.name}.{column.name}" not in NOT_VOUCHED_FOR
]


@pytest.mark.parametrize(("which", "table", "column"), COLUMNS)
def test_every_column_that_a_result_rests_on_is_covered_by_a_digest(
    whole: Study, urls: Urls, which: str, table: str, column: str
) -> None:
    base = {"rating": RatingBase, "sealed": SealedBase}[which]
    value = another(base.metadata.tables[table].c[column])
    url = urls[0] if which == "rating" else urls[1]
    row = "min" if table == "event" else "max"  # a log may be cut off at its end: see UNPROVABLE
    changed = f"UPDATE {table} SET {column} = {value} WHERE rowid = (SELECT {row}(rowid) FROM {table})"  # noqa: S608 (names of our own tables)
    tamper(url, "PRAGMA ignore_check_constraints = ON", changed)

    if (which, table, column) == ("rating", "study", "name"):
        with pytest.raises(StateError, match="is not published"):
            tampered(urls, whole)
    elif (which, table, column) == ("rating", "study", "state"):
        with pytest.raises(DatabaseError, match="was changed by hand"):
            tampered(urls, whole)
    else:
        assert tampered(urls, whole)

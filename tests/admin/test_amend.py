from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from rater import Logo
from rater.admin.amend import AmendedStudy, amend_study
from rater.analysis.primary import analyze
from rater.audit.preview import PIXEL
from rater.cli import cli
from rater.errors import StateError
from rater.publish.booklets import ASSIGNMENT_VERSION
from rater.publish.publish import publish_study
from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.publication import read_booklets
from rater.store.rating.studies import get_study
from rater.study.study import Study
from rater.study.visit import PROLIFIC
from rater.unblind import permuted
from rater.verify import verify_study
from rater.workspace.analysis_input import study_facts
from rater.workspace.databases import Databases
from tests.admin.conftest import NOW, rate, study_file
from tests.verify.tamper import tamper

SEVEN_POINTS = {"low": "not at all happy", "high": "very happy", "points": 7}


UNLOGGED = "INSERT INTO amendment SELECT study_id, 3, protocol, reason, amended_at FROM amendment"


class Amend:
    """Amend a study by changing fields of its declaration."""

    def __init__(self, sealed_url: str, rating_url: str) -> None:
        self.sealed_url, self.rating_url = sealed_url, rating_url

    def __call__(self, study: Study, now: datetime = NOW, **changes: Any) -> AmendedStudy:
        changed = Study.model_validate({**study.model_dump(), **changes})
        return amend_study(self.sealed_url, self.rating_url, changed, reason="A slip.", by="me", now=now)

    def tampered(self, study: Study) -> set[str]:
        checks = verify_study(self.rating_url, study.name, sealed_url=self.sealed_url)
        return {check.name for check in checks if check.outcome == "tampered"}


@pytest.fixture
def amend(sealed_url: str, rating_url: str) -> Amend:
    return Amend(sealed_url, rating_url)


def plan(study: Study, **changes: Any) -> dict[str, Any]:
    return {"plan": {**study.plan.model_dump(), **changes}}


def dimensions(study: Study, **changes: Any) -> dict[str, Any]:
    return {"dimensions": [{**study.dimensions[0].model_dump(), **changes}]}


def test_a_changed_text_is_in_force_at_once_and_verifies(rated: Study, amend: Amend, rating_url: str) -> None:
    done = amend(rated, instructions="Say how happy.", **dimensions(rated, question="How glad?"))

    assert (done.version, done.n_raters_added) == (2, 0)
    assert set(done.changes) == {"dimensions", "instructions"}
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        now = get_study(session, rated.name)
    assert (now.protocol.instructions, now.protocol.dimensions[0].question) == ("Say how happy.", "How glad?")
    assert now.study_hash == rated.hash
    assert amend.tampered(rated) == set()


def test_a_logo_can_be_added_and_the_study_verifies(rated: Study, amend: Amend, rating_url: str) -> None:
    logo = Logo(path="logo.png", alt="University of Somewhere", content=PIXEL)

    done = amend(rated, logo=logo.model_dump())

    assert done.changes == ("logo",)
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        assert get_study(session, rated.name).protocol.logo == logo
    assert amend.tampered(rated) == set()


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("prompts[0]", {"prompts": ("I woke up or", "The rain", "My friend said", "We")}),
        ("arms[0].name", {"arms": None}),
        ("sampling.seed", {"sampling": {"samples_per_prompt": 3, "seed": 1}}),
        ("dimensions[0].name", {"dimension": {"name": "joy"}}),
        ("dimensions[0].scale.points", {"dimension": {"scale": SEVEN_POINTS}}),
        ("analysis.alpha", {"analysis": {"alpha": 0.1}}),
        ("plan.items_per_rater", {"plan": {"raters": 6, "items_per_rater": 4}}),
        ("blinding.n_texts", {"blinding": {"n_texts": 3}}),
    ],
)  # fmt: skip
def test_what_results_rest_on_cannot_be_amended(
    opened: Study, amend: Amend, field: str, changes: dict[str, Any]
) -> None:
    if "arms" in changes:
        changes = {"arms": [{**opened.arms[0].model_dump(), "name": "other"}, opened.arms[1].model_dump()]}
    if "dimension" in changes:
        changes = dimensions(opened, **changes["dimension"])

    with pytest.raises(StateError) as caught:
        amend(opened, **changes)

    assert str(caught.value).startswith(f"Study 'marked_study' cannot be amended in {field}")
    assert amend.tampered(opened) == set()


def test_more_raters_get_booklets_that_continue_the_design(
    rated: Study, amend: Amend, rating_url: str
) -> None:
    def booklets() -> dict[str, Any]:
        with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
            own = read_booklets(session, get_study(session, rated.name).id)
        return {booklet.id: booklet for booklet in own}

    before = booklets()

    first = amend(rated, **plan(rated, raters=9))
    second = amend(rated, **plan(rated, raters=10))

    assert (first.n_raters_added, second.n_raters_added) == (3, 1)
    assert second.version == 3
    after = booklets()
    assert len(after) == 10
    assert before.items() <= after.items()
    shown = [item for booklet in after.values() for item in booklet.item_ids]
    assert {shown.count(item) for item in shown} <= {3, 4}
    for person in ("d", "e", "f", "g", "h"):
        rate(rating_url, rated, person, 1)
    assert amend.tampered(rated) == set()


def test_an_analysis_counts_the_raters_of_the_plan_in_force(
    rated: Study, amend: Amend, sealed_url: str, rating_url: str
) -> None:
    amend(rated, **plan(rated, raters=8))

    seen = permuted(sealed_url, rating_url, rated.name)
    facts = study_facts(Databases(sealed_url, rating_url), rated.name, seen)

    assert seen.plan.n_raters == 8
    assert (facts.n_planned_raters, facts.n_raters_at_publication) == (8, 6)
    [told] = facts.amendments
    assert (told.version, told.why, told.who, told.n_raters_added) == (2, "A slip.", "me", 2)
    assert told.changes == ("plan.raters",)
    [note] = analyze(seen.frame, seen.plan).notes
    assert note.message == "3 of 8 planned raters have answered: the planned sample size was not reached"


def test_fewer_raters_than_booklets_and_no_change_at_all_are_refused(opened: Study, amend: Amend) -> None:
    amend(opened, **plan(opened, raters=8))

    with pytest.raises(StateError, match="6 raters, but 8 booklets are assigned"):
        amend(opened)
    with pytest.raises(StateError, match="does not differ from study"):
        amend(opened, **plan(opened, raters=8))


def test_an_amendment_cannot_exclude_the_participants_of_an_unknown_study(
    opened: Study, amend: Amend
) -> None:
    with pytest.raises(StateError, match="no study 'pilot' is published"):
        amend(opened, recruitment=PROLIFIC.model_dump(), excluded_studies=["pilot"])


def test_a_closed_study_is_not_amended(closed: Study, amend: Amend) -> None:
    with pytest.raises(StateError, match="is closed; only one that is published, open or paused"):
        amend(closed, thanks="Thanks.")


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE amendment SET protocol = replace(protocol, 'Say', 'Shout')", {"amendments"}),
        ("UPDATE amendment SET reason = 'Better'", {"amendments"}),
        ("DELETE FROM amendment", {"amendments"}),
        (UNLOGGED, {"amendments"}),
        ("UPDATE trial SET is_repeat = 1 - is_repeat WHERE rowid = 1", {"booklets", "assignment"}),
    ],
)  # fmt: skip
def test_an_amendment_that_is_not_logged_is_found(
    opened: Study, amend: Amend, statement: str, expected: set[str]
) -> None:
    amend(opened, instructions="Say it.", **plan(opened, raters=7))

    tamper(amend.rating_url, statement)

    assert amend.tampered(opened) == expected


def test_booklets_that_another_version_of_the_assignment_added_are_not_checked(
    opened: Study, amend: Amend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rater.admin.amend.ASSIGNMENT_VERSION", ASSIGNMENT_VERSION + 1)
    amend(opened, **plan(opened, raters=8))

    checks = list(verify_study(amend.rating_url, opened.name, sealed_url=amend.sealed_url))

    [assignment] = [check for check in checks if check.name == "assignment"]
    assert assignment.outcome == "not checked"
    assert f"Assigned by version {ASSIGNMENT_VERSION + 1}, this program has" in assignment.description
    assert amend.tampered(opened) == set()


def test_what_cannot_be_amended_is_refused_before_anybody_is_asked(
    published: Study, sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    databases = ("--sealed", sealed_url, "--ratings", rating_url)
    command = ("amend", published.name, str(study_file(tmp_path, published)), "--reason", "x", *databases)

    unchanged = CliRunner().invoke(cli, command)
    study_file(tmp_path, published, instructions="Say it.")
    changed = CliRunner().invoke(cli, command, input="n\n")

    assert "does not differ from study" in str(unchanged.exception)
    assert unchanged.output == ""
    assert "This changes instructions of study marked_study." in changed.stderr
    assert "Continue?" in changed.stderr
    assert changed.exit_code == 1


def test_a_question_keeps_its_fields_and_the_label_of_a_field_can_change(
    study_with_items: Study,
    seal_completions: Callable[[Study], None],
    amend: Amend,
    sealed_url: str,
    rating_url: str,
) -> None:
    study = study_with_items
    seal_completions(study)
    publish_study(sealed_url, rating_url, study.name, now=NOW)
    label: dict[str, Any] = {"shown_fields": [{"name": "task", "label": "What to do"}]}

    done = amend(study, **dimensions(study, question="How much of {concept} is there?"), **label)

    assert set(done.changes) == {"dimensions", "shown_fields"}
    assert amend.tampered(study) == set()
    with pytest.raises(StateError, match=r"question names other fields \(none\) than the original"):
        amend(study, **dimensions(study, question="How clear is it?"))

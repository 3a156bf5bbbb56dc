"""Verify whole studies: the databases' files and schemas, read-only media, kept heads, refusals."""

import json
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from rater.admin.archive import archive_study
from rater.errors import SealError, StateError
from rater.publish.booklets import ASSIGNMENT_VERSION
from rater.publish.publish import close_study, open_study
from rater.store.engine import disposing, reading, writing
from rater.store.log import EventKind, append_event, read_events
from rater.store.rating.open import open_rating
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import get_study
from rater.study.study import Study
from rater.unblind import Reason, permuted, unblind
from rater.verify import Check, names_of_tampered, verify_study
from tests.admin.conftest import NOW, rate, state_of
from tests.cli.command import run
from tests.verify.tamper import file_of, tamper

FLIPPED = "UPDATE answer SET value = 6 - value"


PLANNED = Reason("me", "planned")


def verify(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> list[Check]:
    return list(verify_study(rating_url, study.name, sealed_url=sealed_url, head=head))


def tampered(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> set[str]:
    return set(names_of_tampered(verify(rating_url, sealed_url, study, head)))


def execute(url: str, *statements: str) -> None:
    with closing(sqlite3.connect(file_of(url))) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DROP TRIGGER answer_refuses_update", "trigger answer_refuses_update (missing)"),
        ("DROP INDEX identifier_starts_once", "index identifier_starts_once (missing)"),
        ("CREATE INDEX mine ON answer (value)", "index mine (added)"),
        (
            "CREATE TRIGGER swallow BEFORE INSERT ON answer BEGIN SELECT RAISE(IGNORE); END",
            "trigger swallow (added)",
        ),
        ("ALTER TABLE answer ADD COLUMN arm VARCHAR", "table answer (changed)"),
        ("CREATE VIEW peek AS SELECT * FROM answer", "view peek (added)"),
    ],
)
def test_a_schema_that_is_not_that_of_the_migrations_is_named(
    closed: Study, rating_url: str, sealed_url: str, statement: str, named: str
) -> None:
    execute(rating_url, statement)

    wrong = [check for check in verify(rating_url, sealed_url, closed) if check.outcome == "tampered"]

    assert [check.name for check in wrong] == ["rating schema"]
    assert named in wrong[0].description


def test_a_trigger_with_another_condition_is_named(closed: Study, rating_url: str, sealed_url: str) -> None:
    execute(
        rating_url,
        "DROP TRIGGER answer_refuses_delete",
        "CREATE TRIGGER answer_refuses_delete BEFORE DELETE ON answer WHEN 0 "
        "BEGIN SELECT RAISE(ABORT, 'answer is append-only'); END",
    )

    assert tampered(rating_url, sealed_url, closed) == {"rating schema"}


def test_what_a_database_notes_about_its_own_queries_is_no_change_of_the_schema(
    closed: Study, rating_url: str, sealed_url: str
) -> None:
    execute(rating_url, "ANALYZE", "VACUUM")

    assert tampered(rating_url, sealed_url, closed) == set()


@pytest.mark.parametrize("which", ["rating", "sealed"])
def test_a_damaged_file_is_named(closed: Study, rating_url: str, sealed_url: str, which: str) -> None:
    file = file_of(rating_url if which == "rating" else sealed_url)
    content = bytearray(file.read_bytes())
    content[4096 * 2 : 4096 * 6] = b"\x07" * 4096 * 4
    file.write_bytes(content)

    found = verify(rating_url, sealed_url, closed)

    assert next(check.outcome for check in found if check.name == f"{which} file") == "tampered"
    assert found[-1].outcome == "not checked"


def test_altering_then_opening_and_closing_again_hides_nothing_with_a_kept_head_or_without(
    rated: Study, rating_url: str, sealed_url: str
) -> None:
    head = close_study(rating_url, rated.name, now=NOW + timedelta(hours=2))
    tamper(rating_url, FLIPPED)
    for hours in (3, 5):
        open_study(rating_url, rated.name, now=NOW + timedelta(hours=hours))
        rate(rating_url, rated, f"late{hours}", 8)
        close_study(rating_url, rated.name, now=NOW + timedelta(hours=hours + 1))

    checks = verify(rating_url, sealed_url, rated, head)

    wrong = [check for check in checks if check.outcome == "tampered"]
    assert [check.name for check in wrong] == ["answers"]
    assert "row 3" in wrong[0].description
    assert tampered(rating_url, sealed_url, rated) == {"answers"}


def test_a_study_that_was_opened_and_closed_again_and_again_is_valid(
    rated: Study, rating_url: str, sealed_url: str
) -> None:
    for hour in range(1, 4):
        close_study(rating_url, rated.name, now=NOW + timedelta(hours=hour))
        assert tampered(rating_url, sealed_url, rated) == set()
        open_study(rating_url, rated.name, now=NOW + timedelta(hours=hour))
        rate(rating_url, rated, f"person{hour}", 8 if hour < 3 else 2)

    assert tampered(rating_url, sealed_url, rated) == set()


def test_nothing_is_written_to_a_copy_on_a_read_only_medium(
    closed: Study, rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    medium = tmp_path / "medium"
    medium.mkdir()
    for url in (rating_url, sealed_url):
        copy = medium / file_of(url).name
        copy.write_bytes(file_of(url).read_bytes())
        copy.chmod(0o444)
    before = {file.name: file.read_bytes() for file in medium.iterdir()}
    medium.chmod(0o555)
    try:
        found = tampered(f"sqlite:///{medium}/rating.db", f"sqlite:///{medium}/sealed.db", closed)
    finally:
        medium.chmod(0o755)

    assert found == set()
    assert {file.name: file.read_bytes() for file in medium.iterdir()} == before
    assert {stat.S_IMODE(file.stat().st_mode) for file in medium.iterdir()} == {0o444}


def test_what_is_in_the_wal_of_a_database_in_use_is_verified_too(
    rated: Study, rating_url: str, sealed_url: str
) -> None:
    with disposing(open_rating(rating_url)) as server, server.connect():
        rate(rating_url, rated, "late", 8)
        assert file_of(rating_url).with_name("rating.db-wal").stat().st_size > 0
        assert tampered(rating_url, sealed_url, rated) == set()


def kinds(rating_url: str, study: Study) -> list[str]:
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        return [event.kind for event in read_events(session, EventRow, get_study(session, study.name).id)]


@pytest.mark.parametrize(
    "use",
    [
        lambda sealed, rating, name: unblind(sealed, rating, name, reason=PLANNED, now=NOW),
        permuted,
    ],
    ids=["unblind", "permuted"],
)
def test_tampered_answers_are_not_analysed(
    closed: Study, rating_url: str, sealed_url: str, use: Callable[[str, str, str], object]
) -> None:
    tamper(rating_url, FLIPPED)
    before = kinds(rating_url, closed)

    with pytest.raises(SealError, match=r"was tampered with \(answers\).*run all checks: rater verify"):
        use(sealed_url, rating_url, closed.name)

    assert kinds(rating_url, closed) == before
    assert state_of(rating_url, closed) == "closed"


def test_tampered_answers_that_are_allowed_are_named_in_result_and_log(
    closed: Study, rating_url: str, sealed_url: str
) -> None:
    tamper(rating_url, FLIPPED)

    seen = unblind(sealed_url, rating_url, closed.name, reason=PLANNED, now=NOW, allow_tampered=True)

    assert names_of_tampered(seen.tampered) == ("answers",)
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        last = read_events(session, EventRow, get_study(session, closed.name).id)[-1]
    assert last.detail["tampered"] == ["answers"]


def test_tampered_answers_are_not_archived(
    closed: Study, rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    unblind(sealed_url, rating_url, closed.name, reason=PLANNED, now=NOW)
    tamper(rating_url, FLIPPED)

    with pytest.raises(SealError, match=r"was tampered with \(answers\)"):
        archive_study(sealed_url, rating_url, closed.name, tmp_path / "a.zip", now=NOW)

    assert list(tmp_path.glob("*.zip*")) == []
    assert state_of(rating_url, closed) == "unblinded"


def test_a_row_of_the_log_of_an_unknown_kind_is_named(
    closed: Study, rating_url: str, sealed_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, disposing(open_rating(rating_url)) as rating:
        patch.setattr(EventRow, "kinds", frozenset({EventKind.FROZEN}))
        with writing(rating) as session:
            append_event(session, EventRow, get_study(session, closed.name).id, kind=EventKind.FROZEN, at=NOW)

    assert tampered(rating_url, sealed_url, closed) == {"log's rows"}


def test_an_analysis_of_tampered_answers_is_refused_or_labelled_first(
    closed: Study, rating_url: str, tmp_path: Path
) -> None:
    tamper(rating_url, FLIPPED)
    databases = ("--ratings", "rating.db", "--sealed", "sealed.db")

    refused = run("analyze", closed.name, "--yes", *databases, cwd=tmp_path)
    exported = run("export", closed.name, "a.csv", "--unblind", "--yes", *databases, cwd=tmp_path)
    options = ("--yes", "--allow-tampered", "--json", "a.json")
    insisted = run("analyze", closed.name, *options, *databases, cwd=tmp_path)

    assert (refused.returncode, exported.returncode) == (2, 2)
    assert "was tampered with (answers)" in refused.stderr
    assert not (tmp_path / "a.csv").exists()
    assert insisted.returncode == 0
    assert insisted.stdout.strip().startswith("TAMPERED DATA: do not rely on it (answers)")
    about = json.loads((tmp_path / "a.json").read_text())["about"]
    assert list(about["tampered"]) == ["answers"]
    assert about["label"].startswith("TAMPERED DATA")


def test_a_look_whose_command_crashed_is_counted_and_said_to_have_shown_nothing(
    closed: Study, rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    unblind(sealed_url, rating_url, closed.name, reason=PLANNED, now=NOW)  # and nothing is shown
    databases = ("--ratings", "rating.db", "--sealed", "sealed.db")

    after = run("analyze", closed.name, *databases, cwd=tmp_path)
    again = run("analyze", closed.name, *databases, cwd=tmp_path)

    says = "the log does not record that the result of look 1 was shown"
    for shown in (after, again):
        assert says in " ".join(shown.stdout.split()).lower()
    assert kinds(rating_url, closed)[-4:] == ["look", "shown", "look", "shown"]
    assert tampered(rating_url, sealed_url, closed) == set()


def test_booklets_of_another_version_of_the_assignment_are_not_checked(
    rated: Study, rating_url: str, sealed_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rater.verify.sealed.ASSIGNMENT_VERSION", ASSIGNMENT_VERSION + 1)

    checks = {check.name: check for check in verify(rating_url, sealed_url, rated)}

    assert checks["assignment"].outcome == "not checked"
    versions = f"version {ASSIGNMENT_VERSION}, this program has version {ASSIGNMENT_VERSION + 1}"
    assert f"Assigned by {versions}" in checks["assignment"].description
    assert names_of_tampered(checks.values()) == ()


def test_booklets_that_were_changed_are_named_whatever_version_assigned_them(
    rated: Study, rating_url: str, sealed_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rater.verify.sealed.ASSIGNMENT_VERSION", ASSIGNMENT_VERSION + 1)
    tamper(rating_url, "UPDATE trial SET is_repeat = 1 - is_repeat WHERE rowid = 1")

    assert tampered(rating_url, sealed_url, rated) == {"booklets"}


def test_a_study_that_nobody_touched_is_valid(
    finished_study: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    study, head = finished_study

    checks = verify(rating_url, sealed_url, study, head)

    assert {check.outcome for check in checks} == {"valid"}
    assert [check.name for check in checks] == [
        "rating file",
        "rating schema",
        "log",
        "log against its head",
        "state",
        "commitment",
        "study hash",
        "address and time",
        "protocol",
        "items",
        "booklets",
        "checks",
        "answers",
        "raters",
        "guesses",
        "sealed file",
        "sealed schema",
        "generation log",
        "access log",
        "study",
        "declared protocol",
        "key",
        "completions",
        "publication",
        "completions declared",
        "texts",
        "assignment",
    ]


def test_an_unknown_study_is_named(study_in_progress: Study, rating_url: str, sealed_url: str) -> None:
    with pytest.raises(
        StateError, match=r"'marked_stud' is not published yet\. Did you mean 'marked_study'\?"
    ):
        list(verify_study(rating_url, "marked_stud", sealed_url=sealed_url))

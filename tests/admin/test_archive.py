"""Copy a study's rows from one database into another, and continue the study there."""

import stat
import zipfile
from pathlib import Path

import pytest

from rater.admin.archive import (
    Archived,
    archive_study,
)
from rater.errors import DatabaseError, RaterError, StateError
from rater.study.study import Study
from tests.admin.conftest import NOW, Run, state_of

KEPT_BACK = ("token", "identifier", "questionnaire", "desk")


def test_an_archive_names_nobody_and_lets_nobody_in_unless_asked(
    unblinded: Study, archived: Archived, sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    with zipfile.ZipFile(archived.path) as zipped:
        names = set(zipped.namelist())
        whole = b"".join(zipped.read(name) for name in names)
    again = archive_study(
        sealed_url, rating_url, unblinded.name, tmp_path / "b.zip", now=NOW, with_identifiers=True
    )

    assert {"registration.md", "study.json", "protocol.json", "report/report.html"} <= names
    assert not {name for name in names if any(kind in name for kind in KEPT_BACK)}
    assert b'"value":"ann"' not in whole
    assert b"ann was here" in whole
    with zipfile.ZipFile(again.path) as zipped:
        assert b'"value":"ann"' in zipped.read("rating/identifier.jsonl")
    assert stat.S_IMODE(archived.path.stat().st_mode) == 0o600


def test_a_study_that_is_not_unblinded_is_not_archived(
    closed: Study, sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    with pytest.raises(StateError, match="is closed; an archive contains arms and answers"):
        archive_study(sealed_url, rating_url, closed.name, tmp_path / "a.zip", now=NOW)

    assert list(tmp_path.glob("*.zip*")) == []
    assert state_of(rating_url, closed) == "closed"


def test_an_archive_that_cannot_be_written_leaves_the_study_as_it_was(
    unblinded: Study, sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    with pytest.raises(DatabaseError, match="cannot be used"):
        archive_study(sealed_url, rating_url, unblinded.name, tmp_path / "no" / "a.zip", now=NOW)

    assert state_of(rating_url, unblinded) == "unblinded"


@pytest.mark.parametrize(
    ("results", "says"),
    [
        (None, "is not a report: it has no valid results.json"),
        ("[]", "is not a report"),
        ('{"about": {"study": "another"}}', "is a report of another, not of study marked_study"),
        ('{"about": {}}', "is a report of external ratings"),
    ],
)
def test_a_folder_that_is_no_report_of_the_study_does_not_go_into_its_archive(
    unblinded: Study, sealed_url: str, rating_url: str, tmp_path: Path, results: str | None, says: str
) -> None:
    if results is not None:
        (tmp_path / "results.json").write_text(results)

    with pytest.raises(StateError, match=says):
        archive_study(sealed_url, rating_url, unblinded.name, tmp_path / "a.zip", now=NOW, report=tmp_path)

    assert list(tmp_path.glob("*.zip*")) == []
    assert state_of(rating_url, unblinded) == "unblinded"


def test_archiving_continues_where_it_was_killed(
    unblinded: Study, archived: Archived, sealed_url: str, rating_url: str, tmp_path: Path
) -> None:
    again = archive_study(
        sealed_url, rating_url, unblinded.name, archived.path, now=NOW, report=tmp_path / "report"
    )
    new = tmp_path / "new.zip"
    new.with_name("new.zip.unfinished").write_bytes(b"half an archive")
    other = archive_study(sealed_url, rating_url, unblinded.name, new, now=NOW)

    assert again == archived
    assert zipfile.is_zipfile(other.path)
    assert not list(tmp_path.glob("*.unfinished"))
    with pytest.raises(DatabaseError, match="exists already, and an archive is never overwritten"):
        archive_study(sealed_url, rating_url, unblinded.name, archived.path, now=NOW)  # without its report


@pytest.mark.parametrize(
    ("file", "says"), [("a.txt", r"; valid: a file ending in \.zip"), ("there.zip", "exists already")]
)
def test_an_archive_is_a_new_zip(closed: Study, run: Run, tmp_path: Path, file: str, says: str) -> None:
    (tmp_path / "there.zip").write_text("")

    with pytest.raises(RaterError, match=says):
        run("archive", closed.name, tmp_path / file)

"""Carry a study's rows from one database into another, and go on there."""

import io
import json
import sqlite3
import stat
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from rater.admin.archive import (
    Archived,
    archive_study,
)
from rater.admin.import_archive import import_study
from rater.analysis.primary import analyze
from rater.errors import DatabaseError, RaterError, SealError, StateError
from rater.store.engine import disposing, reading
from rater.store.rating.open import open_rating
from rater.store.rating.studies import get_study
from rater.study.study import Study
from rater.unblind import Reason, unblind
from rater.verify import verify_study
from tests.admin.conftest import NOW, state_of
from tests.verify.tamper import file_of

Rewrite = Callable[[dict[str, bytes]], None]


@pytest.fixture
def unblinded(closed: Study, sealed_url: str, rating_url: str) -> Study:
    unblind(sealed_url, rating_url, closed.name, reason=Reason("me", "planned"), now=NOW)
    return closed


@pytest.fixture
def archived(unblinded: Study, sealed_url: str, rating_url: str, tmp_path: Path) -> Archived:
    report = tmp_path / "report"
    report.mkdir()
    (report / "report.html").write_text("<p>Found.</p>")
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        of = {"study": unblinded.name, "study_hash": get_study(session, unblinded.name).study_hash}
    (report / "results.json").write_text(json.dumps({"about": {**of, "look": 1}}))
    path = tmp_path / "study.zip"
    return archive_study(sealed_url, rating_url, unblinded.name, path, now=NOW, report=report)


@pytest.fixture
def fresh(tmp_path: Path) -> tuple[str, str]:
    """The URLs of the rating and sealed database of another machine."""
    return f"sqlite:///{tmp_path}/there/rating.db", f"sqlite:///{tmp_path}/there/sealed.db"


def read_back(archived: Archived, fresh: tuple[str, str]) -> None:
    import_study(archived.path, rating_url=fresh[0], sealed_url=fresh[1])


def test_what_was_archived_verifies_and_analyses_alike_on_another_machine(
    unblinded: Study, archived: Archived, fresh: tuple[str, str], sealed_url: str, rating_url: str
) -> None:
    rating, sealed = fresh
    name = unblinded.name

    read_back(archived, fresh)

    checks = list(verify_study(rating, name, sealed_url=sealed, head=archived.log_head))
    assert {check.outcome for check in checks} == {"valid"}
    assert state_of(rating, unblinded) == state_of(rating_url, unblinded) == "archived"
    reason = Reason("you", "again")
    here = unblind(sealed_url, rating_url, name, reason=reason, now=NOW)
    there = unblind(sealed, rating, name, reason=reason, now=NOW)
    assert analyze(there.frame, there.plan) == analyze(here.frame, here.plan)
    pd.testing.assert_frame_equal(there.guesses, here.guesses)
    pd.testing.assert_frame_equal(there.raters, here.raters)


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
    assert not {name for name in names if "token" in name or "identifier" in name or "desk" in name}
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


def rewritten(archived: Archived, rewrite: Rewrite, *, honest: bool = False) -> Archived:
    """Change an archive's files; with its manifest's digests too where ``honest``."""
    import hashlib  # noqa: PLC0415

    with zipfile.ZipFile(archived.path) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    rewrite(files)
    if honest:
        manifest = json.loads(files["manifest.json"])
        manifest["sha256"] = {
            name: hashlib.sha256(files[name]).hexdigest() for name in files if name != "manifest.json"
        }
        files["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(archived.path, "w") as zipped:
        for name, content in files.items():
            zipped.writestr(name, content)
    return archived


def flip(files: dict[str, bytes]) -> None:
    files["rating/answer.jsonl"] = files["rating/answer.jsonl"].replace(b'"value":3', b'"value":4')


def swap_arms(files: dict[str, bytes]) -> None:
    made = files["sealed/completion.jsonl"]
    files["sealed/completion.jsonl"] = (
        made.replace(b"zebra-arm", b"?").replace(b"walrus-arm", b"zebra-arm").replace(b"?", b"walrus-arm")
    )


def drop(files: dict[str, bytes]) -> None:
    del files["rating/guess.jsonl"]


def add(files: dict[str, bytes]) -> None:
    files["../../evil.txt"] = b"out of here"


def break_rows(files: dict[str, bytes]) -> None:
    files["rating/item.jsonl"] = b'{"no": "such column"}\n'


def smuggle(files: dict[str, bytes]) -> None:
    second = json.loads(files["rating/study.jsonl"]) | {"id": 2, "name": "another", "slug": "another"}
    files["rating/study.jsonl"] += json.dumps(second).encode() + b"\n"


def overflow(files: dict[str, bytes]) -> None:
    row = json.loads(files["rating/answer.jsonl"].splitlines()[0]) | {"position": 10**30}
    files["rating/answer.jsonl"] = json.dumps(row).encode() + b"\n"


def nest(files: dict[str, bytes]) -> None:
    files["rating/answer.jsonl"] = b"[" * 100_000 + b"\n"


@pytest.mark.parametrize(
    ("rewrite", "honest", "says"),
    [
        (flip, "", r"rating/answer\.jsonl is not what its manifest says"),
        (drop, "", r"rating/guess\.jsonl is not what its manifest says"),
        (add, "", r"evil\.txt is not what its manifest says"),
        (flip, "honest", r"its answers was tampered with"),
        (swap_arms, "honest", r"its key was tampered with"),
        (drop, "honest", r"has no rating/guess\.jsonl"),
        (break_rows, "honest", r"are not those of the table item"),
        (smuggle, "honest", r"does not contain exactly one study"),
        (overflow, "honest", r"are not those of the table answer"),
        (nest, "honest", r"are not those of the table answer"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_tampered_archive_is_refused_and_nothing_of_it_stays(
    archived: Archived, fresh: tuple[str, str], rewrite: Rewrite, honest: str, says: str
) -> None:
    rewritten(archived, rewrite, honest=honest == "honest")

    with pytest.raises(SealError, match=says):
        read_back(archived, fresh)

    for url in fresh:
        if file_of(url).exists():
            with closing(sqlite3.connect(file_of(url))) as connection:
                assert connection.execute("SELECT count(*) FROM study").fetchone() == (0,)


def test_no_name_in_an_archive_becomes_a_path(
    archived: Archived, fresh: tuple[str, str], tmp_path: Path
) -> None:
    rewritten(archived, add, honest=True)

    read_back(archived, fresh)

    assert not list(tmp_path.parent.rglob("evil.txt"))
    assert not (tmp_path.parent.parent / "evil.txt").exists()


def test_a_bomb_is_refused_before_it_goes_off(
    archived: Archived, fresh: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rater.admin.import_archive.MAX_BYTES", 10_000)

    with pytest.raises(SealError, match="would unpack to"):
        read_back(archived, fresh)


def test_a_file_twice_no_zip_and_a_used_database_are_refused(
    archived: Archived, fresh: tuple[str, str], rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    twice = io.BytesIO(archived.path.read_bytes())
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(twice, "a") as zipped:
        zipped.writestr("study.json", b"{}")
    other = tmp_path / "twice.zip"
    other.write_bytes(twice.getvalue())
    none = tmp_path / "none.zip"
    none.write_bytes(b"no zip")
    with zipfile.ZipFile(archived.path) as zipped:
        first = zipped.infolist()[0]
    rotten = tmp_path / "rotten.zip"
    at = first.header_offset + 30 + len(first.filename) + 40
    content = archived.path.read_bytes()
    rotten.write_bytes(content[:at] + b"\xff" * 20 + content[at + 20 :])

    name = import_study(archived.path, rating_url=rating_url, sealed_url=sealed_url).name
    unblind(sealed_url, rating_url, name, reason=Reason("me", "again"), now=NOW)

    refused: list[tuple[Path, tuple[str, str], type[RaterError], str]] = [
        (other, fresh, SealError, "a file twice"),
        (none, fresh, StateError, "cannot be read as a zip"),
        (rotten, fresh, StateError, "cannot be read as a zip"),
        (archived.path, (rating_url, sealed_url), StateError, "contains a study already"),
    ]
    for path, (rating, sealed), error, says in refused:
        with pytest.raises(error, match=says):
            import_study(path, rating_url=rating, sealed_url=sealed)


def entry(name: str, rows: int, row: bytes) -> Rewrite:
    def rewrite(files: dict[str, bytes]) -> None:
        files[name] = row * rows

    return rewrite


def rename(new: str) -> Rewrite:
    """Give the study another name everywhere."""

    def rewrite(files: dict[str, bytes]) -> None:
        for name, content in files.items():
            if name.endswith((".json", "/study.jsonl")):
                written = json.dumps(new).encode()
                files[name] = content.replace(b'"marked_study"', written)

    return rewrite


@pytest.mark.parametrize("name", ["../../x", "a\r\nb", "a\x1b[2Jb", ""])
def test_a_name_that_no_study_can_have_is_refused(
    archived: Archived, fresh: tuple[str, str], name: str
) -> None:
    rewritten(archived, rename(name), honest=True)

    with pytest.raises((SealError, StateError)) as refused:
        read_back(archived, fresh)

    assert str(refused.value).isprintable()


def test_a_study_under_another_name_than_its_declaration_says_is_refused(
    archived: Archived, fresh: tuple[str, str]
) -> None:
    def rewrite(files: dict[str, bytes]) -> None:
        rename("another")(files)
        files["sealed/study.jsonl"] = files["sealed/study.jsonl"].replace(b"marked_study", b"another", 1)

    rewritten(archived, rewrite, honest=True)

    with pytest.raises(SealError, match="was tampered with"):
        read_back(archived, fresh)


def test_a_file_that_would_unpack_to_hundreds_of_times_its_size_is_refused(
    archived: Archived, fresh: tuple[str, str]
) -> None:
    with zipfile.ZipFile(archived.path) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    with zipfile.ZipFile(archived.path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for name, content in files.items():
            zipped.writestr(name, b"{}\n" * 3_000_000 if name == "rating/answer.jsonl" else content)

    with pytest.raises(SealError, match=r"answer\.jsonl would unpack from"):
        read_back(archived, fresh)


def test_an_import_reads_no_file_as_a_whole(
    archived: Archived, fresh: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rater.admin.import_archive._MAX_LINE_BYTES", 64)

    with pytest.raises(SealError, match="are not those of the table"):
        read_back(archived, fresh)


def test_an_encrypted_archive_is_refused(archived: Archived, fresh: tuple[str, str]) -> None:
    content = bytearray(archived.path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.find(signature) + offset] |= 1
    archived.path.write_bytes(content)

    with pytest.raises(SealError, match="encrypted"):
        read_back(archived, fresh)


@pytest.mark.parametrize("missing", [0, 1])
def test_an_import_that_was_killed_between_its_two_commits_is_completed(
    archived: Archived, fresh: tuple[str, str], missing: int, empty_databases: Path
) -> None:
    read_back(archived, fresh)
    for rest in file_of(fresh[missing]).parent.glob(f"{file_of(fresh[missing]).name}*"):
        rest.unlink()

    for _ in range(2):
        read_back(archived, fresh)

    checks = list(verify_study(fresh[0], "marked_study", sealed_url=fresh[1], head=archived.log_head))
    assert {check.outcome for check in checks} == {"valid"}


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

import io
import json
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest

from rater.admin.archive import Archived
from rater.admin.import_archive import import_study
from rater.analysis.primary import analyze
from rater.errors import RaterError, SealError, StateError
from rater.measure.run import measure_study
from rater.measure.text_metrics import count_of
from rater.study.study import Study
from rater.unblind import Reason, unblind
from rater.verify import verify_study
from tests.admin.conftest import NOW, Rewrite, Run, add, rate, read_back, rewritten, state_of, study_file
from tests.verify.tamper import file_of


def test_a_study_goes_from_publication_to_another_machine(
    published: Study, run: Run, rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    name, there = published.name, tmp_path / "there"

    registered = run("register", name)
    assert ", 1,000 simulated studies)." in registered
    assert registered == run("register", name)
    assert f"Study {name} is open." in run("open", name)
    assert f"Next: rater open {name}" in run("pause", name)
    with pytest.raises(StateError, match="is paused; only a study that is open can become paused"):
        run("pause", name)
    run("open", name)
    changed = study_file(tmp_path, published, instructions="Say it.", plan={"raters": 7})
    amended = run("amend", name, changed, "--reason", "A slip.", "--yes")
    assert "version 2\n  changed   instructions, plan.raters\n  raters    1 added\n  log " in amended
    for person in ("ann", "bob", "cy"):
        rate(rating_url, published, person, 8)
    with pytest.raises(StateError, match=r"is open; an archive contains arms and answers"):
        run("archive", name, tmp_path / "early.zip")
    run("close", name)
    measure_study(sealed_url, name, count_of(["fell"]), name="fell")
    run("analyze", name, "--yes", "--json", tmp_path / "here.json")
    archived = run("archive", name, tmp_path / "study.zip")
    assert "sha256" in archived

    ratings, sealed = f"sqlite:///{there}/rating.db", f"sqlite:///{there}/sealed.db"
    there.mkdir()
    assert "none failed" in run("import", tmp_path / "study.zip", ratings=ratings, sealed=sealed)
    verified = run("verify", name, ratings=ratings, sealed=sealed)
    assert "1 amendment, each as logged" in verified
    assert "24 values of 1 metric of the texts (fell)" in verified
    assert "No tampering was found." in verified
    run("analyze", name, "--json", there / "there.json", ratings=ratings, sealed=sealed)
    here, again = (json.loads(path.read_text()) for path in (tmp_path / "here.json", there / "there.json"))
    assert here["dimensions"] == again["dimensions"]


def test_a_copy_that_cannot_be_made_is_not_called_a_database(closed: Study, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(RaterError, match=r"The folder of copies .*/file/copies cannot be used"):
        run("backup", tmp_path / "file" / "copies")


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


def flip(files: dict[str, bytes]) -> None:
    files["rating/answer.jsonl"] = files["rating/answer.jsonl"].replace(b'"value":3', b'"value":4')


def swap_arms(files: dict[str, bytes]) -> None:
    made = files["sealed/completion.jsonl"]
    files["sealed/completion.jsonl"] = (
        made.replace(b"zebra-arm", b"?").replace(b"walrus-arm", b"zebra-arm").replace(b"?", b"walrus-arm")
    )


def drop(files: dict[str, bytes]) -> None:
    del files["rating/guess.jsonl"]


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
        (flip, "", r"rating/answer\.jsonl does not have the digest in its manifest"),
        (drop, "", r"rating/guess\.jsonl does not have the digest in its manifest"),
        (add, "", r"evil\.txt does not have the digest in its manifest"),
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

"""Tampering with anything that a study's log, commitment or sealed half covers is found and named."""

import csv
import json
import sqlite3
import stat
import subprocess
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select

from rater.admin.backup import back_up
from rater.admin.export import data_dictionary, export_masked, in_order, read_unarmed_frame
from rater.admin.status import GeneratedArm, watch
from rater.errors import DatabaseError, RaterError, StateError
from rater.publish.publish import close_study, open_study, publish_study
from rater.report.export import write_dictionary, write_table
from rater.store.engine import disposing, empty_wal, reading, writing
from rater.store.log import event_hash, read_events
from rater.store.rating import raters, sessions, trials
from rater.store.rating.export import COLUMNS
from rater.store.rating.monitoring import Watched
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Comment, EventRow, Identifier, Rater
from rater.store.rating.studies import get_study
from rater.study.study import Study
from rater.verify import Check, verify_study
from tests.cli.command import run
from tests.verify.tamper import file_of, tamper

NOW = datetime(2026, 4, 1, 12, tzinfo=UTC)


_MADE: dict[str, bytes] = {}
"""The files of the study below, made by the first test that asks for them."""


@pytest.fixture
def opened(
    study: Study, seal_completions: Callable[[Study], None], sealed_url: str, rating_url: str
) -> Study:
    """The study, open: one rater finished it in 20 minutes, and one left after three texts."""
    urls = {"sealed": sealed_url, "rating": rating_url}
    if _MADE:
        for name, url in urls.items():
            file_of(url).write_bytes(_MADE[name])
        return study
    seal_completions(study)
    published = publish_study(sealed_url, rating_url, study.name, now=NOW)
    open_study(rating_url, study.name, now=NOW)
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        for token, n_answered in (("first", 8), ("second", 3)):
            arrival = raters.Arrival("web")
            raters.claim_booklet(
                session, published.id, token, arrival=arrival, protocol=study.protocol, now=NOW
            )
            for position in range(1, n_answered + 1):
                sitting = sessions.find_sitting(session, published.id, token)
                assert sitting is not None
                judged = {"happiness": trials.Judgement(position % 5 + 1)}
                sent = trials.Submission(f"s{position}", position, judged, trials.Timing(900))
                at = NOW + timedelta(minutes=2.5 * position)
                trials.record_answers(session, published.id, sitting, sent, revising="all", now=at)
    for name, url in urls.items():
        _MADE[name] = file_of(url).read_bytes()
    return study


@pytest.fixture
def closed(opened: Study, rating_url: str) -> tuple[Study, str]:
    """The study, closed, and the head that closing printed."""
    return opened, close_study(rating_url, opened.name, now=NOW + timedelta(hours=2))


def verify(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> list[Check]:
    return list(verify_study(rating_url, study.name, sealed_url=sealed_url, head=head))


def tampered(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if check.outcome == "tampered"}


def test_a_study_that_nobody_touched_is_valid(
    closed: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    study, head = closed

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


FLIPPED = "UPDATE answer SET value = 5 - value WHERE id = (SELECT min(id) FROM answer)"
ADDED = (
    "INSERT INTO answer SELECT max(id) + 1, rater_id, booklet_id, position, dimension, 9, value, comment, "
    "'x', shown_ms, first_render_ms, hidden_ms, answered_at FROM answer"
)


def test_two_trials_that_changed_places_are_noticed(
    closed: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    tamper(
        rating_url,
        "UPDATE trial SET position = 103 - position WHERE position <= 2 AND booklet_id = "
        "(SELECT min(booklet_id) FROM trial)",
        "UPDATE trial SET position = position - 100 WHERE position > 100",
    )

    assert tampered(verify(rating_url, sealed_url, closed[0])) == {"booklets", "assignment"}


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


def test_a_log_rewritten_as_a_whole_shows_against_a_head_kept_elsewhere_and_only_there(
    closed: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    study, head = closed
    rewrite_log(rating_url, 3)

    without = verify(rating_url, sealed_url, study)

    assert tampered(without) == set()
    unsure = next(check for check in without if check.name == "log against its head")
    assert unsure.outcome == "not checked"
    assert "Only a head kept elsewhere shows that: add --head HASH." in unsure.description
    assert tampered(verify(rating_url, sealed_url, study, head)) == {"log against its head"}


def test_a_log_whose_end_was_cut_off_shows_against_its_head(
    closed: tuple[Study, str], rating_url: str, sealed_url: str
) -> None:
    study, head = closed
    tamper(rating_url, "DELETE FROM event WHERE sequence = 3", "UPDATE study SET state = 'open'")

    assert tampered(verify(rating_url, sealed_url, study)) == set()
    assert tampered(verify(rating_url, sealed_url, study, head)) == {"log against its head"}


def test_an_older_head_is_found_in_a_log_that_went_on(
    opened: Study, rating_url: str, sealed_url: str
) -> None:
    first = close_study(rating_url, opened.name, now=NOW)
    open_study(rating_url, opened.name, now=NOW)

    checks = verify(rating_url, sealed_url, opened, first.upper())

    assert tampered(checks) == set()
    assert next(c.description for c in checks if c.name == "log against its head") == (
        "The given head is that of row 3; 1 row came after it."
    )


def test_answers_from_before_a_reopening_stay_covered_by_the_closing(
    opened: Study, rating_url: str, sealed_url: str
) -> None:
    close_study(rating_url, opened.name, now=NOW)
    open_study(rating_url, opened.name, now=NOW)
    tamper(rating_url, ADDED)

    assert tampered(verify(rating_url, sealed_url, opened)) == set()
    tamper(rating_url, FLIPPED)
    assert tampered(verify(rating_url, sealed_url, opened)) == {"answers"}


def test_without_the_sealed_database_the_rest_is_verified(
    closed: tuple[Study, str], rating_url: str, tmp_path: Path
) -> None:
    study, _ = closed

    for absent in (None, f"sqlite:///{tmp_path / 'absent.db'}"):
        checks = verify(rating_url, absent, study)
        assert tampered(checks) == set()
        assert (checks[-1].name, checks[-1].outcome) == ("key", "not checked")
        assert {check.outcome for check in checks[:-1]} == {"valid", "not checked"}


def test_a_backup_is_whole_private_and_the_same_while_a_writer_is_in_the_middle(
    opened: Study, rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(file_of(rating_url), isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("UPDATE rater SET finished_at = NULL")
        copies = back_up(rating_url, sealed_url, tmp_path / "kept", now=NOW)
        writer.execute("ROLLBACK")

    assert [copied.path.name for copied in copies] == [
        "rating-20260401T120000Z.db",
        "sealed-20260401T120000Z.db",
    ]
    assert {stat.S_IMODE(copied.path.stat().st_mode) for copied in copies} == {0o600}
    assert sorted(path.name for path in (tmp_path / "kept").iterdir()) == [
        copied.path.name for copied in copies
    ]
    urls = [f"sqlite:///{copied.path}" for copied in copies]
    assert tampered(verify(urls[0], urls[1], opened)) == set()
    with closing(sqlite3.connect(copies[0].path)) as copy:
        assert copy.execute("SELECT count(*) FROM answer").fetchone() == (11,)
        assert copy.execute("SELECT count(*) FROM rater WHERE finished_at IS NOT NULL").fetchone() == (1,)


def test_the_file_of_a_closed_study_is_whole_without_its_wal_while_a_server_has_it_open(
    opened: Study, rating_url: str, tmp_path: Path
) -> None:
    with disposing(open_rating(rating_url)) as server, server.connect():
        close_study(rating_url, opened.name, now=NOW)
        (tmp_path / "alone.db").write_bytes(file_of(rating_url).read_bytes())

    with closing(sqlite3.connect(tmp_path / "alone.db")) as alone:
        assert alone.execute("SELECT state FROM study").fetchone() == ("closed",)
        assert alone.execute("SELECT count(*) FROM answer").fetchone() == (11,)


def test_a_study_is_closed_on_a_disk_that_has_no_room_to_empty_the_wal(
    opened: Study, rating_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def execute(self, _statement: str) -> None:
            raise sqlite3.OperationalError("database or disk is full")

    with disposing(open_rating(rating_url)) as rating:
        monkeypatch.setattr("sqlalchemy.pool.base._ConnectionFairy.cursor", lambda _: Full())
        with pytest.raises(DatabaseError, match="cannot be emptied: database or disk is full"):
            empty_wal(rating)
    monkeypatch.undo()

    def fail(_: object) -> None:
        raise DatabaseError("The WAL cannot be emptied.")

    monkeypatch.setattr("rater.publish.publish.empty_wal", fail)
    head = close_study(rating_url, opened.name, now=NOW)

    assert len(head) == 64


def test_a_backup_that_cannot_be_made_says_why(rating_url: str, sealed_url: str, tmp_path: Path) -> None:
    nowhere = (f"sqlite:///{tmp_path / 'no-rating.db'}", f"sqlite:///{tmp_path / 'no-sealed.db'}")
    with pytest.raises(DatabaseError, match="nothing to back up"):
        back_up(*nowhere, tmp_path / "kept", now=NOW)
    with pytest.raises(
        DatabaseError, match=r"no SQLite file\. Back it up with its own tools, such as pg_dump"
    ):
        back_up("postgresql://somebody@localhost/x", sealed_url, tmp_path / "kept", now=NOW)
    file_of(rating_url).write_bytes(b"no database, and long enough to be looked at" * 100)
    with pytest.raises(DatabaseError, match="cannot be copied"):
        back_up(rating_url, sealed_url, tmp_path / "kept", now=NOW)
    assert not list((tmp_path / "kept").glob("rating*"))
    with pytest.raises(DatabaseError, match="No such file or directory"):
        back_up(rating_url, sealed_url, tmp_path / "misspelt" / "kept", now=NOW)


def test_status_counts_without_arms(opened: Study, rating_url: str, sealed_url: str) -> None:
    seen = watch(rating_url, sealed_url, opened.name, now=NOW + timedelta(hours=3))

    assert isinstance(seen, Watched)
    assert (seen.state, seen.n_booklets, seen.n_finished, seen.n_under_way, seen.n_left) == (
        "open",
        6,
        1,
        0,
        1,
    )
    assert (seen.n_answers, seen.n_answers_last_day) == (11, 11)
    assert (seen.median_minutes, seen.left_at, seen.days_to_go) == (20.0, (3,), 5 * 3 / 24)
    assert sum(seen.ratings_per_item.values()) == 24
    assert sum(ratings * items for ratings, items in seen.ratings_per_item.items()) == 11


def test_status_of_a_published_study_opens_no_sealed_database(opened: Study, rating_url: str) -> None:
    assert isinstance(watch(rating_url, "sqlite:////nowhere/at/all.db", opened.name, now=NOW), Watched)


def test_before_publication_status_shows_each_arm(
    study: Study, seal_completions: Callable[[Study], None], rating_url: str, sealed_url: str
) -> None:
    seal_completions(study)

    seen = watch(rating_url, sealed_url, study.name, now=NOW)

    assert isinstance(seen, tuple)
    assert seen[0] == GeneratedArm(
        arm="zebra-arm",
        n=12,
        n_planned=12,
        mean_tokens=2.0,
        mean_characters=18.5,
        share_cut_off=1.0,
        share_empty=0.0,
        mean_repetition=0.0,
        mean_nll=None,
        degenerate_sign=None,
    )


def test_a_masked_export_has_no_arm_and_one_row_an_answer(opened: Study, rating_url: str) -> None:
    frame = in_order(export_masked(rating_url, opened.name, who="ada", now=NOW).frame)

    assert tuple(frame.columns) == COLUMNS
    assert len(frame) == 11
    assert "arm" not in frame.columns
    assert "zebra" not in frame.to_csv()


def test_each_format_holds_the_same_answers(opened: Study, rating_url: str, tmp_path: Path) -> None:
    frame = in_order(read_unarmed_frame(rating_url, opened.name))

    for suffix in ("csv", "jsonl", "parquet"):
        write_table(frame, tmp_path / f"ratings.{suffix}")

    with (tmp_path / "ratings.csv").open(newline="") as file:
        from_csv = [row["answer"] for row in csv.DictReader(file)]
    from_lines = [json.loads(line) for line in (tmp_path / "ratings.jsonl").read_text().splitlines()]
    from_parquet = pd.read_parquet(tmp_path / "ratings.parquet")
    expected = [int(answer) for answer in frame["answer"]]
    assert sorted(map(int, from_csv)) == sorted(expected)
    assert [row["answer"] for row in from_lines] == expected
    assert from_lines[0]["answered_at"].startswith("2026-04-01T12:")
    assert list(from_parquet["answer"]) == expected
    with pytest.raises(RaterError, match=r"does not end in a format.*\.csv, \.jsonl, \.parquet"):
        write_table(frame, tmp_path / "ratings.xls")


def test_the_dictionary_says_what_the_schema_says_of_every_column(
    opened: Study, rating_url: str, tmp_path: Path
) -> None:
    frame = read_unarmed_frame(rating_url, opened.name)
    meanings = data_dictionary([*frame.columns, "arm", "sample"], masked=False)

    assert set(meanings) == {*COLUMNS, "arm", "sample"}
    assert (meanings["arm"].description, meanings["arm"].seen_by) == ("The arm's name.", "sealed")
    assert meanings["position"].description == "Position of the trial in the booklet, from 1."
    entries = {
        name: (meaning.description, meaning.seen_by) for name, meaning in meanings.items() if name in frame
    }
    write_dictionary(entries, frame, tmp_path / "dictionary.json")
    written = json.loads((tmp_path / "dictionary.json").read_text())
    assert written["prompt"]["seen_by"] == "rater"
    assert set(written) == set(COLUMNS)


def test_a_masked_export_is_a_row_in_the_log_and_has_no_item_s_own_id(
    closed: tuple[Study, str], rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    study, head = closed
    own = set(read_unarmed_frame(rating_url, study.name)["item"])

    shown = rater_command("export", study.name, "masked.csv", "--who", "ada", cwd=tmp_path)

    with (tmp_path / "masked.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert not own & {row["item"] for row in rows}
    assert len({row["item"] for row in rows}) == len({(row["rater"], row["item"]) for row in rows}) == 11
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        event = read_events(session, EventRow, get_study(session, study.name).id)[-1]
    assert (event.kind, event.detail) == ("exported", {"who": "ada", "by": "command", "n_answers": 11})
    assert event.hash in shown.stderr
    assert not tampered(verify(rating_url, sealed_url, study, head))


def test_what_a_rater_wrote_is_no_formula_in_any_csv_and_only_the_owner_can_read_it(
    opened: Study, rating_url: str, tmp_path: Path
) -> None:
    word = '=HYPERLINK("http://evil.example","x")'
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        (rater,) = session.scalars(select(Rater).order_by(Rater.consented_at).limit(1))
        session.add(Comment(rater_id=rater.id, text=word))
        session.add(
            Identifier(
                rater_id=rater.id,
                study_id=rater.study_id,
                is_person=True,
                name="PROLIFIC_PID",
                value=word,
            )
        )

    rater_command("export", opened.name, "ratings.csv", "--identifiers", cwd=tmp_path)

    for name, column in (("comments", "text"), ("identifiers", "value")):
        with (tmp_path / f"ratings.{name}.csv").open(newline="") as file:
            assert [row[column] for row in csv.DictReader(file)] == [f"'{word}"]
    written = list(tmp_path.glob("ratings.*"))
    assert len(written) == 6
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    dictionary = json.loads((tmp_path / "ratings.dictionary.json").read_text())
    assert "formula" in dictionary["comments"]["text"]["in_csv"]
    assert "in_csv" not in dictionary["ratings"]["answer"]


def test_an_export_with_arms_has_the_items_own_ids(
    closed: tuple[Study, str], rating_url: str, tmp_path: Path
) -> None:
    study, _ = closed
    own = set(read_unarmed_frame(rating_url, study.name)["item"])

    rater_command("export", study.name, "arms.csv", "--unblind", "--yes", cwd=tmp_path)

    with (tmp_path / "arms.csv").open(newline="") as file:
        assert {row["item"] for row in csv.DictReader(file)} == own


def rater_command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(*arguments, "--ratings", "rating.db", "--sealed", "sealed.db", cwd=cwd)


def test_the_commands_verify_back_up_export_and_watch(
    closed: tuple[Study, str], rating_url: str, tmp_path: Path
) -> None:
    study, head = closed

    verified = rater_command("verify", study.name, "--head", head, cwd=tmp_path)
    backed_up = rater_command("backup", "kept", cwd=tmp_path)
    exported = rater_command("export", study.name, "ratings.csv", cwd=tmp_path)
    watched = rater_command("status", study.name, "--json", cwd=tmp_path)
    unblinded = rater_command("export", study.name, "arms.jsonl", "--unblind", "--yes", cwd=tmp_path)
    tamper(rating_url, FLIPPED)
    forged = rater_command("verify", study.name, cwd=tmp_path)

    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout.startswith("No tampering was found.\n")
    assert "Not provable by any check:" in verified.stdout
    assert backed_up.stdout.startswith("rating: kept/rating-")
    assert exported.stdout.startswith("11 answers are in ratings.csv")
    assert "in the study's log, whose head is " in exported.stderr
    assert "arm" not in (tmp_path / "ratings.csv").read_text().splitlines()[0].split(",")
    assert json.loads(watched.stdout)["n_finished"] == 1
    assert "This is look 1" in unblinded.stderr
    assert json.loads((tmp_path / "arms.jsonl").read_text().splitlines()[0])["arm"] in study.arm_names
    assert forged.returncode == 2
    assert forged.stdout.startswith("TAMPERED: answers.\n")
    assert "tampered     answers: Answers were changed" in forged.stdout


def test_an_open_study_is_not_exported_with_arms(opened: Study, tmp_path: Path) -> None:
    shown = rater_command("export", opened.name, "arms.csv", "--unblind", "--yes", cwd=tmp_path)

    assert shown.returncode == 2
    assert "Study 'marked_study' is open, and only a closed one is exported with its arms." in shown.stderr
    assert not (tmp_path / "arms.csv").exists()


def test_an_unknown_study_is_named(opened: Study, rating_url: str, sealed_url: str) -> None:
    with pytest.raises(
        StateError, match=r"'marked_stud' is not published yet\. Did you mean 'marked_study'\?"
    ):
        list(verify_study(rating_url, "marked_stud", sealed_url=sealed_url))

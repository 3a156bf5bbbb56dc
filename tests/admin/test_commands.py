"""Lead a study through its life by the commands, and make a user's mistakes on the way."""

import json
import re
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from rater.analysis import read
from rater.cli import cli
from rater.errors import RaterError, StateError
from rater.store.engine import disposing, reading
from rater.store.log import read_events
from rater.store.rating.open import open_rating
from rater.store.rating.schema import EventRow
from rater.store.rating.studies import get_study
from rater.study.study import Study
from tests.admin.conftest import rate, state_of
from tests.verify.tamper import tamper

Run = Callable[..., str]
READ: dict[str, Callable[[Path], pd.DataFrame]] = {
    "csv": pd.read_csv,
    "jsonl": lambda path: pd.read_json(path, lines=True),
    "parquet": pd.read_parquet,
}


@pytest.fixture
def run(sealed_url: str, rating_url: str) -> Run:
    """A function that runs a command with both databases; returns what it printed."""

    def run(*arguments: str | Path, ratings: str = rating_url, sealed: str = sealed_url) -> str:
        command = [*map(str, arguments), "--ratings", ratings]
        if arguments[0] not in {"open", "pause", "close", "rate"}:
            command += ["--sealed", sealed]
        result = CliRunner().invoke(cli, command)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def study_file(folder: Path, study: Study, **changes: object) -> Path:
    """Write a study file that declares a study, with changes."""
    path = folder / "study.py"
    declared = {**study.model_dump(mode="json"), **changes}
    path.write_text(f"from rater import Study\n\nstudy = Study.model_validate({declared!r})\n")
    return path


def test_a_study_goes_from_publication_to_another_machine(
    published: Study, run: Run, rating_url: str, tmp_path: Path
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
    assert "version 2\n  changed   instructions, plan.raters\n  raters    1 more\n  log " in amended
    for person in ("ann", "bob", "cy"):
        rate(rating_url, published, person, 8)
    with pytest.raises(StateError, match=r"is open; an archive contains arms and answers"):
        run("archive", name, tmp_path / "early.zip")
    run("close", name)
    run("analyze", name, "--yes", "--json", tmp_path / "here.json")
    archived = run("archive", name, tmp_path / "study.zip")
    assert "sha256" in archived

    ratings, sealed = f"sqlite:///{there}/rating.db", f"sqlite:///{there}/sealed.db"
    there.mkdir()
    assert "none failed" in run("import", tmp_path / "study.zip", ratings=ratings, sealed=sealed)
    verified = run("verify", name, ratings=ratings, sealed=sealed)
    assert "1 amendment, each as it was logged" in verified
    assert "No tampering was found." in verified
    run("analyze", name, "--json", there / "there.json", ratings=ratings, sealed=sealed)
    here, again = (json.loads(path.read_text()) for path in (tmp_path / "here.json", there / "there.json"))
    assert here["dimensions"] == again["dimensions"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_export_has_tables_of_all_that_was_collected_and_names_nobody(
    closed: Study, run: Run, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"ratings.{suffix}"
    said = run("export", closed.name, file)

    tables = {
        name: READ[suffix](tmp_path / f"ratings{name}.{suffix}") for name in ("", ".raters", ".guesses")
    }
    assert {name: len(table) for name, table in tables.items()} == {"": 19, ".raters": 3, ".guesses": 4}
    assert {"other_item", "comment", "is_repeat", "first_render_ms", "hidden_ms"} <= set(tables[""].columns)
    assert not {"arm", "sample"} & set(tables[""].columns)
    assert not (tmp_path / f"ratings.identifiers.{suffix}").exists()
    assert not (tmp_path / f"ratings.texts.{suffix}").exists()
    assert "19 answers are in" in said
    dictionary = json.loads((tmp_path / "ratings.dictionary.json").read_text())
    assert set(dictionary) == {"ratings", "raters", "guesses", "comments"}
    assert all(set(dictionary[name]) >= {"rater"} for name in dictionary)
    assert set(dictionary["raters"]) == set(tables[".raters"].columns)


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet"])
def test_an_export_with_arms_has_a_table_of_texts_that_its_dictionary_describes(
    closed: Study, run: Run, tmp_path: Path, suffix: str
) -> None:
    said = run("export", closed.name, tmp_path / f"ratings.{suffix}", "--unblind", "--yes")

    texts = READ[suffix](tmp_path / f"ratings.texts.{suffix}")
    ratings = READ[suffix](tmp_path / f"ratings.{suffix}")
    assert "24 texts are in" in said
    assert len(texts) == 24
    assert set(texts["arm"]) == {"zebra-arm", "walrus-arm"}
    assert texts["n_ratings"].sum() == len(ratings)
    means = ratings.groupby("item")["answer"].mean()
    rated = texts[texts["n_ratings"] > 0].set_index("item")
    assert (rated["mean_rating"] - means).abs().max() < 1e-9
    dictionary = json.loads((tmp_path / "ratings.dictionary.json").read_text())
    assert set(dictionary["texts"]) == set(texts.columns)


def test_every_export_with_arms_can_be_analysed_again(closed: Study, run: Run, tmp_path: Path) -> None:
    frames = []
    for suffix in READ:
        run("export", closed.name, tmp_path / f"ratings.{suffix}", "--unblind", "--yes")
        frames.append(read(tmp_path / f"ratings.{suffix}"))
    run("analyze", closed.name, "--csv", tmp_path / "tidy.csv")

    assert len(frames[0]) == 19
    for frame in frames[1:]:
        pd.testing.assert_frame_equal(frame, frames[0])
    assert sorted(read(tmp_path / "tidy.csv")["answer"]) == sorted(frames[0]["answer"])


def test_the_csv_of_an_analysis_comes_with_the_texts(closed: Study, run: Run, tmp_path: Path) -> None:
    run("analyze", closed.name, "--yes", "--csv", tmp_path / "tidy.csv")

    assert len(pd.read_csv(tmp_path / "tidy.texts.csv")) == 24


def test_permuted_arms_come_without_texts(closed: Study, run: Run, tmp_path: Path) -> None:
    run("analyze", closed.name, "--permuted", "--csv", tmp_path / "tidy.csv")

    assert not (tmp_path / "tidy.texts.csv").exists()


def test_identifiers_are_exported_and_archived_only_where_they_are_asked_for(
    closed: Study, run: Run, tmp_path: Path
) -> None:
    run("export", closed.name, tmp_path / "a.csv", "--identifiers")
    run("analyze", closed.name, "--yes")
    run("archive", closed.name, tmp_path / "a.zip", "--identifiers")

    assert set(pd.read_csv(tmp_path / "a.identifiers.csv")["value"]) == {"ann", "bob", "cy"}
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped:
        assert zipped.read("rating/identifier.jsonl").count(b"\n") == 3


def test_a_users_mistakes_are_said(published: Study, run: Run, tmp_path: Path) -> None:
    other = study_file(tmp_path, published, name="another")

    mistakes: list[tuple[tuple[str | Path, ...], str]] = [
        (("amend", published.name, other, "--reason", "x", "--yes"), r"declares the study 'another', not"),
        (("register", "markd_study"), r"Did you mean 'marked_study'\?"),
        (("import", other), r"cannot be read as a zip"),
        (("db", "grant", "rater_web"), r"is a SQLite file, which has no roles"),
    ]
    for arguments, says in mistakes:
        with pytest.raises(RaterError, match=says):
            run(*arguments)


@pytest.mark.parametrize("place", ["absent/it.csv", "file/it.csv", ".", "/proc/it.csv"])
@pytest.mark.parametrize(
    "command",
    [
        ("export", "{name}", "{place}", "--unblind", "--yes"),
        ("analyze", "{name}", "--yes", "--json", "{place}"),
        ("analyze", "{name}", "--yes", "--csv", "{place}"),
        ("analyze", "{name}", "--yes", "--report", "{place}"),
    ],
    ids=lambda command: f"{command[0]} {command[-2]}",
)
def test_a_place_that_cannot_be_written_is_refused_before_the_seal_is_opened(
    closed: Study, run: Run, rating_url: str, tmp_path: Path, command: tuple[str, ...], place: str
) -> None:
    (tmp_path / "file").write_text("mine")

    arguments = [each.format(name=closed.name, place=tmp_path / place) for each in command]
    with pytest.raises(
        RaterError, match=r"cannot be written|not writable|does not exist|not a folder|contains"
    ):
        run(*arguments)

    assert state_of(rating_url, closed) == "closed"
    assert (tmp_path / "file").read_text() == "mine"


def test_a_format_that_is_not_there_is_refused_before_the_seal_is_opened(
    closed: Study, run: Run, rating_url: str, tmp_path: Path
) -> None:
    with pytest.raises(RaterError, match=r"Valid: \.csv, \.jsonl, \.parquet"):
        run("export", closed.name, tmp_path / "ratings.txt", "--unblind", "--yes")

    assert state_of(rating_url, closed) == "closed"


@pytest.mark.parametrize(
    ("file", "says"), [("a.txt", r"; valid: a file ending in \.zip"), ("there.zip", "exists already")]
)
def test_an_archive_is_a_new_zip(closed: Study, run: Run, tmp_path: Path, file: str, says: str) -> None:
    (tmp_path / "there.zip").write_text("")

    with pytest.raises(RaterError, match=says):
        run("archive", closed.name, tmp_path / file)


def test_a_copy_that_cannot_be_made_is_not_called_a_database(closed: Study, run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(RaterError, match=r"The folder of copies .*/file/copies cannot be used"):
        run("backup", tmp_path / "file" / "copies")


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


def test_nobody_is_under_way_in_a_study_that_is_closed(closed: Study, run: Run) -> None:
    said = run("status", closed.name)

    assert "2 of 6 finished, 1 unfinished" in said
    assert "active" not in said


def test_a_head_that_was_cut_off_is_no_sign_of_a_rewritten_log(published: Study, run: Run) -> None:
    with pytest.raises(RaterError, match=r"head is '0f3a…'; valid: all 64 hexadecimal characters"):
        run("verify", published.name, "--head", "0f3a…")


def test_status_without_a_name_lists_the_studies_with_what_comes_next(closed: Study, run: Run) -> None:
    shown = run("status")

    name, state, finished, of, planned, *step = shown.splitlines()[2].split()
    assert (name, state) == (closed.name, "closed")
    assert (finished, of, planned) == ("2", "of", "6")
    assert " ".join(step) == f"rater analyze {closed.name}"
    assert "walrus" not in shown
    assert json.loads(run("status", "--json"))[0]["next"] == f"rater analyze {closed.name}"


def test_status_as_json_has_what_comes_next_before_publication_and_after(
    study: Study, seal_completions: Callable[[Study], None], run: Run
) -> None:
    seal_completions(study)
    generated = json.loads(run("status", study.name, "--json"))
    run("publish", study.name)
    published = json.loads(run("status", study.name, "--json"))

    assert (generated["name"], generated["state"]) == (study.name, "generated")
    assert [arm["arm"] for arm in generated["arms"]] == list(study.arm_names)
    assert generated["next"] == f"rater publish {study.name}"
    assert (published["state"], published["next"]) == ("open", "rater serve")
    assert datetime.fromisoformat(published["published_at"]).tzinfo is not None


def test_status_where_there_is_nothing_says_how_to_begin(run: Run, tmp_path: Path) -> None:
    shown = run("status", ratings=f"{tmp_path}/no.db", sealed=f"{tmp_path}/nor.db")

    assert shown.startswith(
        "There are no studies in these databases yet.\nNext: rater check FILE, then rater generate FILE\n"
    )
    assert not list(tmp_path.glob("no*"))


def test_status_names_a_database_that_was_given_and_is_not_there(run: Run, tmp_path: Path) -> None:
    shown = run("status", ratings=f"sqlite:///{tmp_path / 'misspelt.db'}")

    assert f"There is no rating database at {tmp_path / 'misspelt.db'}." in shown
    assert "no sealed database" not in shown


def test_closing_accounts_for_every_rater_and_says_what_the_answers_are_sealed_under(
    rated: Study, run: Run, rating_url: str
) -> None:
    rate(rating_url, rated, "dora", 0)

    said = run("close", rated.name).splitlines()

    assert said[1] == "  raters    6 planned, 4 came: 2 finished, 1 partial, 1 without an answer, 0 left"
    assert re.fullmatch("  answers   19 with their revisions, sealed under the digest [0-9a-f]{64}", said[2])
    assert re.fullmatch("  log       [0-9a-f]{64}", said[3])
    digest = said[2].split()[-1]
    with disposing(open_rating(rating_url)) as rating, reading(rating) as session:
        closing = read_events(session, EventRow, get_study(session, rated.name).id)[-1]
    assert (closing.detail["answers"], closing.hash) == (digest, said[3].split()[-1])
    assert said[4] == f"Next: rater analyze {rated.name}"


def test_a_study_that_is_closed_without_answers_is_not_to_be_analysed(opened: Study, run: Run) -> None:
    assert run("close", opened.name).splitlines()[-1] == f"Next: rater open {opened.name}"


def test_who_left_for_good_is_counted_by_how_they_left(rated: Study, run: Run, rating_url: str) -> None:
    tamper(
        rating_url, "UPDATE rater SET left_at = consented_at, left_why = 'stopped' WHERE finished_at IS NULL"
    )

    assert "2 finished, 0 partial, 1 left (1 stopped)" in run("close", rated.name)


def test_the_head_that_analyze_prints_can_be_copied_as_it_stands(closed: Study, run: Run) -> None:
    said = run("analyze", closed.name, "--yes").splitlines()

    [head] = [line.removeprefix("  log   ") for line in said if line.startswith("  log   ")]
    assert "No tampering was found." in run("verify", closed.name, "--head", head)

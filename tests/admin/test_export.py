import csv
import json
import stat
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import select

from rater.admin.export import data_dictionary, export_masked, in_order, read_unarmed_frame
from rater.analysis import read
from rater.errors import RaterError
from rater.report.export import write_dictionary, write_table
from rater.store.engine import disposing, reading, writing
from rater.store.log import read_events
from rater.store.rating.export import columns
from rater.store.rating.open import open_rating
from rater.store.rating.schema import Comment, EventRow, Identifier, QuestionnaireAnswer, Rater
from rater.store.rating.studies import get_study
from rater.study.study import Study
from rater.verify import Check, verify_study
from tests.admin.conftest import Run, state_of
from tests.cli.command import run
from tests.conftest import NOW

READ: dict[str, Callable[[Path], pd.DataFrame]] = {
    "csv": pd.read_csv,
    "jsonl": lambda path: pd.read_json(path, lines=True),
    "parquet": pd.read_parquet,
}


def verify(rating_url: str, sealed_url: str | None, study: Study, head: str | None = None) -> list[Check]:
    return list(verify_study(rating_url, study.name, sealed_url=sealed_url, head=head))


def tampered(checks: list[Check]) -> set[str]:
    return {check.name for check in checks if check.outcome == "tampered"}


def test_a_masked_export_has_no_arm_and_one_row_an_answer(study_in_progress: Study, rating_url: str) -> None:
    frame = in_order(export_masked(rating_url, study_in_progress.name, who="ada", now=NOW).frame)

    assert tuple(frame.columns) == columns(1)
    assert len(frame) == 11
    assert "arm" not in frame.columns
    assert "zebra" not in frame.to_csv()


def test_each_format_holds_the_same_answers(
    study_in_progress: Study, rating_url: str, tmp_path: Path
) -> None:
    frame = in_order(read_unarmed_frame(rating_url, study_in_progress.name))

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
    with pytest.raises(RaterError, match=r"has no valid file extension.*\.csv, \.jsonl, \.parquet"):
        write_table(frame, tmp_path / "ratings.xls")


def test_the_dictionary_says_what_the_schema_says_of_every_column(
    study_in_progress: Study, rating_url: str, tmp_path: Path
) -> None:
    frame = read_unarmed_frame(rating_url, study_in_progress.name)
    meanings = data_dictionary([*frame.columns, "arm", "sample"], masked=False)

    assert set(meanings) == {*columns(1), "arm", "sample"}
    assert (meanings["arm"].description, meanings["arm"].seen_by) == ("The arm's name.", "sealed")
    assert meanings["position"].description == "Position of the trial in the booklet, from 1."
    entries = {
        name: (meaning.description, meaning.seen_by) for name, meaning in meanings.items() if name in frame
    }
    write_dictionary(entries, frame, tmp_path / "dictionary.json")
    written = json.loads((tmp_path / "dictionary.json").read_text())
    assert written["prompt"]["seen_by"] == "rater"
    assert set(written) == set(columns(1))


@pytest.mark.parametrize("has_ranks", [True, False], ids=["ranking", "odd one out"])
def test_the_dictionary_of_trials_of_three_texts_has_ranks_where_the_export_has_them(
    *, has_ranks: bool
) -> None:
    named = columns(3, has_ranks=has_ranks)

    meanings = data_dictionary(named, masked=True)

    assert set(meanings) == set(named)


def test_a_masked_export_is_a_row_in_the_log_and_has_no_item_s_own_id(
    finished_study: tuple[Study, str], rating_url: str, sealed_url: str, tmp_path: Path
) -> None:
    study, head = finished_study
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
    study_in_progress: Study, rating_url: str, tmp_path: Path
) -> None:
    word = '=HYPERLINK("http://evil.example","x")'
    with disposing(open_rating(rating_url)) as rating, writing(rating) as session:
        (rater,) = session.scalars(select(Rater).order_by(Rater.consented_at).limit(1))
        session.add(Comment(rater_id=rater.id, text=word))
        session.add(QuestionnaireAnswer(rater_id=rater.id, question="job", value=json.dumps(word)))
        session.add(
            Identifier(
                rater_id=rater.id,
                study_id=rater.study_id,
                is_person=True,
                name="PROLIFIC_PID",
                value=word,
            )
        )

    rater_command("export", study_in_progress.name, "ratings.csv", "--identifiers", cwd=tmp_path)

    for name, column in (("comments", "text"), ("identifiers", "value"), ("questionnaire", "answer")):
        with (tmp_path / f"ratings.{name}.csv").open(newline="") as file:
            assert [row[column] for row in csv.DictReader(file)] == [f"'{word}"]
    written = list(tmp_path.glob("ratings.*"))
    assert len(written) == 7
    assert {stat.S_IMODE(path.stat().st_mode) for path in written} == {0o600}
    dictionary = json.loads((tmp_path / "ratings.dictionary.json").read_text())
    assert "formula" in dictionary["comments"]["text"]["in_csv"]
    assert "in_csv" not in dictionary["ratings"]["answer"]


def test_an_export_with_arms_has_the_items_own_ids(
    finished_study: tuple[Study, str], rating_url: str, tmp_path: Path
) -> None:
    study, _ = finished_study
    own = set(read_unarmed_frame(rating_url, study.name)["item"])

    rater_command("export", study.name, "arms.csv", "--unblind", "--yes", cwd=tmp_path)

    with (tmp_path / "arms.csv").open(newline="") as file:
        assert {row["item"] for row in csv.DictReader(file)} == own


def rater_command(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run(*arguments, "--ratings", "rating.db", "--sealed", "sealed.db", cwd=cwd)


def test_an_open_study_is_not_exported_with_arms(study_in_progress: Study, tmp_path: Path) -> None:
    shown = rater_command("export", study_in_progress.name, "arms.csv", "--unblind", "--yes", cwd=tmp_path)

    assert shown.returncode == 2
    assert "Study 'marked_study' is open; only a closed study can be exported with its arms." in shown.stderr
    assert not (tmp_path / "arms.csv").exists()


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
    assert {"item", "comment", "is_repeat", "first_render_ms", "hidden_ms"} <= set(tables[""].columns)
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
    about = pd.read_csv(tmp_path / "a.questionnaire.csv")
    assert set(about.loc[about["question"] == "field", "answer"]) == {"ann", "bob", "cy"}
    assert about.loc[about["question"] == "age", "answer"].isna().all()
    with zipfile.ZipFile(tmp_path / "a.zip") as zipped:
        assert zipped.read("rating/identifier.jsonl").count(b"\n") == 3
        assert zipped.read("rating/questionnaire_answer.jsonl").count(b"\n") == 6


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

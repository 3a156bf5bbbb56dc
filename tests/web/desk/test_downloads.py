import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

from flask.testing import FlaskClient

from tests.cli import command

STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


Rows = Callable[[str], list[tuple[object, ...]]]


def test_the_ratings_are_handed_out_without_arms(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(2)

    page = ada.get(f"{STUDY}/answers.csv")

    read = list(csv.DictReader(io.StringIO(page.text)))
    assert page.headers["Content-Disposition"] == 'attachment; filename="a_study-answers.csv"'
    assert [(row["position"], row["prompt"], row["answer"]) for row in read] == [
        ("1", "I woke up", "3"),
        ("2", "The rain", "3"),
    ]
    assert not {"arm", "coefficient", "seed", "sample"} & set(read[0])


def test_the_table_of_raters_is_handed_out(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(2, 3)

    read = list(csv.DictReader(io.StringIO(ada.get(f"{STUDY}/raters.csv").text)))

    assert [(row["n_rated"], row["status"]) for row in read] == [("2", "silent"), ("3", "finished")]


def test_both_tables_are_those_of_the_command_to_the_byte(
    ada: FlaskClient, add_raters: AddRaters, tmp_path: Path
) -> None:
    add_raters(3, 2, 3)
    command.run("export", "a_study", "ratings.csv", "--ratings", "rating.db", cwd=tmp_path)

    answers, raters = ada.get(f"{STUDY}/answers.csv"), ada.get(f"{STUDY}/raters.csv")

    assert answers.data == (tmp_path / "ratings.csv").read_bytes()
    assert raters.data == (tmp_path / "ratings.raters.csv").read_bytes()


def test_a_download_of_ratings_is_in_the_log_and_has_ids_of_their_own_for_each_rater(
    ada: FlaskClient, add_raters: AddRaters, rows: Rows
) -> None:
    add_raters(3, 3)

    found = list(csv.DictReader(io.StringIO(ada.get(f"{STUDY}/answers.csv").text)))

    assert len({row["item"] for row in found}) == len(found) == 6
    assert not {row["item"] for row in found} & {item for (item,) in rows("SELECT id FROM item")}
    (detail,) = rows("SELECT detail FROM event WHERE kind = 'exported'")
    assert json.loads(str(detail[0])) == {"who": "ada", "by": "desk", "n_answers": 6}

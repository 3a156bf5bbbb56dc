from collections.abc import Callable

from flask.testing import FlaskClient
from sqlalchemy import event

from tests.web.desk.conftest import soup, words

STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


Rows = Callable[[str], list[tuple[object, ...]]]


def test_the_list_says_how_far_each_study_is(ada: FlaskClient, add_raters: AddRaters) -> None:
    add_raters(3, 1)

    found = soup(ada.get("/desk"))

    assert words(found, ".studies a") == ["How happy are these texts?"]
    assert "open 1 of 3 raters finished a_study, last rater arrived 03 Feb 03:05 UTC" in words(
        found, ".studies p"
    )


def test_the_list_of_studies_costs_the_same_queries_however_many_there_are(
    ada: FlaskClient, publish_study: Callable[..., str], add_raters: Callable[..., None]
) -> None:
    add_raters(3)
    engine = ada.application.extensions["rater"].engine
    statements: list[str] = []

    def record(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", record)
    ada.get("/desk")
    with_one = len(statements)
    for number in range(3):
        publish_study(slug=f"more{number}", name=f"more{number}")
    statements.clear()
    page = ada.get("/desk")

    assert len(statements) == with_one
    assert not [statement for statement in statements if "answer" in statement]
    assert "more2" in page.text

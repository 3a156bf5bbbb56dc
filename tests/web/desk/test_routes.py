from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


Rows = Callable[[str], list[tuple[object, ...]]]


@pytest.mark.parametrize("path", ["", "/answers.csv", "/raters.csv", "/progress.json", "/report", "/invite"])
def test_a_study_that_is_not_there_is_not_there(ada: FlaskClient, path: str) -> None:
    assert ada.get(f"/desk/studies/nothing{path}").status_code == 404
    assert ada.get(f"/desk/studies/no%00thing{path}").status_code == 404


def test_a_rater_is_told_nothing_of_the_desk(desk: Flask, slug: str) -> None:
    page = desk.test_client().get(f"/s/{slug}")

    assert "desk" not in page.text
    assert "rater-desk" not in str(page.headers)

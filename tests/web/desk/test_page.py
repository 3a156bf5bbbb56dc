from collections.abc import Callable
from dataclasses import fields

import pytest
from flask import Flask, template_rendered
from flask.testing import FlaskClient

from rater.store.engine import writing
from rater.store.rating.rights import set_role
from rater.store.rating.schema import StudyRole
from rater.web.desk.page import DeskPage

STUDY = "/desk/studies/a_study"


AddRaters = Callable[..., None]


def test_a_page_of_the_desk_shows_its_fields_and_nothing_else(
    ada: FlaskClient, desk: Flask, add_raters: AddRaters
) -> None:
    add_raters(3)
    seen: dict[str, set[str]] = {}

    def note(_sender: Flask, template: object, context: dict[str, object], **_: object) -> None:
        seen[str(getattr(template, "name", ""))] = set(context)

    with template_rendered.connected_to(note, desk):
        for path in (
            "/desk",
            STUDY,
            f"{STUDY}/move/closed",
            f"{STUDY}/invite",
            f"{STUDY}/recruit",
            f"{STUDY}/participants",
            "/desk/login",
        ):
            ada.get(path)
        ada.get(f"{STUDY}/texts")
        ada.post(f"{STUDY}/preview", follow_redirects=True)
        with writing(desk.extensions["rater"].engine) as session:
            set_role(session, "ada", StudyRole.MONITOR, sees_identifiers=False)
        ada.get(f"{STUDY}/invite")

    declared = {page.template: {field.name for field in fields(page)} for page in DeskPage.__subclasses__()}
    assert seen == declared


Rows = Callable[[str], list[tuple[object, ...]]]


@pytest.mark.parametrize("path", ["", "/answers.csv", "/raters.csv", "/progress.json", "/report", "/invite"])
def test_a_study_that_is_not_there_is_not_there(ada: FlaskClient, path: str) -> None:
    assert ada.get(f"/desk/studies/nothing{path}").status_code == 404
    assert ada.get(f"/desk/studies/no%00thing{path}").status_code == 404


def test_a_rater_is_told_nothing_of_the_desk(desk: Flask, slug: str) -> None:
    page = desk.test_client().get(f"/s/{slug}")

    assert "desk" not in page.text
    assert "rater-desk" not in str(page.headers)

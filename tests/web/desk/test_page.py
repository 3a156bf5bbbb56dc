from collections.abc import Callable
from dataclasses import fields

from flask import Flask, template_rendered
from flask.testing import FlaskClient

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
        for path in ("/desk", STUDY, f"{STUDY}/move/closed", f"{STUDY}/invite", "/desk/login"):
            ada.get(path)
        ada.post(f"{STUDY}/preview", follow_redirects=True)

    declared = {page.template: {field.name for field in fields(page)} for page in DeskPage.__subclasses__()}
    assert seen == declared

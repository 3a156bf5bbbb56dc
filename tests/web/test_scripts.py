"""The scripts that a page's script imports are asked for together with it, not one after the other."""

import re
from collections.abc import Callable

import pytest
from flask.testing import FlaskClient

from rater.study.protocol import Protocol
from rater.study.visit import ScreeningQuestion
from rater.web.theme import STATIC_FOLDER


@pytest.mark.parametrize(("script", "page"), [("trial.js", "trial/1"), ("questions.js", "screening")])
def test_what_a_script_imports_is_loaded_with_it(
    client: FlaskClient,
    publish_study: Callable[..., str],
    protocol: Protocol,
    enter: Callable[[str], None],
    script: str,
    page: str,
) -> None:
    question = ScreeningQuestion(question="18 or older?", options=("Yes", "No"), accepted=("Yes",))
    screening = (question,) if page == "screening" else ()
    slug = publish_study(
        slug="asked", name="asked", shown=protocol.model_copy(update={"screening": screening})
    )
    enter(slug)

    shown = client.get(f"/s/{slug}/{page}").text
    preloaded = set(re.findall(r'rel="modulepreload" href="[^"]*?(\w+\.js)', shown))
    pending, imported = [script], set[str]()
    while pending:
        found = re.findall(r'from "\./(\w+\.js)"', (STATIC_FOLDER / pending.pop()).read_text())
        pending += [name for name in found if name not in imported]
        imported.update(found)

    assert f"/{script}" in shown
    assert preloaded == imported

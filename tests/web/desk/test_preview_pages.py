from collections.abc import Callable

import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from rater.study.protocol import Protocol
from tests.web.desk.test_preview import frame_of

STUDY = "/desk/studies/a_study"
JUMPS = {
    "consent": "/consent",
    "screening": "/screening",
    "instructions": "/instructions",
    "practice": "/practice/1",
    "trial": "/trial/2",
    "rest": "/rest/2",
    "finish": "/finish",
    "guesses": "/guesses",
    "comment": "/comment",
    "thanks": "/thanks",
    "ended": "/ended",
}


@pytest.fixture
def whole_url(ada: FlaskClient, publish_study: Callable[..., str], whole: Protocol) -> str:
    """The address of a preview of a study with every kind of page."""
    publish_study(slug="whole", name="whole", shown=whole)
    return str(ada.post("/desk/studies/whole/preview").headers["Location"])


def test_a_preview_can_be_opened_at_each_of_its_pages(ada: FlaskClient, whole_url: str) -> None:
    offered = BeautifulSoup(ada.get(whole_url).text, "html.parser").select("#page option")
    assert [str(each["value"]) for each in offered] == list(JUMPS)

    reached = {}
    for step in JUMPS:
        sent = ada.post(f"{whole_url}/jump", data={"page": step, "position": "2"})
        page = frame_of(ada, sent.headers["Location"])
        reached[step] = page.request.path.partition("/s/whole")[2]

    assert reached == JUMPS


def test_a_jump_continues_when_the_booklets_of_the_copy_are_used_up(ada: FlaskClient, whole_url: str) -> None:
    url, seen = whole_url, set()
    for _ in range(5):  # the study has three booklets
        sent = ada.post(f"{url}/jump", data={"page": "trial", "position": "99"})
        assert sent.status_code == 303
        url = sent.headers["Location"].partition("?")[0]
        seen.add(url)
        assert frame_of(ada, sent.headers["Location"]).request.path.endswith("/trial/3")

    assert len(seen) == 2


@pytest.mark.parametrize("form", [{"page": "nothing"}, {"page": "rest"}, {"page": "trial", "position": "x"}])
def test_a_page_that_the_study_lacks_is_refused(ada: FlaskClient, form: dict[str, str]) -> None:
    made = ada.post(f"{STUDY}/preview").headers["Location"]

    assert ada.post(f"{made}/jump", data=form).status_code == 400

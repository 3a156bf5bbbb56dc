import pytest

from rater.audit.page_structure import Reply, StudyContent, skeleton_of, structure_of
from rater.study.study import Study
from tests.audit.conftest import searcher

HTML = """<html><head><title>How happy are these texts?: 1 of 8</title></head><body>{comment}
<main {attribute}><p><strong class="prompt"><bdi>I woke up and</bdi></strong><bdi class="completion"> saw
Quokka prompt.{tail}</bdi></p><p>{visible}</p></main></body></html>"""


def page(**planted: str) -> Reply:
    fields = dict.fromkeys(["comment", "attribute", "tail", "visible", "header"], "") | planted
    headers = (("Content-Type", "text/html"), ("Set-Cookie", f"rater=x{fields.pop('header')}"))
    return Reply("GET /s/…/trial/1", 200, headers, HTML.format(**fields), is_html=True, text=" saw")


def shown(study: Study) -> StudyContent:
    return StudyContent(study.protocol, ["I woke up and", " saw Quokka prompt."])


def test_a_page_that_shows_its_text_and_no_more_is_clean(study: Study) -> None:
    assert not searcher(study).count(structure_of(page(), shown(study)))


@pytest.mark.parametrize(
    "planted",
    [
        {"comment": "<!-- Quokka prompt -->"},
        {"attribute": 'class="quokka-prompt"'},
        {"attribute": 'data-x="Quokka prompt"'},
        {"tail": " Quokka prompt"},
        {"visible": "Quokka prompt"},
        {"header": "; Path=/quokka/prompt"},
    ],
)
def test_a_mark_outside_of_what_a_page_shows_is_structure(study: Study, planted: dict[str, str]) -> None:
    found = searcher(study).count(structure_of(page(**planted), shown(study)))

    assert [mark.text for mark in found] == ["Quokka prompt"]


def test_the_beginning_of_a_text_on_the_last_page_is_content(study: Study) -> None:
    begun = '<span class="words">I woke up and saw Quokka promp…</span>'
    other = '<span class="words">Quokka prompt is what the arm had</span>'

    assert not searcher(study).count(structure_of(page(visible=begun), shown(study)))
    assert searcher(study).count(structure_of(page(visible=other), shown(study)))


def test_skeletons_differ_by_markup_and_not_by_text_number_or_random_id(study: Study) -> None:
    plain = skeleton_of(page(visible="3 of 8", attribute='id="Zk3-abcdefghijklmnop"'), shown(study))

    assert plain == skeleton_of(page(visible="4 of 8", attribute='id="9Qp_ponmlkjihgfedcba"'), shown(study))
    assert plain != skeleton_of(page(visible="4 of 8", attribute='class="wide"'), shown(study))

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rater.report.document import escape_markdown
from rater.sanitize import sanitize_for_display
from tests.report.conftest import HOSTILE

SHOWN = " ".join(sanitize_for_display(HOSTILE).split())


@pytest.fixture(scope="module")
def page(report: Path) -> BeautifulSoup:
    return BeautifulSoup((report / "report.html").read_text(), "html.parser")


def test_texts_of_a_study_never_become_markup(page: BeautifulSoup) -> None:
    assert page.find_all(["script", "b", "i"]) == []
    assert [" ".join(heading.get_text().split()) for heading in page.select("h1")] == [SHOWN]
    assert len(page.find_all("title")) == 1 + len(page.select("svg title"))


def test_nothing_is_asked_of_any_server(page: BeautifulSoup) -> None:
    asking = page.find_all(["link", "img", "iframe", "script", "object", "embed", "form"])
    targets = [
        tag[name] for tag in page.select("*") for name in ("src", "href", "xlink:href") if tag.has_attr(name)
    ]

    assert asking == []
    assert all(str(target).startswith("#") for target in targets)
    policy = page.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
    assert "default-src 'none'" in str(policy)
    styles = " ".join(style.get_text() for style in page.find_all("style"))
    assert re.findall(r"@import|url\((?!#)", styles) == []


def test_every_figure_has_words_and_ids_of_its_own(page: BeautifulSoup) -> None:
    figures = page.select("figure")
    ids = [tag["id"] for tag in page.select("[id]")]

    assert len(figures) == 8
    for figure in figures:
        svg = figure.find("svg")
        assert svg is not None
        assert len(str(svg["aria-label"])) > 40
        assert "5 raters" in figure.get_text() or "4 prompts" in figure.get_text()
    assert len(ids) == len(set(ids))
    used = set(re.findall(r"url\(#([^)]+)\)", str(page))) | {
        urlsplit(str(tag["xlink:href"])).fragment for tag in page.find_all("use")
    }
    assert used <= set(ids)


def test_a_table_has_a_caption_and_headers(page: BeautifulSoup) -> None:
    for table in page.find_all("table"):
        assert table.caption is not None
        assert all(row.find("th", attrs={"scope": "row"}) for row in table.select("tbody tr"))


def test_the_markdown_has_no_markup_of_the_studys(report: Path) -> None:
    rendered = (
        MarkdownIt("commonmark", {"html": True}).enable("table").render((report / "report.md").read_text())
    )
    page = BeautifulSoup(rendered, "html.parser")

    assert [heading.get_text() for heading in page.find_all("h1")] == [SHOWN]
    assert page.find_all(["script", "b", "i"]) == []
    for table, n_columns in zip(page.find_all("table")[:3], (5, 8, 3), strict=True):
        assert {len(row.find_all(["td", "th"])) for row in table.find_all("tr")} == {n_columns}


@given(st.text(max_size=60))
@example("__0__")
def test_escaped_text_reads_as_it_was(text: str) -> None:
    rendered = MarkdownIt("commonmark", {"html": True}).render(escape_markdown(text))

    shown = BeautifulSoup(rendered, "html.parser").get_text()
    assert " ".join(shown.split()) == " ".join(sanitize_for_display(text).split())
    assert re.findall(r"<(?!/?p>)", rendered.replace("&lt;", "")) == []

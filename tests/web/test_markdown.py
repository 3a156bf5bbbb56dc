import pytest
from hypothesis import given
from hypothesis import strategies as st

from rater.web.markdown import render_markdown


def test_paragraphs_lists_and_emphasis_are_rendered() -> None:
    assert render_markdown("a **b** *c*\n\n- d") == (
        "<p>a <strong>b</strong> <em>c</em></p>\n<ul>\n<li>d</li>\n</ul>\n"
    )


def test_headings_come_one_level_lower() -> None:
    assert render_markdown("# A\n\n###### F") == "<h2>A</h2>\n<h6>F</h6>\n"


def test_links_open_in_another_tab() -> None:
    assert render_markdown("[x](https://example.org)") == (
        '<p><a href="https://example.org" rel="noopener noreferrer" target="_blank">x</a></p>\n'
    )


@pytest.mark.parametrize("source", ["[x](javascript:alert(1))", "[x](data:text/html,hi)", "[x](vbscript:x)"])
def test_a_link_that_is_code_is_no_link(source: str) -> None:
    assert "href" not in render_markdown(source)


def test_images_are_described() -> None:
    assert (
        render_markdown('![a "cat" <b>](https://example.org/c.png)') == "<p>a &#34;cat&#34; &lt;b&gt;</p>\n"
    )


def test_html_is_text() -> None:
    assert render_markdown("<script>x</script>") == "<p>&lt;script&gt;x&lt;/script&gt;</p>\n"


@given(st.text(alphabet="<>&\"'![]()#*-_`ab/:\n "))
def test_no_source_makes_an_element_that_loads_or_runs(source: str) -> None:
    shown = render_markdown(source)

    assert "<img" not in shown
    assert "<script" not in shown
    assert "<b" not in shown.replace("<br", "").replace("<blockquote", "")


def test_what_a_browser_would_obey_is_shown_as_broken() -> None:
    assert render_markdown("a \u202egnp\u0007 b") == "<p>a \ufffdgnp\ufffd b</p>\n"

"""Rendered completions are safe, alike for every arm, and scroll by themselves."""

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rater.rendering.markdown import count_forms, plain_text, render_completion

TAGS = {
    "p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "blockquote", "pre", "code", "em", "strong",
    "br", "hr", "table", "thead", "tbody", "tr", "th", "td", "span", "div",
}  # fmt: skip
ATTRIBUTES = {
    "class": re.compile(r"heading-[1-6]|code|table|weblink|center|right"),
    "tabindex": re.compile("0"),
    "start": re.compile(r"[0-9]{1,9}"),
}


class Listed(HTMLParser):
    """Lists the tags of a page with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, attrs))


def require_safe(html: str) -> None:
    for tag, attributes in Listed(html).tags:
        assert tag in TAGS, html
        for name, value in attributes:
            assert name in ATTRIBUTES, html
            assert ATTRIBUTES[name].fullmatch(value or ""), html


PIECES = st.sampled_from(
    [
        "<script>", "</script>", "<img src=x onerror=alert(1)>", "<b onclick=a>", "<!--", "-->",
        "<svg/onload=a>", "[a](javascript:alert(1))", "[a](//evil.example 'x\" onclick=a')",
        "![a](http://x/y.png)", "<http://a.example>", "```js\" onload=\"a\n", "```\n", "~~~\n", "    code",
        "# ", "### ", "- ", "7. ", "> ", "\n", "\n\n", "**", "_", "`", "|a|b|\n|:-:|--:|\n|1|2|\n", "&lt;",
        "&#x3c;script&#x3e;", "\\<", "[x]: http://e.example \"t\"\n\n[x]", "\u202e", "&#x202e;", "\x1b",
        "<a href=http://e.example>", "<style>", "text ", "é", "&", "\"", "'",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=20)), max_size=20).map("".join))
def test_no_text_becomes_a_tag_or_an_attribute_that_is_not_allowed(text: str) -> None:
    require_safe(render_completion(text))
    assert "\u202e" not in render_completion(text)


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        '<img src="https://evil.example/a.png">',
        "[click](javascript:alert(1))",
        "[click](https://evil.example)",
        "![tracking](https://evil.example/a.png)",
        '<a href="https://evil.example">click</a>',
        '```" onmouseover="alert(1)\nx\n```',
        "[a]: https://evil.example\n\n[a]",
    ],
)
def test_an_attack_is_shown_as_words(attack: str) -> None:
    html = render_completion(attack)

    require_safe(html)
    assert "<script" not in html
    assert "<a" not in html
    assert "<img" not in html
    assert "href" not in Listed(html).tags.__repr__()


def test_an_image_is_its_description_and_a_link_its_words() -> None:
    assert "a *tree*" not in render_completion("![a *tree*](x.png)")
    assert "<p>a tree</p>" in render_completion("![a *tree*](x.png)")
    assert '<span class="weblink">docs</span>' in render_completion("[docs](https://a.example)")


def test_headings_follow_the_outline_of_the_page_and_skip_no_level() -> None:
    tags = re.findall(r"<(h\d)", render_completion("### a\n# b\n#### c\n# d\n", heading=3))

    assert tags == ["h3", "h3", "h4", "h3"]
    assert 'class="heading-1"' in render_completion("# a", heading=6)
    assert re.findall(r"<(h\d)", render_completion("# a\n## b\n### c", heading=5)) == ["h5", "h6", "h6"]


def test_code_and_tables_can_be_scrolled_with_the_keyboard() -> None:
    html = render_completion("```\nx\n```\n\n|a|\n|-|\n|1|\n")

    assert '<pre class="code" tabindex="0"><code>x\n</code></pre>' in html
    assert '<div class="table" tabindex="0"><table>' in html


def test_columns_are_aligned_without_a_style_that_the_security_policy_refuses() -> None:
    html = render_completion("|a|b|c|\n|:-|:-:|-:|\n|1|2|3|\n")

    assert "style" not in html
    assert '<td class="center">2</td>' in html
    assert '<td class="right">3</td>' in html


def test_plain_text_keeps_bullets_numbers_and_cells() -> None:
    source = "# Fruit\n\nI like **some**:\n\n- apple\n  1. red\n  2. green\n- [pear](http://p.example)\n\n"
    source += "| a | b |\n|---|---|\n| 1 | `2` |\n\n```py\nx = 1\n```\n"

    assert plain_text(source) == (
        "Fruit\n\nI like some:\n\n- apple\n  1. red\n  2. green\n- pear\n\na  b\n1  2\n\nx = 1"
    )


def test_forms_are_counted() -> None:
    source = "# a\n\n- *b*\n- **c** [d](http://e.example)\n\n```\nf\n```\n\n|g|\n|-|\n|1|\n"

    assert count_forms(source) == {
        "headings": 1, "list items": 2, "code blocks": 1, "tables": 1, "links": 1, "bold or italic words": 2,
    }  # fmt: skip


@pytest.mark.parametrize("sign", ["[", "*", ">", "`", "<", "&", "![", "- "])
def test_a_text_of_twenty_thousand_signs_takes_no_noticeable_time(sign: str) -> None:
    html = render_completion(sign * (20_000 // len(sign)))

    require_safe(html)
